//! One session takes the place of another (RFC 3891 §3).

use super::{Phase, Session};
use crate::endpoint::Endpoint;
use crate::endpoint::event::{Ended, EndedBy, SessionId};
use crate::message::{HeaderName, RawHeader, Reason, Replaces};
use crate::{CommandError, Status};

/// What the Replaces of an INVITE means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replacing {
    /// The session whose place is taken.
    pub(crate) session: SessionId,
    /// Only as long as it is not answered.
    pub(crate) early_only: bool,
}

impl Session {
    /// What this session, which is not answered yet, is to take the place of.
    pub(crate) fn replacing(&self) -> Option<Replacing> {
        match &self.phase {
            Phase::Ringing(ringing) => ringing.replacing,
            _ => None,
        }
    }

    /// How somebody else names it to the peer, to take our place.
    pub(crate) fn replaces(&self) -> Result<Replaces, CommandError> {
        match &self.phase {
            Phase::Confirmed(confirmed) => Ok(confirmed.dialog.replaces()),
            Phase::Ringing(ringing) => Ok(Replaces {
                early_only: true,
                ..ringing.dialog.replaces()
            }),
            Phase::Calling(_) => Err(CommandError::WrongState),
            Phase::Over(_) => Err(CommandError::Gone),
        }
    }

    /// Whether another session may take the place of this one, or how its INVITE is refused.
    pub(crate) const fn may_be_replaced(&self, early_only: bool) -> Result<(), Status> {
        match &self.phase {
            Phase::Confirmed(_) if early_only => Err(Status::BUSY_HERE),
            Phase::Confirmed(_) | Phase::Calling(_) => Ok(()),
            // Only who began an early dialog can end it in somebody's favour.
            Phase::Ringing(_) => Err(Status::CALL_DOES_NOT_EXIST),
            Phase::Over(_) => Err(Status::DECLINE),
        }
    }

    /// Ends this session because `by` has taken its place.
    pub(crate) fn give_way(&mut self, endpoint: &mut Endpoint, by: SessionId) {
        match &self.phase {
            // So that nobody counts a missed call.
            Phase::Calling(_) => {
                let reason = Reason {
                    protocol: "SIP".into(),
                    cause: Some(Status::OK.code()),
                    text: Some("Call completed elsewhere".into()),
                };
                let reason = RawHeader {
                    name: HeaderName::Reason,
                    value: reason.to_string().into(),
                };
                self.cancel(endpoint, vec![reason]);
            }
            Phase::Confirmed(_) => self.hang_up(endpoint, Vec::new()),
            Phase::Ringing(_) | Phase::Over(_) => return,
        }
        self.tell_ended(endpoint, Ended::by(EndedBy::Replaced(by)));
    }
}
