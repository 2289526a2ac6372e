//! What the browser says, on its way to the switch or to a PBX.

use std::sync::Arc;
use std::time::Duration;

use sidetone_sip::message::{Host, Incoming as Read, Limits, RetryAfter, read_frame};
use sidetone_sip::transaction::{Persistence, ServerId};
use sidetone_sip::{FlowId, Message, Method, Request, Response, Status, Text, Uri};

use super::leg::{Leg, Note, Outgoing, Way, begun};
use super::media::Passage;
use super::{BROWSER, Due, MOST_WAITING, Phone, REGISTER_PATIENCE};
use crate::bridge::binding::{self, Binding, Outcome, Registering};
use crate::bridge::border;
use crate::bridge::config::Protocol;
use crate::bridge::link::{Hop, Link};
use crate::bridge::pbx::Pbx;
use crate::bridge::phones::Input;
use crate::bridge::post;
use crate::bridge::token::{PhoneId, RouteToken};

/// RFC 3261 §18.1.1: larger requests go over a connection.
const LARGEST_DATAGRAM: usize = 1300;
/// What Via and Contact add, about.
const OURS: usize = 200;

/// Where a request of the browser goes.
pub(super) struct Destination {
    pub(super) pbx: Arc<Pbx>,
    /// The dialog it belongs to, if it says so and it is true.
    pub(super) route: Option<RouteToken>,
}

/// Whether a request may go out.
enum Permission {
    Granted,
    /// It speaks for an account that is not registered here; it may be soon.
    NotYet,
    Refused,
}

impl Phone {
    pub(super) async fn on_frame(&mut self, bytes: Vec<u8>) {
        let limits = Limits::default();
        match read_frame(&bytes, &limits) {
            Read::Ping => self.tell_browser(b"\r\n".to_vec()),
            Read::Pong => {}
            Read::Message(Message::Request(request)) => match self.destination(&request) {
                Some(destination) => self.on_request(request, destination).await,
                None => self.pass_to_switch(bytes).await,
            },
            Read::Message(Message::Response(response)) => {
                let branch = response.headers.via.first().and_then(|via| via.branch());
                if branch.and_then(post::phone_of_branch).is_some() {
                    let message = Message::Response(response);
                    self.transactions
                        .handle_message(self.now(), BROWSER, message);
                    self.settle(None).await;
                } else {
                    self.pass_to_switch(bytes).await;
                }
            }
            // The switch has its own judgement of those that only send noise.
            Read::Refused(_) | Read::Dropped(_) => self.pass_to_switch(bytes).await,
        }
    }

    async fn pass_to_switch(&mut self, bytes: Vec<u8>) {
        let switch = Arc::clone(&self.shared.switch);
        if let Some(seat) = &mut self.seat
            && !seat.pass_to_switch(&*switch, bytes).await
        {
            self.drop_seat();
        }
    }

    /// The upstream that a request is for; `None`: the switch.
    fn destination(&self, request: &Request) -> Option<Destination> {
        let shared = &self.shared;
        if let Some(route) = border::route_token(&shared.key, request) {
            let pbx = Arc::clone(shared.pbx(route.upstream)?);
            let route = Some(route);
            return Some(Destination { pbx, route });
        }
        let named = match &request.uri {
            Uri::Sip(uri) => match &uri.host {
                Host::Name(name) => shared.pbx_of_domain(name),
                address => shared.pbx_of_domain(&address.to_string()),
            },
            _ => None,
        };
        // What a registered phone sends elsewhere, such as to whom a transfer names, goes by its PBX.
        let pbx = named.or_else(|| {
            let account = binding::account(&request.headers.from.uri)?;
            let bindings = &self.seat.as_ref()?.bindings;
            let bound = bindings.iter().find(|bound| bound.account == account)?;
            shared.pbx(bound.upstream)
        });
        let (pbx, route) = (Arc::clone(pbx?), None);
        Some(Destination { pbx, route })
    }

