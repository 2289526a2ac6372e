//! The agent: accounts, sessions and everything outside them, over any number of flows.

mod challenges;
mod commands;
mod io;
mod keep_alive;
mod kept;
mod parts;
mod publications;
mod replacements;
mod requests;
mod subscriptions;
mod transfers;

pub use io::*;

use keep_alive::KeepAlive;
use parts::Parts;

use crate::endpoint::config::Config;
use crate::endpoint::event::{AccountId, Event, OutgoingId, SessionId};
use crate::endpoint::{Alarm, Endpoint, Owner, is_challenge};
use crate::message::{HeaderName, Incoming, Refusal, Transport, read_frame};
use crate::publication::{PublicationId, Publisher};
use crate::registration::Registration;
use crate::session::Session;
use crate::subscription::{Notifying, Subscribing, SubscriptionId};
use crate::table::Table;
use crate::transaction::{ClientId, FlowId, Happening, NoResponse, ServerId};
use crate::{Moment, Request, Response, Status, TokenSource};

/// What an agent received that it could not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests refused because they were malformed.
    pub refused: u64,
    /// Messages dropped because they were malformed.
    pub dropped: u64,
}

/// The user agent. See the crate's contract.
pub struct UserAgent {
    endpoint: Endpoint,
    registrations: Table<AccountId, Registration>,
    sessions: Table<SessionId, Session>,
    /// Requests of [`UserAgent::request`], and the account that answers their challenges.
    outgoing: Table<OutgoingId, Option<AccountId>>,
    subscribers: Table<SubscriptionId, Box<dyn Subscribing + Send>>,
    notifiers: Table<SubscriptionId, Box<dyn Notifying + Send>>,
    publications: Table<PublicationId, Box<dyn Publisher + Send>>,
    keep_alives: Table<FlowId, KeepAlive>,
    counters: Counters,
    is_drained: bool,
    last_id: u64,
    parts: Parts,
}

impl UserAgent {
    fn of_parts(config: Config, tokens: Box<dyn TokenSource + Send>, parts: Parts) -> Self {
        Self {
            endpoint: Endpoint::new(config, tokens, parts.readers),
            registrations: Table::new(),
            sessions: Table::new(),
            outgoing: Table::new(),
            subscribers: Table::new(),
            notifiers: Table::new(),
            publications: Table::new(),
            keep_alives: Table::new(),
            counters: Counters::default(),
            is_drained: true,
            last_id: 0,
            parts,
        }
    }

    /// Gives one input.
    ///
    /// # Errors
    /// [`ContractError`]; the input was not taken.
    pub fn handle_input(&mut self, now: Moment, input: Input) -> Result<(), ContractError> {
        self.enter(now)?;
        match input {
            Input::Received { flow, bytes } => self.on_received(flow, &bytes),
            Input::TimerFired => self.on_timer(),
            Input::TransportUp { flow, transport } => self.on_transport_up(flow, transport),
            Input::TransportDown { flow } => self.on_transport_down(flow),
        }
        self.leave();
        Ok(())
    }

