//! The task of one phone: a browser on one side, PBXs on the other.
//!
//! ```text
//!            socket            gone         30 s, and no sound
//!   open ──▶ Seated ─────────────▶ Lingering ─────────▶ over
//!              ▲  │  another socket    │
//!              │  │  of the same phone │
//!              └──┴────────────────────┘
//! ```
//!
//! It is a proxy that keeps transactions on both sides (RFC 3261 §16, RFC 6026) and shows each side
//! only itself. The socket may break and come back as another one: whoever registers as the same
//! device of the same account, and is believed by the PBX, is given the task that served it before,
//! and what was under way goes on.

mod absence;
mod attempt;
mod from_browser;
mod from_pbx;
mod leg;
mod links;
mod media;
mod permission;
mod retry;
mod statistics;
mod takeover;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sidetone_sip::message::Host;
use sidetone_sip::transaction::{Happening, ServerId, Transactions};
use sidetone_sip::{FlowId, Message, Moment, Request, Response, Status, Text, Timers};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::from_browser::Destination;
use self::leg::{Leg, Note};
use self::media::Call;
use self::retry::retry_after;
use self::statistics::DirectCall;
use super::link::Link;
use super::phones::{Input, Origin};
use super::seat::Seat;
use super::shared::Shared;
use super::token::{PhoneId, UpstreamId};
use crate::Person;

/// The flow of the browser; links have higher numbers.
const BROWSER: FlowId = FlowId(0);
/// How long the goodbyes of a phone that does not come back may take.
const FAREWELL: Duration = Duration::from_secs(4);
/// How long requests wait for the registration that allows them.
const REGISTER_PATIENCE: Duration = Duration::from_secs(5);
/// Requests that may wait so.
const MOST_WAITING: usize = 32;
/// How long a cancelled INVITE may stay unanswered (RFC 3261 §9.1).
const CANCEL_PATIENCE: Duration = Duration::from_secs(32);
/// Inputs that may wait for a phone.
const QUEUE: usize = 32;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Nobody came back.
    Linger,
    /// Nobody came back while callers waited.
    Absent,
    /// Those who were talked to have been told.
    Farewell,
    /// Requests have waited long enough for a registration.
    Waiting,
    /// The browser had better register anew.
    Renew,
    /// It had better try again to register here, if it has not by itself.
    Retry(UpstreamId),
    /// An INVITE was cancelled and is not answered.
    GiveUp(ServerId),
    /// Another server may know more.
    NextHop(ServerId),
}

pub(super) struct Phone {
    shared: Arc<Shared>,
    /// Its own name: that of a phone that has not registered, and of its branches.
    id: PhoneId,
    inbox: mpsc::Receiver<Input>,
    task: mpsc::Sender<Input>,
    seat: Option<Seat>,
    /// Who has the socket now, if it was the socket of a phone that had a task already.
    successor: Option<mpsc::Sender<Input>>,
    /// Where the browser reads; it stays to say the last words when the seat was handed over.
    outbound: mpsc::Sender<Vec<u8>>,
    /// Whose it is.
    person: Option<Arc<dyn Person>>,
    secure: bool,
    claims: Vec<PhoneId>,
    transactions: Transactions<Note>,
    links: Vec<Link>,
    legs: BTreeMap<ServerId, Leg>,
    /// Calls whose sound the gateway carries.
    calls: BTreeMap<Text, Call>,
    /// Calls that were offered anew and challenged, the oldest first, and by how much the PBX's CSeq
    /// will be ahead when the browser tries again.
    counted: Vec<(Text, u8)>,
    /// The other calls that are up, the oldest first.
    direct_calls: Vec<DirectCall>,
    /// What waits for a registration, in order.
    waiting: Vec<Request>,
    due: BTreeSet<(Moment, Due)>,
    origin: Instant,
}

