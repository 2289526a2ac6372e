//! What becomes of a session's requests.

use super::referee::RefereeInput;
use super::referral::ReferralInput;
use super::{Over, Phase, Session};
use crate::endpoint::event::{Ended, EndedBy};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Endpoint, Purpose, is_challenge};
use crate::transaction::{ClientId, NoResponse};
use crate::{Request, Response, Status};

impl Session {
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

    pub(super) fn retry(
        &mut self,
        endpoint: &mut Endpoint,
        purpose: Purpose,
        request: Request,
        answered: u8,
    ) {
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
}
