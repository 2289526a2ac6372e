//! Offers and answers within a session (RFC 3264 §4, RFC 3261 §14).

use std::time::Duration;

use super::{Command, Over, Phase, Session};
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::transaction::{ClientId, ServerId};
use crate::{CommandError, Method, Request, Response, Status, Text};

/// What is being negotiated. At most one of the three is there, except that an offer of ours can
/// wait for its turn.
///
/// ```text
///            offer()                       offer received
///   +---------+ <------------- +-------+ ----------------> +--------+
///   | Pending |                | quiet |                   | remote |
///   +---------+ -------------> +-------+ <---------------- +--------+
///      |   ^    answered,          ^      answer_offer(), reject_offer(),
///  491 |   |    refused,           |      withdrawn, call over
///      V   |    withdrawn          |
///  +-----------+                   |
///  | Postponed | ------------------+ withdrawn, the peer offers
///  +-----------+
/// ```
#[derive(Debug, Default)]
pub(super) struct Offers {
    local: LocalOffer,
    /// The peer's re-INVITE that waits for the user.
    remote: Option<(ServerId, Request)>,
    /// The ACK that waits for our answer to the offer in a 2xx.
    held_ack: Option<HeldAck>,
}

/// Our new offer.
#[derive(Debug, Default)]
enum LocalOffer {
    #[default]
    None,
    /// In a re-INVITE that is not answered yet.
    Pending(Pending),
    /// To be made again after 491.
    Postponed(Option<Body>),
}

/// A re-INVITE of ours; without a body it asks for an offer.
#[derive(Debug)]
struct Pending {
    client: ClientId,
    body: Option<Body>,
    /// A provisional response came: now it can be cancelled (RFC 3261 §9.1).
    is_provisional: bool,
    is_withdrawn: bool,
    is_cancelled: bool,
}

#[derive(Debug)]
struct HeldAck {
    client: ClientId,
    to_tag: Text,
    ack: Request,
}

impl Offers {
    fn is_quiet(&self) -> bool {
        matches!(self.local, LocalOffer::None) && self.remote.is_none() && self.held_ack.is_none()
    }

    pub(super) fn hold_ack(&mut self, client: ClientId, to_tag: &str, ack: Request) {
        self.held_ack = Some(HeldAck {
            client,
            to_tag: to_tag.into(),
            ack,
        });
    }

    pub(super) fn holds_ack(&self, to_tag: &str) -> bool {
        self.held_ack
            .as_ref()
            .is_some_and(|held| held.to_tag == *to_tag)
    }

    /// The re-INVITE was sent again, with credentials.
    pub(super) fn resent(&mut self, again: ClientId) {
        if let LocalOffer::Pending(pending) = &mut self.local {
            pending.client = again;
            pending.is_provisional = false;
            pending.is_cancelled = false;
        }
    }

    /// The request that is still to be answered by the peer, which is not waited for any more.
    pub(super) fn abandon(&mut self) -> Option<ClientId> {
        match std::mem::take(&mut self.local) {
            LocalOffer::Pending(pending) => Some(pending.client),
            LocalOffer::None | LocalOffer::Postponed(_) => None,
        }
    }
}

impl Session {
    // Our offers

    /// A re-INVITE with an offer, or one that asks for an offer (RFC 3261 §14.1): only one INVITE
    /// at a time, in either direction.
    pub(crate) fn offer(&mut self, endpoint: &mut Endpoint, body: Option<Body>) -> Command {
        self.confirmed()?;
        if !self.offers.is_quiet() || self.answer.is_some() {
            return Err(CommandError::WrongState);
        }
        self.send_offer(endpoint, body);
        Ok(())
    }