impl Phone {
    pub(super) fn start(shared: Arc<Shared>, seat: Seat) {
        let (task, inbox) = mpsc::channel(QUEUE);
        let id = PhoneId(super::random());
        let host = Host::Name(Text::from_static("gateway.invalid"));
        let phone = Self {
            id,
            inbox,
            task,
            outbound: seat.outbound.clone(),
            person: seat.info.person.clone(),
            secure: seat.info.secure,
            seat: Some(seat),
            successor: None,
            claims: Vec::new(),
            transactions: Transactions::new(Timers::default(), host),
            links: Vec::new(),
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            counted: Vec::new(),
            direct_calls: Vec::new(),
            waiting: Vec::new(),
            due: BTreeSet::new(),
            origin: Instant::now(),
            shared,
        };
        let tasks = phone.shared.tasks.clone();
        // Boxed, as a future keeps room for what it was given and for what it makes of it.
        tasks.spawn(Box::new(phone).run());
    }

    async fn run(mut self: Box<Self>) {
        self.claim(self.id);
        self.raise();
        let closing = self.shared.closing.clone();
        while !self.is_over() {
            let wake = self.wake();
            tokio::select! {
                () = closing.cancelled() => break,
                frame = receive(&mut self.seat) => match frame {
                    // Boxed, so that a phone that waits is small.
                    Some(bytes) => Box::pin(self.on_frame(bytes)).await,
                    None => self.on_socket_gone(),
                },
                Some(input) = self.inbox.recv() => Box::pin(self.on_input(input)).await,
                () = sleep_until(wake.unwrap_or(self.origin)), if wake.is_some() => {
                    Box::pin(self.on_time()).await;
                }
            }
            while let Some(broken) = self.flush() {
                Box::pin(self.on_link_down(broken)).await;
            }
            self.release_memory();
        }
        self.leave();
    }

    /// Most phones wait, most of the time.
    fn release_memory(&mut self) {
        self.transactions.release_memory();
        if self.legs.is_empty() {
            self.legs = BTreeMap::new();
        }
    }

    fn is_over(&self) -> bool {
        let idle = self.legs.is_empty();
        let awaited = self
            .due
            .iter()
            .any(|(_, due)| matches!(due, Due::Linger | Due::Farewell));
        // Without a registration nobody could find this phone again.
        let nobody = idle && self.claims.len() <= 1 && self.calls.is_empty();
        self.seat.is_none() && (!awaited || nobody || (idle && self.successor.is_some()))
    }

    fn wake(&self) -> Option<Instant> {
        let own = self.due.first().map(|(at, _)| *at);
        let next = own
            .into_iter()
            .chain(self.transactions.next_timer())
            .min()?;
        Some(self.origin + Duration::from_millis(next.as_millis()))
    }

