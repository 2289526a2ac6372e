//! What one session has to do because of another.

use super::Endpoint;
use super::event::{EndedBy, SessionEvent, SessionId};
use crate::Status;

/// Noted when something is told of a session, done when the input or command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Report the fate of the call that a REFER asked for.
    Report(SessionId, Status),
    /// The consultation was answered (2xx), so that its peer can be called; or it was not.
    Refer {
        session: SessionId,
        consultation: SessionId,
        status: Status,
    },
    /// Another call takes its place (RFC 3891 §3).
    Yield { session: SessionId, to: SessionId },
}

impl Endpoint {
    /// Reports the fate of `call` in `referred`.
    pub(crate) fn follow(&mut self, call: SessionId, referred: SessionId) {
        self.followed.insert(call, referred);
        self.notes = Some(Self::note_errands);
    }

    /// Has `session` refer its peer to that of `consultation` as soon as this is answered.
    pub(crate) fn await_consultation(&mut self, session: SessionId, consultation: SessionId) {
        self.consultations.insert(consultation, session);
        self.notes = Some(Self::note_errands);
    }

    pub(crate) fn is_awaited(&self, consultation: SessionId) -> bool {
        self.consultations.contains_key(&consultation)
    }

    pub(crate) fn forget_consultation(&mut self, consultation: SessionId) {
        self.consultations.remove(&consultation);
    }

    pub(crate) fn add_errand(&mut self, errand: Errand) {
        self.errands.push_back(errand);
    }

    pub(crate) fn poll_errand(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }

    /// Notes what `event` means for other sessions.
    fn note_errands(&mut self, call: SessionId, event: &SessionEvent) {
        let Some(status) = fate(event) else {
            return;
        };
        if let Some(&referred) = self.followed.get(&call) {
            if status.is_final() {
                self.followed.remove(&call);
            }
            self.add_errand(Errand::Report(referred, status));
        }
        if status.is_final()
            && let Some(session) = self.consultations.remove(&call)
        {
            self.add_errand(Errand::Refer {
                session,
                consultation: call,
                status,
            });
        }
    }
}

/// How a call stands, in the words of its responses.
fn fate(event: &SessionEvent) -> Option<Status> {
    match event {
        SessionEvent::Progress { status, .. } => Some(*status),
        SessionEvent::Accepted { response, .. } => Some(response.status),
        SessionEvent::Ended(ended) => Some(match ended.by {
            EndedBy::TimedOut => Status::REQUEST_TIMEOUT,
            EndedBy::FlowDown => Status::SERVICE_UNAVAILABLE,
            // Somebody else than expected has answered.
            EndedBy::Replaced(_) => Status::OK,
            _ => ended.status.unwrap_or(Status::REQUEST_TERMINATED),
        }),
        _ => None,
    }
}