    /// The next output; [`Output::Timeout`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        if let Some((flow, bytes)) = self.endpoint.transactions.poll_transmit() {
            return Output::Transmit { flow, bytes };
        }
        if let Some(event) = self.endpoint.poll_event() {
            return Output::Event(event);
        }
        self.is_drained = true;
        let timers = [
            self.endpoint.transactions.next_timer(),
            self.endpoint.alarms.next(),
        ];
        Output::Timeout(timers.into_iter().flatten().min())
    }

    /// Whether nothing is left: no transaction, no timer, no session, no account.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let keeps_alive = |alarm: &Alarm| matches!(alarm, Alarm::KeepAlive(_));
        self.endpoint.is_idle()
            && self.endpoint.alarms.names().all(keeps_alive)
            && self.registrations.is_empty()
            && self.sessions.is_empty()
            && self.outgoing.is_empty()
            && self.subscribers.is_empty()
            && self.notifiers.is_empty()
            && self.publications.is_empty()
    }

    /// What was received and could not be used so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Begins an input or a command.
    fn enter(&mut self, now: Moment) -> Result<(), ContractError> {
        if !self.is_drained {
            return Err(ContractError::OutputPending);
        }
        if now < self.endpoint.now {
            return Err(ContractError::TimeRanBackwards);
        }
        self.endpoint.now = now;
        Ok(())
    }

    /// Ends an input or a command that was carried out.
    fn leave(&mut self) {
        self.settle();
        while let Some(errand) = self.endpoint.poll_errand() {
            if let Some(run) = self.parts.run_errand {
                run(self, errand);
            }
            self.settle();
        }
        self.drop_unwanted();
        self.is_drained = false;
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn on_received(&mut self, flow: FlowId, bytes: &[u8]) {
        match read_frame(bytes, &self.endpoint.config.limits) {
            Incoming::Message(message) => {
                if let crate::Message::Response(response) = &message {
                    self.on_sign_of_life(flow);
                    self.acknowledge_for_predecessor(response);
                }
                self.endpoint
                    .transactions
                    .handle_message(self.endpoint.now, flow, message);
            }
            Incoming::Ping => self.endpoint.transactions.transmit(flow, b"\r\n".to_vec()),
            Incoming::Pong => self.on_sign_of_life(flow),
            Incoming::Refused(Refusal { mut response, .. }) => {
                self.counters.refused += 1;
                let product = self.endpoint.config.product.clone();
                response.headers.push_raw(HeaderName::Server, product);
                self.endpoint
                    .transactions
                    .transmit(flow, response.to_bytes());
            }
            Incoming::Dropped(_) => self.counters.dropped += 1,
        }
    }

    fn on_sign_of_life(&mut self, flow: FlowId) {
        if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
            keep_alive.on_sign_of_life(&mut self.endpoint);
        }
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_sign_of_life();
        }
    }

    /// RFC 5626 §4.4: keeps the flow of this account alive as often as its registrar wants.
    fn follow_flow_timer(&mut self, account: AccountId) {
        let Some(identity) = self.endpoint.identities.get(&account) else {
            return;
        };
        let flow = identity.flow;
        let on_flow = self.endpoint.identities.values().filter(|i| i.flow == flow);
        let timers = on_flow.filter_map(|i| i.binding.as_ref()?.flow_timer);
        let shortest = timers.min();
        if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
            keep_alive.follow(&mut self.endpoint, shortest);
        }
    }

    fn on_timer(&mut self) {
        self.endpoint.transactions.handle_timers(self.endpoint.now);
        while let Some(alarm) = self.endpoint.alarms.pop_due(self.endpoint.now) {
            match alarm {
                Alarm::Registration(account) => {
                    if let Some(registration) = self.registrations.get_mut(&account) {
                        registration.register(&mut self.endpoint);
                    }
                }
                Alarm::Session(id, alarm) => {
                    self.with_session(id, |session, endpoint| session.on_alarm(endpoint, alarm));
                }
                Alarm::KeepAlive(flow) => {
                    if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
                        keep_alive.on_alarm(&mut self.endpoint);
                    }
                }
                Alarm::Subscriber(id, alarm) => {
                    self.with_subscriber(id, |s, endpoint| s.on_alarm(endpoint, alarm));
                }
                Alarm::Notifier(id) => self.with_notifier(id, |n, e| n.on_expiry(e)),
                Alarm::Publication(id) => self.with_publication(id, |p, e| p.publish(e)),
                Alarm::Challenge(id) => self.on_challenge_ignored(id),
            }
        }
    }

    fn on_transport_up(&mut self, flow: FlowId, transport: Transport) {
        self.endpoint
            .transactions
            .handle_transport_up(flow, transport);
        self.keep_alives
            .insert(flow, KeepAlive::start(&mut self.endpoint, flow));
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_flow_up(&mut self.endpoint);
        }
        for id in self.sessions_on(flow) {
            self.with_session(id, |session, endpoint| session.on_flow_up(endpoint));
        }
        for id in self.subscribers_on(flow) {
            self.with_subscriber(id, |s, e| s.ask(e));
        }
        for id in self.publications_on(flow) {
            self.with_publication(id, |p, e| p.publish(e));
        }
    }

    fn on_transport_down(&mut self, flow: FlowId) {
        if let Some(keep_alive) = self.keep_alives.remove(&flow) {
            keep_alive.stop(&mut self.endpoint);
        }
        self.endpoint.transactions.handle_transport_down(flow);
        self.settle();
        self.on_flow_down_of_held(flow);
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_flow_down(&mut self.endpoint);
        }
        self.tell_recovery(flow);
        for id in self.sessions_on(flow) {
            self.with_session(id, |session, endpoint| session.on_flow_down(endpoint));
        }
        for id in self.subscribers_on(flow) {
            self.with_subscriber(id, |s, e| s.on_flow_down(e));
        }
        for id in self.publications_on(flow) {
            self.with_publication(id, |p, e| p.on_flow_down(e));
        }
    }

    /// Tells when a flow that failed may be formed again.
    fn tell_recovery(&mut self, flow: FlowId) {
        let registrations = self.registrations.values();
        let outbound = registrations.filter(|r| r.flow() == flow && r.is_outbound());
        let waits = outbound.map(|r| r.reconnect_after(&mut self.endpoint));
        if let Some(reconnect_in) = waits.max() {
            self.endpoint.tell(Event::FlowFailed { flow, reconnect_in });
        }
    }

    fn add_session(&mut self, id: SessionId, mut session: Session) {
        session.know(self.parts.transfers);
        self.sessions.insert(id, session);
    }

    fn sessions_on(&self, flow: FlowId) -> Vec<SessionId> {
        self.sessions
            .iter()
            .filter(|(_, s)| s.flow() == flow)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Hands what the transactions have to say to those whom it concerns.
    fn settle(&mut self) {
        while let Some(happening) = self.endpoint.transactions.poll_happening() {
            match happening {
                Happening::Response {
                    client,
                    task,
                    response,
                } => {
                    self.on_response(client, task.owner, task.answered, response);
                }
                Happening::Unanswered { task, why, .. } => self.on_unanswered(task.owner, why),
                Happening::Gone { client, task } => {
                    if !self.keep_held(client) {
                        self.on_gone(task.owner, client);
                    }
                }
                Happening::Request {
                    server,
                    flow,
                    request,
                } => {
                    self.on_request(server, flow, request);
                }
                Happening::Ack { request } => {
                    if let Some(id) = self.session_of(&request) {
                        self.with_session(id, |s, e| s.on_ack(e, &request));
                    }
                }
                Happening::Cancel {
                    server,
                    request,
                    invite,
                } => {
                    self.on_cancel(server, &request, invite);
                }
            }
        }
    }

    fn account_of(&self, owner: Owner) -> Option<AccountId> {
        match owner {
            Owner::Registration(account) => Some(account),
            Owner::Session(id, _) => self.sessions.get(&id)?.account(),
            Owner::Outgoing(id) => self.outgoing.get(&id).copied().flatten(),
            Owner::Subscriber(id) => self.subscribers.get(&id)?.account(),
            Owner::Notifier(id) => self.notifiers.get(&id)?.account(),
            Owner::Publication(id) => self.publications.get(&id)?.account(),
        }
    }

    fn on_unanswered(&mut self, owner: Owner, why: NoResponse) {
        match owner {
            Owner::Registration(account) => {
                self.with_registration(account, |r, e| r.on_unanswered(e, why));
            }
            Owner::Session(id, purpose) => {
                self.with_session(id, |s, e| s.on_unanswered(e, purpose, why));
            }
            Owner::Outgoing(id) => {
                if let Some(on_end) = self.parts.on_outgoing_end {
                    on_end(self, id, Err(why));
                }
            }
            Owner::Subscriber(id) => self.with_subscriber(id, |s, e| s.on_unanswered(e, why)),
            Owner::Notifier(id) => self.with_notifier(id, |n, e| n.on_unanswered(e, why)),
            Owner::Publication(id) => self.with_publication(id, |p, e| p.on_unanswered(e, why)),
        }
    }

    fn on_gone(&mut self, owner: Owner, client: ClientId) {
        if let Owner::Session(id, _) = owner {
            self.with_session(id, |session, _| session.on_gone(client));
        }
    }

    fn on_response(&mut self, client: ClientId, owner: Owner, answered: u8, response: Response) {
        if is_challenge(response.status)
            && let Some(hold) = self.parts.hold
            && hold(self, client, owner, answered, &response)
        {
            return;
        }
        self.deliver_response(client, owner, answered, response);
    }

    fn deliver_response(
        &mut self,
        client: ClientId,
        owner: Owner,
        answered: u8,
        response: Response,
    ) {
        if let Some(account) = self
            .account_of(owner)
            .filter(|_| response.status.is_success())
        {
            self.endpoint.on_success(account, client, &response);
        }
        match owner {
            Owner::Registration(account) => {
                self.with_registration(account, |r, endpoint| {
                    r.on_response(endpoint, client, answered, &response);
                });
                self.follow_flow_timer(account);
            }
            Owner::Session(id, purpose) => self.with_session(id, |session, endpoint| {
                session.on_response(endpoint, purpose, client, answered, response);
            }),
            Owner::Outgoing(id) => {
                if let Some(on_end) = self.parts.on_outgoing_end {
                    on_end(self, id, Ok((client, answered, response)));
                }
            }
            Owner::Subscriber(id) => self.with_subscriber(id, |subscriber, endpoint| {
                subscriber.on_response(endpoint, client, answered, &response);
            }),
            Owner::Notifier(id) => self.with_notifier(id, |notifier, endpoint| {
                notifier.on_response(endpoint, client, answered, &response);
            }),
            Owner::Publication(id) => self.with_publication(id, |publication, endpoint| {
                publication.on_response(endpoint, client, answered, &response);
            }),
        }
    }

    /// RFC 3261 §9.2.
    fn on_cancel(&mut self, server: ServerId, cancel: &Request, invite: Option<ServerId>) {
        let task = invite.and_then(|invite| self.endpoint.transactions.task_of(invite));
        match task.map(|task| task.owner) {
            Some(Owner::Session(id, _)) if self.sessions.contains_key(&id) => {
                self.with_session(id, |session, e| session.on_cancel(e, server, cancel));
            }
            // The INVITE was refused or its session is over: there is nothing to cancel.
            _ if invite.is_some() => self.endpoint.respond_status(server, cancel, Status::OK),
            _ => self
                .endpoint
                .respond_status(server, cancel, Status::CALL_DOES_NOT_EXIST),
        }
    }

    fn with_session(&mut self, id: SessionId, f: impl FnOnce(&mut Session, &mut Endpoint)) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        f(session, &mut self.endpoint);
        self.forget_finished(id);
    }

    fn forget_finished(&mut self, id: SessionId) {
        if self.sessions.get(&id).is_some_and(Session::is_finished)
            && let Some(mut session) = self.sessions.remove(&id)
        {
            session.forget(&mut self.endpoint);
        }
    }

    fn with_registration(
        &mut self,
        account: AccountId,
        f: impl FnOnce(&mut Registration, &mut Endpoint),
    ) {
        let Some(registration) = self.registrations.get_mut(&account) else {
            return;
        };
        f(registration, &mut self.endpoint);
        if registration.is_gone() {
            self.registrations.remove(&account);
            self.endpoint.identities.remove(&account);
        }
    }
}