    fn send_offer(&mut self, endpoint: &mut Endpoint, offer: Option<Body>) {
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let mut request = confirmed.dialog.request(Method::Invite);
        contact(&mut request.headers, &self.contact);
        endpoint.list_methods(&mut request.headers);
        if let Some(offer) = offer.clone() {
            body::write(&mut request.headers, &mut request.body, offer);
        }
        let client = self.send(endpoint, request, Purpose::Reinvite, 0);
        self.offers.local = LocalOffer::Pending(Pending {
            client,
            body: offer,
            is_provisional: false,
            is_withdrawn: false,
            is_cancelled: false,
        });
    }

    pub(super) fn retry_offer(&mut self, endpoint: &mut Endpoint) {
        match std::mem::take(&mut self.offers.local) {
            LocalOffer::Postponed(body) => self.send_offer(endpoint, body),
            other => self.offers.local = other,
        }
    }

    /// Takes our offer back: by CANCEL if it is on its way (RFC 3261 §9.1).
    pub(crate) fn withdraw_offer(&mut self, endpoint: &mut Endpoint) -> Command {
        self.confirmed()?;
        match &mut self.offers.local {
            LocalOffer::None => return Err(CommandError::WrongState),
            LocalOffer::Postponed(_) => {
                self.offers.local = LocalOffer::None;
                self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
                self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
            }
            LocalOffer::Pending(pending) => {
                pending.is_withdrawn = true;
                self.cancel_offer(endpoint);
            }
        }
        Ok(())
    }

    fn cancel_offer(&mut self, endpoint: &mut Endpoint) {
        let LocalOffer::Pending(pending) = &mut self.offers.local else {
            return;
        };
        if !pending.is_withdrawn || !pending.is_provisional || pending.is_cancelled {
            return;
        }
        pending.is_cancelled = true;
        let client = pending.client;
        self.transmit_cancel(endpoint, client, Vec::new());
    }

    /// RFC 3261 §9.1: a cancelled re-INVITE that is not answered within 64·T1 is given up.
    pub(super) fn on_offer_cancel_deadline(&mut self, endpoint: &mut Endpoint) {
        if let Some(client) = self.offers.abandon() {
            endpoint.transactions.abandon(client);
            self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
        }
    }

    fn tell_offer_refused(&self, endpoint: &mut Endpoint, status: Status) {
        self.tell(endpoint, SessionEvent::OfferRefused { status });
    }

