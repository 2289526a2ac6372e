//! The mode *auto*: a PBX that knows no WebRTC is offered the call again, anchored.
//!
//! ```text
//!   browser            gateway             PBX
//!      │ 8 INVITE, proof  │ 8 INVITE, proof  │
//!      │─────────────────▶│─────────────────▶│
//!      │                  │              488 │
//!      │                  │◀─────────────────│
//!      │                  │ 9 INVITE, proof  │
//!      │                  │─────────────────▶│
//!      │ 8    401, stale  │ 9            401 │
//!      │◀─────────────────│◀─────────────────│
//!      │ 9 INVITE, proof  │ 10 INVITE, proof │
//!      │─────────────────▶│─────────────────▶│
//! ```
//!
//! A proof of the password is for one request: a PBX that counts them (RFC 7616 §3.4, `nc`) takes the
//! second for a replay and challenges, and the browser answers the new challenge, marked as stale,
//! because it isn't the password that was refused. Others take it. Asked without one, they would
//! challenge too, maybe with the nonce of the same second, which phones take for a refusal.

use std::sync::Arc;

use sidetone_sip::auth::challenges;
use sidetone_sip::message::{HeaderName, Headers};
use sidetone_sip::transaction::{ClientId, Persistence, ServerId};
use sidetone_sip::{FlowId, Method, Response, Status, Text};

use super::farewell::within_dialog;
use super::{has_description, has_fingerprint};
use crate::bridge::anchor::{AnchorError, Rewritten, Step};
use crate::bridge::border;
use crate::bridge::config::MediaMode;
use crate::bridge::phone::Phone;
use crate::bridge::phone::leg::{Leg, Note, Outgoing, Way};
use crate::bridge::post;

/// Calls that are remembered for the browser to try them again.
const MOST_COUNTED: usize = 8;

const PROOFS: [HeaderName; 2] = [HeaderName::Authorization, HeaderName::ProxyAuthorization];

