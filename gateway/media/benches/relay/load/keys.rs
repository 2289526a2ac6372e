//! SRTP by `rtc-srtp`, DTLS by `dimpl`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use rtc_srtp::config::Config as SrtpConfig;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use sha2::{Digest, Sha256};

use super::end::{End, PATIENCE};

/// How long it takes the other side to say something, if it is going to.
const PAUSE: Duration = Duration::from_millis(5);

/// What SDES uses here, and what DTLS settles on between those who share it.
pub(crate) const PROFILE: SrtpProfile = SrtpProfile::AEAD_AES_256_GCM;

/// Keys of one end: for what it sends and for what it hears.
pub(crate) struct Keys {
    pub(super) profile: SrtpProfile,
    pub(super) outbound: Context,
    pub(super) inbound: Context,
}

impl Keys {
    /// Of what DTLS exported.
    fn of_dtls(material: &[u8], profile: SrtpProfile, is_client: bool) -> Self {
        let mut config = SrtpConfig {
            profile: protection(profile),
            ..SrtpConfig::default()
        };
        config
            .set_session_keys_from_keying_material(material, is_client)
            .unwrap();
        let keys = &config.keys;
        let ours = (&keys.local_master_key, &keys.local_master_salt);
        let theirs = (&keys.remote_master_key, &keys.remote_master_salt);
        Self {
            profile,
            outbound: context(ours.0, ours.1, profile),
            inbound: context(theirs.0, theirs.1, profile),
        }
    }

    /// Of SDES with AEAD_AES_256_GCM.
    pub(crate) fn of_sdes(ours: &[u8], theirs: &[u8]) -> Self {
        Self {
            profile: PROFILE,
            outbound: context(&ours[..32], &ours[32..], PROFILE),
            inbound: context(&theirs[..32], &theirs[32..], PROFILE),
        }
    }
}

fn protection(profile: SrtpProfile) -> ProtectionProfile {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => ProtectionProfile::AeadAes128Gcm,
        _ => ProtectionProfile::AeadAes256Gcm,
    }
}

fn context(key: &[u8], salt: &[u8], profile: SrtpProfile) -> Context {
    let crypto = rtc_srtp::crypto::default_provider().unwrap();
    let profile = protection(profile);
    Context::new(key, salt, profile, None, None, crypto.crypto()).unwrap()
}

/// Who the browsers are.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    /// As SDP writes it.
    pub(crate) fingerprint: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["load".to_owned()]).unwrap();
        let certificate = DtlsCertificate {
            certificate: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let digest = Sha256::digest(&certificate.certificate);
        let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Self {
            certificate,
            fingerprint: format!("sha-256 {}", bytes.join(":")),
        }
    }
}

impl End {
    /// DTLS.
    pub(super) fn shake_hands(&mut self, identity: &Identity, is_client: bool) {
        let start = Instant::now();
        let certificate = identity.certificate.clone();
        let mut dtls = Dtls::new_12(Arc::new(Config::default()), certificate, start);
        dtls.set_active(is_client);
        self.socket.set_read_timeout(Some(PAUSE)).unwrap();
        let mut buffer = [0; 2048];
        let mut keys = None;
        loop {
            assert!(start.elapsed().as_secs() < 10, "no handshake");
            dtls.handle_timeout(Instant::now()).unwrap();
            loop {
                match dtls.poll_output(&mut buffer) {
                    Output::Packet(packet) => {
                        self.socket.send(packet).unwrap();
                    }
                    Output::KeyingMaterial(material, profile) => {
                        keys = Some(Keys::of_dtls(&material, profile, is_client));
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            match self.socket.recv(&mut buffer) {
                Ok(length) if (20..=63).contains(&buffer[0]) => {
                    let _ = dtls.handle_packet(&buffer[..length]);
                }
                Ok(_) => {}
                // Until then the last flight may have to be said again.
                Err(_) if keys.is_some() => break,
                Err(_) => {}
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        self.keys = keys;
    }
}