    pub(super) fn on_reinvite_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        response: Response,
    ) {
        if response.status.is_provisional() {
            if let LocalOffer::Pending(pending) = &mut self.offers.local {
                pending.is_provisional = true;
                self.cancel_offer(endpoint);
            }
            return;
        }
        if response.status.is_success() {
            self.on_offer_accepted(endpoint, client, &response);
            return;
        }
        if !matches!(self.phase, Phase::Confirmed(_)) {
            return;
        }
        self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
        let offer = std::mem::take(&mut self.offers.local);
        match (response.status, offer) {
            (Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT, _) => {
                self.on_dialog_lost(endpoint, response);
            }
            (
                Status::REQUEST_PENDING,
                LocalOffer::Pending(Pending {
                    body,
                    is_withdrawn: false,
                    ..
                }),
            ) => {
                self.offers.local = LocalOffer::Postponed(body);
                let after = self.glare_wait(endpoint);
                self.start_alarm(endpoint, SessionAlarm::OfferRetry, after);
            }
            (status, _) => self.tell_offer_refused(endpoint, status),
        }
    }

    /// RFC 3261 §14.1: 2.1–4 s for the owner of the Call-ID, 0–2 s for the other, by 10 ms.
    fn glare_wait(&self, endpoint: &mut Endpoint) -> Duration {
        let steps = endpoint.tokens.bits();
        let hundredths = if self.is_caller {
            210 + steps % 191
        } else {
            steps % 201
        };
        Duration::from_millis(hundredths * 10)
    }

    fn on_offer_accepted(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        response: &Response,
    ) {
        let to_tag = response.headers.to.tag().unwrap_or("").to_owned();
        if self.acknowledge_again(endpoint, client, &to_tag) || self.offers.holds_ack(&to_tag) {
            return;
        }
        self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
        let number = response.headers.cseq.number;
        match &mut self.phase {
            Phase::Confirmed(confirmed) => {
                confirmed.dialog.refresh_target(&response.headers);
                let ack = confirmed.dialog.ack(number);
                let body = body::read(&response.headers, &response.body);
                let offer = std::mem::take(&mut self.offers.local);
                let asked = matches!(offer, LocalOffer::Pending(Pending { body: None, .. }));
                if asked && body.is_some() {
                    self.offers.hold_ack(client, &to_tag, ack);
                    self.tell(endpoint, SessionEvent::Offer { body });
                } else {
                    self.acknowledge(endpoint, client, &to_tag, ack);
                    self.tell(endpoint, SessionEvent::OfferAnswered { body });
                }
            }
            Phase::Over(Over {
                dialog: Some(dialog),
                ..
            }) => {
                let ack = dialog.ack(number);
                self.acknowledge(endpoint, client, &to_tag, ack);
            }
            _ => {}
        }
    }

    pub(super) fn on_reinvite_unanswered(&mut self, endpoint: &mut Endpoint) {
        self.on_request_unanswered(endpoint);
        if let Phase::Confirmed(_) = self.phase {
            self.offers.local = LocalOffer::None;
            self.tell_offer_refused(endpoint, Status::REQUEST_TIMEOUT);
        }
    }

    // The peer's offers

    /// RFC 3261 §14.2.
    pub(super) fn on_reinvite(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        if let LocalOffer::Pending(_) = self.offers.local {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        if self.offers.remote.is_some() || self.offers.held_ack.is_some() || self.answer.is_some() {
            endpoint.respond_retry_later(server, &request);
            return;
        }
        if endpoint.refuse_unsupported(server, &request, true) {
            return;
        }
        // The peer's turn came first: an offer of ours that waits for its own turn is outdated.
        let ours = std::mem::take(&mut self.offers.local);
        let body = body::read(&request.headers, &request.body);
        self.offers.remote = Some((server, request));
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Reinvite),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        if let LocalOffer::Postponed(_) = ours {
            self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
            self.tell_offer_refused(endpoint, Status::REQUEST_PENDING);
        }
        self.tell(endpoint, SessionEvent::Offer { body });
    }

    pub(crate) fn answer_offer(&mut self, endpoint: &mut Endpoint, answer: Body) -> Command {
        self.confirmed()?;
        if let Some((server, request)) = self.offers.remote.take() {
            let confirmed = self.confirmed()?;
            confirmed.dialog.refresh_target(&request.headers);
            let tag = confirmed.dialog.local_tag();
            let response = Response::to(&request, Status::OK, Some(tag));
            let makes_offer = request.body.is_empty();
            self.send_answer(endpoint, server, response, answer, makes_offer, false);
        } else if self.offers.held_ack.is_some() {
            self.release_held_ack(endpoint, Some(answer));
        } else {
            return Err(CommandError::WrongState);
        }
        Ok(())
    }

    pub(super) fn release_held_ack(&mut self, endpoint: &mut Endpoint, answer: Option<Body>) {
        let Some(HeldAck {
            client,
            to_tag,
            mut ack,
        }) = self.offers.held_ack.take()
        else {
            return;
        };
        if let Some(answer) = answer {
            body::write(&mut ack.headers, &mut ack.body, answer);
        }
        self.acknowledge(endpoint, client, &to_tag, ack);
    }

    pub(crate) fn reject_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        self.confirmed()?;
        if self.offers.remote.is_none() || status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        self.refuse_remote_offer(endpoint, status);
        Ok(())
    }

    pub(super) fn refuse_remote_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> bool {
        let Some((server, request)) = self.offers.remote.take() else {
            return false;
        };
        endpoint.respond_status(server, &request, status);
        true
    }

    /// The peer cancelled its re-INVITE.
    pub(super) fn on_offer_withdrawn(&mut self, endpoint: &mut Endpoint) {
        if self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }
}
