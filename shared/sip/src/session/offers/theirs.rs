//! The peer's offers within a session (RFC 3261 §14.2, RFC 3311 §5.2).

use super::{HeldAck, LocalOffer, Offerer};
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::session::{Command, Phase, Session};
use crate::transaction::ServerId;
use crate::{CommandError, Method, Request, Response, Status};

impl Session {
    /// RFC 3261 §14.2.
    pub(in crate::session) fn on_reinvite(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        if let LocalOffer::Pending(_) = self.offers.local {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        if self.offers.remote.is_some() || self.offers.holds_answer() || self.answer.is_some() {
            endpoint.respond_retry_later(server, &request);
            return;
        }
        if endpoint.refuse_unsupported(server, &request, true) {
            return;
        }
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Reinvite),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        self.take_offer(endpoint, server, request);
    }

    /// RFC 3311 §5.2.
    pub(in crate::session) fn on_update(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        let offers = &self.offers;
        let is_offer = !request.body.is_empty();
        let of_update = |(_, offer): &(_, Request)| offer.method == Method::Update;
        let initial = self.initial_offer().filter(|_| is_offer);
        let is_busy = is_offer && (offers.remote.is_some() || offers.holds_answer());
        let of_other = offers.remote.as_ref().is_some_and(of_update);
        if is_busy || of_other || initial == Some(Offerer::Peer) {
            endpoint.respond_retry_later(server, &request);
            return;
        }
        let has_own = matches!(offers.local, LocalOffer::Pending(_)) && is_offer;
        if has_own || initial == Some(Offerer::We) {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        if endpoint.refuse_unsupported(server, &request, true) {
            return;
        }
        self.note_abilities(&request.headers);
        if is_offer {
            self.take_urgent_offer(endpoint, server, request);
        } else {
            self.accept_update(endpoint, server, &request, None);
        }
    }

    /// RFC 3262 §5: the answer belongs into the 2xx to the PRACK.
    pub(in crate::session) fn on_offer_in_prack(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        prack: Request,
    ) {
        let is_open = self.initial_offer().is_some();
        if is_open || matches!(self.offers.local, LocalOffer::Pending(_)) {
            endpoint.respond_status(server, &prack, Status::REQUEST_PENDING);
        } else if self.offers.remote.is_some() {
            endpoint.respond_retry_later(server, &prack);
        } else {
            self.take_urgent_offer(endpoint, server, prack);
        }
    }

    /// An offer in a request that does not wait for long.
    fn take_urgent_offer(&mut self, endpoint: &mut Endpoint, server: ServerId, request: Request) {
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SessionAlarm::OfferExpiry, patience);
        self.take_offer(endpoint, server, request);
    }

    fn take_offer(&mut self, endpoint: &mut Endpoint, server: ServerId, request: Request) {
        let body = body::read(&request.headers, &request.body);
        self.offers.remote = Some((server, request));
        // The peer's turn came first: an offer of ours that waits for its own turn is outdated.
        if let LocalOffer::Postponed(draft) = std::mem::take(&mut self.offers.local) {
            self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
            self.on_draft_refused(endpoint, &draft, Status::REQUEST_PENDING);
        }
        self.tell(endpoint, SessionEvent::Offer { body });
    }

    /// An UPDATE lasts no longer than its transaction: its sender has given it up.
    pub(in crate::session) fn on_offer_expired(&mut self, endpoint: &mut Endpoint) {
        if self.offers.remote.take().is_some() {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }

    pub(crate) fn answer_offer(&mut self, endpoint: &mut Endpoint, answer: Body) -> Command {
        self.alive()?;
        match self.offers.remote.take() {
            Some((server, request)) if request.method == Method::Invite => {
                let Some(dialog) = self.dialog_mut() else {
                    return Err(CommandError::WrongState);
                };
                dialog.refresh_target(&request.headers);
                let mut response = Response::to(&request, Status::OK, None);
                self.grant_timer(endpoint, &request.headers, &mut response.headers);
                let makes_offer = request.body.is_empty();
                let answer = Some(answer);
                self.send_answer(endpoint, server, response, answer, makes_offer, false);
            }
            Some((server, request)) => {
                self.accept_update(endpoint, server, &request, Some(answer));
            }
            None if self.offers.held_ack.is_some() => {
                self.release_held_ack(endpoint, Some(answer));
            }
            None if self.offers.held_prack.is_some() => {
                if let Some(held) = self.offers.held_prack.take() {
                    self.release_prack(endpoint, &held, answer);
                }
            }
            None => return Err(CommandError::WrongState),
        }
        Ok(())
    }

    fn accept_update(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: &Request,
        answer: Option<Body>,
    ) {
        if answer.is_some() {
            self.stop_alarm(endpoint, SessionAlarm::OfferExpiry);
        }
        if let Some(dialog) = self.dialog_mut() {
            dialog.refresh_target(&request.headers);
        }
        let mut response = Response::to(request, Status::OK, None);
        contact(&mut response.headers, &self.contact);
        endpoint.list_abilities(&mut response.headers);
        let is_confirmed = matches!(self.phase, Phase::Confirmed(_));
        if is_confirmed && request.method == Method::Update {
            self.grant_timer(endpoint, &request.headers, &mut response.headers);
        }
        if let Some(answer) = answer {
            self.description = Some(answer.clone());
            body::write(&mut response.headers, &mut response.body, answer);
        }
        endpoint.respond(server, response);
    }

    pub(in crate::session) fn release_held_ack(
        &mut self,
        endpoint: &mut Endpoint,
        answer: Option<Body>,
    ) {
        let Some(HeldAck {
            client,
            to_tag,
            mut ack,
        }) = self.offers.held_ack.take()
        else {
            return;
        };
        if let Some(answer) = answer {
            self.description = Some(answer.clone());
            body::write(&mut ack.headers, &mut ack.body, answer);
        }
        self.acknowledge(endpoint, client, &to_tag, ack);
    }

    pub(crate) fn reject_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        self.alive()?;
        if self.offers.remote.is_none() || status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        self.refuse_remote_offer(endpoint, status);
        Ok(())
    }

    pub(in crate::session) fn refuse_remote_offer(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
    ) -> bool {
        let Some((server, request)) = self.offers.remote.take() else {
            return false;
        };
        self.stop_alarm(endpoint, SessionAlarm::OfferExpiry);
        endpoint.respond_status(server, &request, status);
        true
    }

    /// The peer cancelled its re-INVITE.
    pub(in crate::session) fn on_offer_withdrawn(&mut self, endpoint: &mut Endpoint) {
        if self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }
}
