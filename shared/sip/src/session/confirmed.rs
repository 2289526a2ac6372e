//! What happens within a session that is set up: INFO, signs of life, the end
//! (RFC 3261 §12.2, §15, RFC 6086).

use super::referee::RefereeInput;
use super::referral::ReferralInput;
use super::{Command, Over, Phase, Session};
use crate::dialog::Dialog;
use crate::endpoint::config::Body;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, Purpose, body};
use crate::message::RawHeader;
use crate::transaction::ServerId;
use crate::{CommandError, Method, Request, Response, Status};

/// The session is set up.
#[derive(Debug)]
pub(super) struct Confirmed {
    pub(super) dialog: Dialog,
}

impl Session {
    pub(super) fn confirmed(&mut self) -> Result<&mut Confirmed, CommandError> {
        match &mut self.phase {
            Phase::Confirmed(confirmed) => Ok(confirmed),
            Phase::Over(_) => Err(CommandError::Gone),
            Phase::Calling(_) | Phase::Ringing(_) => Err(CommandError::WrongState),
        }
    }

    // Our requests

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

    pub(super) fn on_dialog_lost(&mut self, endpoint: &mut Endpoint, response: Response) {
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
            Method::Prack => self.on_prack(endpoint, server, request),
            Method::Update => self.on_update(endpoint, server, request),
            Method::Refer => {
                self.handle_referee(endpoint, RefereeInput::Refer(server, Box::new(request)));
            }
            Method::Notify => {
                self.handle_referral(endpoint, ReferralInput::Report(server, &request));
            }
            Method::Options => endpoint.respond_options(server, &request),
            Method::Info => {
                endpoint.respond_status(server, &request, Status::OK);
                let body = body::read(&request.headers, &request.body);
                self.tell(endpoint, SessionEvent::Info { body });
            }
            _ => endpoint.respond_not_allowed(server, &request),
        }
    }
}
