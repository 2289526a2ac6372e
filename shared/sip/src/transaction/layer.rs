//! The transaction layer: matching, timers, stored bytes and flows.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::client_invite::ClientInvite;
use super::client_request::ClientRequest;
use super::keys::{ClientKey, MAGIC_COOKIE, MergeKey, ServerKey};
use super::server_invite::ServerInvite;
use super::server_request::ServerRequest;
use super::timers::{Clock, Timer};
use super::{Action, ClientId, FlowId, NoResponse, ServerId, Timers};
use crate::message::{CSeq, Headers, Host, Params, RawHeader, Transport, Via};
use crate::schedule::Schedule;
use crate::{Message, Method, Moment, Request, Response, Status, Text};

/// What the layer tells its user. `T` is what the user noted down with a transaction.
#[derive(Debug)]
pub(crate) enum Happening<T> {
    /// A response to our request. The transaction can still be asked for the request.
    Response {
        client: ClientId,
        task: T,
        response: Response,
    },
    /// There will be no final response.
    Unanswered { task: T, why: NoResponse },
    /// A client transaction is over; nothing more comes for it.
    Gone { client: ClientId, task: T },
    /// A new request, neither ACK nor CANCEL.
    Request {
        server: ServerId,
        flow: FlowId,
        request: Request,
    },
    /// An ACK to a 2xx, or to nothing.
    Ack { request: Request },
    /// A CANCEL, and the INVITE transaction it aims at, if there is one.
    Cancel {
        server: ServerId,
        request: Request,
        invite: Option<ServerId>,
    },
}

/// What becomes of a request when its flow is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
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

#[derive(Debug)]
enum ClientMachine {
    Invite(ClientInvite),
    Request(ClientRequest),
}

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Request(ServerRequest),
}

#[derive(Debug)]
struct Client<T> {
    key: ClientKey,
    flow: FlowId,
    persistence: Persistence,
    task: T,
    machine: ClientMachine,
    request: Request,
    /// The request as first sent; repeated as it is.
    sent: Option<Vec<u8>>,
    gone: bool,
}

#[derive(Debug)]
struct Server<T> {
    key: ServerKey,
    merge: MergeKey,
    flow: FlowId,
    task: Option<T>,
    machine: ServerMachine,
    request: Request,
    /// The last response; repeated as it is.
    last: Option<Vec<u8>>,
    /// The flow was down when the last response was to be sent.
    owed: bool,
}

/// The transaction layer.
#[derive(Debug)]
pub(crate) struct Transactions<T> {
    timers: Timers,
    via_host: Host,
    flows: BTreeMap<FlowId, Transport>,
    clients: BTreeMap<ClientId, Client<T>>,
    client_keys: HashMap<ClientKey, ClientId>,
    servers: BTreeMap<ServerId, Server<T>>,
    server_keys: HashMap<ServerKey, ServerId>,
    merge_keys: HashMap<MergeKey, ServerId>,
    schedule: Schedule<(Id, Timer)>,
    happenings: VecDeque<Happening<T>>,
    outbox: VecDeque<(FlowId, Vec<u8>)>,
    last_id: u64,
}

impl<T: Copy> Transactions<T> {
    pub(crate) fn new(timers: Timers, via_host: Host) -> Self {
        Self {
            timers,
            via_host,
            flows: BTreeMap::new(),
            clients: BTreeMap::new(),
            client_keys: HashMap::new(),
            servers: BTreeMap::new(),
            server_keys: HashMap::new(),
            merge_keys: HashMap::new(),
            schedule: Schedule::new(),
            happenings: VecDeque::new(),
            outbox: VecDeque::new(),
            last_id: 0,
        }
    }

    // Flows

    pub(crate) fn is_up(&self, flow: FlowId) -> bool {
        self.flows.contains_key(&flow)
    }

    /// Sends what waited for the flow.
    pub(crate) fn handle_transport_up(&mut self, flow: FlowId, transport: Transport) {
        self.flows.insert(flow, transport);
        self.resume(flow);
    }