impl Phone {
    /// Whether this response shows that a PBX knows no WebRTC, and the call was offered anew.
    pub(in crate::bridge::phone) async fn offered_anew(
        &mut self,
        server: ServerId,
        response: &Response,
    ) -> bool {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            cancelled: None,
            client,
            ..
        }) = self.legs.get(&server)
        else {
            return false;
        };
        let carries = has_description(response.headers.typed().ok().flatten(), &response.body);
        let without = carries && !has_fingerprint(&response.body);
        let answered = response.status.is_success() && without;
        let refused = [Status::NOT_ACCEPTABLE_HERE, Status::NOT_ACCEPTABLE_ANYWHERE];
        let fits = outgoing.pbx.config.media == MediaMode::Auto
            && self.shared.anchor.is_some()
            && outgoing.request.method == Method::Invite
            && outgoing.request.headers.to.tag().is_none()
            && !outgoing.request.body.is_empty()
            && !self.calls.contains_key(&outgoing.request.headers.call_id);
        if !fits || !(answered || refused.contains(&response.status)) {
            return false;
        }
        let (client, flow) = (*client, outgoing.flow);
        let Err(error) = self
            .offer_anew(server, client, flow, response, answered)
            .await
        else {
            return true;
        };
        tracing::info!(%error, "the call can't be offered anew");
        false
    }

    async fn offer_anew(
        &mut self,
        server: ServerId,
        client: Option<ClientId>,
        flow: FlowId,
        response: &Response,
        answered: bool,
    ) -> Result<(), AnchorError> {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            ..
        }) = self.legs.get(&server)
        else {
            return Ok(());
        };
        let (pbx, peer) = (Arc::clone(&outgoing.pbx), outgoing.peer);
        let call_id = outgoing.request.headers.call_id.clone();
        let offer = outgoing.request.body.clone();
        let Some(peer) = peer else { return Ok(()) };
        self.anchor(&pbx, peer, &call_id, 1).await?;
        let rewritten = self.rewrite(&call_id, Step::OfferFromBrowser, &offer).await;
        let body = match rewritten {
            Ok(Rewritten::Pass(sdp) | Rewritten::Answer(sdp)) => sdp.into_bytes(),
            Err(error) => {
                self.release(&call_id);
                return Err(error);
            }
        };
        tracing::info!(upstream = pbx.config.name, "the upstream knows no WebRTC");
        pbx.learn_anchor();
        if answered && let Some(invite) = client.and_then(|c| self.transactions.request_of(c)) {
            let mut ack = within_dialog(invite, response);
            ack.method = Method::Ack;
            ack.headers.cseq.method = Method::Ack;
            if let Some(via) = ack.headers.via.first_mut() {
                let branch = post::branch(self.id, crate::bridge::random(), 0);
                via.params.set("branch", Some(&branch));
            }
            self.transactions.transmit(flow, ack.to_bytes());
        }
        if let Some(call) = self.calls.get_mut(&call_id) {
            call.offered = true;
        }
        let hops = pbx.hops().await;
        if let Some(leg) = self.legs.get_mut(&server)
            && let Way::ToPbx(outgoing) = &mut leg.way
        {
            leg.proceeding = false;
            again(outgoing, response, answered, body);
            let (protocol, peer) = (outgoing.protocol, outgoing.peer);
            let mut hops = std::collections::VecDeque::from(hops);
            let same = hops
                .iter()
                .position(|hop| hop.protocol == protocol && Some(hop.addr) == peer);
            if let Some(at) = same {
                hops.rotate_left(at);
            }
            outgoing.hops = hops;
            self.attempt(server);
        }
        Ok(())
    }

    /// A call that was offered anew is refused after all, or challenged. The browser then tries again
    /// with a number that the PBX has seen already.
    pub(in crate::bridge::phone) fn note_refused_anew(
        &mut self,
        server: ServerId,
        response: &mut Response,
    ) {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            ..
        }) = self.legs.get(&server)
        else {
            return;
        };
        if !outgoing.anew || !response.status.is_final() || response.status.is_success() {
            return;
        }
        let mut shift = outgoing.shift;
        let was_answered = outgoing.request.headers.to.tag().is_some();
        if was_answered {
            shift += 1;
            self.end_unheard(server);
        }
        let challenged = [Status::UNAUTHORIZED, Status::PROXY_AUTHENTICATION_REQUIRED];
        if !challenged.contains(&response.status) {
            return;
        }
        let asked = self.transactions.served_request(server);
        if !was_answered && asked.is_some_and(|asked| is_proven(&asked.headers)) {
            mark_stale(&mut response.headers);
        }
        if self.counted.len() == MOST_COUNTED {
            self.counted.remove(0);
        }
        let call_id = response.headers.call_id.detached();
        self.counted.push((call_id, shift));
    }

    /// The PBX has answered once, without sound: that call is over.
    fn end_unheard(&mut self, server: ServerId) {
        let Some(Leg {
            way: Way::ToPbx(outgoing),
            ..
        }) = self.legs.get(&server)
        else {
            return;
        };
        let flow = outgoing.flow;
        let Some(link) = self.link(flow) else { return };
        let branch = post::branch(self.id, crate::bridge::random(), 0);
        let mut bye = outgoing.request.clone();
        bye.method = Method::Bye;
        bye.headers.cseq.method = Method::Bye;
        bye.headers.cseq.number += 1;
        bye.headers.via = vec![border::via(link, &branch)];
        bye.headers.contact = Default::default();
        bye.headers.remove(&HeaderName::ContentType);
        bye.body.clear();
        let (now, note) = (self.now(), Note { server: None });
        self.transactions
            .forward(now, flow, bye, Persistence::Fails, note);
    }

    /// By how much the PBX is ahead in a call that the browser tries again.
    pub(super) fn take_counted(&mut self, call_id: &Text) -> Option<u8> {
        let at = self.counted.iter().position(|(call, _)| call == call_id)?;
        Some(self.counted.remove(at).1)
    }
}

fn is_proven(headers: &Headers) -> bool {
    PROOFS.iter().any(|name| headers.raw(name).next().is_some())
}

/// Says of all challenges that another nonce is wanted, and no other password.
fn mark_stale(headers: &mut Headers) {
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        let found = challenges(headers, &name);
        headers.remove(&name);
        for mut challenge in found {
            challenge.stale = true;
            headers.push_raw(name.clone(), challenge.to_string());
        }
    }
}

/// Makes the request one more, with a number of its own (RFC 3261 §8.1.3.5).
fn again(outgoing: &mut Outgoing, response: &Response, answered: bool, body: Vec<u8>) {
    if answered {
        let request = within_dialog(&outgoing.request, response);
        outgoing.request.uri = request.uri;
        outgoing.request.headers.to = request.headers.to;
        outgoing.request.headers.route = request.headers.route;
    }
    outgoing.request.body = body;
    outgoing.request.headers.cseq.number += 1;
    outgoing.shift = 1;
    outgoing.anew = true;
}
