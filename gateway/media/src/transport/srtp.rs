//! SRTP and SRTCP (RFC 3711, RFC 7714) with keys from DTLS.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use dimpl::crypto::SrtpProfile;
use rtc_srtp::config::{Config, SessionKeys};
use rtc_srtp::context::Context;
use rtc_srtp::crypto::RTCCryptoProvider;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

const REPLAY_WINDOW: usize = 128;
/// A browser has one source at a time and a new one when it changes its track.
const MAX_SOURCES: usize = 32;

/// Both directions of one leg.
pub(crate) struct SrtpSession {
    keys: SessionKeys,
    profile: ProtectionProfile,
    crypto: Arc<dyn RTCCryptoProvider>,
    outbound: Context,
    /// By SSRC. A source is remembered once a packet of it has been found authentic, so that
    /// forged packets take no memory.
    inbound: HashMap<u32, Context>,
}

impl SrtpSession {
    /// `None` if the keys don't fit the profile.
    pub(crate) fn new(
        keying_material: &[u8],
        profile: SrtpProfile,
        crypto: Arc<dyn RTCCryptoProvider>,
    ) -> Option<Self> {
        let profile = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            SrtpProfile::AEAD_AES_128_GCM => ProtectionProfile::AeadAes128Gcm,
            SrtpProfile::AEAD_AES_256_GCM => ProtectionProfile::AeadAes256Gcm,
            _ => return None,
        };
        let mut config = Config {
            profile,
            ..Config::default()
        };
        config
            .set_session_keys_from_keying_material(keying_material, false)
            .ok()?;
        let keys = config.keys;
        let (key, salt) = (&keys.local_master_key, &keys.local_master_salt);
        let outbound = Context::new(key, salt, profile, None, None, crypto.crypto()).ok()?;
        Some(Self {
            keys,
            profile,
            crypto,
            outbound,
            inbound: HashMap::new(),
        })
    }

    /// The RTP packet within; `None` if it is not authentic or a replay.
    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.unprotect(ssrc_at(packet, 8)?, |context| {
            context.decrypt_rtp(packet).ok()
        })
    }

    /// The RTCP packet within; `None` if it is not authentic or a replay.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.unprotect(ssrc_at(packet, 4)?, |context| {
            context.decrypt_rtcp(packet).ok()
        })
    }

    /// `None` when the keys are used up.
    pub(crate) fn protect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtp(packet).ok()
    }

    /// `None` when the keys are used up.
    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtcp(packet).ok()
    }

    fn unprotect(
        &mut self,
        ssrc: u32,
        decrypt: impl FnOnce(&mut Context) -> Option<BytesMut>,
    ) -> Option<BytesMut> {
        if let Some(context) = self.inbound.get_mut(&ssrc) {
            return decrypt(context);
        }
        if self.inbound.len() >= MAX_SOURCES {
            return None;
        }
        let mut context = Context::new(
            &self.keys.remote_master_key,
            &self.keys.remote_master_salt,
            self.profile,
            Some(srtp_replay_protection(REPLAY_WINDOW)),
            Some(srtcp_replay_protection(REPLAY_WINDOW)),
            self.crypto.crypto(),
        )
        .ok()?;
        let plain = decrypt(&mut context)?;
        self.inbound.insert(ssrc, context);
        Some(plain)
    }
}

fn ssrc_at(packet: &[u8], offset: usize) -> Option<u32> {
    let bytes = packet.get(offset..offset + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
