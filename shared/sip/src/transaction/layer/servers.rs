//! Server transactions: matching requests and sending responses.

use super::{Happening, Id, Transactions};
use crate::transaction::keys::{MergeKey, ServerKey};
use crate::transaction::server_invite::ServerInvite;
use crate::transaction::server_request::ServerRequest;
use crate::transaction::timers::Timer;
use crate::transaction::{Action, FlowId, ServerId};
use crate::{Method, Moment, Request, Response, Status};

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Request(ServerRequest),
}

#[derive(Debug)]
pub(super) struct Server<T> {
    key: ServerKey,
    merge: MergeKey,
    /// CSeq.
    number: u32,
    pub(super) flow: FlowId,
    task: Option<T>,
    machine: ServerMachine,
    /// That of an INVITE stays; any other goes with its final response.
    request: Option<Box<Request>>,
    /// The last response; repeated as it is.
    last: Option<Vec<u8>>,
    /// The flow was down when the last response was to be sent.
    pub(super) owed: bool,
    /// The flow was down since the request came last.
    pub(super) is_stale: bool,
}

impl<T: Copy> Transactions<T> {
    /// The request of a server transaction that still owes a final response.
    #[must_use]
    pub fn pending_request(&self, server: ServerId) -> Option<&Request> {
        let server = self.servers.get(&server)?;
        server.request.as_deref().filter(|_| server.is_pending())
    }

    /// The request of a server transaction: an INVITE while it is remembered, any other until its
    /// final response.
    #[must_use]
    pub fn served_request(&self, server: ServerId) -> Option<&Request> {
        self.servers.get(&server)?.request.as_deref()
    }

    /// Whether its flow was down and the request has not come again since: who sent it may have
    /// forgotten it.
    pub(crate) fn is_stale(&self, server: ServerId) -> bool {
        self.servers
            .get(&server)
            .is_none_or(|server| server.is_stale)
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
    pub fn respond(&mut self, now: Moment, id: ServerId, response: &Response) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_answer(response.status),
            ServerMachine::Request(machine) => {
                let actions = machine.on_answer(response.status);
                if !machine.is_pending() {
                    // The response is what is repeated, and a registrar remembers many.
                    server.request = None;
                }
                actions
            }
        };
        if actions.contains(&Action::Send) {
            let mut bytes = response.to_bytes();
            bytes.shrink_to_fit();
            server.last = Some(bytes);
        }
        self.perform_server(now, id, &actions);
    }

    /// Sends the 2xx of an accepted INVITE again.
    pub(crate) fn repeat_success(&mut self, id: ServerId) {
        self.send_response(id);
    }

    pub(super) fn send_response(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let Some(bytes) = &server.last else { return };
        server.owed = !self.flows.contains_key(&server.flow);
        if !server.owed {
            self.outbox.push_back((server.flow, bytes.clone()));
        }
    }

    pub(super) fn on_server_timer(&mut self, now: Moment, id: ServerId, timer: Timer) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_timer(timer),
            ServerMachine::Request(machine) => machine.on_timer(timer),
        };
        self.perform_server(now, id, &actions);
    }

    fn perform_server(&mut self, now: Moment, id: ServerId, actions: &[Action]) {
        for action in actions {
            let Some(server) = self.servers.get_mut(&id) else {
                return;
            };
            match *action {
                Action::Send => self.send_response(id),
                Action::SendTrying => {
                    let request = server.request.as_deref();
                    let trying = request.map(|r| Response::to(r, Status::TRYING, None));
                    server.last = trying.map(|trying| trying.to_bytes());
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
            self.forget_server(id);
        }
    }

    fn forget_server(&mut self, id: ServerId) {
        self.stop_timers(Id::Server(id));
        if let Some(server) = self.servers.remove(&id) {
            self.server_keys.remove(&server.key);
            if self.merge_keys.get(&server.merge) == Some(&id) {
                self.merge_keys.remove(&server.merge);
            }
        }
    }

    /// RFC 3261 §10.2: who registers anew has heard what came of the time before, and that is not
    /// remembered any longer, unless copies may be late. A busy registrar would remember more of that
    /// than of anything else.
    fn supersede(&mut self, merge: &MergeKey, flow: FlowId, number: u32) {
        if let Some(&former) = self.merge_keys.get(merge)
            && let Some(server) = self.servers.get(&former)
            && server.number != number
        {
            let goes_on = server.flow == flow && server.number < number;
            let heard = goes_on && !server.is_pending() && self.is_reliable(flow);
            self.merge_keys.remove(merge);
            if heard {
                self.forget_server(former);
            }
        }
    }

    pub(super) fn on_ack(&mut self, now: Moment, request: Request) {
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

    pub(super) fn on_request(&mut self, now: Moment, flow: FlowId, request: Request) {
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
        let number = request.headers.cseq.number;
        let merge = match request.method {
            Method::Register => MergeKey::of_registrations(&request),
            _ => MergeKey::of(&request),
        };
        if request.method == Method::Register {
            self.supersede(&merge, flow, number);
        }
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
        let (task, last, owed, is_stale) = (None, None, false, false);
        let request = Some(Box::new(request));
        let server = Server {
            key,
            merge,
            number,
            flow,
            task,
            machine,
            request,
            last,
            owed,
            is_stale,
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
        server.is_stale = false;
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_retransmission(),
            ServerMachine::Request(machine) => machine.on_retransmission(),
        };
        self.perform_server(now, id, &actions);
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
