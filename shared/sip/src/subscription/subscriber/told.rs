//! What the notifier says (RFC 6665 §4.1.2, §4.1.3).

use std::time::Duration;

use super::{State, Subscriber};
use crate::dialog::{Dialog, DialogId};
use crate::endpoint::{Endpoint, SubscriberAlarm};
use crate::message::{EventType, MinExpires, RetryAfter, SubscriptionState, TerminationReason};
use crate::subscription::{Subscribing, SubscriptionEnd};
use crate::{Request, Response, Status};

impl Subscriber {
    /// Refreshes in time.
    pub(super) fn on_granted(&self, endpoint: &mut Endpoint, seconds: u32) {
        let lasts = matches!(self.state, State::Asking(_) | State::Subscribed(_));
        if lasts && self.expires > 0 {
            let refresh = seconds.saturating_sub(60).max(seconds / 2).max(1);
            let refresh = Duration::from_secs(refresh.into());
            self.start_alarm(endpoint, SubscriberAlarm::Next, refresh);
        }
    }

    pub(super) fn on_refused(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let cause = SubscriptionEnd::refused(response);
        let least = response.headers.typed::<MinExpires>().ok().flatten();
        let retry_after = response.headers.typed::<RetryAfter>().ok().flatten();
        match (response.status, &mut self.state) {
            (_, State::Leaving(_)) => self.end(endpoint, cause),
            (Status::INTERVAL_TOO_BRIEF, _) if least.is_some_and(|l| l.0 > self.expires) => {
                self.expires = least.map_or(self.expires, |least| least.0);
                match &mut self.state {
                    State::Subscribed(_) => self.ask(endpoint),
                    _ => self.ask_anew(endpoint),
                }
            }
            (Status::BAD_EVENT, State::Asking(_)) if self.packages.len() > 1 => {
                self.packages.pop_front();
                self.ask_anew(endpoint);
            }
            // RFC 6665 §4.1.2.2: the notifier has forgotten it.
            (Status::CALL_DOES_NOT_EXIST, State::Subscribed(_)) => {
                self.lose(endpoint, cause, Some(Duration::ZERO));
            }
            (status, _) => {
                let passes = matches!(status.code(), 408 | 480 | 500 | 503 | 504);
                if passes || retry_after.is_some() {
                    let wait = retry_after.map_or_else(|| self.back_off(endpoint), |after| after.0);
                    self.lose(endpoint, cause, Some(wait));
                } else {
                    self.end(endpoint, cause);
                }
            }
        }
    }

    /// Takes a NOTIFY into the dialog, or sets the dialog up by it (RFC 6665 §4.1.3, §4.4.1).
    pub(super) fn take_notify(&mut self, request: &Request) -> Result<(), Status> {
        let event = request.headers.typed::<EventType>();
        let event = event.ok().flatten().ok_or(Status::BAD_REQUEST)?;
        let asked = self.packages.front();
        if asked.is_none_or(|asked| asked.name != event.package) || event.id.is_some() {
            return Err(Status::BAD_EVENT);
        }
        match &mut self.state {
            State::Subscribed(dialog) | State::Leaving(dialog) => {
                // RFC 6665 §5.4.9: what other forks tell is not wanted.
                if dialog.id() != DialogId::of_received(request) {
                    return Err(Status::CALL_DOES_NOT_EXIST);
                }
                let in_order = dialog.take_number(request);
                in_order.map_err(|_| Status::SERVER_INTERNAL_ERROR)?;
                dialog.refresh_target(&request.headers);
                Ok(())
            }
            State::Asking(asked) => {
                let dialog = Dialog::of_subscriber(asked, request);
                self.state = State::Subscribed(Box::new(dialog));
                Ok(())
            }
            State::Waiting | State::Over => Err(Status::CALL_DOES_NOT_EXIST),
        }
    }

    /// RFC 6665 §4.1.3.
    pub(super) fn on_terminated(&mut self, endpoint: &mut Endpoint, told: SubscriptionState) {
        let after = told.retry_after.map(|s| Duration::from_secs(s.into()));
        let retry_in = match &told.reason {
            // It was asked for once.
            _ if self.expires == 0 => None,
            Some(
                TerminationReason::Rejected
                | TerminationReason::NoResource
                | TerminationReason::Invariant,
            ) => None,
            Some(TerminationReason::Deactivated | TerminationReason::Timeout) => {
                Some(Duration::ZERO)
            }
            _ => Some(after.unwrap_or_else(|| self.back_off(endpoint))),
        };
        let cause = SubscriptionEnd::Terminated(told.reason);
        match retry_in {
            Some(wait) => self.lose(endpoint, cause, Some(wait)),
            None => self.end(endpoint, cause),
        }
    }
}
