//! The digest computations (RFC 7616 §3.4).

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use super::{Algorithm, Protection, Qop};

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .map(|nibble| char::from(DIGITS[nibble as usize]))
        .collect()
}

/// The hash, in hexadecimal digits, of `parts` joined by colons.
pub(super) fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> String {
    fn joined<D: Digest>(parts: &[&[u8]]) -> String {
        let mut hasher = D::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                hasher.update(b":");
            }
            hasher.update(part);
        }
        hex(&hasher.finalize())
    }
    match algorithm {
        Algorithm::Md5 => joined::<Md5>(parts),
        Algorithm::Sha256 => joined::<Sha256>(parts),
        Algorithm::Sha512256 => joined::<Sha512_256>(parts),
    }
}

/// H(A1): all that is needed to answer or verify, in place of the password.
#[must_use]
pub fn ha1(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> String {
    let parts = [username, realm, password].map(str::as_bytes);
    hash(algorithm, &parts)
}

/// What a `response` is computed of, but for H(A1) and the nonce.
pub(super) struct Protected<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// The hash of the body, for `auth-int`.
    pub(super) body_hash: &'a str,
}

/// The `response`: with `qop`, or as in RFC 2069 without.
pub(super) fn response(
    algorithm: Algorithm,
    ha1: &str,
    nonce: &str,
    protection: Option<&Protection>,
    protected: &Protected<'_>,
) -> String {
    let joined = |parts: &[&str]| {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        hash(algorithm, &parts)
    };
    let (method, uri) = (protected.method, protected.uri);
    let ha2 = match protection.map(|protection| protection.qop) {
        Some(Qop::AuthInt) => joined(&[method, uri, protected.body_hash]),
        Some(Qop::Auth) | None => joined(&[method, uri]),
    };
    match protection {
        Some(Protection { qop, cnonce, count }) => {
            let count = format!("{count:08x}");
            joined(&[ha1, nonce, &count, cnonce, qop.as_str(), &ha2])
        }
        None => joined(&[ha1, nonce, &ha2]),
    }
}

/// Compares without telling by its duration where the difference lies.
pub(super) fn same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// A keyed hash (HMAC-SHA-256, RFC 2104) of `text`, in hexadecimal digits.
pub(super) fn keyed(key: &[u8; 32], text: &str) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        Sha256::new().chain_update(block)
    };
    let inner = pad(0x36).chain_update(text).finalize();
    hex(&pad(0x5c).chain_update(inner).finalize())
}
