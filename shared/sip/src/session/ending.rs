//! How a session ends, and what is told of it.

use std::time::Duration;

use super::{Command, Over, Phase, Session};
use crate::dialog::Dialog;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, Purpose, SessionAlarm};
use crate::message::{HeaderName, RawHeader, Reason, RetryAfter};
use crate::{CommandError, Method, Request, Response, Status};

impl Session {
    /// Ends the session, whatever its state.
    pub(crate) fn end(&mut self, endpoint: &mut Endpoint, reason: Option<Reason>) -> Command {
        let headers: Vec<RawHeader> = reason
            .map(|reason| RawHeader {
                name: HeaderName::Reason,
                value: reason.to_string().into(),
            })
            .into_iter()
            .collect();
        match self.phase {
            Phase::Calling(_) => self.cancel(endpoint, headers),
            Phase::Ringing(_) => {
                self.refuse(endpoint, Status::DECLINE, headers);
            }
            Phase::Confirmed(_) => self.hang_up(endpoint, headers),
            Phase::Over(_) => return Err(CommandError::Gone),
        }
        self.tell_ended(endpoint, Ended::by(EndedBy::Local));
        Ok(())
    }

    pub(super) fn say_bye(
        &mut self,
        endpoint: &mut Endpoint,
        dialog: &mut Dialog,
        headers: Vec<RawHeader>,
    ) {
        let mut bye = dialog.request(Method::Bye);
        bye.headers.others.extend(headers);
        self.send(endpoint, bye, Purpose::Bye, 0);
    }

    pub(super) fn over(&mut self, endpoint: &mut Endpoint, mut over: Over) -> Phase {
        self.end_transfers(endpoint);
        over.unanswered = self.offers.abandon();
        if over.unanswered.is_some() {
            let patience = endpoint.config.timers.patience();
            self.start_alarm(endpoint, SessionAlarm::CancelDeadline, patience);
        }
        self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED);
        self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
        for alarm in SessionAlarm::OF_RINGING
            .into_iter()
            .chain(SessionAlarm::OF_TIMER)
        {
            self.stop_alarm(endpoint, alarm);
        }
        if over.farewell.is_none() {
            self.stop_answer(endpoint);
        }
        std::mem::replace(&mut self.phase, Phase::Over(over))
    }

    pub(super) fn tell_ended(&self, endpoint: &mut Endpoint, ended: Ended) {
        self.tell(endpoint, SessionEvent::Ended(ended));
    }
}

/// How long a peer asks to wait (RFC 3261 §20.33).
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let asked = response.headers.typed::<RetryAfter>().ok().flatten();
    asked.map(|asked| asked.0)
}

impl Ended {
    pub(crate) const fn by(by: EndedBy) -> Self {
        let (status, phrase, retry_after) = (None, None, None);
        Self {
            by,
            status,
            phrase,
            reasons: Vec::new(),
            retry_after,
            response: None,
        }
    }

    pub(crate) fn by_request(by: EndedBy, request: &Request) -> Self {
        let reasons = request.headers.reasons();
        Self {
            reasons,
            ..Self::by(by)
        }
    }

    pub(crate) fn refused(by: EndedBy, response: Response) -> Self {
        Self {
            status: Some(response.status),
            phrase: Some(response.reason.detached()),
            reasons: response.headers.reasons(),
            retry_after: retry_after(&response),
            response: Some(Box::new(response)),
            ..Self::by(by)
        }
    }
}
