//! REFER within a session, and what becomes of it (RFC 3515, RFC 5589).

use std::time::Duration;

use super::{Command, Phase, Session};
use crate::endpoint::config::Refer;
use crate::endpoint::event::{SessionEvent, TransferEvent, TransferOutcome};
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::message::{
    EventType, HeaderName, ReferSub, ReferTo, ReferredBy, SubscriptionState, Substate,
    TerminationReason,
};
use crate::packages::SipFrag;
use crate::transaction::ServerId;
use crate::{CommandError, Method, Request, Response, Status, Text};

/// How long reports may take; ringing is not endless.
const LASTS: Duration = Duration::from_secs(600);

/// Our REFER.
///
/// ```text
///   refer()                        1xx reported: Progress
///      |                                +---+
///      V                                V   |
///  +-------+ -- 2xx ------------> +----------+ -- 2xx–6xx reported, or ended without: Done
///  | Asked |                      | Followed |
///  +-------+ -- refused: Done     +----------+ -- nothing heard for long: Done
///                                               session over: Done
/// ```
#[derive(Debug)]
pub(super) enum Referral {
    Asked,
    /// The number of the REFER, which reports may name (RFC 3515 §2.4.6).
    Followed(u32),
}

/// The peer's REFER.
///
/// ```text
///   REFER                                          report 1xx: NOTIFY active
///     |                                              +---+
///     V                                              V   |
///  +-------+ -- accept: 202, NOTIFY 100 Trying --> +-----------+ -- report 2xx–6xx:
///  | Asked |                                       | Reporting |    NOTIFY terminated
///  +-------+ -- reject: 4xx–6xx                    +-----------+ -- NOTIFY refused, session over
/// ```
#[derive(Debug)]
pub(super) enum Referee {
    Asked(ServerId, Box<Request>),
    Reporting {
        event: EventType,
        /// A NOTIFY waits for its answer.
        is_told: bool,
        /// The latest that is still to be told.
        next: Option<Status>,
    },
}

impl Session {
    // Our REFER

    pub(crate) fn refer(&mut self, endpoint: &mut Endpoint, refer: Refer) -> Command {
        let is_busy = self.referral.is_some();
        let own = self.contact.clone();
        let dialog = &mut self.confirmed()?.dialog;
        if is_busy {
            return Err(CommandError::WrongState);
        }
        let mut request = dialog.request(Method::Refer);
        let headers = &mut request.headers;
        contact(headers, &own);
        headers.push(&ReferTo(refer.target));
        if let Some(referrer) = refer.referred_by {
            headers.push(&ReferredBy(referrer));
        }
        if !refer.wants_reports {
            headers.push(&ReferSub(false));
            headers.push_raw(HeaderName::Supported, "norefersub");
        }
        self.referral = Some(Referral::Asked);
        self.send(endpoint, request, Purpose::Refer, 0);
        Ok(())
    }

    pub(super) fn on_refer_response(&mut self, endpoint: &mut Endpoint, response: Response) {
        if response.status.is_provisional() {
            return;
        }
        if !response.status.is_success() {
            self.end_referral(endpoint, TransferOutcome::Failed(response.status));
            self.on_request_response(endpoint, response);
        } else if let Some(referral @ Referral::Asked) = &mut self.referral {
            let reports = response.headers.typed::<ReferSub>();
            if let Ok(Some(ReferSub(false))) = reports {
                self.end_referral(endpoint, TransferOutcome::Unreported);
                return;
            }
            *referral = Referral::Followed(response.headers.cseq.number);
            self.start_alarm(endpoint, SessionAlarm::Referral, LASTS);
        }
    }

    pub(super) fn on_refer_unanswered(&mut self, endpoint: &mut Endpoint) {
        let failed = TransferOutcome::Failed(Status::REQUEST_TIMEOUT);
        self.end_referral(endpoint, failed);
        self.on_request_unanswered(endpoint);
    }

    /// A report on our REFER (RFC 3515 §2.4.5). It may overtake the 202.
    pub(super) fn on_report(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: &Request,
    ) {
        let headers = &request.headers;
        let (event, told) = (headers.typed::<EventType>(), headers.typed());
        let (Ok(Some(event)), Ok(Some(told))) = (event, told) else {
            endpoint.respond_status(server, request, Status::BAD_REQUEST);
            return;
        };
        let is_ours = match &self.referral {
            Some(Referral::Asked) => true,
            Some(Referral::Followed(number)) => {
                event.id.is_none_or(|id| *id == *number.to_string())
            }
            None => false,
        };
        if event.package != "refer" || !is_ours {
            let status = if event.package == "refer" {
                Status::CALL_DOES_NOT_EXIST
            } else {
                Status::BAD_EVENT
            };
            endpoint.respond_status(server, request, status);
            return;
        }
        endpoint.respond_status(server, request, Status::OK);
        let told: SubscriptionState = told;
        match SipFrag::parse(&request.body) {
            Ok(report) if report.status.is_provisional() => {
                let status = report.status;
                self.tell_transfer(endpoint, TransferEvent::Progress { status });
            }
            Ok(report) if report.status.is_success() => {
                self.end_referral(endpoint, TransferOutcome::Succeeded(report.status));
            }
            Ok(report) => {
                self.end_referral(endpoint, TransferOutcome::Failed(report.status));
            }
            Err(_) => {}
        }
        if told.state == Substate::Terminated {
            self.end_referral(endpoint, TransferOutcome::Unreported);
        }
    }

    /// Tells how our REFER ended, if that was not told before.
    pub(super) fn end_referral(&mut self, endpoint: &mut Endpoint, outcome: TransferOutcome) {
        if self.referral.take().is_some() {
            self.stop_alarm(endpoint, SessionAlarm::Referral);
            self.tell_transfer(endpoint, TransferEvent::Done(outcome));
        }
    }

