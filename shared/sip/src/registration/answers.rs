//! What the registrar says to a REGISTER (RFC 3261 §10.2.4 to §10.2.8).

use std::time::Duration;

use super::{Registration, Retry, State};
use crate::endpoint::binding::Binding;
use crate::endpoint::event::{RegistrationFailure, RegistrationState};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Endpoint, is_challenge};
use crate::message::{Expires, MinExpires, RetryAfter};
use crate::push::{self, Push};
use crate::transaction::ClientId;
use crate::{Response, Status};

impl Registration {
    pub(crate) fn on_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) {
        if !self.awaits(client) || response.status.is_provisional() {
            return;
        }
        if is_challenge(response.status) {
            self.on_challenge(endpoint, client, answered, response);
        } else if let State::Leaving { .. } = self.state {
            self.forget(endpoint);
        } else if response.status.is_success() {
            self.on_granted(endpoint, response);
        } else if self.comes_down(endpoint, response) {
            let client = self.send(endpoint, self.expires);
            self.state = State::Asking { client };
        } else {
            let cause = refused(response);
            let retry_after = response.headers.typed::<RetryAfter>().ok().flatten();
            self.not_before = retry_after.map(|after| endpoint.now + after.0);
            let retry = retry_after.map_or(Retry::BackOff, |after| Retry::After(after.0));
            self.on_failure(endpoint, cause, retry);
        }
    }

    /// Asks for less, or for longer, if that is what the registrar wants. Each can happen once.
    fn comes_down(&mut self, endpoint: &mut Endpoint, response: &Response) -> bool {
        if self.removed {
            return false;
        }
        match response.status {
            Status::INTERVAL_TOO_BRIEF => match self.longer_expiry(response) {
                Some(expires) => self.expires = expires,
                None => return false,
            },
            // RFC 5626 §11.6: what lies between can't do it.
            Status::FIRST_HOP_LACKS_OUTBOUND if self.is_outbound() => {
                self.contact.params.remove("reg-id");
            }
            // RFC 8599 §5.3.2: the phone is reached as long as it is awake.
            Status::PUSH_NOT_SUPPORTED if Push::of(&self.contact).is_some() => {
                push::erase(&mut self.contact);
                self.on_contact_changed(endpoint);
            }
            _ => return false,
        }
        true
    }

    fn on_challenge(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) {
        match endpoint.answer_challenge(Some(self.id), client, answered, response) {
            Verdict::Retry(mut request) => {
                request.headers.cseq.number = self.next_number();
                let again = self.transmit(endpoint, *request, answered + 1);
                match &mut self.state {
                    State::Asking { client } | State::Leaving { client } => *client = again,
                    State::Waiting | State::Halted | State::Granted | State::Gone => {}
                }
            }
            Verdict::WrongCredentials => {
                let cause = RegistrationFailure::WrongCredentials;
                self.on_failure(endpoint, cause, Retry::Never);
            }
            Verdict::NotOurs => self.on_failure(endpoint, refused(response), Retry::Never),
        }
    }

    fn on_granted(&mut self, endpoint: &mut Endpoint, response: &Response) {
        self.not_before = None;
        self.state = State::Granted;
        if self.removed {
            self.leave(endpoint);
            return;
        }
        let seconds = self.granted_expiry(response);
        let identity = endpoint.identities.get_mut(&self.id);
        let binding = identity.and_then(|identity| {
            identity.is_registered = true;
            identity.binding.as_ref()
        });
        let flow_timer = binding.and_then(|binding| binding.flow_timer);
        let before = binding.and_then(Binding::refresh_before);
        let asks_signs_of_life = endpoint.config.keep_alive.or(flow_timer).is_some();
        self.recovery.on_granted(asks_signs_of_life);
        let refresh = refresh_after(seconds, before);
        endpoint.start_alarm(Alarm::Registration(self.id), refresh);
        let expires = Duration::from_secs(seconds.into());
        self.tell(endpoint, RegistrationState::Registered { expires });
        if std::mem::take(&mut self.is_outdated) {
            self.register(endpoint);
        }
    }

    /// RFC 3261 §10.2.4: what our Contact in the response says, else its Expires, else what we
    /// asked for.
    fn granted_expiry(&self, response: &Response) -> u32 {
        let ours = response
            .headers
            .contact
            .list()
            .iter()
            .find(|c| c.uri == self.contact.uri);
        let of_contact = ours.and_then(|c| c.params.value("expires")?.parse().ok());
        let of_header = || {
            response
                .headers
                .typed::<Expires>()
                .ok()
                .flatten()
                .map(|e| e.0)
        };
        of_contact.or_else(of_header).unwrap_or(self.expires)
    }

    /// RFC 3261 §10.2.8.
    fn longer_expiry(&self, response: &Response) -> Option<u32> {
        let least = response.headers.typed::<MinExpires>().ok().flatten()?.0;
        (least > self.expires).then_some(least)
    }
}

/// A minute before the expiry, and for a sleeping phone as early as the network wants.
fn refresh_after(seconds: u32, before: Option<Duration>) -> Duration {
    let usual = seconds.saturating_sub(60).max(seconds / 2);
    let before = before.map_or(0, |before| before.as_secs());
    let early = u64::from(seconds).saturating_sub(before);
    let refresh = u64::from(usual).min(early).max(u64::from(seconds / 4));
    Duration::from_secs(refresh.max(1))
}

fn refused(response: &Response) -> RegistrationFailure {
    RegistrationFailure::Refused {
        status: response.status,
        reason: response.reason.detached(),
    }
}
