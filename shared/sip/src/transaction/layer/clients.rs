//! Client transactions: sending requests and matching responses.

use super::{Happening, Id, Persistence, Transactions};
use crate::message::{CSeq, Headers, Params, RawHeader, Transport, Via};
use crate::transaction::client_invite::ClientInvite;
use crate::transaction::client_request::ClientRequest;
use crate::transaction::keys::{ClientKey, MAGIC_COOKIE};
use crate::transaction::timers::Timer;
use crate::transaction::{Action, ClientId, FlowId, NoResponse};
use crate::{Method, Moment, Request, Response, Text};

#[derive(Debug)]
enum ClientMachine {
    Invite(ClientInvite),
    Request(ClientRequest),
}

#[derive(Debug)]
pub(super) struct Client<T> {
    pub(super) key: ClientKey,
    pub(super) flow: FlowId,
    pub(super) persistence: Persistence,
    pub(super) task: T,
    machine: ClientMachine,
    request: Request,
    /// The request as first sent; repeated as it is.
    sent: Option<Vec<u8>>,
    gone: bool,
}

impl<T: Copy> Transactions<T> {
    /// Starts a client transaction. `branch` is the random part of the branch.
    pub fn request(
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

    /// Starts a client transaction for a request that has its one Via already, as a proxy's has;
    /// `None` if that names no branch.
    pub fn forward(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: Request,
        persistence: Persistence,
        task: T,
    ) -> Option<ClientId> {
        let branch = request.headers.via.first()?.branch()?.to_owned();
        Some(self.start_client(now, flow, request, &branch, persistence, task))
    }

    /// Sends a CANCEL for an INVITE (RFC 3261 §9.1), also for one that failed with its flow;
    /// `None` if it has a final response.
    pub fn cancel(
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
    #[must_use]
    pub fn request_of(&self, client: ClientId) -> Option<&Request> {
        self.clients.get(&client).map(|c| &c.request)
    }

    /// Ends a client transaction without waiting for its answer.
    pub fn abandon(&mut self, id: ClientId) {
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

    /// How many bytes `request` has when it is sent on `flow`.
    pub(crate) fn size_on(&self, flow: FlowId, request: &Request) -> usize {
        let mut sent = request.clone();
        sent.headers.via = vec![self.via(flow, &format!("{MAGIC_COOKIE}{:016x}", 0))];
        sent.to_bytes().len()
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

    pub(super) fn send_request(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Some(transport) = self.flows.get(&client.flow) else {
            return;
        };
        let bytes = client.sent.get_or_insert_with(|| {
            client.request.headers.via[0].transport = transport.clone();
            let mut bytes = client.request.to_bytes();
            bytes.shrink_to_fit();
            bytes
        });
        self.outbox.push_back((client.flow, bytes.clone()));
    }

    pub(super) fn on_client_timer(&mut self, now: Moment, id: ClientId, timer: Timer) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let actions = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_timer(timer),
            ClientMachine::Request(machine) => machine.on_timer(timer),
        };
        self.perform_client(now, id, actions, None);
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
                    self.happenings.push_back(Happening::Unanswered {
                        client: id,
                        task,
                        why,
                    });
                }
                (Action::Acknowledge | Action::Deliver | Action::SendTrying, _) => {}
            }
        }
        if self.clients.get(&id).is_some_and(Client::is_terminated) {
            self.abandon(id);
        }
    }

    pub(super) fn on_response(&mut self, now: Moment, response: Response) {
        let key = ClientKey::of(&response);
        let Some(&id) = key.and_then(|key| self.client_keys.get(&key)) else {
            return;
        };
        let Some(client) = self.clients.get_mut(&id).filter(|c| !c.gone) else {
            return;
        };
        // RFC 3261 §8.1.3.3, §18.1.2: a response that is not for us alone is dropped.
        let sent = client.request.headers.via.first();
        let sent_by = sent.map(|via| &via.host);
        if !matches!(&response.headers.via[..], [via] if Some(&via.host) == sent_by) {
            return;
        }
        let actions = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_response(response.status),
            ClientMachine::Request(machine) => machine.on_response(response.status),
        };
        if !client.awaits_final() {
            client.sent = None;
        }
        self.perform_client(now, id, actions, Some(response));
    }
}

impl<T> Client<T> {
    pub(super) fn is_pending(&self) -> bool {
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
