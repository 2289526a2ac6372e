//! What an INVITE says of itself besides who calls whom, and its offer.

use std::time::Duration;

use super::event::SessionId;
use crate::message::{
    AlertInfo, AnswerMode, CallInfo, HeaderName, Headers, Host, PAssertedIdentity, PrivAnswerMode,
    Privacy, ReferredBy,
};
use crate::{Address, Request};

/// What an INVITE says of itself; what can't be read is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The session that it takes the place of: accept it without asking the user and carry on
    /// there, or leave things as they are by rejecting it (RFC 3891 §3). The agent ends that
    /// session ([`crate::EndedBy::Replaced`]) when this one is accepted. Whether the caller may do
    /// that is for the application to judge.
    pub replaces: Option<SessionId>,
    /// Who asked the caller to call (RFC 3892).
    pub referred_by: Option<Address>,
    /// Who calls, as a network vouches that the application has to trust (RFC 3325 §9.1): up to
    /// one SIP and one `tel:` URI.
    pub asserted: Vec<Address>,
    /// The caller wants to stay unknown to the user (RFC 3323, RFC 3325 §9.3).
    pub is_private: bool,
    /// It is to be answered without asking the user.
    pub auto_answer: Option<AutoAnswer>,
    /// How to ring, such as `urn:alert:source:internal` (RFC 3261 §20.4, RFC 7462).
    pub alerts: Vec<Address>,
    /// More on the caller, by the parameter `purpose`; URIs that are not to be fetched unasked
    /// (RFC 3261 §20.9).
    pub infos: Vec<Address>,
}

/// A call that wants to be answered by itself (RFC 5373, and what desk phones did before).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoAnswer {
    /// How long it rings before.
    pub after: Duration,
    /// Refuse it with 403 rather than ask the user (RFC 5373 §3).
    pub is_required: bool,
    /// It asks to be answered even where the user does not allow this to everybody (RFC 5373
    /// §3).
    pub is_privileged: bool,
}

impl CallFacts {
    pub(crate) fn of(invite: &Request, replaces: Option<SessionId>) -> Self {
        let headers = &invite.headers;
        let referred_by = headers.typed::<ReferredBy>().ok().flatten();
        let asserted = headers.typed::<PAssertedIdentity>().ok().flatten();
        let privacy = headers.typed::<Privacy>().ok().flatten();
        let alerts = headers.typed::<AlertInfo>().ok().flatten();
        let infos = headers.typed::<CallInfo>().ok().flatten();
        Self {
            replaces,
            referred_by: referred_by.map(|referrer| referrer.0),
            asserted: asserted.unwrap_or_default().0,
            is_private: is_nobody(&headers.from) || privacy.is_some_and(|p| p.hides_user()),
            auto_answer: AutoAnswer::wanted_by(headers),
            alerts: alerts.unwrap_or_default().0,
            infos: infos.unwrap_or_default().0,
        }
    }
}

/// RFC 3323 §4.1.1.3: who says nothing is at `anonymous.invalid`.
fn is_nobody(from: &Address) -> bool {
    let host = from.uri.as_sip().map(|uri| &uri.host);
    matches!(host, Some(Host::Name(name)) if *name == *"anonymous.invalid")
}

impl AutoAnswer {
    fn wanted_by(headers: &Headers) -> Option<Self> {
        let plain = Self {
            after: Duration::ZERO,
            is_required: false,
            is_privileged: false,
        };
        if let Ok(Some(mode)) = headers.typed::<PrivAnswerMode>() {
            return mode.is_auto().then_some(Self {
                is_required: mode.is_required,
                is_privileged: true,
                ..plain
            });
        }
        if let Ok(Some(mode)) = headers.typed::<AnswerMode>() {
            return mode.is_auto().then_some(Self {
                is_required: mode.is_required,
                ..plain
            });
        }
        let older = |name: HeaderName| {
            let mut lines = headers.raw(&name);
            lines.find_map(|line| wish_of_old(&line.to_ascii_lowercase()))
        };
        let after = older(HeaderName::CallInfo).or_else(|| older(HeaderName::AlertInfo))?;
        Some(Self { after, ..plain })
    }
}

/// `answer-after=0` in Call-Info or Alert-Info, `info=alert-autoanswer` and `Auto Answer` in
/// Alert-Info, which often is no URI at all.
fn wish_of_old(line: &str) -> Option<Duration> {
    if let Some((_, seconds)) = line.split_once("answer-after=") {
        let digits = seconds.find(|c: char| !c.is_ascii_digit());
        let seconds = &seconds[..digits.unwrap_or(seconds.len())];
        // Longer than anybody rings means not at all.
        let seconds = seconds.parse().ok().filter(|seconds| *seconds <= 300);
        return seconds.map(Duration::from_secs);
    }
    let words = ["alert-autoanswer", "auto answer", "auto-answer"];
    let is_wanted = words.iter().any(|word| line.contains(word));
    is_wanted.then_some(Duration::ZERO)
}
