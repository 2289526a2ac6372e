//! Subscribing to what a peer tells (RFC 6665 §4.1).

mod told;

use std::collections::VecDeque;
use std::time::Duration;

use super::roles::Subscribing;
use super::{Package, Subscribe, SubscriptionEnd, SubscriptionEvent, SubscriptionId};
use crate::dialog::{Dialog, DialogId};
use crate::endpoint::event::{AccountId, Event};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{
    Alarm, Endpoint, Owner, Speaker, SubscriberAlarm, Task, body, contact, is_challenge,
};
use crate::message::{
    CSeq, EventType, Expires, HeaderName, Headers, RawHeader, SubscriptionState, Substate,
};
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence, ServerId};
use crate::{Address, Method, Request, Response, Status, Uri};

/// The wish to be told of something (RFC 6665 §4.1), through as many subscriptions as it takes.
///
/// ```text
///      flow up, retry alarm:
///      +---------+  SUBSCRIBE   +--------+ 489 with another package, 423, challenge:
///      | Waiting | -----------> | Asking | --+ SUBSCRIBE again
///      +---------+              +--------+ <-+
///        ^  ^    refused for now,  |   | first NOTIFY: the dialog is there
///        |  +----- no NOTIFY ------+   V
///        |                         +------------+ refresh alarm, flow up: SUBSCRIBE
///        +-- terminated, 481 ----- | Subscribed | --+
///                                  +------------+ <-+
///      refused for good,                |
///      terminated for good              | unsubscribe(): SUBSCRIBE expires=0
///             |                         V
///             V    last NOTIFY,    +---------+
///           Over <-- deadline ---- | Leaving |
///                                  +---------+
/// ```
#[derive(Debug)]
pub(crate) struct Subscriber {
    id: SubscriptionId,
    flow: FlowId,
    account: Option<AccountId>,
    from: Address,
    contact: Address,
    target: Uri,
    to: Address,
    /// The one at hand, and those to fall back to.
    packages: VecDeque<Package>,
    headers: Vec<RawHeader>,
    expires: u32,
    state: State,
    /// The SUBSCRIBE that waits for its answer.
    client: Option<ClientId>,
    /// The name by which NOTIFYs find this subscription.
    name: Option<DialogId>,
    is_challenged: bool,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// The headers of the SUBSCRIBE last sent.
    Asking(Box<Headers>),
    Subscribed(Box<Dialog>),
    Leaving(Box<Dialog>),
    Over,
}

impl Subscriber {
    pub(crate) fn new(id: SubscriptionId, speaker: Speaker, wish: Subscribe) -> Self {
        Self {
            id,
            flow: speaker.flow,
            account: speaker.account,
            from: speaker.from,
            contact: speaker.contact,
            target: wish.target,
            to: wish.to,
            packages: wish.packages.into(),
            headers: wish.headers,
            expires: wish.expires,
            state: State::Waiting,
            client: None,
            name: None,
            is_challenged: false,
            failures: 0,
        }
    }

    fn stop_alarms(&self, endpoint: &mut Endpoint) {
        for alarm in [SubscriberAlarm::Next, SubscriberAlarm::Deadline] {
            endpoint.alarms.stop(Alarm::Subscriber(self.id, alarm));
        }
    }

    fn start_alarm(&self, endpoint: &mut Endpoint, alarm: SubscriberAlarm, after: Duration) {
        endpoint.start_alarm(Alarm::Subscriber(self.id, alarm), after);
    }

