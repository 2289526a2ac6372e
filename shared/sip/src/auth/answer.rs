//! Answering a challenge.

use super::digest::{Protected, ha1, hash, response};
use super::{Algorithm, Challenge, Credentials, Protection, Qop, Secret};
use crate::Text;
use crate::message::Method;

/// The challenge to answer: of those that can be answered the one with the strongest algorithm,
/// and of equal ones the first (RFC 8760 §2.4).
#[must_use]
pub fn strongest(challenges: &[Challenge]) -> Option<&Challenge> {
    let strength = |challenge: &&Challenge| challenge.answerable();
    let usable = challenges.iter().filter(|c| c.answerable().is_some());
    // `max_by_key` takes the last of equals.
    usable.rev().max_by_key(strength)
}

impl Challenge {
    /// The algorithm to answer with. RFC 7616 §3.3: with an unknown one, or with a `qop` of which
    /// nothing is known, the challenge is ignored.
    fn answerable(&self) -> Option<Algorithm> {
        let is_known = self.qop.is_none_or(|qop| qop.auth || qop.auth_int);
        self.algorithm.filter(|_| is_known)
    }

    /// `auth` if there is a choice: a body may be rewritten on its way.
    fn chosen_qop(&self) -> Option<Qop> {
        let qop = self.qop?;
        Some(if qop.auth { Qop::Auth } else { Qop::AuthInt })
    }
}

/// The credentials that answer `challenge` for a request without a body, or `None` if it can't be
/// answered; see [`Question::new`].
#[must_use]
pub fn answer(
    challenge: &Challenge,
    username: &str,
    secret: &Secret,
    method: &Method,
    uri: &str,
    cnonce: &str,
    count: u32,
) -> Option<Credentials> {
    let question = Question::new(challenge, username, method, uri, &[], cnonce, count)?;
    let response = question.response(secret);
    Some(question.credentials(response))
}

/// All that is asked of a secret: the `response` for one challenge and one request
/// (RFC 7616 §3.4.1). Whoever keeps the secret needs nothing else, and gives away nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose secret.
    pub username: Text,
    /// The challenge.
    pub challenge: Challenge,
    /// With which algorithm of the challenge.
    pub algorithm: Algorithm,
    /// The request's method.
    pub method: Method,
    /// The Request-URI as it is sent.
    pub uri: Text,
    /// The hash of the body, in hexadecimal digits, with `auth-int`.
    pub body_hash: Option<Text>,
    /// With a `qop`.
    pub protection: Option<Protection>,
}

impl Question {
    /// The question that `challenge` puts to `username` about a request, or `None` if it can't be
    /// answered. `uri` is the Request-URI as it is sent; `count` starts at 1 for each nonce and
    /// grows by one with each request.
    #[must_use]
    pub fn new(
        challenge: &Challenge,
        username: &str,
        method: &Method,
        uri: &str,
        body: &[u8],
        cnonce: &str,
        count: u32,
    ) -> Option<Self> {
        let algorithm = challenge.answerable()?;
        let qop = challenge.chosen_qop();
        let body_hash = (qop == Some(Qop::AuthInt)).then(|| hash(algorithm, &[body]).into());
        let protection = qop.map(|qop| Protection {
            qop,
            cnonce: cnonce.into(),
            count,
        });
        Some(Self {
            username: username.into(),
            challenge: challenge.clone(),
            algorithm,
            method: method.clone(),
            uri: uri.into(),
            body_hash,
            protection,
        })
    }

    /// The `response` that a secret gives.
    #[must_use]
    pub fn response(&self, secret: &Secret) -> Text {
        let realm = &self.challenge.realm;
        self.response_of_ha1(&ha1(self.algorithm, &self.username, realm, secret.reveal()))
    }

    /// The `response` that H(A1) gives, for those who keep that instead of the secret. It must be
    /// that of [`Question::algorithm`], the user name and the challenge's realm.
    #[must_use]
    pub fn response_of_ha1(&self, ha1: &str) -> Text {
        let protected = Protected {
            method: self.method.as_str(),
            uri: &self.uri,
            body_hash: self.body_hash.as_deref().unwrap_or_default(),
        };
        let nonce = &self.challenge.nonce;
        let protection = self.protection.as_ref();
        response(self.algorithm, ha1, nonce, protection, &protected).into()
    }

    /// The credentials with this `response`.
    #[must_use]
    pub fn credentials(self, response: Text) -> Credentials {
        Credentials {
            username: self.username,
            realm: self.challenge.realm,
            nonce: self.challenge.nonce,
            uri: self.uri,
            response,
            algorithm: self.algorithm,
            opaque: self.challenge.opaque,
            protection: self.protection,
        }
    }
}
