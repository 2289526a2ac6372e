//! What happens within a session that is set up: new offers, INFO, signs of life, the end
//! (RFC 3261 §14, §15, RFC 6086).

use std::time::Duration;

use super::{Command, Over, Phase, Session};
use crate::dialog::Dialog;
use crate::endpoint::config::Body;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::message::RawHeader;
use crate::transaction::{ClientId, ServerId};
use crate::{CommandError, Method, Request, Response, Status, Text};

/// The session is set up.
#[derive(Debug)]
pub(super) struct Confirmed {
    pub(super) dialog: Dialog,
    offer: LocalOffer,
    /// The peer's re-INVITE that waits for the user.
    remote_offer: Option<(ServerId, Request)>,
    /// The ACK that waits for our answer to the offer in a 2xx.
    held_ack: Option<HeldAck>,
}

/// Our new offer.
#[derive(Debug)]
enum LocalOffer {
    None,
    /// In a re-INVITE that is not answered yet.
    Pending {
        client: ClientId,
        body: Body,
    },
    /// To be made again after 491.
    Postponed {
        body: Body,
    },
}

#[derive(Debug)]
struct HeldAck {
    client: ClientId,
    to_tag: Text,
    ack: Request,
}

impl Confirmed {
    pub(super) const fn new(dialog: Dialog) -> Self {
        Self {
            dialog,
            offer: LocalOffer::None,
            remote_offer: None,
            held_ack: None,
        }
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
        if let LocalOffer::Pending { client, .. } = &mut self.offer {
            *client = again;
        }
    }
}

impl Session {
    fn confirmed(&mut self) -> Result<&mut Confirmed, CommandError> {
        match &mut self.phase {
            Phase::Confirmed(confirmed) => Ok(confirmed),
            Phase::Over(_) => Err(CommandError::Gone),
            Phase::Calling(_) | Phase::Ringing(_) => Err(CommandError::WrongState),
        }
    }

    // Our requests

    /// RFC 3261 §14.1: only one INVITE at a time, in either direction.
    pub(crate) fn offer(&mut self, endpoint: &mut Endpoint, body: Body) -> Command {
        let is_acknowledged = self.answer.is_none();
        let confirmed = self.confirmed()?;
        let is_quiet = matches!(confirmed.offer, LocalOffer::None)
            && confirmed.remote_offer.is_none()
            && confirmed.held_ack.is_none();
        if !is_quiet || !is_acknowledged {
            return Err(CommandError::WrongState);
        }
        self.send_offer(endpoint, body);
        Ok(())
    }

    fn send_offer(&mut self, endpoint: &mut Endpoint, offer: Body) {
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let mut request = confirmed.dialog.request(Method::Invite);
        contact(&mut request.headers, &self.contact);
        endpoint.list_methods(&mut request.headers);
        body::write(&mut request.headers, &mut request.body, offer.clone());
        let client = self.send(endpoint, request, Purpose::Reinvite, 0);
        if let Phase::Confirmed(confirmed) = &mut self.phase {
            confirmed.offer = LocalOffer::Pending {
                client,
                body: offer,
            };
        }
    }

    pub(super) fn retry_offer(&mut self, endpoint: &mut Endpoint) {
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        match std::mem::replace(&mut confirmed.offer, LocalOffer::None) {
            LocalOffer::Postponed { body } => self.send_offer(endpoint, body),
            other => confirmed.offer = other,
        }
    }

    pub(crate) fn info(&mut self, endpoint: &mut Endpoint, content: Body) -> Command {
        let mut request = self.confirmed()?.dialog.request(Method::Info);
        body::write(&mut request.headers, &mut request.body, content);
        self.send(endpoint, request, Purpose::Info, 0);
        Ok(())
    }

