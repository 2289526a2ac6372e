//! The peer's REFER, and what it hears of it (RFC 3515, RFC 4488, RFC 5589 §6.2).

use super::referral::LASTS;
use super::{Command, Phase, Session};
use crate::endpoint::event::TransferEvent;
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::message::{
    EventType, ReferSub, ReferTo, ReferredBy, Replaces, SubscriptionState, Substate,
    TerminationReason, TypedHeader,
};
use crate::packages::SipFrag;
use crate::transaction::ServerId;
use crate::{Address, CommandError, Request, Response, Status, Text, Uri};

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
    Asked {
        server: ServerId,
        request: Box<Request>,
        wanted: Box<Wanted>,
    },
    Reporting {
        event: EventType,
        /// A NOTIFY waits for its answer.
        is_told: bool,
        /// The latest that is still to be told.
        next: Option<Status>,
    },
}

/// The call that a REFER asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Without headers and method.
    pub(crate) target: Address,
    pub(crate) referred_by: Option<ReferredBy>,
    pub(crate) replaces: Option<Replaces>,
    /// The target has to know Replaces, or the call is not wanted.
    pub(crate) requires_replaces: bool,
}

impl Wanted {
    /// Reads a REFER; else how it is to be refused.
    fn read(refer: &Request) -> Result<Self, Status> {
        let Ok(Some(ReferTo(mut target))) = refer.headers.typed() else {
            return Err(Status::BAD_REQUEST);
        };
        let mut referred_by = refer.headers.typed::<ReferredBy>().ok().flatten();
        if let Some(ReferredBy(referrer)) = &mut referred_by {
            // The token that it points to does not travel on (RFC 3892 §4).
            referrer.params.remove("cid");
        }
        let (mut replaces, mut requires_replaces) = (None, false);
        match &mut target.uri {
            Uri::Sip(uri) => {
                // RFC 3515 §2.1: the URI names the method to be used.
                let method = uri.params.value("method");
                if method.is_some_and(|method| method != "INVITE") {
                    return Err(Status::DECLINE);
                }
                if let Some(value) = uri.header("Replaces") {
                    let read = Replaces::parse(&Text::from(&*value));
                    replaces = Some(read.map_err(|_| Status::BAD_REQUEST)?);
                    let required = uri.header("Require").unwrap_or_default();
                    let mut tags = required.split(',').map(str::trim);
                    requires_replaces = tags.any(|tag| tag.eq_ignore_ascii_case("replaces"));
                }
                // RFC 3261 §19.1.5: a peer does not put words into our mouth.
                uri.headers = None;
                uri.params.remove("method");
            }
            Uri::Tel(_) => {}
            Uri::Other { .. } => return Err(Status::UNSUPPORTED_URI_SCHEME),
        }
        Ok(Self {
            target,
            referred_by,
            replaces,
            requires_replaces,
        })
    }
}

/// What happens to the peer's REFER.
pub(super) enum RefereeInput<'a> {
    Refer(ServerId, Box<Request>),
    /// The answer to a report.
    ReportAnswered(&'a Response),
    /// Nobody answers a report.
    ReportLost,
    Alarm,
    /// The session is over.
    End,
}

impl Session {
    pub(super) fn on_referee_input(&mut self, endpoint: &mut Endpoint, input: RefereeInput<'_>) {
        match input {
            RefereeInput::Refer(server, request) => self.on_refer(endpoint, server, request),
            RefereeInput::ReportAnswered(response) => self.on_report_response(endpoint, response),
            RefereeInput::ReportLost => self.on_report_lost(endpoint),
            RefereeInput::Alarm => self.on_referee_alarm(endpoint),
            RefereeInput::End => self.end_referee(endpoint),
        }
    }

    fn on_refer(&mut self, endpoint: &mut Endpoint, server: ServerId, request: Box<Request>) {
        if !endpoint.config.takes_transfers {
            endpoint.respond_not_allowed(server, &request);
            return;
        }
        if self.referee.is_some() {
            endpoint.respond_status(server, &request, Status::REQUEST_PENDING);
            return;
        }
        let wanted = match Wanted::read(&request) {
            Ok(wanted) => wanted,
            Err(status) => {
                endpoint.respond_status(server, &request, status);
                return;
            }
        };
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Refer),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        let event = TransferEvent::Requested {
            target: Box::new(wanted.target.clone()),
            referred_by: wanted.referred_by.clone().map(|by| Box::new(by.0)),
            replaces: wanted.replaces.clone().map(Box::new),
        };
        self.referee = Some(Referee::Asked {
            server,
            request,
            wanted: Box::new(wanted),
        });
        // A REFER that is not answered in time has no sender any more.
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SessionAlarm::Referee, patience);
        self.tell_transfer(endpoint, event);
    }

    /// Accepts the REFER, and says what it asks for.
    pub(crate) fn accept_refer(&mut self, endpoint: &mut Endpoint) -> Result<Wanted, CommandError> {
        self.confirmed()?;
        let Some(Referee::Asked {
            server,
            request,
            wanted,
        }) = &self.referee
        else {
            return Err(CommandError::WrongState);
        };
        let wanted = wanted.as_ref().clone();
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
            return Ok(wanted);
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
        Ok(wanted)
    }

    pub(crate) fn reject_refer(&mut self, endpoint: &mut Endpoint, status: Status) -> Command {
        self.confirmed()?;
        match &self.referee {
            Some(Referee::Asked {
                server, request, ..
            }) if status.code() >= 300 => {
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
        let mut request = confirmed.dialog.request(crate::Method::Notify);
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

    fn on_report_response(&mut self, endpoint: &mut Endpoint, response: &Response) {
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
    fn on_report_lost(&mut self, endpoint: &mut Endpoint) {
        if let Some(Referee::Reporting { .. }) = self.referee {
            self.forget_referee(endpoint);
        }
    }

    fn on_referee_alarm(&mut self, endpoint: &mut Endpoint) {
        match &mut self.referee {
            Some(Referee::Reporting { next, .. }) => {
                *next = Some(Status::REQUEST_TIMEOUT);
                self.send_report(endpoint);
            }
            _ => self.referee = None,
        }
    }

    fn end_referee(&mut self, endpoint: &mut Endpoint) {
        if let Some(Referee::Asked {
            server, request, ..
        }) = &self.referee
        {
            endpoint.respond_status(*server, request, Status::REQUEST_TERMINATED);
        }
        self.forget_referee(endpoint);
    }

    fn forget_referee(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarm(endpoint, SessionAlarm::Referee);
        self.referee = None;
    }
}
