//! Descriptions in requests.

use std::net::SocketAddr;

use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::transaction::ServerId;
use sidetone_sip::{Method, Request, Response, Status};

use super::{Passage, has_description, has_fingerprint};
use crate::bridge::anchor::{AnchorError, Rewritten, Step};
use crate::bridge::config::MediaMode;
use crate::bridge::pbx::Pbx;
use crate::bridge::phone::Phone;
use crate::bridge::phone::leg::Way;

/// Who sends.
#[derive(Clone, Copy)]
enum Side {
    Browser,
    Pbx,
}

fn pending() -> AnchorError {
    AnchorError {
        status: Status::REQUEST_PENDING,
        why: "an offer of the other side awaits its answer".to_owned(),
    }
}

impl Phone {
    /// Anchors what must be, and rewrites the description in a request of the browser.
    pub(in crate::bridge::phone) async fn media_of_browser_request(
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
            return Ok(Passage::Onward);
        }
        let known = self.calls.contains_key(&call_id);
        if known && carries && self.owes_an_answer(Side::Browser, request) {
            return Err(pending());
        }
        let begins = is_invite && request.headers.to.tag().is_none();
        let resumes = was_anchored.filter(|_| is_invite || carries);
        if !known && ((begins && pbx.wants_anchor()) || resumes.is_some()) {
            let shift = resumes.or_else(|| self.take_counted(&call_id));
            let shift = shift.unwrap_or(0);
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

    /// Whether this request offers something to the other side while its sender still owes that one
    /// an answer. Only one offer can be under way, and the second one waits (RFC 3261 §14.2,
    /// RFC 3311 §5.2).
    fn owes_an_answer(&self, sender: Side, request: &Request) -> bool {
        let offers = |request: &Request| {
            matches!(request.method, Method::Invite | Method::Update)
                && request.headers.to.tag().is_some()
                && !request.body.is_empty()
        };
        offers(request)
            && self.legs.iter().any(|(server, leg)| {
                let to_sender = match (&leg.way, sender) {
                    (Way::ToBrowser(_), Side::Browser) | (Way::ToPbx(_), Side::Pbx) => true,
                    (Way::ToPbx(_), Side::Browser) | (Way::ToBrowser(_), Side::Pbx) => false,
                };
                let unanswered = self.transactions.pending_request(*server);
                to_sender
                    && unanswered.is_some_and(|other| {
                        offers(other) && other.headers.call_id == request.headers.call_id
                    })
            })
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
    pub(in crate::bridge::phone) async fn media_of_pbx_request(
        &mut self,
        request: &mut Request,
        pbx: &Pbx,
        peer: SocketAddr,
    ) -> Result<(), AnchorError> {
        let call_id = request.headers.call_id.clone();
        let carries = has_description(request.headers.typed().ok().flatten(), &request.body);
        let is_invite = request.method == Method::Invite;
        if request.method == Method::Bye {
            return Ok(());
        }
        let known = self.calls.contains_key(&call_id);
        if known && carries && self.owes_an_answer(Side::Pbx, request) {
            return Err(pending());
        }
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
    pub(in crate::bridge::phone) async fn media_of_ack(
        &mut self,
        ack: &mut Request,
        from_browser: bool,
    ) -> bool {
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
}
