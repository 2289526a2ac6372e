//! Sessions set up by INVITE (RFC 3261 §13–§15).

mod acks;
mod answer;
mod calling;
mod confirmed;
mod early;
mod ending;
mod kept;
mod offers;
mod redirects;
mod referee;
mod referral;
mod reliable;
mod replacing;
mod responses;
mod ringing;
mod timer;
mod transfers;

use std::time::Duration;

use answer::Unacknowledged;
use calling::Calling;
use confirmed::Confirmed;
use ending::retry_after;
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
use crate::endpoint::event::{AccountId, SessionEvent, SessionId, TransferOutcome};
use crate::endpoint::{Alarm, Endpoint, Owner, Purpose, SessionAlarm, Task};
use crate::message::{Allow, Headers, RawHeader};
use crate::transaction::{ClientId, FlowId, Persistence, ServerId};
use crate::{Address, CommandError, Method, Request, Status, Text};

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

    // Inputs

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
            SessionAlarm::RingingDeadline => self.on_ringing_deadline(endpoint),
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
            match endpoint.config.rings_without_flow {
                Some(patience) => {
                    self.start_alarm(endpoint, SessionAlarm::RingingDeadline, patience);
                }
                None => self.stop_ringing(endpoint),
            }
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
            Purpose::Invite => endpoint.config.invite_persistence(),
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

    fn start_alarm(&self, endpoint: &mut Endpoint, alarm: SessionAlarm, after: Duration) {
        endpoint.start_alarm(Alarm::Session(self.id, alarm), after);
    }

    fn stop_alarm(&self, endpoint: &mut Endpoint, alarm: SessionAlarm) {
        endpoint.alarms.stop(Alarm::Session(self.id, alarm));
    }
}
