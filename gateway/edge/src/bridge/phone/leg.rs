//! One request on its way through the gateway.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::transaction::{ClientId, Persistence, ServerId};
use sidetone_sip::{FlowId, Method, NoResponse, Request, Response, Status, Text};

use super::media::Seen;
use super::statistics::Summary;
use super::{BROWSER, CANCEL_PATIENCE, Due, Phone};
use crate::bridge::binding::Registering;
use crate::bridge::config::Protocol;
use crate::bridge::link::Hop;
use crate::bridge::pbx::Pbx;
use crate::bridge::token::{PhoneId, UpstreamId};

/// What a client transaction was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Who is to be answered; `None`: nobody waits for it.
    pub(super) server: Option<ServerId>,
}

/// A request that was forwarded and is not over.
pub(super) struct Leg {
    pub(super) client: Option<ClientId>,
    /// A provisional response came, so that it may be cancelled (RFC 3261 §9.1).
    pub(super) proceeding: bool,
    /// Asked to be, with these Reasons.
    pub(super) cancelled: Option<Vec<RawHeader>>,
    /// The last description in a response.
    pub(super) seen: Option<Seen>,
    /// The call that the request began and whose sound ends with its failure.
    pub(super) call: Option<Text>,
    /// That call is answered.
    pub(super) answered: bool,
    /// It began while the browser was away.
    pub(super) is_unheard: bool,
    /// How the call was that the request ends.
    pub(super) summary: Option<Summary>,
    pub(super) way: Way,
}

/// Which way it goes.
pub(super) enum Way {
    ToPbx(Box<Outgoing>),
    ToBrowser(Incoming),
}

/// A request to a PBX.
pub(super) struct Outgoing {
    pub(super) pbx: Arc<Pbx>,
    /// As it goes out, but for what depends on the link.
    pub(super) request: Request,
    /// Where to try next.
    pub(super) hops: VecDeque<Hop>,
    pub(super) attempt: u8,
    /// It went over a connection for its size; the next hop is the same for datagrams.
    pub(super) for_size: bool,
    /// Where it was sent last.
    pub(super) flow: FlowId,
    pub(super) protocol: Protocol,
    pub(super) peer: Option<SocketAddr>,
    /// Who asks, as the PBX will know it.
    pub(super) phone: PhoneId,
    pub(super) shift: u8,
    /// The gateway has offered the call a second time.
    pub(super) anew: bool,
    pub(super) registering: Option<Registering>,
}

/// A request to the browser.
pub(super) struct Incoming {
    pub(super) upstream: UpstreamId,
    pub(super) phone: PhoneId,
    /// Where it came from.
    pub(super) flow: FlowId,
}

impl Phone {
    pub(super) async fn on_response(&mut self, client: ClientId, note: Note, response: Response) {
        let Some(server) = note.server else { return };
        let Some(leg) = self.legs.get_mut(&server) else {
            return;
        };
        // What was given up for another attempt has nothing to say.
        if leg.client != Some(client) {
            return;
        }
        self.stop_timer(Due::NextHop(server));
        let Some(leg) = self.legs.get_mut(&server) else {
            return;
        };
        if response.status.is_provisional() {
            leg.proceeding = true;
            if leg.cancelled.is_some() {
                self.send_cancel(server);
            }
            // RFC 3261 §16.7 step 5: a 100 goes one hop.
            if response.status == Status::TRYING {
                return;
            }
        }
        match self.legs.get(&server).map(|leg| &leg.way) {
            Some(Way::ToPbx(_)) => self.on_pbx_response(server, response).await,
            Some(Way::ToBrowser(_)) => self.on_browser_response(server, response).await,
            None => {}
        }
        self.forget_answered(server, client);
    }

    /// With its final response a request is over, unless it was an INVITE, which may be answered by
    /// several branches (RFC 3261 §16.7 step 5), or is tried elsewhere. Nobody would hear a
    /// repetition of the response.
    fn forget_answered(&mut self, server: ServerId, client: ClientId) {
        let over = self.transactions.served_request(server).is_none();
        if over
            && self
                .legs
                .get(&server)
                .is_some_and(|leg| leg.client == Some(client))
        {
            self.forget(server);
            self.transactions.abandon(client);
        }
    }

