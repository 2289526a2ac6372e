//! The two ways to protect a packet: AES in counter mode with HMAC-SHA1 (RFC 3711 §4), and
//! AES-GCM (RFC 7714).
//!
//! HMAC is RustCrypto's, whose SHA-1 uses the processor's instructions; GCM is ring's.

use aes::Aes128;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use ctr::flavors::Ctr32BE;
use ctr::{CtrCore, cipher::StreamCipherCoreWrapper};
use hmac::{Hmac, Mac};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;

use super::keys::{MasterKey, Suite, Use};
use super::{Header, MAX_KEY, MAX_TRAILER};

const GCM_TAG: usize = 16;
/// RFC 3711 §5.2; the short tag of `_32` is for RTP alone (RFC 4568 §6.2.2).
const SHA1_TAG: usize = 10;
const SHORT_SHA1_TAG: usize = 4;
/// Of an RTCP packet this much stays readable.
const RTCP_HEADER: usize = 8;
/// The SRTCP index with its flag.
const RTCP_INDEX: usize = 4;

/// Session keys for RTP or for RTCP.
pub(super) enum Cipher {
    Cm(CounterMode),
    Gcm(Gcm),
}

pub(super) struct CounterMode {
    aes: Aes128,
    salt: [u8; 14],
    hmac: Hmac<Sha1>,
    tag: usize,
}

pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Cipher {
    pub(super) fn derive(master: &MasterKey, of: Use) -> Option<Self> {
        let mut key = [0; MAX_KEY];
        let key = &mut key[..master.suite.key_length()];
        master.cipher_key(of, key);
        let algorithm = match master.suite {
            Suite::AeadAes128Gcm => &AES_128_GCM,
            Suite::AeadAes256Gcm => &AES_256_GCM,
            Suite::AesCm128Sha1_80 | Suite::AesCm128Sha1_32 => {
                let mut salt = [0; 14];
                master.salt(of, &mut salt);
                let is_short = master.suite == Suite::AesCm128Sha1_32 && of == Use::Rtp;
                return Some(Self::Cm(CounterMode {
                    aes: Aes128::new_from_slice(key).ok()?,
                    salt,
                    hmac: Hmac::new_from_slice(&master.auth_key(of)).ok()?,
                    tag: if is_short { SHORT_SHA1_TAG } else { SHA1_TAG },
                }));
            }
        };
        let mut salt = [0; 12];
        master.salt(of, &mut salt);
        Some(Self::Gcm(Gcm {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?),
            salt,
        }))
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        length: usize,
        header: &Header,
        index: u64,
    ) -> Option<usize> {
        if buffer.len() < length + MAX_TRAILER {
            return None;
        }
        let (packet, trailer) = buffer.split_at_mut(length);
        let (head, body) = packet.split_at_mut(header.length);
        match self {
            Self::Cm(cm) => {
                cm.apply(header.ssrc, index, body);
                let tag = cm.sign(&[head, body, &roc(index)]);
                trailer[..cm.tag].copy_from_slice(&tag[..cm.tag]);
                Some(length + cm.tag)
            }
            Self::Gcm(gcm) => {
                let tag = gcm.seal(gcm.rtp_nonce(header.ssrc, index), head, body)?;
                trailer[..GCM_TAG].copy_from_slice(&tag);
                Some(length + GCM_TAG)
            }
        }
    }

    pub(super) fn open_rtp(&self, packet: &mut [u8], header: &Header, index: u64) -> Option<usize> {
        let (head, rest) = packet.split_at_mut(header.length);
        match self {
            Self::Cm(cm) => {
                let body = rest.len().checked_sub(cm.tag)?;
                let (body, tag) = rest.split_at_mut(body);
                cm.verify(&[head, body, &roc(index)], tag)?;
                cm.apply(header.ssrc, index, body);
                Some(header.length + body.len())
            }
            Self::Gcm(gcm) => {
                let nonce = gcm.rtp_nonce(header.ssrc, index);
                let plain = gcm.open(nonce, head, rest)?;
                Some(header.length + plain)
            }
        }
    }

    /// The last word of the packet that is covered by the tag: flag and index.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let after = match self {
            Self::Cm(cm) => cm.tag,
            // RFC 7714 §9: the tag goes before the index.
            Self::Gcm(_) => 0,
        };
        let end = packet.len().checked_sub(after)?;
        let word = packet.get(end.checked_sub(RTCP_INDEX)?..end)?;
        Some(u32::from_be_bytes(word.try_into().ok()?))
    }

    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        length: usize,
        ssrc: u32,
        word: u32,
    ) -> Option<usize> {
        if buffer.len() < length + MAX_TRAILER {
            return None;
        }
        let (packet, trailer) = buffer.split_at_mut(length);
        let (head, body) = packet.split_at_mut(RTCP_HEADER);
        let word_bytes = word.to_be_bytes();
        match self {
            Self::Cm(cm) => {
                cm.apply(ssrc, u64::from(word & !super::ENCRYPTED), body);
                let tag = cm.sign(&[head, body, &word_bytes]);
                trailer[..RTCP_INDEX].copy_from_slice(&word_bytes);
                trailer[RTCP_INDEX..RTCP_INDEX + cm.tag].copy_from_slice(&tag[..cm.tag]);
                Some(length + RTCP_INDEX + cm.tag)
            }
            Self::Gcm(gcm) => {
                let aad = rtcp_aad(head, word_bytes);
                let tag = gcm.seal(gcm.rtcp_nonce(ssrc, word), &aad, body)?;
                trailer[..GCM_TAG].copy_from_slice(&tag);
                trailer[GCM_TAG..GCM_TAG + RTCP_INDEX].copy_from_slice(&word_bytes);
                Some(length + GCM_TAG + RTCP_INDEX)
            }
        }
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, word: u32) -> Option<usize> {
        let trailer = match self {
            Self::Cm(cm) => RTCP_INDEX + cm.tag,
            Self::Gcm(_) => RTCP_INDEX,
        };
        let end = packet.len().checked_sub(trailer)?;
        let (packet, trailer) = packet.split_at_mut(end);
        let (head, body) = packet.split_at_mut_checked(RTCP_HEADER)?;
        match self {
            Self::Cm(cm) => {
                let (word_bytes, tag) = trailer.split_at(RTCP_INDEX);
                cm.verify(&[head, body, word_bytes], tag)?;
                cm.apply(ssrc, u64::from(word & !super::ENCRYPTED), body);
                Some(RTCP_HEADER + body.len())
            }
            Self::Gcm(gcm) => {
                let aad = rtcp_aad(head, word.to_be_bytes());
                let plain = gcm.open(gcm.rtcp_nonce(ssrc, word), &aad, body)?;
                Some(RTCP_HEADER + plain)
            }
        }
    }
}

