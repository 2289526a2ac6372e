//! The caller's early dialogs and its PRACKs (RFC 3261 §12.1.2, RFC 3262 §4, RFC 6228).

use super::reliable::wants_prack;
use super::{Phase, Session};
use crate::dialog::Dialog;
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, Purpose, body};
use crate::message::RAck;
use crate::transaction::ServerId;
use crate::{Method, Request, Response, Status, Text};

/// How many early dialogs one INVITE may have; further forks can only answer.
const MOST_FORKS: usize = 16;

/// An early dialog: one per fork.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// The last number that was acknowledged.
    rseq: Option<u32>,
    /// The answer in a reliable response.
    pub(super) answer: Option<Body>,
    /// Offer and answer are complete.
    pub(super) is_settled: bool,
}

/// The PRACK that waits for our answer to the offer in a reliable response.
#[derive(Debug)]
pub(super) struct HeldPrack {
    pub(super) to_tag: Text,
    rack: RAck,
}

impl Session {
    /// A provisional response above 100 to our INVITE.
    pub(super) fn on_progress(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let to_tag: Text = response.headers.to.tag().unwrap_or("").into();
        let rseq = wants_prack(response);
        let holds = self.offers.holds_prack();
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        let has_offer = calling.has_offer;
        let index = calling.early_index(&to_tag);
        if index.is_none() && !to_tag.is_empty() && calling.early.len() < MOST_FORKS {
            self.open_early_dialog(endpoint, response);
        }
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        let mut body = body::read(&response.headers, &response.body);
        let early = calling.early.iter_mut();
        let early = early
            .into_iter()
            .find(|e| e.dialog.remote_tag() == to_tag.as_str());
        let mut offer = None;
        match (early, rseq) {
            (Some(early), Some(rseq)) => {
                let is_next = early
                    .rseq
                    .is_none_or(|last| last.checked_add(1) == Some(rseq));
                let makes_offer = body.is_some() && !has_offer && !early.is_settled;
                // One offer at a time: the peer repeats this one.
                if !is_next || (makes_offer && holds) {
                    return;
                }
                early.rseq = Some(rseq);
                let rack = RAck {
                    rseq,
                    cseq: response.headers.cseq.clone(),
                };
                if makes_offer {
                    offer = body.take();
                    let to_tag = to_tag.clone();
                    self.offers.hold_prack(HeldPrack { to_tag, rack });
                } else {
                    if early.is_settled {
                        body = None;
                    } else if body.is_some() {
                        early.is_settled = true;
                        early.answer.clone_from(&body);
                    }
                    self.send_prack(endpoint, &to_tag, &rack, None);
                }
            }
            // It can't be acknowledged.
            (None, Some(_)) => return,
            (Some(early), None) if early.is_settled => body = None,
            (_, None) => {}
        }
        self.note_abilities(&response.headers);
        let status = response.status;
        if status == Status::EARLY_DIALOG_TERMINATED {
            self.close_early_dialog(endpoint, &to_tag);
        }
        self.tell(
            endpoint,
            SessionEvent::Progress {
                status,
                to_tag,
                body,
            },
        );
        if offer.is_some() {
            self.tell(endpoint, SessionEvent::Offer { body: offer });
        }
    }

    fn open_early_dialog(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        let Some(invite) = endpoint.transactions.request_of(calling.client) else {
            return;
        };
        let dialog = Dialog::of_caller(invite, response);
        calling.early.push(Early {
            dialog: dialog.clone(),
            rseq: None,
            answer: None,
            is_settled: false,
        });
        self.take_name(endpoint, &dialog);
    }

    /// RFC 6228 §6: the fork is gone.
    fn close_early_dialog(&mut self, endpoint: &mut Endpoint, to_tag: &str) {
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        if let Some(index) = calling.early_index(to_tag) {
            let early = calling.early.remove(index);
            self.drop_name(endpoint, &early.dialog.id());
            if self.offers.is_of_fork(to_tag) {
                self.drop_offers(endpoint);
            }
        }
    }

    /// Forgets all early dialogs but that of `to_tag`, which is confirmed now.
    pub(super) fn leave_early_dialogs(
        &mut self,
        endpoint: &mut Endpoint,
        to_tag: &str,
    ) -> Option<Early> {
        let Phase::Calling(calling) = &mut self.phase else {
            return None;
        };
        let mut confirmed = None;
        for early in std::mem::take(&mut calling.early) {
            if early.dialog.remote_tag() == to_tag {
                confirmed = Some(early);
            } else {
                self.drop_name(endpoint, &early.dialog.id());
            }
        }
        // RFC 3262 §3: nobody answers an INVITE before the PRACK to an offer.
        if !self.offers.is_of_fork(to_tag) || self.offers.holds_prack() {
            self.drop_offers(endpoint);
        }
        confirmed
    }

    fn send_prack(
        &mut self,
        endpoint: &mut Endpoint,
        to_tag: &str,
        rack: &RAck,
        answer: Option<Body>,
    ) {
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        let Some(index) = calling.early_index(to_tag) else {
            return;
        };
        let mut prack = calling.early[index].dialog.request(Method::Prack);
        prack.headers.push(rack);
        if let Some(answer) = answer {
            self.description = Some(answer.clone());
            body::write(&mut prack.headers, &mut prack.body, answer);
        }
        self.send(endpoint, prack, Purpose::Prack, 0);
    }

    /// Answers the offer of a reliable response (RFC 3262 §5).
    pub(super) fn release_prack(
        &mut self,
        endpoint: &mut Endpoint,
        held: &HeldPrack,
        answer: Body,
    ) {
        if let Phase::Calling(calling) = &mut self.phase
            && let Some(index) = calling.early_index(&held.to_tag)
        {
            calling.early[index].is_settled = true;
        }
        self.send_prack(endpoint, &held.to_tag, &held.rack, Some(answer));
    }

    /// A request of a callee that has not answered yet.
    pub(super) fn on_callee_request(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        let to_tag: Text = request.headers.from.tag().unwrap_or("").into();
        let Phase::Calling(calling) = &mut self.phase else {
            return;
        };
        let Some(index) = calling.early_index(&to_tag) else {
            endpoint.respond_status(server, &request, Status::CALL_DOES_NOT_EXIST);
            return;
        };
        if calling.early[index].dialog.take_number(&request).is_err() {
            endpoint.respond_status(server, &request, Status::SERVER_INTERNAL_ERROR);
            return;
        }
        if endpoint.refuse_unsupported(server, &request, false) {
            return;
        }
        match request.method {
            Method::Update => {
                let is_free = self.offers.choose_fork(&to_tag);
                if is_free {
                    self.on_update(endpoint, server, request);
                } else {
                    endpoint.respond_retry_later(server, &request);
                }
            }
            // RFC 3261 §14.2: our own INVITE is not answered yet.
            Method::Invite => endpoint.respond_status(server, &request, Status::REQUEST_PENDING),
            Method::Options => endpoint.respond_options(server, &request),
            Method::Info => {
                endpoint.respond_status(server, &request, Status::OK);
                let body = body::read(&request.headers, &request.body);
                self.tell(endpoint, SessionEvent::Info { body });
            }
            // RFC 3261 §15: only the caller may end an early dialog by BYE.
            Method::Bye | Method::Prack => {
                endpoint.respond_status(server, &request, Status::CALL_DOES_NOT_EXIST);
            }
            _ => endpoint.respond_not_allowed(server, &request),
        }
    }
}