    /// The first SUBSCRIBE of a dialog.
    fn ask_anew(&mut self, endpoint: &mut Endpoint) {
        self.forget(endpoint);
        let from = self.from.clone().with_tag(&endpoint.tokens.token());
        let cseq = CSeq {
            number: 1,
            method: Method::Subscribe,
        };
        let mut headers = Headers::new(from, self.to.clone(), endpoint.call_id(), cseq);
        headers.others.clone_from(&self.headers);
        let request = Request::new(Method::Subscribe, self.target.clone(), headers);
        let name = DialogId::of_sent(&request);
        endpoint.subscribers.insert(name.clone(), self.id);
        self.name = Some(name);
        self.state = State::Asking(Box::new(request.headers.clone()));
        self.send(endpoint, request, self.expires);
        // RFC 6665 §4.1.2.4: timer N.
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SubscriberAlarm::Deadline, patience);
    }

    fn send(&mut self, endpoint: &mut Endpoint, mut request: Request, expires: u32) {
        let Some(package) = self.packages.front() else {
            return;
        };
        let headers = &mut request.headers;
        contact(headers, &self.contact);
        headers.push(&EventType::of(package.name.clone()));
        headers.push_raw(HeaderName::Accept, package.accept.clone());
        headers.push(&Expires(expires));
        let identity = self
            .account
            .and_then(|account| endpoint.identities.get_mut(&account));
        if let Some(identity) = identity.filter(|_| self.is_challenged) {
            identity.authorize(&mut request, endpoint.tokens.as_mut());
        }
        self.transmit(endpoint, request, 0);
    }

    fn transmit(&mut self, endpoint: &mut Endpoint, request: Request, answered: u8) {
        let task = Task {
            owner: Owner::Subscriber(self.id),
            answered,
        };
        self.client = Some(endpoint.send(self.flow, request, Persistence::Fails, task));
    }

    /// The number for a request that is sent again.
    fn next_number(&mut self) -> u32 {
        match &mut self.state {
            State::Asking(headers) => {
                headers.cseq.number += 1;
                headers.cseq.number
            }
            State::Subscribed(dialog) | State::Leaving(dialog) => dialog.next_number(),
            State::Waiting | State::Over => 0,
        }
    }

    /// Subscribes again in a while.
    fn lose(&mut self, endpoint: &mut Endpoint, cause: SubscriptionEnd, retry: Option<Duration>) {
        self.forget(endpoint);
        self.client = None;
        self.state = State::Waiting;
        self.failures += 1;
        // A notifier that takes a subscription only to drop it at once is not asked in a circle.
        let circles = self.failures > 1;
        let retry_in = match retry {
            Some(Duration::ZERO) if circles => Some(self.back_off(endpoint)),
            other => other,
        };
        if let Some(wait) = retry_in {
            self.start_alarm(endpoint, SubscriberAlarm::Next, wait);
        }
        self.tell(endpoint, SubscriptionEvent::Lost { cause, retry_in });
    }

    fn end(&mut self, endpoint: &mut Endpoint, cause: SubscriptionEnd) {
        if let State::Leaving(_) = std::mem::replace(&mut self.state, State::Over) {
            return;
        }
        self.tell(endpoint, SubscriptionEvent::Ended(cause));
    }

    fn back_off(&self, endpoint: &mut Endpoint) -> Duration {
        endpoint.back_off(self.failures)
    }

    fn tell_notified(
        &self,
        endpoint: &mut Endpoint,
        state: Substate,
        body: Option<crate::endpoint::config::Body>,
    ) {
        let package = self.packages.front().map(|package| package.name.clone());
        let event = SubscriptionEvent::Notified {
            package: package.unwrap_or_default(),
            state,
            body,
        };
        self.tell(endpoint, event);
    }

    fn tell(&self, endpoint: &mut Endpoint, event: SubscriptionEvent) {
        endpoint.tell(Event::Subscription {
            subscription: self.id,
            event,
        });
    }
}

impl Subscribing for Subscriber {
    fn account(&self) -> Option<AccountId> {
        self.account
    }

    fn flow(&self) -> FlowId {
        self.flow
    }

