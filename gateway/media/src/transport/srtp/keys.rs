//! Master keys, and the session keys made of them (RFC 3711 §4.3).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};

/// The longest master key of any suite.
pub(super) const MAX_KEY: usize = 32;

/// How packets are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    AesCm128Sha1_80,
    AesCm128Sha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Suite {
    pub(crate) fn key_length(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    pub(crate) fn salt_length(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// The key that both ends know.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MasterKey {
    pub(crate) suite: Suite,
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Whose session keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Rtp,
    Rtcp,
}

impl MasterKey {
    /// `None` if the lengths are not those of the suite.
    pub(crate) fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Option<Self> {
        let fits = key.len() == suite.key_length() && salt.len() == suite.salt_length();
        fits.then(|| Self {
            suite,
            key: key.to_vec(),
            salt: salt.to_vec(),
        })
    }

    /// Both keys of what DTLS exported (RFC 5764 §4.2): the client's, then the server's.
    pub(crate) fn from_dtls(suite: Suite, material: &[u8]) -> Option<[Self; 2]> {
        let (key, salt) = (suite.key_length(), suite.salt_length());
        let (client_key, rest) = material.split_at_checked(key)?;
        let (server_key, rest) = rest.split_at_checked(key)?;
        let (client_salt, rest) = rest.split_at_checked(salt)?;
        let server_salt = rest.get(..salt)?;
        Some([
            Self::new(suite, client_key, client_salt)?,
            Self::new(suite, server_key, server_salt)?,
        ])
    }

    /// Key and salt in one, as SDES writes them (RFC 4568 §6.1).
    pub(crate) fn from_joined(suite: Suite, joined: &[u8]) -> Option<Self> {
        let (key, salt) = joined.split_at_checked(suite.key_length())?;
        Self::new(suite, key, salt)
    }

    pub(crate) fn joined(&self) -> Vec<u8> {
        [&self.key[..], &self.salt].concat()
    }

    pub(super) fn cipher_key(&self, of: Use, key: &mut [u8]) {
        self.derive(if of == Use::Rtp { 0 } else { 3 }, key);
    }

    pub(super) fn auth_key(&self, of: Use) -> [u8; 20] {
        let mut key = [0; 20];
        self.derive(if of == Use::Rtp { 1 } else { 4 }, &mut key);
        key
    }

    pub(super) fn salt(&self, of: Use, salt: &mut [u8]) {
        self.derive(if of == Use::Rtp { 2 } else { 5 }, salt);
    }

    /// Fills `out` with the key stream of AES in counter mode for `label`; a salt of 12 bytes
    /// counts as if two zeros followed (RFC 7714 §11).
    fn derive(&self, label: u8, out: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..self.salt.len()].copy_from_slice(&self.salt);
        counter[7] ^= label;
        for (number, chunk) in (0_u16..).zip(out.chunks_mut(16)) {
            counter[14..].copy_from_slice(&number.to_be_bytes());
            let block = self.encrypt(counter);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        // The suites know no other lengths.
        match self.key.len() {
            16 => {
                if let Ok(aes) = Aes128::new_from_slice(&self.key) {
                    aes.encrypt_block(&mut block);
                }
            }
            _ => {
                if let Ok(aes) = Aes256::new_from_slice(&self.key) {
                    aes.encrypt_block(&mut block);
                }
            }
        }
        block.into()
    }
}