    async fn on_request(&mut self, request: Request, destination: Destination) {
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

    fn permission(&self, request: &Request, destination: &Destination) -> Permission {
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

    pub(super) async fn on_browser_request(
        &mut self,
        server: ServerId,
        mut request: Request,
        to: Destination,
    ) {
        let Permission::Granted = self.permission(&request, &to) else {
            tracing::info!(method = %request.method, upstream = to.pbx.config.name,
                "a request in the name of an account that is not registered here is refused");
            let mut response = Response::to(&request, Status::FORBIDDEN, Some(&self.tag(&request)));
            response.reason = "Register As This Account First".into();
            self.respond(server, &response);
            return;
        };
        if let Err(status) = border::count_hop(&mut request) {
            self.refuse(server, status);
            return;
        }
        let hops = self.hops(&to).await;
        if hops.is_empty() {
            self.note_unserved(&request, &to.pbx);
            self.unreachable(server);
            return;
        }
        let (phone, registering) = self.who(&request, &to);
        let call_id = request.headers.call_id.clone();
        let was_anchored = to.route.filter(|route| route.anchored);
        let was_anchored = was_anchored.map(|route| route.shift);
        let passage = self
            .media_of_browser_request(server, &mut request, &to.pbx, hops[0].addr, was_anchored)
            .await;
        match passage {
            Ok(Passage::Onward) => {}
            Ok(Passage::Answered) => return,
            Err(error) => {
                tracing::info!(%error, "a session description is refused");
                self.release_failed(&call_id);
                self.refuse(server, error.status);
                return;
            }
        }
        let shift = self.shift(&call_id, to.route.as_ref());
        border::clean_for_pbx(&self.shared.key, &mut request, shift);
        self.note_number(&request);
        let outgoing = Outgoing {
            pbx: to.pbx,
            request,
            hops: hops.into(),
            attempt: 0,
            for_size: false,
            flow: BROWSER,
            protocol: Protocol::Udp,
            peer: None,
            phone,
            shift,
            registering,
        };
        let leg = Leg {
            client: None,
            proceeding: false,
            cancelled: None,
            seen: None,
            call: begun(&outgoing.request),
            way: Way::ToPbx(Box::new(outgoing)),
        };
        self.legs.insert(server, leg);
        self.attempt(server);
        if self
            .legs
            .get(&server)
            .is_some_and(|leg| leg.client.is_none())
        {
            self.forget(server);
        }
    }

    /// By how much the PBX's CSeq is ahead of the browser's in this call.
    fn shift(&self, call_id: &Text, route: Option<&RouteToken>) -> u8 {
        let of_call = self.calls.get(call_id).map(|call| call.shift);
        of_call.or(route.map(|route| route.shift)).unwrap_or(0)
    }

    /// Where to try: where the dialog is, then wherever the upstream is.
    async fn hops(&self, to: &Destination) -> Vec<Hop> {
        let mut hops = to.pbx.hops().await;
        if let Some(route) = &to.route {
            let target = to.pbx.config.next_hop();
            let hop = Hop {
                protocol: route.protocol,
                addr: route.peer,
                name: target.host.clone(),
                path: target.path.as_str().into(),
            };
            hops.retain(|other| (other.protocol, other.addr) != (hop.protocol, hop.addr));
            hops.insert(0, hop);
        }
        hops
    }

    /// The phone as the PBX will know it.
    fn who(&self, request: &Request, to: &Destination) -> (PhoneId, Option<Registering>) {
        let upstream = to.pbx.id;
        if let Some(route) = &to.route {
            return (route.phone, None);
        }
        let Some(account) = binding::account(&request.headers.from.uri) else {
            return (self.id, None);
        };
        if request.method != Method::Register {
            let bindings = self.seat.iter().flat_map(|seat| &seat.bindings);
            let mut bindings = bindings.filter(|bound| bound.upstream == upstream);
            let bound = bindings.find(|bound| bound.account == account);
            return (bound.map_or(self.id, |bound| bound.phone), None);
        }
        let contact = request.headers.contact.first();
        let instance = contact.and_then(|contact| contact.instance());
        let phone = instance.map_or(self.id, |instance| {
            self.shared.key.phone(upstream, &account, instance)
        });
        let registering = Registering {
            upstream,
            account,
            phone,
        };
        (phone, Some(registering))
    }

    /// Sends a request to the next of its hops, or answers that there is none.
    pub(super) fn attempt(&mut self, server: ServerId) {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            ..
        }) = self.legs.get_mut(&server)
        else {
            return;
        };
        let Some(hop) = outgoing.hops.pop_front() else {
            let (request, pbx) = (outgoing.request.clone(), Arc::clone(&outgoing.pbx));
            self.note_unserved(&request, &pbx);
            self.unreachable(server);
            return;
        };
        let (pbx, phone) = (Arc::clone(&outgoing.pbx), outgoing.phone);
        let attempt = outgoing.attempt;
        outgoing.attempt = attempt.wrapping_add(1);
        let mut request = outgoing.request.clone();
        let now = self.now();
        self.use_line(phone);
        let (link, alternative) = self.link_for(&pbx, &hop, attempt, phone, &mut request);
        let flow = link.flow;
        let note = Note {
            server: Some(server),
        };
        let client = self
            .transactions
            .forward(now, flow, request, Persistence::Fails, note);
        if let Some(leg) = self.legs.get_mut(&server) {
            leg.client = client;
            if let Way::ToPbx(outgoing) = &mut leg.way {
                outgoing.flow = flow;
                outgoing.protocol = hop.protocol;
                outgoing.peer = Some(hop.addr);
                outgoing.for_size = alternative.is_some();
                if let Some(hop) = alternative {
                    outgoing.hops.push_front(hop);
                }
            }
        }
    }

