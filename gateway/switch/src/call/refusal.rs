use std::time::Duration;

use sidetone_sip::Status;
use sidetone_sip::message::{HeaderName, RawHeader, Reason};

/// A final response other than 2xx, as far as it is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the phone answered.
    pub(crate) status: Status,
    /// Why, in its words.
    pub(crate) reasons: Vec<Reason>,
    /// When it may be tried again.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: Status) -> Self {
        Self {
            status,
            reasons: Vec::new(),
            retry_after: None,
        }
    }

    /// 6xx: nobody else needs to be asked.
    pub(crate) fn is_global(&self) -> bool {
        self.status.code() >= 600
    }

    /// The one that tells the caller more. Of equals the first.
    pub(crate) fn better(self, other: Self) -> Self {
        if rank(other.status) < rank(self.status) {
            other
        } else {
            self
        }
    }

    /// What the caller is to hear: statuses that concern only the phone and the switch become 480.
    /// So does 503, which would tell the caller's phone to leave the switch alone (RFC 3261 §16.7
    /// step 6).
    pub(crate) fn for_caller(mut self) -> Self {
        if let 300..=399 | 401 | 403 | 404 | 407 | 408 | 430 | 481..=483 | 503 = self.status.code()
        {
            self.status = Status::TEMPORARILY_UNAVAILABLE;
        }
        self
    }

    /// As the status and the headers of a response.
    pub(crate) fn into_response(self) -> (Status, Vec<RawHeader>) {
        let mut headers: Vec<RawHeader> = self
            .reasons
            .iter()
            .map(|reason| RawHeader {
                name: HeaderName::Reason,
                value: reason.to_string().into(),
            })
            .collect();
        if let Some(after) = self.retry_after {
            let value = after.as_secs().to_string().into();
            headers.push(RawHeader {
                name: HeaderName::RetryAfter,
                value,
            });
        }
        (self.status, headers)
    }
}

/// Busy says most about the person; then what could be mended by calling differently.
fn rank(status: Status) -> u8 {
    match status.code() {
        600.. => 0,
        486 => 1,
        406 | 415 | 420 | 484 | 488 => 2,
        487 => 4,
        408 => 6,
        500..=599 => 5,
        _ => 3,
    }
}
