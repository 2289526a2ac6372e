//! What an INVITE says of itself besides who calls whom, and its offer.

use super::event::SessionId;
use crate::message::ReferredBy;
use crate::{Address, Request};

/// What an INVITE says of itself; what can't be read is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The session that it takes the place of: accept it without asking the user and carry on
    /// there, or leave things as they are by rejecting it (RFC 3891 §3). The agent ends that
    /// session ([`super::event::EndedBy::Replaced`]) when this one is accepted. Whether the caller
    /// may do that is for the application to judge.
    pub replaces: Option<SessionId>,
    /// Who asked the caller to call (RFC 3892).
    pub referred_by: Option<Address>,
}

impl CallFacts {
    pub(crate) fn of(invite: &Request, replaces: Option<SessionId>) -> Self {
        let referred_by = invite.headers.typed::<ReferredBy>().ok().flatten();
        Self {
            replaces,
            referred_by: referred_by.map(|referrer| referrer.0),
        }
    }
}
