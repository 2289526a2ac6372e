//! Calls whose sound the gateway carries: their session descriptions are rewritten on the way.
//!
//! Who offers follows from the message (RFC 3264, RFC 3261 §13.2.1, RFC 3311, RFC 3262 §5): a
//! description in INVITE or UPDATE is an offer, one in their responses the answer; an INVITE without
//! one asks the other side to offer, and is answered by its ACK or PRACK.
//!
//! In the mode *auto* an upstream is taken for one that speaks WebRTC until it refuses an offer with
//! 488, or answers without a DTLS fingerprint: the call is then offered again, anchored, and the
//! browser sees one call that rings.

use std::net::SocketAddr;
use std::sync::Arc;

use sidetone_sip::message::{Contacts, ContentType, HeaderName};
use sidetone_sip::transaction::{ClientId, Persistence, ServerId};
use sidetone_sip::{FlowId, Method, Request, Response, Status, Text, Uri};

use super::leg::{Leg, Note, Outgoing, Way};
use super::{BROWSER, Due, FAREWELL, Phone};
use crate::bridge::anchor::{AnchorConfig, AnchorError, Anchored, Rewritten, Step};
use crate::bridge::border;
use crate::bridge::config::MediaMode;
use crate::bridge::link;
use crate::bridge::pbx::Pbx;
use crate::bridge::post;

/// A call that is anchored.
pub(super) struct Call {
    anchored: Box<dyn Anchored>,
    /// By how much the PBX's CSeq is ahead of the browser's.
    pub(super) shift: u8,
    established: bool,
    /// A request like the one that ends the call on the PBX's side, and its way.
    farewell: Option<(Request, FlowId)>,
    /// Offers came with the last INVITE, so that a PRACK's description is an offer of its own.
    offered: bool,
    /// The number of an INVITE that the gateway answered itself: its ACK goes no further.
    answered_here: Option<u32>,
    /// The last description in an ACK, and what became of it: an ACK may be repeated.
    acknowledged: Option<(Vec<u8>, String)>,
}

/// What a response's description became, as it may be repeated.
pub(super) struct Seen {
    branch: Text,
    body: Vec<u8>,
    rewritten: String,
}

/// How a request goes on.
pub(super) enum Passage {
    /// As it is now.
    Onward,
    /// It was answered here.
    Answered,
}

impl Phone {
    /// Ends a call's anchor.
    pub(super) fn release(&mut self, call_id: &Text) {
        if let Some(call) = self.calls.remove(call_id) {
            call.anchored.close();
        }
    }

    /// Nobody came back. Sound that still flows is let flow; a call without any is ended, for nobody
    /// else would tell the PBX.
    pub(super) fn on_abandoned(&mut self) {
        if self.calls.values().any(|call| call.anchored.is_heard()) {
            self.start_timer(Due::Linger, self.shared.linger);
            return;
        }
        let now = self.now();
        let calls: Vec<Text> = self.calls.keys().cloned().collect();
        for call_id in calls {
            let call = self.calls.get_mut(&call_id);
            if let Some((mut bye, flow)) = call.and_then(|call| call.farewell.take())
                && let Some(link) = self.link(flow)
            {
                let branch = post::branch(self.id, crate::bridge::random(), 0);
                bye.headers.via = vec![border::via(link, &branch)];
                bye.headers.cseq.number += 1;
                bye.headers.cseq.method = Method::Bye;
                bye.method = Method::Bye;
                let note = Note { server: None };
                self.transactions
                    .forward(now, flow, bye, Persistence::Fails, note);
                self.start_timer(Due::Farewell, FAREWELL);
            }
            self.release(&call_id);
        }
    }

    /// The number of the browser's last request, as the PBX knows it.
    pub(super) fn note_number(&mut self, request: &Request) {
        if let Some(call) = self.calls.get_mut(&request.headers.call_id)
            && let Some((bye, _)) = &mut call.farewell
        {
            let number = &mut bye.headers.cseq.number;
            *number = request.headers.cseq.number.max(*number);
        }
    }

