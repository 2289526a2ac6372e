//! Digest authentication (RFC 3261 §22, RFC 8760, RFC 7616): answering a challenge and, for a
//! registrar, making and verifying one.

mod answer;
mod authenticator;
mod digest;
mod header;

use std::fmt;

pub use answer::{answer, strongest};
pub use authenticator::{Authenticator, Known, Refused, Verdict};
pub use digest::{ha1, hex};
pub use header::{
    Authorization, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate, challenges, credentials,
};

use crate::Text;

/// A password. It never shows in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A digest algorithm, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`.
    Md5,
    /// `SHA-256`.
    Sha256,
}

impl Algorithm {
    /// The token that names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn named(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|algorithm| token.eq_ignore_ascii_case(algorithm.as_str()))
    }
}

/// A digest challenge: the value of WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The realm, unquoted.
    pub realm: Text,
    /// The server's nonce, unquoted.
    pub nonce: Text,
    /// To be returned as it is.
    pub opaque: Option<Text>,
    /// MD5 if it names none; `None` if it names one unknown here.
    pub algorithm: Option<Algorithm>,
    /// Whether `qop` offers `auth`.
    pub qop_auth: bool,
    /// Whether it has a `qop` at all (RFC 2069 servers have none).
    pub qop_present: bool,
    /// The nonce was too old but the secret right: try again with this one.
    pub stale: bool,
}

/// Digest credentials: the value of Authorization or Proxy-Authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub username: Text,
    /// The challenge's realm.
    pub realm: Text,
    /// The challenge's nonce.
    pub nonce: Text,
    /// The `digest-uri`.
    pub uri: Text,
    /// Lower-case hexadecimal.
    pub response: Text,
    /// The algorithm; MD5 if none is named.
    pub algorithm: Algorithm,
    /// The challenge's opaque.
    pub opaque: Option<Text>,
    /// `cnonce` and nonce count, with `qop=auth`.
    pub qop: Option<(Text, u32)>,
}
