//! Verifying credentials, for a registrar or any server.
//!
//! Nonces carry their own proof: the moment of issue, random bits, and a keyed hash over both,
//! so none has to be stored when it is issued. Only a nonce that was used with success is
//! remembered, with its count, until it is too old, and no more than [`REMEMBERED`] of them:
//! beyond, the oldest are forgotten and all nonces up to their age count as stale.

use std::collections::BTreeMap;
use std::time::Duration;

use super::digest::{Protected, ha1, hash, keyed, response, same};
use super::{Algorithm, Challenge, Credentials, QopOptions, Secret};
use crate::message::Method;
use crate::{Moment, Text, TokenSource};

/// The most nonces in use at once.
const REMEMBERED: usize = 4096;

/// What is known of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The password.
    Password(Secret),
    /// H(A1) per algorithm, in lower-case hexadecimal; none for an algorithm not allowed.
    Ha1 {
        /// For MD5.
        md5: Option<Secret>,
        /// For SHA-256.
        sha256: Option<Secret>,
        /// For SHA-512-256.
        sha512_256: Option<Secret>,
    },
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are who they say.
    Granted {
        /// Who.
        username: Text,
    },
    /// The secret is right but the nonce is too old or was used before: challenge again with
    /// `stale`, and the client will answer without asking anybody for a password.
    Stale,
    /// Challenge again without `stale`, or refuse.
    Refused(Refused),
}

/// Why credentials are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The realm is not ours.
    #[error("the credentials are for another realm")]
    OtherRealm,
    /// We did not issue the nonce, or the opaque is not what we sent with it.
    #[error("the nonce is not ours")]
    ForeignNonce,
    /// There is no such user, or none with this algorithm.
    #[error("the user is unknown")]
    UnknownUser,
    /// The response is not what the secret gives.
    #[error("the secret is wrong")]
    WrongSecret,
}

/// When a nonce was issued, in milliseconds, and its random bits.
type Nonce = (u64, u64);

/// Issues challenges for one realm and verifies the answers.
pub struct Authenticator {
    realm: Text,
    key: [u8; 32],
    opaque: String,
    lifetime: Duration,
    /// The highest count of each nonce in use.
    counts: BTreeMap<Nonce, u32>,
    /// Nonces up to here were forgotten.
    forgotten: Option<Nonce>,
}

impl Authenticator {
    /// An authenticator whose nonces live for `lifetime`. Those of another one, also of the
    /// same realm, are foreign to it.
    #[must_use]
    pub fn new(realm: &str, lifetime: Duration, tokens: &mut dyn TokenSource) -> Self {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&tokens.bits().to_le_bytes());
        }
        let mut opaque = keyed(&key, "opaque");
        opaque.truncate(16);
        Self {
            realm: realm.into(),
            key,
            opaque,
            lifetime,
            counts: BTreeMap::new(),
            forgotten: None,
        }
    }

    /// The challenges for one response, to be sent as one header line each and in this order:
    /// the strongest first (RFC 8760 §2.4).
    #[must_use]
    pub fn challenges(
        &self,
        now: Moment,
        tokens: &mut dyn TokenSource,
        stale: bool,
    ) -> [Challenge; 2] {
        let nonce: Text = self.issue((now.as_millis(), tokens.bits())).into();
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: Some(self.opaque.as_str().into()),
            algorithm: Some(algorithm),
            qop: Some(QopOptions {
                auth: true,
                auth_int: false,
            }),
            stale,
        })
    }

    fn issue(&self, (issued, random): Nonce) -> String {
        let facts = format!("{issued:016x}{random:016x}");
        let mut proof = keyed(&self.key, &facts);
        proof.truncate(32);
        facts + &proof
    }

    fn read(&self, nonce: &str) -> Option<Nonce> {
        let part = |from: usize| u64::from_str_radix(nonce.get(from..from + 16)?, 16).ok();
        let facts = (part(0)?, part(16)?);
        same(nonce, &self.issue(facts)).then_some(facts)
    }

    /// Judges the credentials of a request with `method` and `body`. `lookup` tells what is known of a
    /// user name. The `digest-uri` need not equal the Request-URI, which hops on the way may
    /// change (RFC 3261 §22.4); against reuse for another target stands the nonce count.
    pub fn verify(
        &mut self,
        now: Moment,
        credentials: &Credentials,
        method: &Method,
        body: &[u8],
        lookup: impl FnOnce(&str) -> Option<Known>,
    ) -> Verdict {
        match self.judge(credentials, method, body, lookup) {
            Err(refused) => Verdict::Refused(refused),
            Ok(nonce) if self.spend(now, nonce, credentials) => Verdict::Granted {
                username: credentials.username.detached(),
            },
            Ok(_) => Verdict::Stale,
        }
    }

    fn judge(
        &self,
        credentials: &Credentials,
        method: &Method,
        body: &[u8],
        lookup: impl FnOnce(&str) -> Option<Known>,
    ) -> Result<Nonce, Refused> {
        let Credentials {
            username, realm, ..
        } = credentials;
        if *realm != self.realm {
            return Err(Refused::OtherRealm);
        }
        let opaque = credentials.opaque.as_ref();
        if opaque.is_some_and(|opaque| opaque != self.opaque.as_str()) {
            return Err(Refused::ForeignNonce);
        }
        let nonce = self.read(&credentials.nonce).ok_or(Refused::ForeignNonce)?;
        let algorithm = credentials.algorithm;
        let known = lookup(username);
        let secret = match &known {
            None => None,
            Some(Known::Password(password)) => {
                Some(ha1(algorithm, username, realm, password.reveal()))
            }
            Some(Known::Ha1 {
                md5,
                sha256,
                sha512_256,
            }) => {
                let stored = match algorithm {
                    Algorithm::Md5 => md5,
                    Algorithm::Sha256 => sha256,
                    Algorithm::Sha512256 => sha512_256,
                };
                stored.as_ref().map(|ha1| ha1.reveal().to_owned())
            }
        };
        let expected = response(
            algorithm,
            &secret.ok_or(Refused::UnknownUser)?,
            &credentials.nonce,
            credentials.protection.as_ref(),
            &Protected {
                method: method.as_str(),
                uri: &credentials.uri,
                body_hash: &hash(algorithm, &[body]),
            },
        );
        if same(&expected, &credentials.response) {
            Ok(nonce)
        } else {
            Err(Refused::WrongSecret)
        }
    }

    /// Uses the nonce once more, if it is young enough and the count higher than before.
    fn spend(&mut self, now: Moment, nonce: Nonce, credentials: &Credentials) -> bool {
        self.forget(now);
        let age = now.since(Moment::from_millis(nonce.0));
        if age > self.lifetime || self.forgotten.is_some_and(|forgotten| nonce <= forgotten) {
            return false;
        }
        // Without qop (RFC 2069) there is no count, so such a nonce is good for one request.
        let protection = credentials.protection.as_ref();
        let count = protection.map_or(u32::MAX, |protection| protection.count);
        let before = self.counts.entry(nonce).or_insert(0);
        let fresh = count > *before;
        *before = count.max(*before);
        fresh
    }

    /// Forgets nonces that are too old, and the oldest when there are too many.
    fn forget(&mut self, now: Moment) {
        while let Some((&nonce, _)) = self.counts.first_key_value() {
            let old = now.since(Moment::from_millis(nonce.0)) > self.lifetime;
            if !old && self.counts.len() < REMEMBERED {
                return;
            }
            self.counts.pop_first();
            self.forgotten = Some(nonce);
        }
    }
}