    /// A call is up: how it would be ended.
    fn note_farewell(&mut self, server: ServerId, response: &Response) {
        let Some(leg) = self.legs.get(&server) else {
            return;
        };
        let farewell = match &leg.way {
            Way::ToPbx(outgoing) => {
                let invite = leg.client.and_then(|c| self.transactions.request_of(c));
                invite.map(|invite| (within_dialog(invite, response), outgoing.flow))
            }
            Way::ToBrowser(incoming) => {
                let invite = self.transactions.served_request(server);
                invite.map(|invite| (against_dialog(invite, response), incoming.flow))
            }
        };
        if let Some(call) = self.calls.get_mut(&response.headers.call_id)
            && call.farewell.is_none()
        {
            call.farewell = farewell;
        }
    }

    /// An INVITE that began a call has failed.
    pub(super) fn release_failed(&mut self, call_id: &Text) {
        if self
            .calls
            .get(call_id)
            .is_some_and(|call| !call.established)
        {
            self.release(call_id);
        }
    }

    async fn anchor(
        &mut self,
        pbx: &Pbx,
        peer: SocketAddr,
        call_id: &Text,
        shift: u8,
    ) -> Result<(), AnchorError> {
        let Some(media) = &self.shared.anchor else {
            return Err(AnchorError {
                status: Status::NOT_ACCEPTABLE_HERE,
                why: "no media engine is there".to_owned(),
            });
        };
        let local = link::local_towards(peer).ok_or_else(|| AnchorError {
            status: Status::SERVICE_UNAVAILABLE,
            why: format!("no way leads to {peer}"),
        })?;
        let config = AnchorConfig {
            local,
            advertise: self.shared.advertise,
            srtp: pbx.config.srtp,
            symmetric_rtp: pbx.config.symmetric_rtp,
        };
        let call = Call {
            anchored: media.anchor(config).await?,
            shift,
            established: false,
            farewell: None,
            offered: false,
            answered_here: None,
            acknowledged: None,
        };
        self.calls.insert(call_id.detached(), call);
        Ok(())
    }

    async fn rewrite(
        &self,
        call_id: &Text,
        step: Step<'_>,
        body: &[u8],
    ) -> Result<Rewritten, AnchorError> {
        let sdp = std::str::from_utf8(body).map_err(|_| AnchorError {
            status: Status::BAD_REQUEST,
            why: "a session description is not UTF-8".to_owned(),
        })?;
        match self.calls.get(call_id) {
            Some(call) => call.anchored.rewrite(step, sdp).await,
            None => Ok(Rewritten::Pass(sdp.to_owned())),
        }
    }

    // Requests

    /// Anchors what must be, and rewrites the description in a request of the browser.
    pub(super) async fn media_of_browser_request(
        &mut self,
        server: ServerId,
        request: &mut Request,
        pbx: &Pbx,
        peer: SocketAddr,
        was_anchored: Option<u8>,
    ) -> Result<Passage, AnchorError> {
        let call_id = request.headers.call_id.clone();
        let carries = has_description(request.headers.typed().ok().flatten(), &request.body);
        let is_invite = request.method == Method::Invite;
        if request.method == Method::Bye {
            self.release(&call_id);
            return Ok(Passage::Onward);
        }
        let known = self.calls.contains_key(&call_id);
        let begins = is_invite && request.headers.to.tag().is_none();
        let resumes = was_anchored.filter(|_| is_invite || carries);
        if !known && ((begins && pbx.wants_anchor()) || resumes.is_some()) {
            let shift = resumes.unwrap_or(0);
            self.anchor(pbx, peer, &call_id, shift).await?;
        }
        let Some(call) = self.calls.get_mut(&call_id) else {
            return Ok(Passage::Onward);
        };
        call.established |= resumes.is_some() && !known;
        if is_invite {
            call.offered = carries;
        }
        if !carries {
            return Ok(Passage::Onward);
        }
        let step = match request.method == Method::Prack && !call.offered {
            true => Step::AnswerFromBrowser,
            false => Step::OfferFromBrowser,
        };
        match self.rewrite(&call_id, step, &request.body).await? {
            Rewritten::Pass(sdp) => {
                request.body = sdp.into_bytes();
                Ok(Passage::Onward)
            }
            Rewritten::Answer(sdp) => {
                self.answer_here(server, request, sdp);
                Ok(Passage::Answered)
            }
        }
    }

