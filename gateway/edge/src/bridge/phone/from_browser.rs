//! What the browser asks, of the switch or of a PBX, and what PBXs answer.

use std::sync::Arc;

use sidetone_sip::message::{Host, Incoming as Read, Limits, read_frame};
use sidetone_sip::transaction::ServerId;
use sidetone_sip::{Message, Method, Request, Response, Status, Text, Uri};

use super::leg::{Leg, Outgoing, Way, begun};
use super::media::Passage;
use super::permission::Permission;
use super::statistics;
use super::{BROWSER, Phone};
use crate::bridge::binding::{self, Registering};
use crate::bridge::border;
use crate::bridge::config::Protocol;
use crate::bridge::pbx::Pbx;
use crate::bridge::post;
use crate::bridge::token::{PhoneId, RouteToken};

/// Where a request of the browser goes.
pub(super) struct Destination {
    pub(super) pbx: Arc<Pbx>,
    /// The dialog it belongs to, if it says so and it is true.
    pub(super) route: Option<RouteToken>,
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
    pub(super) fn destination(&self, request: &Request) -> Option<Destination> {
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
            self.refuse(server, Status::SERVICE_UNAVAILABLE);
            return;
        }
        let (phone, registering) = self.who(&request, &to);
        let call_id = request.headers.call_id.clone();
        let summary = match request.method {
            Method::Bye => self.conclude(&call_id).await,
            _ => None,
        };
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
            anew: false,
            registering,
        };
        let leg = Leg {
            client: None,
            proceeding: false,
            cancelled: None,
            seen: None,
            call: begun(&outgoing.request),
            answered: false,
            is_unheard: false,
            summary,
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

    pub(super) fn note_unserved(&mut self, request: &Request, pbx: &Pbx) {
        if request.method == Method::Register
            && let Some(seat) = &mut self.seat
            && !seat.unserved.contains(&pbx.id)
        {
            seat.unserved.push(pbx.id);
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
        self.note_lost(server, &response);
        self.note_refused_anew(server, &mut response);
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            summary,
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
        if let Some(person) = &self.person {
            person.on_response(Some(&pbx.config.name), &response);
        }
        let Some(asked) = self.transactions.served_request(server) else {
            return;
        };
        border::readdress(&mut response, asked);
        statistics::remove_claims(&mut response.headers);
        if let Some(summary) = summary.as_ref().filter(|_| status.is_final()) {
            summary.write(&mut response.headers);
        }
        if border::begins_dialogs(&asked.method)
            && (response.status.is_provisional() || response.status.is_success())
            && let Some(token) = route
        {
            let route = border::record_route(&self.shared.key, &token);
            // RFC 3261 §12.1.2: the last one is the first hop of the caller.
            response.headers.record_route.push(route);
        }
        self.note_failure(server, status);
        self.note_answered(server, &response);
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
}