impl CounterMode {
    /// Encrypts or decrypts `body`; the initial counter is that of RFC 3711 §4.1.1.
    fn apply(&self, ssrc: u32, index: u64, body: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        xor(&mut counter[4..8], &ssrc.to_be_bytes());
        xor(&mut counter[8..14], &index.to_be_bytes()[2..]);
        // No packet has so many blocks that more than the counter's low bits would change.
        let core = CtrCore::<&Aes128, Ctr32BE>::inner_iv_init(&self.aes, &counter.into());
        StreamCipherCoreWrapper::from_core(core).apply_keystream(body);
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 20] {
        self.mac(parts).finalize().into_bytes().into()
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Option<()> {
        self.mac(parts).verify_truncated_left(tag).ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha1> {
        let mut mac = self.hmac.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl Gcm {
    /// RFC 7714 §8.1.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[6..], &index.to_be_bytes()[2..]);
        nonce
    }

    /// RFC 7714 §9.1.
    fn rtcp_nonce(&self, ssrc: u32, word: u32) -> [u8; 12] {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[8..], &(word & !super::ENCRYPTED).to_be_bytes());
        nonce
    }

    fn seal(&self, nonce: [u8; 12], aad: &[u8], body: &mut [u8]) -> Option<[u8; GCM_TAG]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), body);
        sealed.ok()?.as_ref().try_into().ok()
    }

    fn open(&self, nonce: [u8; 12], aad: &[u8], body: &mut [u8]) -> Option<usize> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(aad), body);
        Some(opened.ok()?.len())
    }
}

/// RFC 7714 §9.2.
fn rtcp_aad(head: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..RTCP_HEADER].copy_from_slice(head);
    aad[RTCP_HEADER..].copy_from_slice(&word);
    aad
}

/// How often the sequence number has wrapped.
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn xor(into: &mut [u8], with: &[u8]) {
    for (into, with) in into.iter_mut().zip(with) {
        *into ^= with;
    }
}
