//! Who may ask a PBX for what, and what waits until it may.

use std::sync::Arc;

use sidetone_sip::message::Host;
use sidetone_sip::{Message, Method, Request, Uri};

use super::from_browser::Destination;
use super::{BROWSER, Due, MOST_WAITING, Phone, REGISTER_PATIENCE};
use crate::bridge::binding;
use crate::bridge::pbx::Pbx;

/// Whether a request may go out.
pub(super) enum Permission {
    Granted,
    /// It speaks for an account that is not registered here; it may be soon.
    NotYet,
    Refused,
}

impl Phone {
    pub(super) async fn on_request(&mut self, request: Request, destination: Destination) {
        let may_wait = !matches!(request.method, Method::Ack | Method::Register);
        if may_wait && matches!(self.permission(&request, &destination), Permission::NotYet) {
            if self.waiting.len() < MOST_WAITING {
                if self.waiting.is_empty() {
                    self.start_timer(Due::Waiting, REGISTER_PATIENCE);
                }
                self.waiting.push(request);
            }
            return;
        }
        let message = Message::Request(request);
        self.transactions
            .handle_message(self.now(), BROWSER, message);
        self.settle(Some(destination)).await;
    }

    pub(super) fn permission(&self, request: &Request, destination: &Destination) -> Permission {
        let from = binding::account(&request.headers.from.uri);
        if request.method == Method::Register {
            let to = binding::account(&request.headers.to.uri);
            return match from.is_some() && from == to {
                true => Permission::Granted,
                false => Permission::Refused,
            };
        }
        // Nobody else could know the token of the dialog.
        if destination.route.is_some() && request.headers.to.tag().is_some() {
            return Permission::Granted;
        }
        let upstream = destination.pbx.id;
        let bindings = self.seat.iter().flat_map(|seat| &seat.bindings);
        let mut here = bindings
            .filter(|bound| bound.upstream == upstream)
            .peekable();
        if here.peek().is_none() {
            return match destination.pbx.config.guests {
                true => Permission::Granted,
                false => Permission::NotYet,
            };
        }
        let anonymous = matches!(&request.headers.from.uri, Uri::Sip(uri)
            if uri.host == Host::Name("anonymous.invalid".into()));
        match anonymous || here.any(|bound| Some(&bound.account) == from.as_ref()) {
            true => Permission::Granted,
            false => Permission::Refused,
        }
    }

    /// Lets go what waited for a registration.
    pub(super) async fn release_waiting(&mut self) {
        self.stop_timer(Due::Waiting);
        for request in std::mem::take(&mut self.waiting) {
            if let Some(destination) = self.destination(&request) {
                // A future that holds itself must be boxed; few ever wait.
                Box::pin(self.on_request(request, destination)).await;
            }
        }
    }

    /// Refuses what waited in vain, at `upstream` only if one is named.
    pub(super) async fn refuse_waiting(&mut self, upstream: Option<&Arc<Pbx>>) {
        self.stop_timer(Due::Waiting);
        let waiting = std::mem::take(&mut self.waiting);
        for request in waiting {
            let Some(destination) = self.destination(&request) else {
                continue;
            };
            if upstream.is_some_and(|pbx| pbx.id != destination.pbx.id) {
                self.waiting.push(request);
                continue;
            }
            let message = Message::Request(request);
            self.transactions
                .handle_message(self.now(), BROWSER, message);
            Box::pin(self.settle(Some(destination))).await;
        }
        if !self.waiting.is_empty() {
            self.start_timer(Due::Waiting, REGISTER_PATIENCE);
        }
    }
}
