//! Offers and answers within a session (RFC 3264 §4, RFC 3261 §14, RFC 3311).

use std::time::Duration;

use super::early::{Early, HeldPrack};
use super::reliable::Exchange;
use super::{Command, Phase, Session, retry_after};
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::transaction::{ClientId, ServerId};
use crate::{CommandError, Method, Request, Response, Status, Text};

/// How often an offer is made again before its refusal is told.
const MOST_TRIES: u8 = 10;

/// The longest Retry-After that an offer waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(32);

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
    /// The peer's re-INVITE, UPDATE or PRACK that waits for the user.
    remote: Option<(ServerId, Request)>,
    /// The ACK that waits for our answer to the offer in a 2xx.
    held_ack: Option<HeldAck>,
    /// The PRACK that waits for our answer to the offer in a reliable provisional response.
    held_prack: Option<HeldPrack>,
    /// The remote tag of the early dialog that this is about, as long as we are calling.
    fork: Text,
}

/// Our new offer.
#[derive(Debug, Default)]
enum LocalOffer {
    #[default]
    None,
    /// In a request that is not answered yet.
    Pending(Pending),
    /// To be made again after 491, or after a Retry-After.
    Postponed(Draft),
}

/// A re-INVITE or UPDATE of ours; without a body it asks for an offer.
#[derive(Clone, Debug)]
struct Draft {
    method: Method,
    body: Option<Body>,
    /// It changes nothing; the user is not told (RFC 4028 §7.4).
    is_refresh: bool,
    /// How often it was sent.
    tries: u8,
}

#[derive(Debug)]
struct Pending {
    client: ClientId,
    draft: Draft,
    /// A provisional response came: now it can be cancelled (RFC 3261 §9.1).
    is_provisional: bool,
    is_withdrawn: bool,
    is_cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offerer {
    We,
    Peer,
}

#[derive(Debug)]
struct HeldAck {
    client: ClientId,
    to_tag: Text,
    ack: Request,
}

impl Offers {
    fn is_quiet(&self) -> bool {
        matches!(self.local, LocalOffer::None) && self.remote.is_none() && !self.holds_answer()
    }

    /// Whether the peer waits for an answer of ours in an ACK or a PRACK.
    fn holds_answer(&self) -> bool {
        self.held_ack.is_some() || self.held_prack.is_some()
    }

    pub(super) fn hold_prack(&mut self, held: HeldPrack) {
        self.fork = held.to_tag.clone();
        self.held_prack = Some(held);
    }

    pub(super) fn holds_prack(&self) -> bool {
        self.held_prack.is_some()
    }

    /// The early dialog that is negotiated in.
    pub(super) fn fork(&self) -> &str {
        &self.fork
    }

    /// Turns to another early dialog; false if something is under way in the one before.
    pub(super) fn choose_fork(&mut self, to_tag: &str) -> bool {
        let is_free = self.is_of_fork(to_tag);
        if is_free {
            self.fork = to_tag.into();
        }
        is_free
    }

    /// Whether nothing is under way in other early dialogs.
    pub(super) fn is_of_fork(&self, to_tag: &str) -> bool {
        self.fork == *to_tag || self.is_quiet()
    }

    /// The offer that `client` carried.
    fn take_pending(&mut self, client: ClientId) -> Option<Pending> {
        match std::mem::take(&mut self.local) {
            LocalOffer::Pending(pending) if pending.client == client => Some(pending),
            other => {
                self.local = other;
                None
            }
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
    // Our offers

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

    /// Whose offer of the INVITE is still open.
    fn initial_offer(&self) -> Option<Offerer> {
        match &self.phase {
            Phase::Calling(calling) => {
                let of_fork = |e: &&Early| e.dialog.remote_tag() == self.offers.fork();
                let early = calling.early.iter().find(of_fork);
                let is_settled = early.is_some_and(|early| early.is_settled);
                (!is_settled).then_some(Offerer::We)
            }
            Phase::Ringing(ringing) => match self.reliable.exchange() {
                Exchange::Settled => None,
                Exchange::Sent if !ringing.has_offer() => Some(Offerer::We),
                Exchange::Sent | Exchange::Open => Some(Offerer::Peer),
            },
            Phase::Confirmed(_) => self.awaits_answer_in_ack().then_some(Offerer::We),
            Phase::Over(_) => None,
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
    pub(super) fn refresh_by_reinvite(&mut self, endpoint: &mut Endpoint) -> bool {
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

    pub(super) fn retry_offer(&mut self, endpoint: &mut Endpoint) {
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
    pub(super) fn on_offer_cancel_deadline(&mut self, endpoint: &mut Endpoint) {
        if let Some(client) = self.offers.abandon() {
            endpoint.transactions.abandon(client);
            self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
        }
    }

    fn tell_offer_refused(&self, endpoint: &mut Endpoint, status: Status) {
        self.tell(endpoint, SessionEvent::OfferRefused { status });
    }

    pub(super) fn on_offer_response(
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

    fn on_draft_refused(&mut self, endpoint: &mut Endpoint, draft: &Draft, status: Status) {
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

    pub(super) fn on_offer_unanswered(&mut self, endpoint: &mut Endpoint) {
        self.on_request_unanswered(endpoint);
        if let Phase::Over(_) = self.phase {
            return;
        }
        if let LocalOffer::Pending(pending) = std::mem::take(&mut self.offers.local) {
            self.on_draft_refused(endpoint, &pending.draft, Status::REQUEST_TIMEOUT);
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
    pub(super) fn on_update(
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
    pub(super) fn on_offer_in_prack(
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
    pub(super) fn on_offer_expired(&mut self, endpoint: &mut Endpoint) {
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

    pub(super) fn refuse_remote_offer(&mut self, endpoint: &mut Endpoint, status: Status) -> bool {
        let Some((server, request)) = self.offers.remote.take() else {
            return false;
        };
        self.stop_alarm(endpoint, SessionAlarm::OfferExpiry);
        endpoint.respond_status(server, &request, status);
        true
    }

    /// Whatever is under way has become pointless: its early dialog is gone.
    pub(super) fn drop_offers(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
        if !matches!(std::mem::take(&mut self.offers.local), LocalOffer::None) {
            self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
        }
        let held = self.offers.held_prack.take().is_some();
        if held || self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }

    /// The peer cancelled its re-INVITE.
    pub(super) fn on_offer_withdrawn(&mut self, endpoint: &mut Endpoint) {
        if self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }
}