    /// Asks whether the peer still knows the dialog.
    pub(super) fn probe(&mut self, endpoint: &mut Endpoint) {
        if self.is_probing {
            return;
        }
        if let Ok(confirmed) = self.confirmed() {
            let request = confirmed.dialog.request(Method::Options);
            self.is_probing = true;
            self.send(endpoint, request, Purpose::Probe, 0);
        }
    }

    /// Ends a confirmed session by BYE, which has to wait for the first ACK (RFC 3261 §15).
    pub(super) fn hang_up(&mut self, endpoint: &mut Endpoint, headers: Vec<RawHeader>) {
        self.release_held_ack(endpoint, None);
        let waits = self.awaits_first_ack();
        self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED);
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let mut dialog = confirmed.dialog.clone();
        if waits {
            self.over(
                endpoint,
                Over {
                    farewell: Some(Box::new((dialog, headers))),
                    ..Over::default()
                },
            );
        } else {
            self.say_bye(endpoint, &mut dialog, headers);
            self.over(
                endpoint,
                Over {
                    dialog: Some(Box::new(dialog)),
                    ..Over::default()
                },
            );
        }
    }

    pub(super) fn on_reinvite_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        response: Response,
    ) {
        if response.status.is_provisional() {
            return;
        }
        if response.status.is_success() {
            self.on_offer_accepted(endpoint, client, &response);
            return;
        }
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let offer = std::mem::replace(&mut confirmed.offer, LocalOffer::None);
        match (response.status, offer) {
            (Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT, _) => {
                self.on_dialog_lost(endpoint, response);
            }
            (Status::REQUEST_PENDING, LocalOffer::Pending { body, .. }) => {
                confirmed.offer = LocalOffer::Postponed { body };
                let after = self.glare_wait(endpoint);
                self.start_alarm(endpoint, SessionAlarm::OfferRetry, after);
            }
            (status, _) => self.tell(endpoint, SessionEvent::OfferRefused { status }),
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
        if self.acknowledge_again(endpoint, client, &to_tag) {
            return;
        }
        let number = response.headers.cseq.number;
        let ack = match &mut self.phase {
            Phase::Confirmed(confirmed) => {
                confirmed.offer = LocalOffer::None;
                confirmed.dialog.refresh_target(&response.headers);
                confirmed.dialog.ack(number)
            }
            Phase::Over(Over {
                dialog: Some(dialog),
                ..
            }) => dialog.ack(number),
            _ => return,
        };
        self.acknowledge(endpoint, client, &to_tag, ack);
        if let Phase::Confirmed(_) = self.phase {
            let body = body::read(&response.headers, &response.body);
            self.tell(endpoint, SessionEvent::OfferAnswered { body });
        }
    }

    /// RFC 3261 §12.2.1.2: 481 and 408 mean that the dialog is gone.
    pub(super) fn on_request_response(&mut self, endpoint: &mut Endpoint, response: Response) {
        let lost = matches!(
            response.status,
            Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT
        );
        if lost && matches!(self.phase, Phase::Confirmed(_)) {
            self.on_dialog_lost(endpoint, response);
        }
    }

    fn on_dialog_lost(&mut self, endpoint: &mut Endpoint, response: Response) {
        self.hang_up(endpoint, Vec::new());
        self.tell_ended(endpoint, Ended::refused(EndedBy::Refused, response));
    }

    /// RFC 3261 §12.2.1.2: no answer at all means the same, unless it was the flow that failed; then
    /// the probe decides when the flow is back.
    pub(super) fn on_request_unanswered(&mut self, endpoint: &mut Endpoint) {
        let is_up = endpoint.transactions.is_up(self.flow);
        if is_up && matches!(self.phase, Phase::Confirmed(_)) {
            self.hang_up(endpoint, Vec::new());
            self.tell_ended(endpoint, Ended::by(EndedBy::TimedOut));
        }
    }

    pub(super) fn on_reinvite_unanswered(&mut self, endpoint: &mut Endpoint) {
        self.on_request_unanswered(endpoint);
        if let Phase::Confirmed(confirmed) = &mut self.phase {
            confirmed.offer = LocalOffer::None;
            let status = Status::REQUEST_TIMEOUT;
            self.tell(endpoint, SessionEvent::OfferRefused { status });
        }
    }

    // The peer's requests

    pub(super) fn on_dialog_request(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        match request.method {
            Method::Bye => {
                endpoint.respond_status(server, &request, Status::OK);
                self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED);
                let Ok(confirmed) = self.confirmed() else {
                    return;
                };
                let dialog = Some(Box::new(confirmed.dialog.clone()));
                self.over(
                    endpoint,
                    Over {
                        dialog,
                        ..Over::default()
                    },
                );
                self.tell_ended(endpoint, Ended::by_request(EndedBy::RemoteBye, &request));
            }
            Method::Invite => self.on_reinvite(endpoint, server, request),
            Method::Options => endpoint.respond_options(server, &request),
            Method::Info => {
                endpoint.respond_status(server, &request, Status::OK);
                let body = body::read(&request.headers, &request.body);
                self.tell(endpoint, SessionEvent::Info { body });
            }
            _ => endpoint.respond_not_allowed(server, &request),
        }
    }

    /// RFC 3261 §14.2.
    fn on_reinvite(&mut self, endpoint: &mut Endpoint, server: ServerId, request: Request) {
        let is_acknowledged = self.answer.is_none();
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        if let LocalOffer::Pending { .. } = confirmed.offer {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        if confirmed.remote_offer.is_some() || !is_acknowledged || confirmed.held_ack.is_some() {
            endpoint.respond_retry_later(server, &request);
            return;
        }
        if endpoint.refuse_unsupported(server, &request, true) {
            return;
        }
        // The peer's turn came first: an offer of ours that waits for its own turn is outdated.
        let is_postponed = matches!(confirmed.offer, LocalOffer::Postponed { .. });
        confirmed.offer = LocalOffer::None;
        let body = body::read(&request.headers, &request.body);
        confirmed.remote_offer = Some((server, request));
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Reinvite),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        if is_postponed {
            self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
            let status = Status::REQUEST_PENDING;
            self.tell(endpoint, SessionEvent::OfferRefused { status });
        }
        self.tell(endpoint, SessionEvent::Offer { body });
    }

    pub(crate) fn answer_offer(&mut self, endpoint: &mut Endpoint, answer: Body) -> Command {
        let confirmed = self.confirmed()?;
        if let Some((server, request)) = confirmed.remote_offer.take() {
            confirmed.dialog.refresh_target(&request.headers);
            let tag = confirmed.dialog.local_tag();
            let response = Response::to(&request, Status::OK, Some(tag));
            let makes_offer = request.body.is_empty();
            self.send_answer(endpoint, server, response, answer, makes_offer, false);
        } else if confirmed.held_ack.is_some() {
            self.release_held_ack(endpoint, Some(answer));
        } else {
            return Err(CommandError::WrongState);
        }
        Ok(())
    }

    fn release_held_ack(&mut self, endpoint: &mut Endpoint, answer: Option<Body>) {
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let Some(HeldAck {
            client,
            to_tag,
            mut ack,
        }) = confirmed.held_ack.take()
        else {
            return;
        };
        if let Some(answer) = answer {
            body::write(&mut ack.headers, &mut ack.body, answer);
        }
        self.acknowledge(endpoint, client, &to_tag, ack);
    }

    pub(crate) fn reject_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        let confirmed = self.confirmed()?;
        if confirmed.remote_offer.is_none() || status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        self.refuse_remote_offer(endpoint, status);
        Ok(())
    }

    fn refuse_remote_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> bool {
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return false;
        };
        let Some((server, request)) = confirmed.remote_offer.take() else {
            return false;
        };
        endpoint.respond_status(server, &request, status);
        true
    }

    /// The peer cancelled its re-INVITE.
    pub(super) fn withdraw_offer(&mut self, endpoint: &mut Endpoint) {
        if self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }
}