    /// The link to `hop`, for which `request` is made fit. If the request is too large for a
    /// datagram, that is a connection, and what was asked for remains as the alternative.
    fn link_for(
        &mut self,
        pbx: &Arc<Pbx>,
        hop: &Hop,
        attempt: u8,
        phone: PhoneId,
        request: &mut Request,
    ) -> (Link, Option<Hop>) {
        // The browser's Via is still there.
        let branch = self.shared.key.branch(&post::request_parts(request));
        let branch = post::branch(self.id, branch, attempt);
        let mut link = self.link_to(pbx, hop);
        let mut alternative = None;
        if hop.protocol == Protocol::Udp && !pbx.is_without_tcp(hop.addr) && is_large(request) {
            let connection = Hop {
                protocol: Protocol::Tcp,
                ..hop.clone()
            };
            link = self.link_to(pbx, &connection);
            alternative = Some(hop.clone());
        }
        let key = &self.shared.key;
        border::hide_contacts(key, &mut request.headers.contact, pbx.id, phone, &link);
        request.headers.via = vec![border::via(&link, &branch)];
        (link, alternative)
    }

    /// A phone that comes back goes on over the connection that it had.
    fn use_line(&mut self, phone: PhoneId) {
        if let Some(line) = self.shared.phones.line(phone)
            && line.is_open()
            && self.link(line.flow).is_none()
        {
            self.add_link(line);
        }
    }

    fn link_to(&mut self, pbx: &Arc<Pbx>, hop: &Hop) -> Link {
        let mut links = self.links.iter();
        let same =
            |link: &&Link| link.protocol == hop.protocol && link.peer == hop.addr && link.is_open();
        if let Some(link) = links.find(same) {
            return link.clone();
        }
        let link = match hop.protocol {
            Protocol::Udp => Link::datagrams(&self.shared, hop.addr),
            _ => Link::connect(&self.shared, pbx.tls.clone(), hop, self.task.clone()),
        };
        self.add_link(link.clone());
        link
    }

    fn note_unserved(&mut self, request: &Request, pbx: &Pbx) {
        if request.method == Method::Register
            && let Some(seat) = &mut self.seat
            && !seat.unserved.contains(&pbx.id)
        {
            seat.unserved.push(pbx.id);
        }
    }

    /// RFC 3261 §21.5.4: try again soon, but not all at once.
    fn unreachable(&mut self, server: ServerId) {
        if let Some(request) = self.transactions.served_request(server) {
            let status = Status::SERVICE_UNAVAILABLE;
            let mut response = Response::to(request, status, Some(&self.tag(request)));
            let seconds = 2 + crate::bridge::random() % 3;
            let later = RetryAfter(Duration::from_secs(seconds));
            response.headers.push(&later);
            self.respond(server, &response);
        }
    }

    pub(super) async fn on_browser_ack(&mut self, mut request: Request, to: &Destination) {
        if border::count_hop(&mut request).is_err() {
            return;
        }
        let granted = matches!(self.permission(&request, to), Permission::Granted);
        let Some(hop) = self.hops(to).await.into_iter().next().filter(|_| granted) else {
            return;
        };
        if !self.media_of_ack(&mut request, true).await {
            return;
        }
        let shift = self.shift(&request.headers.call_id, to.route.as_ref());
        let (phone, _) = self.who(&request, to);
        border::clean_for_pbx(&self.shared.key, &mut request, shift);
        let (link, _) = self.link_for(&to.pbx, &hop, 1, phone, &mut request);
        self.transactions.transmit(link.flow, request.to_bytes());
    }