    /// The PBX need not know: the browser only comes by another way now.
    fn answer_here(&mut self, server: ServerId, request: &Request, sdp: String) {
        let mut response = Response::to(request, Status::OK, Some(&self.tag(request)));
        let target = sidetone_sip::Address::new(request.uri.clone());
        response.headers.contact = Contacts::one(target);
        let sdp_type = "application/sdp";
        response.headers.push_raw(HeaderName::ContentType, sdp_type);
        for timer in request.headers.raw(&HeaderName::SessionExpires) {
            let value = timer.clone();
            response.headers.push_raw(HeaderName::SessionExpires, value);
        }
        response.body = sdp.into_bytes();
        if request.method == Method::Invite
            && let Some(call) = self.calls.get_mut(&request.headers.call_id)
        {
            call.answered_here = Some(request.headers.cseq.number);
        }
        self.respond(server, &response);
    }

    /// Anchors what must be, and rewrites the description in a request of a PBX.
    pub(super) async fn media_of_pbx_request(
        &mut self,
        request: &mut Request,
        pbx: &Pbx,
        peer: SocketAddr,
    ) -> Result<(), AnchorError> {
        let call_id = request.headers.call_id.clone();
        let carries = has_description(request.headers.typed().ok().flatten(), &request.body);
        let is_invite = request.method == Method::Invite;
        if request.method == Method::Bye {
            self.release(&call_id);
            return Ok(());
        }
        let known = self.calls.contains_key(&call_id);
        let begins = request.headers.to.tag().is_none();
        let wanted = match (pbx.config.media, carries) {
            (MediaMode::Direct, _) => false,
            // RFC 8827 §6.5: an offer to a browser has a fingerprint.
            (MediaMode::Auto, true) => !has_fingerprint(&request.body),
            (_, true) => true,
            (_, false) => begins && pbx.wants_anchor(),
        };
        if !known && is_invite && wanted {
            self.anchor(pbx, peer, &call_id, 0).await?;
        }
        let Some(call) = self.calls.get_mut(&call_id) else {
            return Ok(());
        };
        call.established |= !begins;
        if is_invite {
            call.offered = carries;
        }
        if !carries {
            return Ok(());
        }
        let branch = request.headers.from.tag().unwrap_or_default().to_owned();
        let step = match request.method == Method::Prack && !call.offered {
            true => Step::AnswerFromPbx { branch: &branch },
            false => Step::OfferFromPbx,
        };
        if let Rewritten::Pass(sdp) = self.rewrite(&call_id, step, &request.body).await? {
            request.body = sdp.into_bytes();
        }
        Ok(())
    }

