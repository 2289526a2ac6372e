//! The mode *auto*: a PBX that knows no WebRTC is offered the call again, anchored.

use std::sync::Arc;

use sidetone_sip::transaction::{ClientId, ServerId};
use sidetone_sip::{FlowId, Method, Response, Status};

use super::farewell::within_dialog;
use super::{has_description, has_fingerprint};
use crate::bridge::anchor::{AnchorError, Rewritten, Step};
use crate::bridge::config::MediaMode;
use crate::bridge::phone::Phone;
use crate::bridge::phone::leg::{Leg, Outgoing, Way};
use crate::bridge::post;

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
}
