//! Our REFER, and what becomes of it (RFC 3515, RFC 5589).

use std::time::Duration;

use super::{Command, Phase, Session};
use crate::endpoint::config::Refer;
use crate::endpoint::event::{SessionId, TransferEvent, TransferOutcome};
use crate::endpoint::{Endpoint, Purpose, SessionAlarm, contact};
use crate::message::{
    EventType, HeaderName, ReferSub, ReferTo, ReferredBy, SubscriptionState, Substate,
};
use crate::packages::SipFrag;
use crate::transaction::ServerId;
use crate::{Address, CommandError, Method, Request, Response, Status};

/// How long reports may take; ringing is not endless.
pub(super) const LASTS: Duration = Duration::from_secs(600);

/// Our REFER.
///
/// ```text
///   refer_to_peer(), consultation rings
///      |
///      V
///  +---------+ -- consultation not answered: Done
///  | Waiting |
///  +---------+                     1xx reported: Progress
///      | answered, or refer()           +---+
///      V                                V   |
///  +-------+ -- 2xx ------------> +----------+ -- 2xx–6xx reported, or ended without: Done
///  | Asked |                      | Followed |
///  +-------+ -- refused: Done     +----------+ -- nothing heard for long: Done
///                                               session over: Done
/// ```
#[derive(Debug)]
pub(super) enum Referral {
    /// For the answer of whom the peer shall call (RFC 5589 §7.5).
    Waiting {
        consultation: SessionId,
        referred_by: Option<Box<Address>>,
    },
    /// The number of the REFER, which reports may name (RFC 3515 §2.4.6).
    Asked(u32),
    Followed(u32),
}

/// What happens to our REFER.
pub(super) enum ReferralInput<'a> {
    Response(Box<Response>),
    /// It was sent again, with credentials, under this number.
    Resent(u32),
    Unanswered,
    /// A NOTIFY within the session.
    Report(ServerId, &'a Request),
    /// Nothing more is waited for.
    End(TransferOutcome),
}

impl Session {
    pub(super) fn on_referral_input(&mut self, endpoint: &mut Endpoint, input: ReferralInput<'_>) {
        match input {
            ReferralInput::Response(response) => self.on_refer_response(endpoint, *response),
            ReferralInput::Resent(number) => self.on_refer_resent(number),
            ReferralInput::Unanswered => self.on_refer_unanswered(endpoint),
            ReferralInput::Report(server, request) => self.on_report(endpoint, server, request),
            ReferralInput::End(outcome) => self.end_referral(endpoint, outcome),
        }
    }

    /// Sets our REFER going.
    fn begin_referral(&mut self, referral: Referral) {
        self.transfers.referral = Some(Self::on_referral_input);
        self.referral = Some(referral);
    }

    /// The Refer-To by which somebody else takes our place in this session; `None` as long as it
    /// rings at the peer.
    pub(crate) fn replacement(&self) -> Result<Option<Address>, CommandError> {
        match &self.phase {
            Phase::Confirmed(confirmed) => {
                let target = confirmed.dialog.replacement();
                target.map(Some).ok_or(CommandError::WrongState)
            }
            Phase::Calling(_) => Ok(None),
            Phase::Ringing(_) => Err(CommandError::WrongState),
            Phase::Over(_) => Err(CommandError::Gone),
        }
    }

    /// Refers the peer to that of `consultation` as soon as this is answered.
    pub(crate) fn refer_when_answered(
        &mut self,
        endpoint: &mut Endpoint,
        consultation: SessionId,
        referred_by: Option<Address>,
    ) -> Command {
        self.confirmed()?;
        if self.referral.is_some() || endpoint.is_awaited(consultation) {
            return Err(CommandError::WrongState);
        }
        self.begin_referral(Referral::Waiting {
            consultation,
            referred_by: referred_by.map(Box::new),
        });
        endpoint.await_consultation(self.id, consultation);
        Ok(())
    }

    /// The consultation was answered, so that `target` can be called, or ended otherwise.
    pub(crate) fn on_consultation(
        &mut self,
        endpoint: &mut Endpoint,
        consultation: SessionId,
        outcome: Result<Address, Status>,
    ) {
        let referred_by = match &mut self.referral {
            Some(Referral::Waiting {
                consultation: awaited,
                referred_by,
            }) if *awaited == consultation => referred_by.take(),
            _ => return,
        };
        match outcome {
            Ok(target) => {
                self.referral = None;
                let refer = Refer {
                    target,
                    referred_by: referred_by.map(|referrer| *referrer),
                    wants_reports: true,
                };
                // It is still confirmed, or its end would have ended the wait.
                let _ = self.refer(endpoint, refer);
            }
            Err(status) => self.end_referral(endpoint, TransferOutcome::Failed(status)),
        }
    }

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
        self.begin_referral(Referral::Asked(request.headers.cseq.number));
        self.send(endpoint, request, Purpose::Refer, 0);
        Ok(())
    }

    fn on_refer_response(&mut self, endpoint: &mut Endpoint, response: Response) {
        if response.status.is_provisional() {
            return;
        }
        let number = response.headers.cseq.number;
        // The report on one REFER can overtake its 202, and so can the next REFER.
        let is_asked = matches!(self.referral, Some(Referral::Asked(asked)) if asked == number);
        if !response.status.is_success() {
            if is_asked {
                self.end_referral(endpoint, TransferOutcome::Failed(response.status));
            }
            self.on_request_response(endpoint, response);
        } else if is_asked {
            let reports = response.headers.typed::<ReferSub>();
            if let Ok(Some(ReferSub(false))) = reports {
                self.end_referral(endpoint, TransferOutcome::Unreported);
                return;
            }
            self.referral = Some(Referral::Followed(number));
            self.start_alarm(endpoint, SessionAlarm::Referral, LASTS);
        }
    }

    fn on_refer_resent(&mut self, number: u32) {
        if let Some(Referral::Asked(asked)) = &mut self.referral {
            *asked = number;
        }
    }

    fn on_refer_unanswered(&mut self, endpoint: &mut Endpoint) {
        let failed = TransferOutcome::Failed(Status::REQUEST_TIMEOUT);
        self.end_referral(endpoint, failed);
        self.on_request_unanswered(endpoint);
    }

    /// A report on our REFER (RFC 3515 §2.4.5). It may overtake the 202.
    fn on_report(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request) {
        let headers = &request.headers;
        let (event, told) = (headers.typed::<EventType>(), headers.typed());
        let (Ok(Some(event)), Ok(Some(told))) = (event, told) else {
            endpoint.respond_status(server, request, Status::BAD_REQUEST);
            return;
        };
        let is_ours = match &self.referral {
            Some(Referral::Asked(number) | Referral::Followed(number)) => {
                event.id.is_none_or(|id| *id == *number.to_string())
            }
            Some(Referral::Waiting { .. }) | None => false,
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
    fn end_referral(&mut self, endpoint: &mut Endpoint, outcome: TransferOutcome) {
        if let Some(referral) = self.referral.take() {
            if let Referral::Waiting { consultation, .. } = referral {
                endpoint.forget_consultation(consultation);
            }
            self.stop_alarm(endpoint, SessionAlarm::Referral);
            self.tell_transfer(endpoint, TransferEvent::Done(outcome));
        }
    }
}
