//! Where a request of the browser is sent, and where next.

use std::sync::Arc;
use std::time::Duration;

use sidetone_sip::transaction::{Persistence, ServerId};
use sidetone_sip::{Request, Status};

use super::from_browser::Destination;
use super::leg::{Leg, Note, Way};
use super::{Due, Phone};
use crate::bridge::border;
use crate::bridge::config::Protocol;
use crate::bridge::link::{Hop, Link};
use crate::bridge::pbx::Pbx;
use crate::bridge::post;
use crate::bridge::token::PhoneId;

/// RFC 3261 §18.1.1: larger requests go over a connection.
const LARGEST_DATAGRAM: usize = 1300;
/// What Via and Contact add, about.
const OURS: usize = 200;
/// How long one of several servers may be silent; RFC 3263 §4.3 leaves it to us. The browser's own
/// request would not outlast a whole transaction.
const HOP_PATIENCE: Duration = Duration::from_secs(4);

impl Phone {
    /// Where to try: where the dialog is, then wherever the upstream is.
    pub(super) async fn hops(&self, to: &Destination) -> Vec<Hop> {
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
            self.refuse(server, Status::SERVICE_UNAVAILABLE);
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
        self.stop_timer(Due::NextHop(server));
        if self.may_leave_hop(server) {
            self.start_timer(Due::NextHop(server), HOP_PATIENCE);
        }
    }

    /// Whether a request may go elsewhere if nothing is heard of it. A connection shows by itself
    /// that nobody is there, and a dialog is where it is.
    fn may_leave_hop(&self, server: ServerId) -> bool {
        let leg = self.legs.get(&server);
        leg.is_some_and(|leg| match &leg.way {
            Way::ToPbx(outgoing) => {
                let begins = outgoing.request.headers.to.tag().is_none();
                begins && outgoing.protocol == Protocol::Udp && !outgoing.hops.is_empty()
            }
            Way::ToBrowser(_) => false,
        })
    }

    /// Nothing was heard of a request: it is sent to the next of its hops.
    pub(super) fn leave_hop(&mut self, server: ServerId) {
        let Some(leg) = self.legs.get_mut(&server) else {
            return;
        };
        let Way::ToPbx(outgoing) = &leg.way else {
            return;
        };
        if let Some(peer) = outgoing.peer {
            outgoing.pbx.note_silent(peer);
        }
        if leg.cancelled.is_some() {
            return;
        }
        if let Some(client) = leg.client.take() {
            self.transactions.abandon(client);
        }
        self.attempt(server);
    }

    /// The link to `hop`, for which `request` is made fit. If the request is too large for a
    /// datagram, that is a connection, and what was asked for remains as the alternative.
    pub(super) fn link_for(
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
}

fn is_large(request: &Request) -> bool {
    let body = request.body.len();
    body > LARGEST_DATAGRAM || request.to_bytes().len() + OURS > LARGEST_DATAGRAM
}

#[cfg(test)]
mod tests;
