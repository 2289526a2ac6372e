//! Sessions set up by INVITE (RFC 3261 §13–§15).

mod answer;
mod calling;
mod confirmed;
mod early;
mod kept;
mod offers;
mod redirects;
mod referee;
mod referral;
mod reliable;
mod replacing;
mod ringing;
mod timer;
mod transfers;

use std::time::Duration;

use answer::Unacknowledged;
use calling::Calling;
use confirmed::Confirmed;
pub use kept::{CallState, RestoreError};
use offers::Offers;
use referee::{Referee, RefereeInput};
use referral::{Referral, ReferralInput};
use reliable::Reliable;
pub(crate) use replacing::Replacing;
use ringing::Ringing;
use timer::SessionTimer;
pub(crate) use transfers::Transfers;

use crate::dialog::{Dialog, DialogId};
use crate::endpoint::config::Body;
use crate::endpoint::event::{AccountId, Ended, EndedBy, SessionEvent, SessionId, TransferOutcome};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Endpoint, Owner, Purpose, SessionAlarm, Task, is_challenge};
use crate::message::{Allow, HeaderName, Headers, RawHeader, Reason, RetryAfter};
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence, ServerId};
use crate::{Address, CommandError, Method, Request, Response, Status, Text};

/// One session.
///
/// ```text
///   invite()                                             INVITE
///      |                                                    |
///      V                                                    V
///  +---------+ -- 2xx --> +-----------+ <-- accept() -- +---------+
///  | Calling |            | Confirmed |                 | Ringing |
///  +---------+            +-----------+                 +---------+
///      | 300–699, end(),        | BYE, end(), no ACK,      | CANCEL, BYE, end(),
///      | no answer, flow down   | 481 or 408               | reject(), flow down
///      |                        V                          |
///      +-------------------> +------+ <--------------------+
///                            | Over | -- last transaction gone --> forgotten
///                            +------+
/// ```
///
/// The user hears nothing of a session that is over, but it stays for its loose ends: a CANCEL
/// that waits for a provisional response, a 2xx that crossed it, a BYE that waits for the ACK.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    flow: FlowId,
    account: Option<AccountId>,
    contact: Address,
    /// We called, and so own the Call-ID (RFC 3261 §14.1).
    is_caller: bool,
    phase: Phase,
    /// The names by which requests of the peer find this session: one, or one per early dialog.
    names: Vec<DialogId>,
    /// An OPTIONS that asks whether the peer still knows the dialog is on its way.
    is_probing: bool,
    /// The peer wants credentials; requests carry them from the start.
    is_challenged: bool,
    /// Client transactions that are not gone yet.
    tasks: usize,
    /// ACKs sent, for a 2xx that is repeated because they got lost.
    acks: Vec<Acknowledgement>,
    /// Our 2xx that waits for its ACK.
    answer: Option<Unacknowledged>,
    offers: Offers,
    /// The peer's Allow has UPDATE.
    peer_updates: bool,
    reliable: Reliable,
    /// The highest number of a request that another agent may have sent before us.
    predecessor: Option<u32>,
    /// Our REFER.
    referral: Option<Referral>,
    /// The peer's REFER.
    referee: Option<Referee>,
    transfers: Transfers,
    timer: SessionTimer,
    /// What we last said of the session, to be offered again.
    description: Option<Body>,
}

#[derive(Debug)]
enum Phase {
    Calling(Calling),
    Ringing(Box<Ringing>),
    Confirmed(Box<Confirmed>),
    Over(Over),
}

/// The loose ends of a session that is over.
#[derive(Debug, Default)]
struct Over {
    /// The INVITE that is being cancelled, and the headers of the CANCEL or of the BYE that
    /// answers a 2xx that crossed it.
    cancelling: Option<(Calling, Vec<RawHeader>)>,
    /// A BYE that waits for the ACK to our 2xx (RFC 3261 §15), and its headers.
    farewell: Option<Box<(Dialog, Vec<RawHeader>)>>,
    /// The dialog, for the ACK to a 2xx that comes late.
    dialog: Option<Box<Dialog>>,
    /// A re-INVITE that the peer should refuse now; if it does not, it is given up.
    unanswered: Option<ClientId>,
}