    /// Rewrites the description in an ACK; false if the ACK goes no further.
    pub(super) async fn media_of_ack(&mut self, ack: &mut Request, from_browser: bool) -> bool {
        let call_id = ack.headers.call_id.clone();
        let Some(call) = self.calls.get(&call_id) else {
            return true;
        };
        if from_browser && call.answered_here == Some(ack.headers.cseq.number) {
            return false;
        }
        if !has_description(ack.headers.typed().ok().flatten(), &ack.body) {
            return true;
        }
        if let Some((body, rewritten)) = &call.acknowledged
            && *body == ack.body
        {
            ack.body = rewritten.clone().into_bytes();
            return true;
        }
        let branch = ack.headers.from.tag().unwrap_or_default().to_owned();
        let step = match from_browser {
            true => Step::AnswerFromBrowser,
            false => Step::AnswerFromPbx { branch: &branch },
        };
        match self.rewrite(&call_id, step, &ack.body).await {
            Ok(Rewritten::Pass(sdp) | Rewritten::Answer(sdp)) => {
                let body = std::mem::replace(&mut ack.body, sdp.clone().into_bytes());
                if let Some(call) = self.calls.get_mut(&call_id) {
                    call.acknowledged = Some((body, sdp));
                }
            }
            // The call is up, and whoever can't hear will end it.
            Err(error) => {
                tracing::info!(%error, "the answer in an ACK can't be used");
                ack.body.clear();
                ack.headers.remove(&HeaderName::ContentType);
            }
        }
        true
    }

    // Responses

    /// Rewrites the description in a response; an error says that nobody can use it.
    pub(super) async fn media_of_response(
        &mut self,
        server: ServerId,
        response: &mut Response,
        from_browser: bool,
    ) -> Result<(), AnchorError> {
        let Some(asked) = self.transactions.served_request(server) else {
            return Ok(());
        };
        let call_id = asked.headers.call_id.clone();
        let is_invite = asked.method == Method::Invite;
        let offered = !asked.body.is_empty();
        let succeeded = response.status.is_success();
        if !self.calls.contains_key(&call_id) {
            return Ok(());
        }
        // RFC 5057 §5.1: there is no such call any more.
        let over = [Status::CALL_DOES_NOT_EXIST, Status::REQUEST_TIMEOUT];
        if asked.headers.to.tag().is_some() && over.contains(&response.status) {
            self.release(&call_id);
            return Ok(());
        }
        if is_invite && succeeded {
            self.note_farewell(server, response);
        }
        let branch: Text = response.headers.to.tag().unwrap_or_default().into();
        if has_description(response.headers.typed().ok().flatten(), &response.body) {
            let seen = self.legs.get(&server).and_then(|leg| leg.seen.as_ref());
            if let Some(seen) = seen
                && seen.branch == branch
                && seen.body == response.body
            {
                response.body = seen.rewritten.clone().into_bytes();
            } else {
                let step = match (from_browser, is_invite && !offered) {
                    (true, true) => Step::OfferFromBrowser,
                    (true, false) => Step::AnswerFromBrowser,
                    (false, true) => Step::OfferFromPbx,
                    (false, false) => Step::AnswerFromPbx { branch: &branch },
                };
                let rewritten = match self.rewrite(&call_id, step, &response.body).await? {
                    Rewritten::Pass(sdp) | Rewritten::Answer(sdp) => sdp,
                };
                let bytes = rewritten.clone().into_bytes();
                let body = std::mem::replace(&mut response.body, bytes);
                if let Some(leg) = self.legs.get_mut(&server) {
                    leg.seen = Some(Seen {
                        branch: branch.clone(),
                        body,
                        rewritten,
                    });
                }
            }
        }
        if is_invite
            && succeeded
            && let Some(call) = self.calls.get_mut(&call_id)
        {
            call.established = true;
            if !from_browser {
                call.anchored.confirm(&branch).await;
            }
        }
        Ok(())
    }

