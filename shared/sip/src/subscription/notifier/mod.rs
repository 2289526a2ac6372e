//! Telling a peer that subscribed (RFC 6665 §4.2).

mod telling;

use std::collections::VecDeque;
use std::time::Duration;

use super::roles::{Command, Notifying};
use super::{SubscriptionEnd, SubscriptionEvent, SubscriptionId};
use crate::dialog::{Dialog, DialogId};
use crate::endpoint::config::Body;
use crate::endpoint::event::{AccountId, Event};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Endpoint, contact, is_challenge};
use crate::message::{
    EventType, Expires, RawHeader, RetryAfter, SubscriptionState, TerminationReason,
};
use crate::transaction::{ClientId, FlowId, NoResponse, ServerId};
use crate::{Address, CommandError, Moment, Request, Response, Status};

/// One subscription to us (RFC 6665 §4.2).
///
/// ```text
///   SUBSCRIBE
///      |
///      V                                         notify(): NOTIFY, one at a time
///  +-------+  accept: 2xx, NOTIFY  +--------+ --+ SUBSCRIBE: 200, ask for the state
///  | Asked | --------------------> | Lasting|   |
///  +-------+                       +--------+ <-+
///      |                               |  | expiry, SUBSCRIBE expires=0, end():
///      | reject: 3xx–6xx               |  | NOTIFY terminated
///      V                    NOTIFY     |  V
///    Over <-----------------refused----+ +-------+
///      ^                                 | Ended |
///      +---- last NOTIFY answered -------+-------+
/// ```
///
/// NOTIFYs go out one after the other, so that none overtakes another.
#[derive(Debug)]
pub(crate) struct Notifier {
    id: SubscriptionId,
    flow: FlowId,
    account: Option<AccountId>,
    contact: Address,
    event: EventType,
    name: DialogId,
    dialog: Dialog,
    state: State,
    /// The longest expiry granted, in seconds.
    expires: u32,
    /// When it ends.
    until: Moment,
    is_pending: bool,
    /// The NOTIFY that waits for its answer.
    client: Option<ClientId>,
    waiting: VecDeque<(SubscriptionState, Option<Body>)>,
}

#[derive(Debug)]
enum State {
    Asked(ServerId, Box<Request>),
    Lasting,
    Ended,
    Over,
}

impl Notifier {
    /// A SUBSCRIBE that waits for the application.
    #[expect(clippy::too_many_arguments, reason = "each is of its own kind")]
    pub(crate) fn ask(
        endpoint: &mut Endpoint,
        id: SubscriptionId,
        server: ServerId,
        flow: FlowId,
        account: Option<AccountId>,
        event: EventType,
        expires: u32,
        request: Request,
    ) -> Self {
        let of_account = account.and_then(|account| endpoint.identities.get(&account));
        let own = of_account.map_or_else(|| request.uri.clone(), |i| i.contact.uri.clone());
        let dialog = Dialog::of_callee(&request, &endpoint.tokens.token());
        let name = dialog.id();
        endpoint.notifiers.insert(name.clone(), id);
        endpoint.tell(Event::Subscription {
            subscription: id,
            event: SubscriptionEvent::Requested {
                flow,
                package: event.package.clone(),
                expires,
                request: Box::new(request.clone()),
            },
        });
        // An application that never decides is not waited for longer than its subscriber waits.
        let patience = endpoint.config.timers.patience();
        endpoint.start_alarm(Alarm::Notifier(id), patience);
        Self {
            id,
            flow,
            account,
            contact: Address::new(own),
            event,
            name,
            dialog,
            state: State::Asked(server, Box::new(request)),
            expires,
            until: endpoint.now,
            is_pending: false,
            client: None,
            waiting: VecDeque::new(),
        }
    }

    fn refusal(&self) -> CommandError {
        match self.state {
            State::Asked(..) | State::Lasting => CommandError::WrongState,
            State::Ended | State::Over => CommandError::Gone,
        }
    }

    fn on_refresh(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request) {
        self.dialog.refresh_target(&request.headers);
        let asked = request.headers.typed::<Expires>().ok().flatten();
        let expires = asked.map_or(self.expires, |asked| asked.0.min(self.expires));
        self.respond_granted(endpoint, server, request, expires);
        if expires == 0 {
            let told = SubscriptionState::terminated(TerminationReason::Timeout);
            self.finish(endpoint, told, None, SubscriptionEnd::Unsubscribed);
        } else {
            self.tell(endpoint, SubscriptionEvent::StateWanted);
        }
    }

    fn respond_granted(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: &Request,
        expires: u32,
    ) {
        let tag = self.dialog.local_tag();
        let mut response = Response::to(request, Status::OK, Some(tag));
        contact(&mut response.headers, &self.contact);
        response.headers.push(&Expires(expires));
        endpoint.respond(server, response);
        let lasts = Duration::from_secs(expires.into());
        self.until = endpoint.now + lasts;
        endpoint.start_alarm(Alarm::Notifier(self.id), lasts);
    }

    /// A last NOTIFY.
    fn finish(
        &mut self,
        endpoint: &mut Endpoint,
        told: SubscriptionState,
        body: Option<Body>,
        cause: SubscriptionEnd,
    ) {
        self.state = State::Ended;
        endpoint.alarms.stop(Alarm::Notifier(self.id));
        self.queue(endpoint, told, body);
        self.tell_ended(endpoint, cause);
    }

