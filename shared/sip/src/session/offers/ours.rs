//! Our offers within a session (RFC 3261 §14.1, RFC 3311 §5.1).

use std::time::Duration;

use super::{Draft, LocalOffer, Pending};
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, Purpose, SessionAlarm, body, contact};
use crate::session::reliable::Exchange;
use crate::session::{Command, Phase, Session, retry_after};
use crate::transaction::ClientId;
use crate::{CommandError, Method, Response, Status};

/// How often an offer is made again before its refusal is told.
const MOST_TRIES: u8 = 10;

/// The longest Retry-After that an offer waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(32);

impl Draft {
    const fn new(method: Method, body: Option<Body>) -> Self {
        Self {
            method,
            body,
            is_refresh: false,
            tries: 0,
        }
    }

    fn purpose(&self) -> Purpose {
        if self.method == Method::Update {
            Purpose::Update
        } else {
            Purpose::Reinvite
        }
    }
}

impl Pending {
    const fn is_worth_retrying(&self) -> bool {
        !self.is_withdrawn && self.draft.tries < MOST_TRIES
    }
}

impl Session {
    /// A re-INVITE with an offer, or one that asks for an offer (RFC 3261 §14.1): only one INVITE
    /// at a time, in either direction.
    pub(crate) fn offer(&mut self, endpoint: &mut Endpoint, body: Option<Body>) -> Command {
        self.confirmed()?;
        if !self.offers.is_quiet() || self.answer.is_some() {
            return Err(CommandError::WrongState);
        }
        self.send_offer(endpoint, Draft::new(Method::Invite, body));
        Ok(())
    }

    /// An offer that the peer answers at once, without asking its user (RFC 3311 §5.1).
    pub(crate) fn update(&mut self, endpoint: &mut Endpoint, body: Body) -> Command {
        self.alive()?;
        let is_quiet = self.offers.is_quiet() && !self.awaits_answer_in_ack();
        if !is_quiet || !self.peer_updates || !self.choose_settled_dialog() {
            return Err(CommandError::WrongState);
        }
        self.send_offer(endpoint, Draft::new(Method::Update, Some(body)));
        Ok(())
    }

    /// RFC 3311 §5.1: before the INVITE is answered, its own offer must be.
    fn choose_settled_dialog(&mut self) -> bool {
        match &self.phase {
            Phase::Calling(calling) => match calling.early.iter().rfind(|e| e.is_settled) {
                Some(early) => self.offers.choose_fork(early.dialog.remote_tag()),
                None => false,
            },
            Phase::Ringing(_) => self.reliable.exchange() == Exchange::Settled,
            Phase::Confirmed(_) => true,
            Phase::Over(_) => false,
        }
    }

    fn send_offer(&mut self, endpoint: &mut Endpoint, mut draft: Draft) {
        let Some(dialog) = self.dialog_mut() else {
            return;
        };
        let mut request = dialog.request(draft.method.clone());
        contact(&mut request.headers, &self.contact);
        endpoint.list_abilities(&mut request.headers);
        if let Some(offer) = draft.body.clone() {
            body::write(&mut request.headers, &mut request.body, offer);
        }
        if let Phase::Confirmed(_) = self.phase {
            self.timer.write(&mut request.headers);
        }
        draft.tries += 1;
        let client = self.send(endpoint, request, draft.purpose(), 0);
        self.offers.local = LocalOffer::Pending(Pending {
            client,
            draft,
            is_provisional: false,
            is_withdrawn: false,
            is_cancelled: false,
        });
    }

    /// Offers once more what is described already; false if that is not possible now.
    pub(in crate::session) fn refresh_by_reinvite(&mut self, endpoint: &mut Endpoint) -> bool {
        let is_quiet = self.offers.is_quiet() && self.answer.is_none();
        let Some(body) = self.description.clone().filter(|_| is_quiet) else {
            return false;
        };
        let draft = Draft::new(Method::Invite, Some(body));
        let is_refresh = true;
        self.send_offer(
            endpoint,
            Draft {
                is_refresh,
                ..draft
            },
        );
        true
    }

    pub(in crate::session) fn retry_offer(&mut self, endpoint: &mut Endpoint) {
        match std::mem::take(&mut self.offers.local) {
            LocalOffer::Postponed(draft) => self.send_offer(endpoint, draft),
            other => self.offers.local = other,
        }
    }

