//! The transaction layer: matching, timers, stored bytes and flows.

mod clients;
mod servers;

use std::collections::{HashMap, VecDeque};

use clients::Client;
use servers::Server;

use super::keys::{ClientKey, MergeKey, ServerKey};
use super::timers::{Clock, Timer};
use super::{ClientId, FlowId, NoResponse, ServerId, Timers};
use crate::message::{Host, Transport};
use crate::schedule::Schedule;
use crate::table::Table;
use crate::{Message, Method, Moment, Request, Response};

/// What the layer tells its user. `T` is what the user noted down with a transaction.
#[derive(Debug)]
pub enum Happening<T> {
    /// A response to our request. The transaction can still be asked for the request.
    Response {
        /// Whose.
        client: ClientId,
        /// What was noted down.
        task: T,
        /// The response.
        response: Response,
    },
    /// There will be no final response.
    Unanswered {
        /// Whose.
        client: ClientId,
        /// What was noted down.
        task: T,
        /// Why.
        why: NoResponse,
    },
    /// A client transaction is over; nothing more comes for it.
    Gone {
        /// Which.
        client: ClientId,
        /// What was noted down.
        task: T,
    },
    /// A new request, neither ACK nor CANCEL.
    Request {
        /// Names it when it is answered.
        server: ServerId,
        /// Where it came from.
        flow: FlowId,
        /// The request.
        request: Request,
    },
    /// An ACK to a 2xx, or to nothing.
    Ack {
        /// The ACK.
        request: Request,
    },
    /// A CANCEL, and the INVITE transaction it aims at, if there is one.
    Cancel {
        /// Names it when it is answered.
        server: ServerId,
        /// The CANCEL.
        request: Request,
        /// Its aim.
        invite: Option<ServerId>,
    },
}

/// What becomes of a request when its flow is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It fails at once.
    Fails,
    /// It waits for the flow until its transaction times out.
    Waits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Client(ClientId),
    Server(ServerId),
}

/// The transaction layer.
#[derive(Debug)]
pub struct Transactions<T> {
    timers: Timers,
    via_host: Host,
    flows: Table<FlowId, Transport>,
    clients: Table<ClientId, Client<T>>,
    client_keys: HashMap<ClientKey, ClientId>,
    servers: Table<ServerId, Server<T>>,
    server_keys: HashMap<ServerKey, ServerId>,
    merge_keys: HashMap<MergeKey, ServerId>,
    schedule: Schedule<(Id, Timer)>,
    happenings: VecDeque<Happening<T>>,
    outbox: VecDeque<(FlowId, Vec<u8>)>,
    last_id: u64,
}

impl<T: Copy> Transactions<T> {
    /// A layer whose own requests have `via_host` in their Via.
    #[must_use]
    pub fn new(timers: Timers, via_host: Host) -> Self {
        Self {
            timers,
            via_host,
            flows: Table::new(),
            clients: Table::new(),
            client_keys: HashMap::new(),
            servers: Table::new(),
            server_keys: HashMap::new(),
            merge_keys: HashMap::new(),
            schedule: Schedule::new(),
            happenings: VecDeque::new(),
            outbox: VecDeque::new(),
            last_id: 0,
        }
    }

    // Flows

    /// Whether the flow is up.
    #[must_use]
    pub fn is_up(&self, flow: FlowId) -> bool {
        self.flows.contains_key(&flow)
    }

    /// Sends what waited for the flow.
    pub fn handle_transport_up(&mut self, flow: FlowId, transport: Transport) {
        self.flows.insert(flow, transport);
        self.resume(flow);
    }

    /// Fails the requests that do not wait.
    pub fn handle_transport_down(&mut self, flow: FlowId) {
        self.flows.remove(&flow);
        for server in self.servers.values_mut().filter(|s| s.flow == flow) {
            server.is_stale = true;
        }
        let failing: Vec<(ClientId, T)> = self
            .clients
            .iter()
            .filter(|(_, c)| c.flow == flow && c.is_pending())
            .filter(|(_, c)| c.persistence == Persistence::Fails)
            .map(|(id, c)| (*id, c.task))
            .collect();
        for (id, task) in failing {
            self.happenings.push_back(Happening::Unanswered {
                client: id,
                task,
                why: NoResponse::FlowDown,
            });
            self.abandon(id);
        }
    }

