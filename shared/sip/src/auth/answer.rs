//! Answering a challenge.

use super::{Algorithm, Challenge, Credentials, Secret, digest};
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
    /// The algorithm to answer with. RFC 7616 §3.3: with an unknown one, or with `qop` but not
    /// `auth` in it, the challenge is ignored.
    fn answerable(&self) -> Option<Algorithm> {
        self.algorithm
            .filter(|_| self.qop_auth || !self.qop_present)
    }
}

/// The credentials that answer `challenge`, or `None` if it can't be answered. `digest_uri` is
/// the Request-URI as it is sent; `count` starts at 1 for each nonce and grows by one with each
/// request.
#[must_use]
pub fn answer(
    challenge: &Challenge,
    username: &str,
    secret: &Secret,
    method: &Method,
    digest_uri: &str,
    cnonce: &str,
    count: u32,
) -> Option<Credentials> {
    let algorithm = challenge.answerable()?;
    let ha1 = digest::ha1(algorithm, username, &challenge.realm, secret.reveal());
    let qop = challenge.qop_auth.then_some((cnonce, count));
    let response = digest::response(
        algorithm,
        &ha1,
        &challenge.nonce,
        qop,
        method.as_str(),
        digest_uri,
    );
    Some(Credentials {
        username: username.into(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: digest_uri.into(),
        response: response.into(),
        algorithm,
        opaque: challenge.opaque.clone(),
        qop: qop.map(|(cnonce, count)| (Text::from(cnonce), count)),
    })
}