    /// Takes our offer back: by CANCEL if it is on its way (RFC 3261 §9.1).
    pub(crate) fn withdraw_offer(&mut self, endpoint: &mut Endpoint) -> Command {
        self.alive()?;
        match &mut self.offers.local {
            LocalOffer::None => return Err(CommandError::WrongState),
            LocalOffer::Pending(Pending { draft, .. }) | LocalOffer::Postponed(draft)
                if draft.is_refresh =>
            {
                return Err(CommandError::WrongState);
            }
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
        let can_cancel = pending.is_provisional && pending.draft.method == Method::Invite;
        if !pending.is_withdrawn || !can_cancel || pending.is_cancelled {
            return;
        }
        pending.is_cancelled = true;
        let client = pending.client;
        self.transmit_cancel(endpoint, client, Vec::new());
    }

    /// RFC 3261 §9.1: a cancelled re-INVITE that is not answered within 64·T1 is given up.
    pub(in crate::session) fn on_offer_cancel_deadline(&mut self, endpoint: &mut Endpoint) {
        if let Some(client) = self.offers.abandon() {
            endpoint.transactions.abandon(client);
            self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
        }
    }

    pub(super) fn tell_offer_refused(&self, endpoint: &mut Endpoint, status: Status) {
        self.tell(endpoint, SessionEvent::OfferRefused { status });
    }

    pub(in crate::session) fn on_offer_response(
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
        if let Phase::Over(_) = self.phase {
            return;
        }
        let Some(pending) = self.offers.take_pending(client) else {
            return;
        };
        self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
        let status = response.status;
        if let Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT = status {
            self.on_dialog_lost(endpoint, response);
            return;
        }
        self.note_abilities(&response.headers);
        match self.offer_wait(endpoint, &response) {
            Some(wait) if pending.is_worth_retrying() => {
                self.offers.local = LocalOffer::Postponed(pending.draft);
                self.start_alarm(endpoint, SessionAlarm::OfferRetry, wait);
            }
            _ if pending.draft.is_refresh => {
                self.refresh_later(endpoint, retry_after(&response));
            }
            _ => self.tell_offer_refused(endpoint, status),
        }
    }

    pub(super) fn on_draft_refused(
        &mut self,
        endpoint: &mut Endpoint,
        draft: &Draft,
        status: Status,
    ) {
        if draft.is_refresh {
            self.refresh_later(endpoint, None);
        } else {
            self.tell_offer_refused(endpoint, status);
        }
    }

    /// How long to wait before a refused offer may be made again.
    fn offer_wait(&self, endpoint: &mut Endpoint, response: &Response) -> Option<Duration> {
        match response.status {
            Status::REQUEST_PENDING => Some(self.glare_wait(endpoint)),
            // RFC 3261 §14.2: it is still busy with another offer, or with too much (§21.5.4); what
            // its user refuses is not offered again.
            Status::SERVER_INTERNAL_ERROR
            | Status::SERVICE_UNAVAILABLE
            | Status::TEMPORARILY_UNAVAILABLE
            | Status::REQUEST_ENTITY_TOO_LARGE => {
                let retry = retry_after(response);
                retry.filter(|wait| *wait <= LONGEST_WAIT)
            }
            _ => None,
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
        let is_invite = response.headers.cseq.method == Method::Invite;
        let ack = self.dialog_mut().map(|dialog| {
            dialog.refresh_target(&response.headers);
            dialog.ack(response.headers.cseq.number)
        });
        let Some(ack) = ack else {
            return;
        };
        if let Phase::Over(_) = self.phase {
            if is_invite {
                self.acknowledge(endpoint, client, &to_tag, ack);
            }
            return;
        }
        let Some(pending) = self.offers.take_pending(client) else {
            if is_invite {
                self.acknowledge(endpoint, client, &to_tag, ack);
            }
            return;
        };
        self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
        self.note_abilities(&response.headers);
        if let Phase::Confirmed(_) = self.phase {
            self.follow_timer(endpoint, response);
        }
        let body = body::read(&response.headers, &response.body);
        if pending.draft.body.is_none() && body.is_some() {
            self.offers.hold_ack(client, &to_tag, ack);
            self.tell(endpoint, SessionEvent::Offer { body });
            return;
        }
        if is_invite {
            self.acknowledge(endpoint, client, &to_tag, ack);
        }
        if !pending.draft.is_refresh {
            self.description = pending.draft.body;
            self.tell(endpoint, SessionEvent::OfferAnswered { body });
        }
    }

    pub(in crate::session) fn on_offer_unanswered(&mut self, endpoint: &mut Endpoint) {
        self.on_request_unanswered(endpoint);
        if let Phase::Over(_) = self.phase {
            return;
        }
        if let LocalOffer::Pending(pending) = std::mem::take(&mut self.offers.local) {
            self.on_draft_refused(endpoint, &pending.draft, Status::REQUEST_TIMEOUT);
        }
    }
}