    fn now(&self) -> Moment {
        let millis = self.origin.elapsed().as_millis();
        Moment::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn start_timer(&mut self, due: Due, after: Duration) {
        self.stop_timer(due);
        self.due.insert((self.now() + after, due));
    }

    fn stop_timer(&mut self, due: Due) {
        self.due.retain(|(_, other)| *other != due);
    }

    // Inputs

    async fn on_input(&mut self, input: Input) {
        match input {
            Input::Pbx(received) => {
                let (message, origin) = *received;
                self.on_pbx_message(message, origin).await;
            }
            Input::LinkDown(flow) => self.on_link_down(flow).await,
            Input::Adopt(phone) => {
                let (seat, lines) = *phone;
                self.adopt(seat, lines).await;
            }
            Input::Bound(bound) => {
                let (binding, line) = *bound;
                self.take_lines(line);
                self.bind(binding);
            }
            // Its registration is worth nothing as long as the PBX is away, and may be forgotten then.
            // It comes back to hear so.
            Input::Away(upstream) | Input::Returned(upstream) if self.is_bound(upstream) => {
                self.send_away(Due::Renew);
            }
            Input::Returned(upstream) if self.is_unserved(upstream) => {
                self.send_away(Due::Retry(upstream));
            }
            Input::Away(_) | Input::Returned(_) => {}
        }
    }

    fn is_bound(&self, upstream: UpstreamId) -> bool {
        self.seat
            .as_ref()
            .is_some_and(|seat| seat.is_bound(upstream))
    }

    fn is_unserved(&self, upstream: UpstreamId) -> bool {
        let seat = self.seat.as_ref();
        seat.is_some_and(|seat| seat.unserved.contains(&upstream))
    }

    async fn on_time(&mut self) {
        let now = self.now();
        while let Some((at, due)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            match due {
                Due::Linger => self.on_abandoned(),
                Due::Absent => self.on_absent(),
                Due::Farewell => {}
                Due::Waiting => self.refuse_waiting(None).await,
                Due::Renew | Due::Retry(_) => self.drop_seat(),
                Due::GiveUp(server) => self.give_up(server),
                Due::NextHop(server) => self.leave_hop(server),
            }
        }
        self.transactions.handle_timers(now);
        self.settle(None).await;
    }

    /// Carries out what the transactions say. `destination` is that of the request at hand.
    async fn settle(&mut self, mut destination: Option<Destination>) {
        while let Some(happening) = self.transactions.poll_happening() {
            match happening {
                Happening::Request {
                    server,
                    flow: BROWSER,
                    request,
                } => match destination.take() {
                    Some(to) => self.on_browser_request(server, request, to).await,
                    None => self.refuse(server, Status::CALL_DOES_NOT_EXIST),
                },
                Happening::Request {
                    server,
                    flow,
                    request,
                } => self.on_pbx_request(server, flow, request).await,
                Happening::Response {
                    client,
                    task,
                    response,
                } => self.on_response(client, task, response).await,
                Happening::Unanswered { client, task, why } => {
                    self.on_unanswered(client, task, why).await;
                }
                Happening::Gone { client, task } => self.on_gone(client, task),
                Happening::Ack { request } => match destination.take() {
                    Some(to) => self.on_browser_ack(request, &to).await,
                    None => self.on_pbx_ack(request).await,
                },
                Happening::Cancel {
                    server,
                    request,
                    invite,
                } => self.on_cancel(server, &request, invite),
            }
        }
    }

    /// Sends what is to be sent; answers with a link whose peer does not read. To be repeated until
    /// there is none.
    fn flush(&mut self) -> Option<FlowId> {
        while let Some((flow, bytes)) = self.transactions.poll_transmit() {
            if flow == BROWSER {
                self.tell_browser(bytes);
            } else if let Some(link) = self.links.iter().find(|link| link.flow == flow)
                && link.send(bytes).is_err()
            {
                return Some(flow);
            }
        }
        None
    }

    fn tell_browser(&mut self, bytes: Vec<u8>) {
        if self.outbound.try_send(bytes).is_err() && self.seat.is_some() {
            tracing::info!("a phone does not read and is closed");
            self.drop_seat();
        }
    }

    fn respond(&mut self, server: ServerId, response: &Response) {
        self.transactions.respond(self.now(), server, response);
    }

    fn refuse(&mut self, server: ServerId, status: Status) {
        if let Some(request) = self.transactions.served_request(server) {
            let mut response = Response::to(request, status, Some(&self.tag(request)));
            if status == Status::SERVICE_UNAVAILABLE {
                let later = retry_after(self.shared.phones.count(), super::random());
                response.headers.push(&later);
            }
            self.respond(server, &response);
        }
    }

    /// The tag of answers of our own, the same for every copy of a request.
    fn tag(&self, request: &Request) -> String {
        let parts = super::post::request_parts(request);
        format!("{:016x}", self.shared.key.branch(&parts))
    }

    /// What is still asked of a phone that won't come back is answered.
    fn leave(&mut self) {
        for phone in std::mem::take(&mut self.claims) {
            self.shared.phones.release(phone, &self.task);
        }
        for call in self.calls.keys().cloned().collect::<Vec<_>>() {
            self.release(&call);
        }
        let asked: Vec<ServerId> = self.legs.keys().copied().collect();
        for server in asked {
            if self.transactions.pending_request(server).is_some() {
                self.refuse(server, Status::TEMPORARILY_UNAVAILABLE);
            }
        }
        while let Some(broken) = self.flush() {
            self.links.retain(|link| link.flow != broken);
        }
    }

    async fn on_pbx_message(&mut self, message: Message, origin: Origin) {
        let flow = self.link_back(origin);
        self.transactions.handle_message(self.now(), flow, message);
        self.settle(None).await;
    }
}

async fn receive(seat: &mut Option<Seat>) -> Option<Vec<u8>> {
    match seat {
        Some(seat) => seat.inbound.next().await,
        None => std::future::pending().await,
    }
}