    /// Moves what waits, and the answers owed, from one flow to another.
    pub(crate) fn rebind(&mut self, from: FlowId, to: FlowId) {
        for client in self.clients.values_mut() {
            if client.flow == from && client.persistence == Persistence::Waits {
                client.flow = to;
            }
        }
        for server in self.servers.values_mut().filter(|s| s.flow == from) {
            server.flow = to;
        }
        if self.is_up(to) {
            self.resume(to);
        }
    }

    fn resume(&mut self, flow: FlowId) {
        let clients: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, c)| c.flow == flow && c.is_pending())
            .map(|(id, _)| *id)
            .collect();
        for id in clients {
            self.send_request(id);
        }
        let servers: Vec<ServerId> = self
            .servers
            .iter()
            .filter(|(_, s)| s.flow == flow && s.owed)
            .map(|(id, _)| *id)
            .collect();
        for id in servers {
            self.send_response(id);
        }
    }

    // Inputs

    /// Takes a message in; see [`Self::poll_happening`] for what it means.
    pub fn handle_message(&mut self, now: Moment, flow: FlowId, message: Message) {
        match message {
            Message::Response(response) => self.on_response(now, response),
            Message::Request(request) if request.method == Method::Ack => self.on_ack(now, request),
            Message::Request(request) => self.on_request(now, flow, request),
        }
    }

    /// Fires the timers that are due.
    pub fn handle_timers(&mut self, now: Moment) {
        while let Some((id, timer)) = self.schedule.pop_due(now) {
            match id {
                Id::Client(id) => self.on_client_timer(now, id, timer),
                Id::Server(id) => self.on_server_timer(now, id, timer),
            }
        }
    }

    // Outputs

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Moment> {
        self.schedule.next()
    }

    /// The next thing to tell the user.
    pub fn poll_happening(&mut self) -> Option<Happening<T>> {
        let happening = self.happenings.pop_front()?;
        if let Happening::Gone { client, .. } = &happening
            && let Some(client) = self.clients.remove(client)
        {
            self.client_keys.remove(&client.key);
        }
        Some(happening)
    }

    /// Gives back what was allocated for messages that have been dealt with. For who has many layers
    /// that wait for long, one for each phone.
    pub fn release_memory(&mut self) {
        if self.happenings.is_empty() {
            self.happenings = VecDeque::new();
        }
        if self.outbox.is_empty() {
            self.outbox = VecDeque::new();
        }
        if self.servers.is_empty() {
            self.server_keys = HashMap::new();
            self.merge_keys = HashMap::new();
        }
        if self.clients.is_empty() {
            self.client_keys = HashMap::new();
        }
    }

    /// The next bytes to send.
    pub fn poll_transmit(&mut self) -> Option<(FlowId, Vec<u8>)> {
        self.outbox.pop_front()
    }

    /// Sends bytes that belong to no transaction.
    pub fn transmit(&mut self, flow: FlowId, bytes: Vec<u8>) {
        if self.is_up(flow) {
            self.outbox.push_back((flow, bytes));
        }
    }

    /// Whether nothing is kept and nothing will happen by itself.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.clients.is_empty() && self.servers.is_empty() && self.schedule.is_empty()
    }

    pub(crate) fn is_reliable(&self, flow: FlowId) -> bool {
        self.flows.get(&flow).is_none_or(Transport::is_reliable)
    }

    fn clock(&self, flow: FlowId) -> Clock {
        Clock {
            timers: self.timers,
            reliable: self.is_reliable(flow),
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn stop_timers(&mut self, id: Id) {
        for timer in Timer::ALL {
            self.schedule.stop((id, timer));
        }
    }
}