#[derive(Debug)]
struct Acknowledgement {
    client: ClientId,
    /// The tag that tells the forks apart.
    to_tag: Text,
    ack: Request,
}

type Command = Result<(), CommandError>;

impl Session {
    pub(crate) const fn flow(&self) -> FlowId {
        self.flow
    }

    pub(crate) const fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_finished(&self) -> bool {
        let over = matches!(&self.phase, Phase::Over(over) if over.farewell.is_none());
        over && self.tasks == 0
    }

    pub(crate) fn rebind(&mut self, to: FlowId) {
        self.flow = to;
    }

    /// Removes what names this session elsewhere.
    pub(crate) fn forget(&mut self, endpoint: &mut Endpoint) {
        for alarm in SessionAlarm::ALL {
            self.stop_alarm(endpoint, alarm);
        }
        for name in std::mem::take(&mut self.names) {
            endpoint.dialogs.remove(&name);
        }
    }

    // Commands

    /// Ends the session, whatever its state.
    pub(crate) fn end(&mut self, endpoint: &mut Endpoint, reason: Option<Reason>) -> Command {
        let headers: Vec<RawHeader> = reason
            .map(|reason| RawHeader {
                name: HeaderName::Reason,
                value: reason.to_string().into(),
            })
            .into_iter()
            .collect();
        match self.phase {
            Phase::Calling(_) => self.cancel(endpoint, headers),
            Phase::Ringing(_) => {
                self.refuse(endpoint, Status::DECLINE, headers);
            }
            Phase::Confirmed(_) => self.hang_up(endpoint, headers),
            Phase::Over(_) => return Err(CommandError::Gone),
        }
        self.tell_ended(endpoint, Ended::by(EndedBy::Local));
        Ok(())
    }

    // Inputs

    pub(crate) fn on_response(
        &mut self,
        endpoint: &mut Endpoint,
        purpose: Purpose,
        client: ClientId,
        answered: u8,
        response: Response,
    ) {
        if is_challenge(response.status) && self.wants_retry(purpose) {
            match endpoint.answer_challenge(self.account, client, answered, &response) {
                Verdict::Retry(request) => {
                    self.is_challenged = true;
                    self.retry(endpoint, purpose, *request, answered + 1);
                    return;
                }
                Verdict::WrongCredentials if purpose == Purpose::Invite => {
                    self.over(endpoint, Over::default());
                    let by = EndedBy::WrongCredentials;
                    self.tell_ended(endpoint, Ended::refused(by, response));
                    return;
                }
                Verdict::WrongCredentials | Verdict::NotOurs => {}
            }
        }
        if response.status == Status::SESSION_INTERVAL_TOO_SMALL
            && !matches!(self.phase, Phase::Over(_))
            && let Some(mut request) = endpoint.transactions.request_of(client).cloned()
            && self.timer.raise(&response, &mut request.headers)
        {
            self.retry(endpoint, purpose, request, 0);
            return;
        }
        match purpose {
            Purpose::Refresh => self.on_refresh_response(endpoint, response),
            Purpose::Invite => self.on_invite_response(endpoint, client, response),
            Purpose::Reinvite | Purpose::Update => {
                self.on_offer_response(endpoint, client, response);
            }
            Purpose::Info => self.on_request_response(endpoint, response),
            Purpose::Probe => {
                self.is_probing = response.status.is_provisional();
                self.on_request_response(endpoint, response);
            }
            Purpose::Refer => {
                self.handle_referral(endpoint, ReferralInput::Response(Box::new(response)))
            }
            Purpose::Report => {
                self.handle_referee(endpoint, RefereeInput::ReportAnswered(&response));
            }
            Purpose::Bye | Purpose::Cancel | Purpose::Prack => {}
        }
    }