    fn awaits(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving(_) | State::Over)
    }

    /// Removes what names this subscription elsewhere.
    fn forget(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarms(endpoint);
        if let Some(name) = self.name.take() {
            endpoint.subscribers.remove(&name);
        }
    }

    /// Subscribes if that is due and the flow is up.
    fn ask(&mut self, endpoint: &mut Endpoint) {
        if !endpoint.transactions.is_up(self.flow) {
            return;
        }
        match &mut self.state {
            State::Waiting => self.ask_anew(endpoint),
            State::Subscribed(dialog) if self.client.is_none() => {
                let request = dialog.request(Method::Subscribe);
                self.send(endpoint, request, self.expires);
            }
            State::Subscribed(_) | State::Asking(_) | State::Leaving(_) | State::Over => {}
        }
    }

    /// Without a dialog there is nothing to end: the first NOTIFY will find nobody, which ends
    /// the subscription at the notifier (RFC 6665 §4.2.2).
    fn leave(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarms(endpoint);
        self.tell(endpoint, SubscriptionEvent::Ended(SubscriptionEnd::Local));
        let is_up = endpoint.transactions.is_up(self.flow);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Subscribed(mut dialog) if is_up => {
                let request = dialog.request(Method::Subscribe);
                self.state = State::Leaving(dialog);
                self.send(endpoint, request, 0);
                let patience = endpoint.config.timers.patience();
                self.start_alarm(endpoint, SubscriberAlarm::Deadline, patience);
            }
            _ => self.client = None,
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
        if is_challenge(response.status) {
            match endpoint.answer_challenge(self.account, client, answered, response) {
                Verdict::Retry(mut request) => {
                    self.is_challenged = true;
                    request.headers.cseq.number = self.next_number();
                    self.transmit(endpoint, *request, answered + 1);
                }
                Verdict::WrongCredentials => {
                    self.end(endpoint, SubscriptionEnd::WrongCredentials);
                }
                Verdict::NotOurs => self.end(endpoint, SubscriptionEnd::refused(response)),
            }
        } else if response.status.is_success() {
            let granted = response.headers.typed::<Expires>().ok().flatten();
            self.on_granted(endpoint, granted.map_or(self.expires, |granted| granted.0));
        } else {
            self.on_refused(endpoint, response);
        }
    }

    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        if self.client.take().is_none() {
            return;
        }
        let cause = SubscriptionEnd::NoAnswer(why);
        match (&self.state, why) {
            (State::Leaving(_), _) => self.end(endpoint, cause),
            // The flow coming up refreshes it.
            (State::Subscribed(_) | State::Waiting | State::Over, NoResponse::FlowDown) => {}
            (State::Asking(_), NoResponse::FlowDown) => self.lose(endpoint, cause, None),
            (_, NoResponse::TimedOut) => {
                let wait = self.back_off(endpoint);
                self.lose(endpoint, cause, Some(wait));
            }
        }
    }

    fn on_alarm(&mut self, endpoint: &mut Endpoint, alarm: SubscriberAlarm) {
        match (alarm, &self.state) {
            (SubscriberAlarm::Next, state) => {
                if let State::Subscribed(_) = state {
                    self.failures = 0;
                }
                self.ask(endpoint);
            }
            (SubscriberAlarm::Deadline, State::Asking(_)) => {
                self.client = None;
                let wait = self.back_off(endpoint);
                self.lose(endpoint, SubscriptionEnd::NoNotify, Some(wait));
            }
            (SubscriberAlarm::Deadline, State::Leaving(_)) => self.state = State::Over,
            (SubscriberAlarm::Deadline, _) => {}
        }
    }

    fn on_notify(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request) {
        if let Err(status) = self.take_notify(request) {
            endpoint.respond_status(server, request, status);
            return;
        }
        let told = request.headers.typed::<SubscriptionState>();
        let Ok(Some(told)) = told else {
            endpoint.respond_status(server, request, Status::BAD_REQUEST);
            return;
        };
        let mut response = Response::to(request, Status::OK, None);
        contact(&mut response.headers, &self.contact);
        endpoint.respond(server, response);
        if let State::Leaving(_) = self.state {
            if told.state == Substate::Terminated {
                self.state = State::Over;
            }
            return;
        }
        let deadline = Alarm::Subscriber(self.id, SubscriberAlarm::Deadline);
        endpoint.alarms.stop(deadline);
        let is_over = told.state == Substate::Terminated;
        let body = body::read(&request.headers, &request.body);
        if !is_over || body.is_some() {
            let state = told.state.clone();
            self.tell_notified(endpoint, state, body);
        }
        if is_over {
            self.on_terminated(endpoint, told);
        } else if let Some(seconds) = told.expires {
            self.on_granted(endpoint, seconds);
        }
    }

    fn on_flow_down(&mut self, endpoint: &mut Endpoint) {
        let next = Alarm::Subscriber(self.id, SubscriberAlarm::Next);
        match self.state {
            State::Leaving(_) => self.state = State::Over,
            State::Subscribed(_) => endpoint.alarms.stop(next),
            _ => {}
        }
    }
}