    /// Fails the requests that do not wait.
    pub(crate) fn handle_transport_down(&mut self, flow: FlowId) {
        self.flows.remove(&flow);
        let failing: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, c)| c.flow == flow && c.is_pending())
            .filter(|(_, c)| c.persistence == Persistence::Fails)
            .map(|(id, _)| *id)
            .collect();
        for id in failing {
            let task = self.clients[&id].task;
            self.happenings.push_back(Happening::Unanswered {
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

    // Client transactions

    /// Starts a client transaction. `branch` is the random part of the branch.
    pub(crate) fn request(
        &mut self,
        now: Moment,
        flow: FlowId,
        mut request: Request,
        branch: &str,
        persistence: Persistence,
        task: T,
    ) -> ClientId {
        let branch = format!("{MAGIC_COOKIE}{branch}");
        request.headers.via = vec![self.via(flow, &branch)];
        self.start_client(now, flow, request, &branch, persistence, task)
    }

    /// Sends a CANCEL for an INVITE (RFC 3261 §9.1), also for one that failed with its flow;
    /// `None` if it has a final response.
    pub(crate) fn cancel(
        &mut self,
        now: Moment,
        invite: ClientId,
        headers: Vec<RawHeader>,
        task: T,
    ) -> Option<ClientId> {
        let client = self
            .clients
            .get(&invite)
            .filter(|client| client.awaits_final())?;
        let (flow, request) = (
            client.flow,
            follow_up(&client.request, Method::Cancel, headers),
        );
        let branch = request.headers.via.first()?.branch()?.to_owned();
        Some(self.start_client(now, flow, request, &branch, Persistence::Waits, task))
    }

    fn start_client(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: Request,
        branch: &str,
        persistence: Persistence,
        task: T,
    ) -> ClientId {
        let id = ClientId(self.next_id());
        let clock = self.clock(flow);
        let (machine, actions) = if request.method == Method::Invite {
            let (machine, actions) = ClientInvite::start(clock);
            (ClientMachine::Invite(machine), actions)
        } else {
            let (machine, actions) = ClientRequest::start(clock);
            (ClientMachine::Request(machine), actions)
        };
        let key = ClientKey::new(branch, request.method.clone());
        self.client_keys.insert(key.clone(), id);
        let sent = None;
        let client = Client {
            key,
            flow,
            persistence,
            task,
            machine,
            request,
            sent,
            gone: false,
        };
        self.clients.insert(id, client);
        self.perform_client(now, id, actions, None);
        id
    }

    /// The request of a transaction that is not gone yet.
    pub(crate) fn request_of(&self, client: ClientId) -> Option<&Request> {
        self.clients.get(&client).map(|c| &c.request)
    }

    /// Ends a client transaction without waiting for its answer.
    pub(crate) fn abandon(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !client.gone {
            client.gone = true;
            let task = client.task;
            self.stop_timers(Id::Client(id));
            self.happenings
                .push_back(Happening::Gone { client: id, task });
        }
    }

    /// Sends an ACK to a 2xx. Its branch must be new with the first sending and stays after that.
    pub(crate) fn send_ack(&mut self, flow: FlowId, ack: &mut Request, branch: &str) {
        if ack.headers.via.is_empty() {
            ack.headers.via = vec![self.via(flow, &format!("{MAGIC_COOKIE}{branch}"))];
        }
        if let Some(transport) = self.flows.get(&flow) {
            ack.headers.via[0].transport = transport.clone();
            self.outbox.push_back((flow, ack.to_bytes()));
        }
    }

    fn via(&self, flow: FlowId, branch: &str) -> Via {
        let transport = self.flows.get(&flow).cloned().unwrap_or(Transport::Ws);
        let mut params = Params::default();
        params.set("branch", Some(branch));
        // RFC 3581 §3.
        if transport == Transport::Udp {
            params.set("rport", None);
        }
        Via {
            transport,
            host: self.via_host.clone(),
            port: None,
            params,
        }
    }

    fn send_request(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Some(transport) = self.flows.get(&client.flow) else {
            return;
        };
        let bytes = client.sent.get_or_insert_with(|| {
            client.request.headers.via[0].transport = transport.clone();
            client.request.to_bytes()
        });
        self.outbox.push_back((client.flow, bytes.clone()));
    }

    fn perform_client(
        &mut self,
        now: Moment,
        id: ClientId,
        actions: Vec<Action>,
        response: Option<Response>,
    ) {
        for action in actions {
            let Some(client) = self.clients.get(&id) else {
                return;
            };
            let task = client.task;
            match (action, &response) {
                (Action::Send, _) => self.send_request(id),
                (Action::Acknowledge, Some(response)) => {
                    let mut ack = follow_up(&client.request, Method::Ack, Vec::new());
                    ack.headers.to = response.headers.to.clone();
                    let flow = client.flow;
                    self.send_ack(flow, &mut ack, "");
                }
                (Action::Deliver, Some(response)) => {
                    let response = response.clone();
                    self.happenings.push_back(Happening::Response {
                        client: id,
                        task,
                        response,
                    });
                }
                (Action::Start(timer, duration), _) => {
                    self.schedule.start((Id::Client(id), timer), now + duration);
                }
                (Action::Stop(timer), _) => self.schedule.stop((Id::Client(id), timer)),
                (Action::TimeOut, _) => {
                    let why = NoResponse::TimedOut;
                    self.happenings
                        .push_back(Happening::Unanswered { task, why });
                }
                (Action::Acknowledge | Action::Deliver | Action::SendTrying, _) => {}
            }
        }
        if self.clients.get(&id).is_some_and(Client::is_terminated) {
            self.abandon(id);
        }
    }

    // Server transactions

    /// The request of a server transaction that still owes a final response.
    pub(crate) fn pending_request(&self, server: ServerId) -> Option<&Request> {
        let server = self.servers.get(&server)?;
        server.is_pending().then_some(&server.request)
    }

    /// Notes something down with a server transaction, to be found by [`Self::task_of`].
    pub(crate) fn note(&mut self, server: ServerId, task: T) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.task = Some(task);
        }
    }

    pub(crate) fn task_of(&self, server: ServerId) -> Option<T> {
        self.servers.get(&server)?.task
    }

    /// Whether another copy of this request is being served (RFC 3261 §8.2.2.2).
    pub(crate) fn is_merged(&self, server: ServerId) -> bool {
        let Some(this) = self.servers.get(&server) else {
            return false;
        };
        self.merge_keys
            .get(&this.merge)
            .is_some_and(|first| *first != server)
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, now: Moment, id: ServerId, response: &Response) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_answer(response.status),
            ServerMachine::Request(machine) => machine.on_answer(response.status),
        };
        if actions.contains(&Action::Send) {
            server.last = Some(response.to_bytes());
        }
        self.perform_server(now, id, &actions);
    }

    /// Sends the 2xx of an accepted INVITE again.
    pub(crate) fn repeat_success(&mut self, id: ServerId) {
        self.send_response(id);
    }

    fn send_response(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let Some(bytes) = &server.last else { return };
        server.owed = !self.flows.contains_key(&server.flow);
        if !server.owed {
            self.outbox.push_back((server.flow, bytes.clone()));
        }
    }

    fn perform_server(&mut self, now: Moment, id: ServerId, actions: &[Action]) {
        for action in actions {
            let Some(server) = self.servers.get_mut(&id) else {
                return;
            };
            match *action {
                Action::Send => self.send_response(id),
                Action::SendTrying => {
                    server.last =
                        Some(Response::to(&server.request, Status::TRYING, None).to_bytes());
                    self.send_response(id);
                }
                Action::Start(timer, duration) => {
                    self.schedule.start((Id::Server(id), timer), now + duration);
                }
                Action::Stop(timer) => self.schedule.stop((Id::Server(id), timer)),
                Action::Deliver | Action::Acknowledge | Action::TimeOut => {}
            }
        }
        if self.servers.get(&id).is_some_and(Server::is_terminated) {
            self.stop_timers(Id::Server(id));
            if let Some(server) = self.servers.remove(&id) {
                self.server_keys.remove(&server.key);
                if self.merge_keys.get(&server.merge) == Some(&id) {
                    self.merge_keys.remove(&server.merge);
                }
            }
        }
    }

    // Inputs

    pub(crate) fn handle_message(&mut self, now: Moment, flow: FlowId, message: Message) {
        match message {
            Message::Response(response) => self.on_response(now, response),
            Message::Request(request) if request.method == Method::Ack => self.on_ack(now, request),
            Message::Request(request) => self.on_request(now, flow, request),
        }
    }

    fn on_response(&mut self, now: Moment, response: Response) {
        // RFC 3261 §8.1.3.3, §18.1.2: a response that is not for us alone is dropped.
        let ours = matches!(&response.headers.via[..], [via] if via.host == self.via_host);
        let key = ClientKey::of(&response).filter(|_| ours);
        let Some(&id) = key.and_then(|key| self.client_keys.get(&key)) else {
            return;
        };
        let Some(client) = self.clients.get_mut(&id).filter(|c| !c.gone) else {
            return;
        };
        let actions = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_response(response.status),
            ClientMachine::Request(machine) => machine.on_response(response.status),
        };
        self.perform_client(now, id, actions, Some(response));
    }

    fn on_ack(&mut self, now: Moment, request: Request) {
        let key = ServerKey::of(&request, Method::Invite);
        let id = key.and_then(|key| self.server_keys.get(&key)).copied();
        let server = id.and_then(|id| self.servers.get_mut(&id).map(|server| (id, server)));
        match server {
            Some((
                id,
                Server {
                    machine: ServerMachine::Invite(machine),
                    ..
                },
            )) => {
                let actions = machine.on_ack();
                if actions.contains(&Action::Deliver) {
                    self.happenings.push_back(Happening::Ack { request });
                }
                self.perform_server(now, id, &actions);
            }
            _ => self.happenings.push_back(Happening::Ack { request }),
        }
    }

    fn on_request(&mut self, now: Moment, flow: FlowId, request: Request) {
        let Some(key) = ServerKey::of(&request, request.method.clone()) else {
            return;
        };
        if let Some(&id) = self.server_keys.get(&key) {
            self.on_retransmission(now, id, flow);
            return;
        }
        let id = ServerId(self.next_id());
        let clock = self.clock(flow);
        let (machine, actions) = if request.method == Method::Invite {
            let (machine, actions) = ServerInvite::start(clock);
            (ServerMachine::Invite(machine), actions)
        } else {
            let (machine, actions) = ServerRequest::start(clock);
            (ServerMachine::Request(machine), actions)
        };
        let merge = MergeKey::of(&request);
        if request.method == Method::Cancel {
            let invite = ServerKey::of(&request, Method::Invite);
            let invite = invite.and_then(|key| self.server_keys.get(&key)).copied();
            let request = request.clone();
            self.happenings.push_back(Happening::Cancel {
                server: id,
                request,
                invite,
            });
        } else {
            self.merge_keys.entry(merge.clone()).or_insert(id);
            let request = request.clone();
            self.happenings.push_back(Happening::Request {
                server: id,
                flow,
                request,
            });
        }
        self.server_keys.insert(key.clone(), id);
        let (task, last, owed) = (None, None, false);
        let server = Server {
            key,
            merge,
            flow,
            task,
            machine,
            request,
            last,
            owed,
        };
        self.servers.insert(id, server);
        self.perform_server(now, id, &actions);
    }

    fn on_retransmission(&mut self, now: Moment, id: ServerId, flow: FlowId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        // A peer that came back on a new connection repeats what it got no answer to.
        server.flow = flow;
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_retransmission(),
            ServerMachine::Request(machine) => machine.on_retransmission(),
        };
        self.perform_server(now, id, &actions);
    }

    pub(crate) fn handle_timers(&mut self, now: Moment) {
        while let Some((id, timer)) = self.schedule.pop_due(now) {
            match id {
                Id::Client(id) => {
                    let Some(client) = self.clients.get_mut(&id) else {
                        continue;
                    };
                    let actions = match &mut client.machine {
                        ClientMachine::Invite(machine) => machine.on_timer(timer),
                        ClientMachine::Request(machine) => machine.on_timer(timer),
                    };
                    self.perform_client(now, id, actions, None);
                }
                Id::Server(id) => {
                    let Some(server) = self.servers.get_mut(&id) else {
                        continue;
                    };
                    let actions = match &mut server.machine {
                        ServerMachine::Invite(machine) => machine.on_timer(timer),
                        ServerMachine::Request(machine) => machine.on_timer(timer),
                    };
                    self.perform_server(now, id, &actions);
                }
            }
        }
    }

    // Outputs

    pub(crate) fn next_timer(&self) -> Option<Moment> {
        self.schedule.next()
    }

    pub(crate) fn poll_happening(&mut self) -> Option<Happening<T>> {
        let happening = self.happenings.pop_front()?;
        if let Happening::Gone { client, .. } = &happening
            && let Some(client) = self.clients.remove(client)
        {
            self.client_keys.remove(&client.key);
        }
        Some(happening)
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(FlowId, Vec<u8>)> {
        self.outbox.pop_front()
    }

    /// Sends bytes that belong to no transaction.
    pub(crate) fn transmit(&mut self, flow: FlowId, bytes: Vec<u8>) {
        if self.is_up(flow) {
            self.outbox.push_back((flow, bytes));
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.clients.is_empty() && self.servers.is_empty() && self.schedule.is_empty()
    }

    fn clock(&self, flow: FlowId) -> Clock {
        let reliable = self.flows.get(&flow).is_none_or(Transport::is_reliable);
        Clock {
            timers: self.timers,
            reliable,
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

impl<T> Client<T> {
    fn is_pending(&self) -> bool {
        !self.gone && self.awaits_final()
    }

    /// True also of one that was abandoned.
    fn awaits_final(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_pending(),
            ClientMachine::Request(machine) => machine.is_pending(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_terminated(),
            ClientMachine::Request(machine) => machine.is_terminated(),
        }
    }
}

impl<T> Server<T> {
    fn is_pending(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_pending(),
            ServerMachine::Request(machine) => machine.is_pending(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::Request(machine) => machine.is_terminated(),
        }
    }
}

/// The ACK to a refusal (RFC 3261 §17.1.1.3) or the CANCEL (§9.1) of `invite`: the same hop, the
/// same number, the same way.
fn follow_up(invite: &Request, method: Method, others: Vec<RawHeader>) -> Request {
    let asked = &invite.headers;
    let cseq = CSeq {
        number: asked.cseq.number,
        method: method.clone(),
    };
    let call_id: Text = asked.call_id.clone();
    let mut headers = Headers::new(asked.from.clone(), asked.to.clone(), call_id, cseq);
    headers.via = asked.via.first().cloned().into_iter().collect();
    headers.route.clone_from(&asked.route);
    headers.max_forwards = Some(70);
    headers.others = others;
    Request {
        method,
        uri: invite.uri.clone(),
        headers,
        body: Vec::new(),
    }
}