    /// No further NOTIFY.
    fn give_up(&mut self, endpoint: &mut Endpoint, cause: SubscriptionEnd) {
        self.waiting.clear();
        if let State::Lasting = std::mem::replace(&mut self.state, State::Over) {
            self.tell_ended(endpoint, cause);
        }
    }

    fn tell_ended(&self, endpoint: &mut Endpoint, cause: SubscriptionEnd) {
        self.tell(endpoint, SubscriptionEvent::Ended(cause));
    }

    fn tell(&self, endpoint: &mut Endpoint, event: SubscriptionEvent) {
        endpoint.tell(Event::Subscription {
            subscription: self.id,
            event,
        });
    }
}

impl Notifying for Notifier {
    fn account(&self) -> Option<AccountId> {
        self.account
    }

    fn flow(&self) -> FlowId {
        self.flow
    }

    fn rebind(&mut self, to: FlowId) {
        self.flow = to;
    }

    fn awaits(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    fn is_over(&self) -> bool {
        let is_told = self.client.is_none() && self.waiting.is_empty();
        match self.state {
            State::Over => true,
            State::Ended => is_told,
            State::Asked(..) | State::Lasting => false,
        }
    }

    /// Removes what names this subscription elsewhere.
    fn forget(&self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Notifier(self.id));
        endpoint.notifiers.remove(&self.name);
    }

    /// RFC 6665 §4.2.1: a 2xx, and a NOTIFY at once.
    fn accept(
        &mut self,
        endpoint: &mut Endpoint,
        expires: u32,
        is_pending: bool,
        body: Option<Body>,
    ) -> Command {
        let (server, request) = match std::mem::replace(&mut self.state, State::Lasting) {
            State::Asked(server, request) => (server, request),
            other => {
                self.state = other;
                return Err(self.refusal());
            }
        };
        self.is_pending = is_pending;
        self.expires = self.expires.min(expires);
        self.respond_granted(endpoint, server, &request, self.expires);
        if self.expires == 0 {
            let told = SubscriptionState::terminated(TerminationReason::Timeout);
            self.state = State::Ended;
            endpoint.alarms.stop(Alarm::Notifier(self.id));
            self.queue(endpoint, told, body);
            self.tell_ended(endpoint, SubscriptionEnd::Unsubscribed);
        } else {
            self.tell_state(endpoint, body);
        }
        Ok(())
    }

    fn reject(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
        headers: Vec<RawHeader>,
    ) -> Command {
        let State::Asked(server, request) = &self.state else {
            return Err(self.refusal());
        };
        if status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        let mut response = Response::to(request, status, Some(self.dialog.local_tag()));
        response.headers.others.extend(headers);
        endpoint.respond(*server, response);
        self.state = State::Over;
        self.tell_ended(endpoint, SubscriptionEnd::Local);
        Ok(())
    }

    /// Tells the subscriber; a pending subscription becomes active by it.
    fn notify(&mut self, endpoint: &mut Endpoint, body: Option<Body>) -> Command {
        let State::Lasting = self.state else {
            return Err(self.refusal());
        };
        self.is_pending = false;
        self.tell_state(endpoint, body);
        Ok(())
    }

    fn end(
        &mut self,
        endpoint: &mut Endpoint,
        told: SubscriptionState,
        body: Option<Body>,
    ) -> Command {
        let State::Lasting = self.state else {
            return Err(self.refusal());
        };
        self.finish(endpoint, told, body, SubscriptionEnd::Local);
        Ok(())
    }

    fn on_subscribe(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request) {
        if self.dialog.take_number(request).is_err() {
            endpoint.respond_status(server, request, Status::SERVER_INTERNAL_ERROR);
            return;
        }
        let is_same =
            matches!(request.headers.typed::<EventType>(), Ok(Some(e)) if e == self.event);
        match self.state {
            _ if !is_same => endpoint.respond_bad_event(server, request),
            State::Asked(..) => endpoint.respond_retry_later(server, request),
            State::Ended | State::Over => {
                endpoint.respond_status(server, request, Status::CALL_DOES_NOT_EXIST);
            }
            State::Lasting => self.on_refresh(endpoint, server, request),
        }
    }

    fn on_expiry(&mut self, endpoint: &mut Endpoint) {
        match &self.state {
            State::Lasting => {
                let told = SubscriptionState::terminated(TerminationReason::Timeout);
                self.finish(endpoint, told, None, SubscriptionEnd::Expired);
            }
            State::Asked(..) => {
                self.state = State::Over;
                self.tell_ended(endpoint, SubscriptionEnd::Expired);
            }
            State::Ended | State::Over => {}
        }
    }

    fn on_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) {
        if self.client != Some(client) || response.status.is_provisional() {
            return;
        }
        self.client = None;
        if is_challenge(response.status)
            && let Verdict::Retry(mut request) =
                endpoint.answer_challenge(self.account, client, answered, response)
        {
            request.headers.cseq.number = self.dialog.next_number();
            self.transmit(endpoint, *request, answered + 1);
            return;
        }
        // RFC 6665 §4.2.2: a refusal ends the subscription, unless it says when to try again.
        let waits = matches!(response.headers.typed::<RetryAfter>(), Ok(Some(_)));
        if response.status.is_success() {
            self.dialog.refresh_target(&response.headers);
            self.send_next(endpoint);
        } else if waits {
            self.send_next(endpoint);
        } else {
            self.give_up(endpoint, SubscriptionEnd::refused(response));
        }
    }

    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        if self.client.take().is_some() {
            self.give_up(endpoint, SubscriptionEnd::NoAnswer(why));
        }
    }
}