    /// A PBX's response, for the browser.
    pub(super) async fn on_pbx_response(&mut self, server: ServerId, mut response: Response) {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            cancelled,
            ..
        }) = self.legs.get_mut(&server)
        else {
            return;
        };
        // RFC 3263 §4.3: a server that can't serve is left for the next one.
        let busy = response.status == Status::SERVICE_UNAVAILABLE;
        if busy && cancelled.is_none() && !outgoing.hops.is_empty() {
            self.attempt(server);
            return;
        }
        if Box::pin(self.offered_anew(server, &response)).await {
            return;
        }
        if let Err(error) = self.media_of_response(server, &mut response, false).await {
            self.on_useless_answer(server, &error, response, false);
            return;
        }
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            ..
        }) = self.legs.get(&server)
        else {
            return;
        };
        let registering = outgoing.registering.clone();
        let status = response.status;
        let flow = outgoing.flow;
        let route = outgoing.peer.map(|peer| RouteToken {
            upstream: outgoing.pbx.id,
            phone: outgoing.phone,
            protocol: outgoing.protocol,
            peer,
            anchored: self.calls.contains_key(&response.headers.call_id),
            shift: outgoing.shift,
        });
        let pbx = Arc::clone(&outgoing.pbx);
        let Some(asked) = self.transactions.served_request(server) else {
            return;
        };
        border::readdress(&mut response, asked);
        if border::begins_dialogs(&asked.method)
            && (response.status.is_provisional() || response.status.is_success())
            && let Some(token) = route
        {
            let route = border::record_route(&self.shared.key, &token);
            // RFC 3261 §12.1.2: the last one is the first hop of the caller.
            response.headers.record_route.push(route);
        }
        self.note_failure(server, status);
        match registering {
            Some(registering) if response.status.is_success() => {
                let phone = registering.phone;
                let outcome = binding::restore(&self.shared.key, &mut response, phone);
                self.respond(server, &response);
                self.on_registered(registering, outcome, flow).await;
            }
            Some(_) if response.status.is_final() => {
                let challenged = [
                    Status::UNAUTHORIZED,
                    Status::PROXY_AUTHENTICATION_REQUIRED,
                    Status::INTERVAL_TOO_BRIEF,
                ];
                let refused = !challenged.contains(&response.status);
                self.respond(server, &response);
                if refused {
                    Box::pin(self.refuse_waiting(Some(&pbx))).await;
                }
            }
            _ => self.respond(server, &response),
        }
    }

    /// The PBX believes that this is the phone.
    async fn on_registered(&mut self, registering: Registering, outcome: Outcome, link: FlowId) {
        let Registering {
            upstream,
            account,
            phone,
        } = registering;
        let seats = self.seat.as_mut();
        if outcome == Outcome::Unregistered {
            if let Some(seat) = seats {
                seat.bindings.retain(|binding| binding.phone != phone);
            }
            if phone != self.id && self.claims.contains(&phone) {
                self.claims.retain(|claim| *claim != phone);
                self.shared.phones.release(phone, &self.task);
            }
            return;
        }
        let binding = Binding {
            upstream,
            account,
            phone,
            link,
        };
        if let Some(successor) = &self.successor {
            // A successor that is over has no use for it.
            let line = self.link(link).filter(|link| link.is_connection()).cloned();
            let _ = successor
                .send(Input::Bound(Box::new((binding, line))))
                .await;
            return;
        }
        self.bind(binding);
        if self.claims.contains(&phone) {
            self.release_waiting().await;
        } else if let Some(other) = self.shared.phones.find(phone) {
            self.hand_over(other).await;
        }
    }

    /// The phone had a task already: that one takes the socket, and this one only ends what it has
    /// begun.
    async fn hand_over(&mut self, other: tokio::sync::mpsc::Sender<Input>) {
        self.flush();
        let Some(seat) = self.seat.take() else { return };
        let waiting = std::mem::take(&mut self.waiting);
        self.stop_timer(Due::Waiting);
        self.start_timer(Due::Linger, super::CANCEL_PATIENCE);
        self.successor = Some(other.clone());
        let lines = self.links.iter().filter(|link| link.is_connection());
        let lines: Vec<Link> = lines.cloned().collect();
        if let Err(failed) = other.send(Input::Adopt(Box::new((seat, lines)))).await {
            // It ended just now.
            self.successor = None;
            if let Input::Adopt(phone) = failed.0 {
                let (seat, _) = *phone;
                let bindings = seat.bindings.clone();
                self.seat = Some(seat);
                self.stop_timer(Due::Linger);
                for binding in bindings {
                    self.bind(binding);
                }
            }
        }
        for request in waiting {
            if let Some(destination) = self.destination(&request) {
                Box::pin(self.on_request(request, destination)).await;
            }
        }
    }
}

fn is_large(request: &Request) -> bool {
    let body = request.body.len();
    body > LARGEST_DATAGRAM || request.to_bytes().len() + OURS > LARGEST_DATAGRAM
}
