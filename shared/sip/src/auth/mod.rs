//! Digest authentication (RFC 3261 §22, RFC 8760, RFC 7616): answering a challenge and, for a
//! registrar, making and verifying one.

mod answer;
mod authenticator;
mod digest;
mod header;

use std::fmt;

pub use answer::{Question, answer, strongest};
pub use authenticator::{Authenticator, Known, Refused, Verdict};
pub use digest::{ha1, hex};
pub use header::{
    Authorization, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate, challenges, credentials,
    next_nonce,
};

use crate::Text;

/// A password. It never shows in debug output, and outside of browsers its memory is wiped when it
/// is dropped.
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

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
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
    /// `SHA-512-256`.
    Sha512256,
}

impl Algorithm {
    /// The token that names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512256 => "SHA-512-256",
        }
    }

    fn named(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512256]
            .into_iter()
            .find(|algorithm| token.eq_ignore_ascii_case(algorithm.as_str()))
    }
}

/// What credentials protect (RFC 7616 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// `auth`: method and digest-uri.
    Auth,
    /// `auth-int`: the body, too.
    AuthInt,
}

impl Qop {
    /// The token that names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// The `qop` of a challenge (RFC 7616 §3.3); unknown values count as nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QopOptions {
    /// `auth` is offered.
    pub auth: bool,
    /// `auth-int` is offered.
    pub auth_int: bool,
}

/// The part of credentials that only `qop` has (RFC 7616 §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// What is protected.
    pub qop: Qop,
    /// Our own nonce.
    pub cnonce: Text,
    /// How many requests used the server's nonce, from 1.
    pub count: u32,
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
    /// What `qop` offers; RFC 2069 servers have none.
    pub qop: Option<QopOptions>,
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
    /// With a `qop`.
    pub protection: Option<Protection>,
}