    /// Whether a challenged request is still worth sending.
    pub(crate) fn wants_retry(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Bye => true,
            // RFC 3261 §22.1: a CANCEL can't be challenged.
            Purpose::Cancel => false,
            _ => !matches!(self.phase, Phase::Over(_)),
        }
    }

    fn retry(&mut self, endpoint: &mut Endpoint, purpose: Purpose, request: Request, answered: u8) {
        let mut request = request;
        let to_tag = request.headers.to.tag().unwrap_or("").to_owned();
        let dialog = match &mut self.phase {
            // A BYE is the last of its dialog, which may be another than the one confirmed.
            _ if matches!(purpose, Purpose::Bye | Purpose::Invite) => None,
            Phase::Calling(calling) => {
                let index = calling.early_index(&to_tag);
                index.map(|index| &mut calling.early[index].dialog)
            }
            Phase::Ringing(ringing) => Some(&mut ringing.dialog),
            Phase::Confirmed(confirmed) => Some(&mut confirmed.dialog),
            Phase::Over(_) => None,
        };
        request.headers.cseq.number = match dialog {
            Some(dialog) => dialog.next_number(),
            None => request.headers.cseq.number + 1,
        };
        if purpose == Purpose::Invite {
            self.leave_early_dialogs(endpoint, "");
        }
        let number = request.headers.cseq.number;
        let client = self.send(endpoint, request, purpose, answered);
        match purpose {
            Purpose::Refer => self.handle_referral(endpoint, ReferralInput::Resent(number)),
            Purpose::Invite => {
                if let Phase::Calling(calling) = &mut self.phase {
                    calling.client = client;
                    // RFC 3261 §9.1: what came before says nothing of this one.
                    calling.is_provisional = false;
                }
            }
            Purpose::Reinvite | Purpose::Update => self.offers.resent(client),
            _ => {}
        }
    }

    pub(crate) fn on_unanswered(
        &mut self,
        endpoint: &mut Endpoint,
        purpose: Purpose,
        why: NoResponse,
    ) {
        match purpose {
            Purpose::Invite => self.on_invite_unanswered(endpoint, why),
            Purpose::Reinvite | Purpose::Update => self.on_offer_unanswered(endpoint),
            Purpose::Info | Purpose::Refresh => self.on_request_unanswered(endpoint),
            Purpose::Probe => {
                self.is_probing = false;
                self.on_request_unanswered(endpoint);
            }
            Purpose::Refer => self.handle_referral(endpoint, ReferralInput::Unanswered),
            Purpose::Report => self.handle_referee(endpoint, RefereeInput::ReportLost),
            Purpose::Bye | Purpose::Cancel | Purpose::Prack => {}
        }
    }

    /// A client transaction of this session is over.
    pub(crate) fn on_gone(&mut self, client: ClientId) {
        self.tasks -= 1;
        self.acks.retain(|sent| sent.client != client);
    }

    /// A request within the dialog, neither ACK nor CANCEL.
    pub(crate) fn on_request(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        match &mut self.phase {
            Phase::Ringing(ringing) => {
                if ringing.dialog.take_number(&request).is_err() {
                    let status = Status::SERVER_INTERNAL_ERROR;
                    endpoint.respond_status(server, &request, status);
                } else {
                    self.on_early_request(endpoint, server, request);
                }
            }
            Phase::Confirmed(confirmed) => {
                // RFC 3261 §12.2.2.
                if confirmed.dialog.take_number(&request).is_err() {
                    let status = Status::SERVER_INTERNAL_ERROR;
                    endpoint.respond_status(server, &request, status);
                } else if !endpoint.refuse_unsupported(server, &request, false) {
                    self.on_dialog_request(endpoint, server, request);
                }
            }
            // Two BYEs that cross both get what they want, and one that waits is not needed any more.
            Phase::Over(over) if request.method == Method::Bye => {
                over.farewell = None;
                self.stop_answer(endpoint);
                endpoint.respond_status(server, &request, Status::OK);
            }
            Phase::Calling(_) => self.on_callee_request(endpoint, server, request),
            Phase::Over(_) => {
                endpoint.respond_status(server, &request, Status::CALL_DOES_NOT_EXIST);
            }
        }
    }

    pub(crate) fn on_alarm(&mut self, endpoint: &mut Endpoint, alarm: SessionAlarm) {
        match alarm {
            SessionAlarm::Provisional => self.repeat_provisional(endpoint),
            SessionAlarm::Reliable => self.repeat_reliable(endpoint),
            SessionAlarm::ReliableDeadline => self.on_no_prack(endpoint),
            SessionAlarm::Refresh => self.refresh(endpoint),
            SessionAlarm::Expiry => self.on_session_expired(endpoint),
            SessionAlarm::Answer => self.repeat_answer(endpoint),
            SessionAlarm::AnswerDeadline => self.on_no_ack(endpoint),
            SessionAlarm::CancelDeadline => self.on_cancel_deadline(endpoint),
            SessionAlarm::OfferRetry => self.retry_offer(endpoint),
            SessionAlarm::OfferExpiry => self.on_offer_expired(endpoint),
            SessionAlarm::Referral => {
                self.handle_referral(endpoint, ReferralInput::End(TransferOutcome::Unreported));
            }
            SessionAlarm::Referee => self.handle_referee(endpoint, RefereeInput::Alarm),
        }
    }

    pub(crate) fn on_flow_up(&mut self, endpoint: &mut Endpoint) {
        if let Phase::Confirmed(_) = self.phase {
            self.probe(endpoint);
        }
    }

    pub(crate) fn on_flow_down(&mut self, endpoint: &mut Endpoint) {
        // An unanswered INVITE of ours fails by its transaction.
        if let Phase::Ringing(_) = self.phase {
            self.refuse(endpoint, Status::TEMPORARILY_UNAVAILABLE, Vec::new());
            self.tell_ended(endpoint, Ended::by(EndedBy::FlowDown));
        }
    }

    // Shared

    fn alive(&self) -> Command {
        match self.phase {
            Phase::Over(_) => Err(CommandError::Gone),
            _ => Ok(()),
        }
    }

    /// The dialog, also of a session that is over.
    fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Ringing(ringing) => Some(&mut ringing.dialog),
            Phase::Confirmed(confirmed) => Some(&mut confirmed.dialog),
            Phase::Over(over) => over.dialog.as_deref_mut(),
            Phase::Calling(calling) => {
                let index = calling.early_index(self.offers.fork())?;
                Some(&mut calling.early[index].dialog)
            }
        }
    }

    /// What the peer says it can.
    fn note_abilities(&mut self, headers: &Headers) {
        if let Ok(Some(allow)) = headers.typed::<Allow>() {
            self.peer_updates = allow.0.iter().any(|method| *method == *"UPDATE");
        }
    }

    fn send(
        &mut self,
        endpoint: &mut Endpoint,
        request: Request,
        purpose: Purpose,
        answered: u8,
    ) -> ClientId {
        let persistence = match purpose {
            Purpose::Invite => Persistence::Fails,
            _ => Persistence::Waits,
        };
        let task = Task {
            owner: Owner::Session(self.id, purpose),
            answered,
        };
        self.tasks += 1;
        let mut request = request;
        let identity = self
            .account
            .and_then(|account| endpoint.identities.get_mut(&account));
        if let Some(identity) = identity.filter(|_| self.is_challenged && answered == 0) {
            identity.authorize(&mut request, endpoint.tokens.as_mut());
        }
        endpoint.send(self.flow, request, persistence, task)
    }

    /// Acknowledges a 2xx, and again when it is repeated (RFC 3261 §13.2.2.4).
    fn acknowledge(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        to_tag: &str,
        ack: Request,
    ) {
        let branch = endpoint.tokens.token();
        let mut ack = ack;
        ack.headers.max_forwards = Some(70);
        // RFC 3261 §22.1: an ACK carries the credentials of its INVITE.
        if let Some(invite) = endpoint.transactions.request_of(client) {
            let credentials = invite.headers.others.iter().filter(|h| {
                matches!(
                    h.name,
                    HeaderName::Authorization | HeaderName::ProxyAuthorization
                )
            });
            ack.headers.others.extend(credentials.cloned());
        }
        endpoint.transactions.send_ack(self.flow, &mut ack, &branch);
        self.acks.push(Acknowledgement {
            client,
            to_tag: to_tag.into(),
            ack,
        });
    }

    /// Repeats the ACK to a 2xx that was acknowledged before; false if it was not.
    fn acknowledge_again(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        to_tag: &str,
    ) -> bool {
        let sent = self
            .acks
            .iter_mut()
            .find(|a| a.client == client && a.to_tag == *to_tag);
        let Some(sent) = sent else { return false };
        endpoint.transactions.send_ack(self.flow, &mut sent.ack, "");
        true
    }

    fn say_bye(&mut self, endpoint: &mut Endpoint, dialog: &mut Dialog, headers: Vec<RawHeader>) {
        let mut bye = dialog.request(Method::Bye);
        bye.headers.others.extend(headers);
        self.send(endpoint, bye, Purpose::Bye, 0);
    }

    fn over(&mut self, endpoint: &mut Endpoint, mut over: Over) -> Phase {
        self.end_transfers(endpoint);
        over.unanswered = self.offers.abandon();
        if over.unanswered.is_some() {
            let patience = endpoint.config.timers.patience();
            self.start_alarm(endpoint, SessionAlarm::CancelDeadline, patience);
        }
        self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED);
        self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
        for alarm in SessionAlarm::OF_RINGING
            .into_iter()
            .chain(SessionAlarm::OF_TIMER)
        {
            self.stop_alarm(endpoint, alarm);
        }
        if over.farewell.is_none() {
            self.stop_answer(endpoint);
        }
        std::mem::replace(&mut self.phase, Phase::Over(over))
    }

    /// Lets requests of the peer find this session by `dialog`.
    fn take_name(&mut self, endpoint: &mut Endpoint, dialog: &Dialog) {
        let name = dialog.id();
        endpoint.dialogs.insert(name.clone(), self.id);
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    fn drop_name(&mut self, endpoint: &mut Endpoint, name: &DialogId) {
        endpoint.dialogs.remove(name);
        self.names.retain(|own| own != name);
    }

    fn tell(&self, endpoint: &mut Endpoint, event: SessionEvent) {
        endpoint.tell_session(self.id, event);
    }

    fn tell_ended(&self, endpoint: &mut Endpoint, ended: Ended) {
        self.tell(endpoint, SessionEvent::Ended(ended));
    }

    fn start_alarm(&self, endpoint: &mut Endpoint, alarm: SessionAlarm, after: Duration) {
        endpoint.start_alarm(Alarm::Session(self.id, alarm), after);
    }

    fn stop_alarm(&self, endpoint: &mut Endpoint, alarm: SessionAlarm) {
        endpoint.alarms.stop(Alarm::Session(self.id, alarm));
    }
}

/// How long a peer asks to wait (RFC 3261 §20.33).
fn retry_after(response: &Response) -> Option<Duration> {
    let asked = response.headers.typed::<RetryAfter>().ok().flatten();
    asked.map(|asked| asked.0)
}

impl Ended {
    pub(crate) const fn by(by: EndedBy) -> Self {
        let (status, phrase, retry_after) = (None, None, None);
        Self {
            by,
            status,
            phrase,
            reasons: Vec::new(),
            retry_after,
            response: None,
        }
    }

    pub(crate) fn by_request(by: EndedBy, request: &Request) -> Self {
        let reasons = request.headers.reasons();
        Self {
            reasons,
            ..Self::by(by)
        }
    }

    pub(crate) fn refused(by: EndedBy, response: Response) -> Self {
        Self {
            status: Some(response.status),
            phrase: Some(response.reason.detached()),
            reasons: response.headers.reasons(),
            retry_after: retry_after(&response),
            response: Some(Box::new(response)),
            ..Self::by(by)
        }
    }
}
