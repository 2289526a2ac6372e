//! The NOTIFYs to a subscriber (RFC 6665 §4.2.2).

use super::{Notifier, State};
use crate::endpoint::config::Body;
use crate::endpoint::{Endpoint, Owner, Task, body, contact};
use crate::message::{SubscriptionState, Substate};
use crate::subscription::SubscriptionEnd;
use crate::transaction::{NoResponse, Persistence};
use crate::{Method, Request};

/// More than any subscriber should be behind by; one that is gets no more.
const MOST_WAITING: usize = 64;

impl Notifier {
    pub(super) fn tell_state(&mut self, endpoint: &mut Endpoint, body: Option<Body>) {
        if self.waiting.len() == MOST_WAITING {
            self.state = State::Over;
            let cause = SubscriptionEnd::NoAnswer(NoResponse::TimedOut);
            self.tell_ended(endpoint, cause);
            return;
        }
        let state = if self.is_pending {
            Substate::Pending
        } else {
            Substate::Active
        };
        self.queue(endpoint, SubscriptionState::lasting(state, 0), body);
    }

    pub(super) fn queue(
        &mut self,
        endpoint: &mut Endpoint,
        told: SubscriptionState,
        body: Option<Body>,
    ) {
        self.waiting.push_back((told, body));
        self.send_next(endpoint);
    }

    pub(super) fn send_next(&mut self, endpoint: &mut Endpoint) {
        if self.client.is_some() {
            return;
        }
        let Some((mut told, body)) = self.waiting.pop_front() else {
            return;
        };
        if told.expires.is_some() {
            let left = self.until.since(endpoint.now).as_secs();
            told.expires = Some(u32::try_from(left).unwrap_or(u32::MAX));
        }
        let mut request = self.dialog.request(Method::Notify);
        contact(&mut request.headers, &self.contact);
        request.headers.push(&self.event);
        request.headers.push(&told);
        if let Some(body) = body {
            body::write(&mut request.headers, &mut request.body, body);
        }
        self.transmit(endpoint, request, 0);
    }

    pub(super) fn transmit(&mut self, endpoint: &mut Endpoint, request: Request, answered: u8) {
        let task = Task {
            owner: Owner::Notifier(self.id),
            answered,
        };
        // A phone that comes back in time hears what it missed.
        self.client = Some(endpoint.send(self.flow, request, Persistence::Waits, task));
    }
}