    /// An answer that nobody can use: while it rings it is passed without its description; a call
    /// that is up is ended.
    pub(super) fn on_useless_answer(
        &mut self,
        server: ServerId,
        error: &AnchorError,
        mut response: Response,
        from_browser: bool,
    ) {
        tracing::info!(%error, "the session description of an answer can't be used");
        let Some(leg) = self.legs.get(&server) else {
            return;
        };
        let (client, call) = (leg.client, leg.call.clone());
        let flow = match (&leg.way, from_browser) {
            (Way::ToPbx(outgoing), false) => outgoing.flow,
            _ => BROWSER,
        };
        let Some(asked) = self.transactions.served_request(server) else {
            return;
        };
        if response.status.is_provisional() {
            border::readdress(&mut response, asked);
            response.headers.contact = Contacts::default();
            response.headers.record_route.clear();
            response.headers.remove(&HeaderName::ContentType);
            response.body.clear();
            self.respond(server, &response);
            return;
        }
        let is_invite = asked.method == Method::Invite;
        self.refuse(server, error.status);
        if is_invite && call.is_some() {
            self.hang_up(client, flow, &response);
        }
        if let Some(call) = call {
            self.release(&call);
        }
    }

    /// Ends a call that was answered in a way that nobody can use: who answered is told ACK and BYE.
    pub(super) fn hang_up(&mut self, client: Option<ClientId>, flow: FlowId, answer: &Response) {
        let Some(invite) = client.and_then(|client| self.transactions.request_of(client)) else {
            return;
        };
        let Some(via) = invite.headers.via.first() else {
            return;
        };
        let mut request = within_dialog(invite, answer);
        if flow == BROWSER {
            request.headers.route.clear();
        }
        let mut via = via.clone();
        let now = self.now();
        for (method, after) in [(Method::Ack, 0), (Method::Bye, 1)] {
            let rest = crate::bridge::random();
            let branch = post::branch(self.id, rest, 0);
            via.params.set("branch", Some(&branch));
            request.headers.via = vec![via.clone()];
            request.headers.cseq.number += after;
            request.headers.cseq.method = method.clone();
            request.method = method;
            if after == 0 {
                self.transactions.transmit(flow, request.to_bytes());
            } else {
                let note = Note { server: None };
                let request = request.clone();
                self.transactions
                    .forward(now, flow, request, Persistence::Fails, note);
            }
        }
    }

    // The mode *auto*

    /// Whether this response shows that a PBX knows no WebRTC, and the call was offered anew.
    pub(super) async fn offered_anew(&mut self, server: ServerId, response: &Response) -> bool {
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

/// A request without a body in the dialog that `answer` to `invite` made (RFC 3261 §12.2.1.1).
fn within_dialog(invite: &Request, answer: &Response) -> Request {
    let asked = &invite.headers;
    let mut headers = sidetone_sip::Headers::new(
        asked.from.clone(),
        answer.headers.to.clone(),
        asked.call_id.clone(),
        asked.cseq.clone(),
    );
    headers.via.clone_from(&asked.via);
    headers.max_forwards = Some(70);
    headers.route = answer.headers.record_route.iter().rev().cloned().collect();
    let contact = answer.headers.contact.first();
    let uri: Uri = contact.map_or_else(|| invite.uri.clone(), |contact| contact.uri.clone());
    Request::new(invite.method.clone(), uri, headers)
}

/// A request the other way in that dialog, before any other (RFC 3261 §12.1.1).
fn against_dialog(invite: &Request, answer: &Response) -> Request {
    let asked = &invite.headers;
    let mut cseq = asked.cseq.clone();
    cseq.number = 0;
    let mut headers = sidetone_sip::Headers::new(
        answer.headers.to.clone(),
        asked.from.clone(),
        asked.call_id.clone(),
        cseq,
    );
    headers.max_forwards = Some(70);
    headers.route.clone_from(&asked.record_route);
    let contact = asked.contact.first();
    let uri = contact.map_or_else(|| asked.from.uri.clone(), |contact| contact.uri.clone());
    Request::new(invite.method.clone(), uri, headers)
}

fn has_description(content_type: Option<ContentType>, body: &[u8]) -> bool {
    let is_sdp = |found: ContentType| &*found.media_type == "application/sdp";
    !body.is_empty() && content_type.is_some_and(is_sdp)
}

fn has_fingerprint(body: &[u8]) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"a=fingerprint:"))
}