    // The peer's REFER

    pub(super) fn on_refer(&mut self, endpoint: &mut Endpoint, server: ServerId, request: Request) {
        if !endpoint.config.takes_transfers {
            endpoint.respond_not_allowed(server, &request);
            return;
        }
        if self.referee.is_some() {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        let Ok(Some(ReferTo(target))) = request.headers.typed() else {
            endpoint.respond_status(server, &request, Status::BAD_REQUEST);
            return;
        };
        let referred_by = request.headers.typed::<ReferredBy>().ok().flatten();
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Refer),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        self.referee = Some(Referee::Asked(server, Box::new(request)));
        // A REFER that is not answered in time has no sender any more.
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SessionAlarm::Referee, patience);
        let event = TransferEvent::Requested {
            target: Box::new(target),
            referred_by: referred_by.map(|referrer| Box::new(referrer.0)),
        };
        self.tell_transfer(endpoint, event);
    }

    pub(crate) fn accept_refer(&mut self, endpoint: &mut Endpoint) -> Command {
        self.confirmed()?;
        let Some(Referee::Asked(server, request)) = &self.referee else {
            return Err(CommandError::WrongState);
        };
        let mut response = Response::to(request, Status::ACCEPTED, None);
        contact(&mut response.headers, &self.contact);
        // RFC 4488 §4: not to report needs the consent of both.
        let is_silent = matches!(request.headers.typed(), Ok(Some(ReferSub(false))));
        if is_silent {
            response.headers.push(&ReferSub(false));
        }
        let id = Text::from(request.headers.cseq.number.to_string());
        endpoint.respond(*server, response);
        if is_silent {
            self.forget_referee(endpoint);
            return Ok(());
        }
        let event = EventType {
            id: Some(id),
            ..EventType::of("refer")
        };
        self.referee = Some(Referee::Reporting {
            event,
            is_told: false,
            next: Some(Status::TRYING),
        });
        self.start_alarm(endpoint, SessionAlarm::Referee, LASTS);
        self.send_report(endpoint);
        Ok(())
    }

    pub(crate) fn reject_refer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        self.confirmed()?;
        match &self.referee {
            Some(Referee::Asked(server, request)) if status.code() >= 300 => {
                endpoint.respond_status(*server, request, status);
                self.forget_referee(endpoint);
                Ok(())
            }
            _ => Err(CommandError::WrongState),
        }
    }

    pub(crate) fn report_refer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        self.confirmed()?;
        match &mut self.referee {
            // What is final stays; of what is not, the latest counts.
            Some(Referee::Reporting { next, .. }) if next.is_none_or(Status::is_provisional) => {
                *next = Some(status);
            }
            _ => return Err(CommandError::WrongState),
        }
        self.send_report(endpoint);
        Ok(())
    }

    fn send_report(&mut self, endpoint: &mut Endpoint) {
        let own = self.contact.clone();
        let Phase::Confirmed(confirmed) = &mut self.phase else {
            return;
        };
        let Some(Referee::Reporting {
            event,
            is_told: is_told @ false,
            next,
        }) = &mut self.referee
        else {
            return;
        };
        let Some(status) = next.take() else { return };
        let told = if status.is_provisional() {
            let seconds = u32::try_from(LASTS.as_secs()).unwrap_or(u32::MAX);
            SubscriptionState::lasting(Substate::Active, seconds)
        } else {
            // RFC 3515 §2.4.7.
            SubscriptionState::terminated(TerminationReason::NoResource)
        };
        let mut request = confirmed.dialog.request(Method::Notify);
        contact(&mut request.headers, &own);
        request.headers.push(&*event);
        request.headers.push(&told);
        let report = SipFrag::of(status).to_body();
        body::write(&mut request.headers, &mut request.body, report);
        *is_told = true;
        self.send(endpoint, request, Purpose::Report, 0);
        if status.is_final() {
            self.forget_referee(endpoint);
        }
    }

    pub(super) fn on_report_response(&mut self, endpoint: &mut Endpoint, response: &Response) {
        if response.status.is_provisional() {
            return;
        }
        if !response.status.is_success() {
            self.on_report_lost(endpoint);
        } else if let Some(Referee::Reporting { is_told, .. }) = &mut self.referee {
            *is_told = false;
            self.send_report(endpoint);
        }
    }

    /// Nobody listens to reports; the call that was asked for goes on.
    pub(super) fn on_report_lost(&mut self, endpoint: &mut Endpoint) {
        if let Some(Referee::Reporting { .. }) = self.referee {
            self.forget_referee(endpoint);
        }
    }

    pub(super) fn on_referee_alarm(&mut self, endpoint: &mut Endpoint) {
        match &mut self.referee {
            Some(Referee::Reporting { next, .. }) => {
                *next = Some(Status::REQUEST_TIMEOUT);
                self.send_report(endpoint);
            }
            _ => self.referee = None,
        }
    }

    fn forget_referee(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarm(endpoint, SessionAlarm::Referee);
        self.referee = None;
    }

    /// The session is over, and transfers with it.
    pub(super) fn end_transfers(&mut self, endpoint: &mut Endpoint) {
        self.end_referral(endpoint, TransferOutcome::Unreported);
        if let Some(Referee::Asked(server, request)) = self.referee.take() {
            endpoint.respond_status(server, &request, Status::REQUEST_TERMINATED);
        }
        self.stop_alarm(endpoint, SessionAlarm::Referee);
    }

    fn tell_transfer(&self, endpoint: &mut Endpoint, event: TransferEvent) {
        self.tell(endpoint, SessionEvent::Transfer(event));
    }
}
