//! Headers of the extensions that sessions use (RFC 3262, RFC 4028).

use std::fmt;
use std::time::Duration;

use super::parse::{number, number_and_params, rack};
use super::typed::TypedHeader;
use super::{CSeq, HeaderError, HeaderName};
use crate::Text;

/// RSeq (RFC 3262 §7.1): the number of a reliable provisional response, not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RSeq(pub u32);

impl TypedHeader for RSeq {
    const NAME: HeaderName = HeaderName::RSeq;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        match number(value.trim(), u32::MAX) {
            Some(0) | None => Err(HeaderError("RSeq is not a number above zero")),
            Some(rseq) => Ok(Self(rseq)),
        }
    }
}

impl fmt::Display for RSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// RAck (RFC 3262 §7.2): which provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// Its RSeq.
    pub rseq: u32,
    /// Its CSeq.
    pub cseq: CSeq,
}

impl TypedHeader for RAck {
    const NAME: HeaderName = HeaderName::RAck;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        rack(value.into()).map(|(rseq, cseq)| Self { rseq, cseq })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

/// Who refreshes a session (RFC 4028 §4): a role in the request at hand, not in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// Session-Expires (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// How long the session lasts without a refresh.
    pub interval: Duration,
    /// Who refreshes it; `None`: still open.
    pub refresher: Option<Refresher>,
}

impl TypedHeader for SessionExpires {
    const NAME: HeaderName = HeaderName::SessionExpires;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (seconds, params) = number_and_params(value.into())?;
        let refresher = match params.value("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        let interval = Duration::from_secs(u64::from(seconds));
        Ok(Self {
            interval,
            refresher,
        })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval.as_secs())?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// Min-SE (RFC 4028 §5): the shortest session interval that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinSe(pub Duration);

impl TypedHeader for MinSe {
    const NAME: HeaderName = HeaderName::MinSe;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (seconds, _) = number_and_params(value.into())?;
        Ok(Self(Duration::from_secs(u64::from(seconds))))
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs())
    }
}
