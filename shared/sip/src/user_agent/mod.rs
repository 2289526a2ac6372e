//! The agent: accounts, sessions and everything outside them, over any number of flows.

mod challenges;
mod commands;
mod happenings;
mod inputs;
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
use crate::endpoint::event::{AccountId, OutgoingId, SessionId};
use crate::endpoint::{Alarm, Endpoint};
use crate::publication::{PublicationId, Publisher};
use crate::registration::Registration;
use crate::session::Session;
use crate::subscription::{Notifying, Subscribing, SubscriptionId};
use crate::table::Table;
use crate::transaction::FlowId;
use crate::{Moment, TokenSource};

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