    pub(super) async fn on_unanswered(&mut self, client: ClientId, note: Note, why: NoResponse) {
        let Some(server) = note.server else { return };
        let Some(leg) = self.legs.get_mut(&server) else {
            return;
        };
        if leg.client != Some(client) {
            return;
        }
        leg.client = None;
        let cancelled = leg.cancelled.is_some();
        match &leg.way {
            Way::ToPbx(outgoing) => {
                let flow = outgoing.flow;
                if !outgoing.for_size
                    && let Some(peer) = outgoing.peer
                {
                    outgoing.pbx.note_silent(peer);
                }
                // A connection over which nothing is answered may be half-open.
                if why == NoResponse::TimedOut && outgoing.protocol != Protocol::Udp {
                    self.links.retain(|link| link.flow != flow);
                }
                // RFC 3261 §18.1.1: a peer that takes no connections gets large datagrams.
                if why == NoResponse::FlowDown
                    && outgoing.for_size
                    && let Some(peer) = outgoing.peer
                {
                    outgoing.pbx.note_without_tcp(peer);
                }
                match cancelled {
                    true => self.refuse(server, Status::REQUEST_TERMINATED),
                    false => self.attempt(server),
                }
            }
            Way::ToBrowser(_) => self.refuse(server, Status::TEMPORARILY_UNAVAILABLE),
        }
        if self
            .legs
            .get(&server)
            .is_some_and(|leg| leg.client.is_none())
        {
            self.forget(server);
        }
    }

    pub(super) fn on_gone(&mut self, client: ClientId, note: Note) {
        let Some(server) = note.server else { return };
        if self
            .legs
            .get(&server)
            .is_some_and(|leg| leg.client == Some(client))
        {
            self.forget(server);
        }
    }

    pub(super) fn forget(&mut self, server: ServerId) {
        if let Some(call) = self.legs.remove(&server).and_then(|leg| leg.call) {
            self.release_failed(&call);
        }
        self.stop_timer(Due::GiveUp(server));
        self.stop_timer(Due::NextHop(server));
    }

    /// The call that a request began came to nothing, and so does its sound. The next attempt, with
    /// credentials perhaps, has its own.
    pub(super) fn note_failure(&mut self, server: ServerId, status: Status) {
        if status.is_final()
            && !status.is_success()
            && let Some(leg) = self.legs.get_mut(&server)
            && let Some(call) = leg.call.take()
        {
            self.release_failed(&call);
        }
    }

    // RFC 3261 §9

    pub(super) fn on_cancel(
        &mut self,
        server: ServerId,
        request: &Request,
        invite: Option<ServerId>,
    ) {
        let known = invite.filter(|invite| self.transactions.served_request(*invite).is_some());
        let status = known.map_or(Status::CALL_DOES_NOT_EXIST, |_| Status::OK);
        let response = Response::to(request, status, Some(&self.tag(request)));
        self.respond(server, &response);
        let Some(invite) = known else { return };
        if self.legs.get(&invite).is_some_and(|leg| leg.is_unheard) {
            return self.turn_away(invite, Status::REQUEST_TERMINATED);
        }
        if let Some(leg) = self.legs.get_mut(&invite)
            && leg.cancelled.is_none()
            && self.transactions.pending_request(invite).is_some()
        {
            let reasons = request.headers.others.iter();
            let reasons = reasons.filter(|header| header.name == HeaderName::Reason);
            leg.cancelled = Some(reasons.cloned().collect());
            if leg.proceeding {
                self.send_cancel(invite);
            }
            self.start_timer(Due::GiveUp(invite), CANCEL_PATIENCE);
        }
    }

    fn send_cancel(&mut self, invite: ServerId) {
        let now = self.now();
        let note = Note { server: None };
        if let Some(leg) = self.legs.get(&invite)
            && let (Some(client), Some(reasons)) = (leg.client, leg.cancelled.clone())
        {
            self.transactions.cancel(now, client, reasons, note);
        }
    }

    /// Whoever was cancelled and does not answer is not waited for.
    pub(super) fn give_up(&mut self, invite: ServerId) {
        if let Some(leg) = self.legs.get(&invite)
            && self.transactions.pending_request(invite).is_some()
        {
            let client = leg.client;
            self.refuse(invite, Status::REQUEST_TERMINATED);
            if let Some(client) = client {
                self.transactions.abandon(client);
            }
        }
    }

    /// Sends a request on to the browser.
    pub(super) fn pass_to_browser(
        &mut self,
        server: ServerId,
        request: Request,
        incoming: Incoming,
    ) {
        let note = Note {
            server: Some(server),
        };
        let now = self.now();
        let call = begun(&request);
        let is_unheard = call.is_some() && !self.transactions.is_up(BROWSER);
        let client = self
            .transactions
            .forward(now, BROWSER, request, Persistence::Waits, note);
        let leg = Leg {
            client,
            proceeding: false,
            cancelled: None,
            seen: None,
            call,
            answered: false,
            is_unheard,
            summary: None,
            way: Way::ToBrowser(incoming),
        };
        self.legs.insert(server, leg);
    }
}

/// The call that a request begins.
pub(super) fn begun(request: &Request) -> Option<Text> {
    let begins = request.method == Method::Invite && request.headers.to.tag().is_none();
    begins.then(|| request.headers.call_id.detached())
}
