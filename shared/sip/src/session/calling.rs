//! The caller's side until the answer (RFC 3261 §13.2, §9.1).

use super::confirmed::Confirmed;
use super::early::Early;
use super::offers::Offers;
use super::redirects::Redirects;
use super::reliable::Reliable;
use super::timer::SessionTimer;
use super::{Over, Phase, Session, Transfers};
use crate::dialog::Dialog;
use crate::endpoint::config::Invite;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent, SessionId};
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Speaker, Task, body, contact};
use crate::message::{CSeq, Headers, RawHeader, SessionExpires};
use crate::transaction::{ClientId, NoResponse};
use crate::{Method, Request, Response, Status};

/// Our INVITE is on its way.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) client: ClientId,
    /// A provisional response came: now it can be cancelled (RFC 3261 §9.1).
    pub(super) is_provisional: bool,
    /// A CANCEL was sent.
    is_cancelled: bool,
    /// The INVITE had an offer.
    pub(super) has_offer: bool,
    pub(super) early: Vec<Early>,
    pub(super) redirects: Redirects,
}

impl Calling {
    pub(super) fn early_index(&self, to_tag: &str) -> Option<usize> {
        let early = &mut self.early.iter();
        early.position(|early| early.dialog.remote_tag() == to_tag)
    }
}

impl Session {
    pub(crate) fn call(
        endpoint: &mut Endpoint,
        id: SessionId,
        speaker: Speaker,
        invite: Invite,
    ) -> Self {
        let tag = endpoint.tokens.token();
        let cseq = CSeq {
            number: 1,
            method: Method::Invite,
        };
        let call_id = endpoint.call_id();
        let mut headers = Headers::new(speaker.from.with_tag(&tag), invite.to, call_id, cseq);
        contact(&mut headers, &speaker.contact);
        headers.others.extend(speaker.privacy);
        endpoint.list_abilities(&mut headers);
        if let Some(interval) = endpoint.config.session_interval {
            let refresher = None;
            headers.push(&SessionExpires {
                interval,
                refresher,
            });
        }
        headers.others.extend(invite.headers);
        let description = invite.body.clone();
        let mut request = Request {
            method: Method::Invite,
            uri: invite.target,
            headers,
            body: Vec::new(),
        };
        let has_offer = invite.body.is_some();
        if let Some(offer) = invite.body {
            body::write(&mut request.headers, &mut request.body, offer);
        }
        let task = Task {
            owner: Owner::Session(id, Purpose::Invite),
            answered: 0,
        };
        let persistence = endpoint.config.invite_persistence();
        let client = endpoint.send(speaker.flow, request, persistence, task);
        let calling = Calling {
            client,
            is_provisional: false,
            is_cancelled: false,
            has_offer,
            early: Vec::new(),
            redirects: Redirects::default(),
        };
        Self {
            id,
            flow: speaker.flow,
            account: speaker.account,
            contact: speaker.contact,
            is_caller: true,
            phase: Phase::Calling(calling),
            names: Vec::new(),
            is_probing: false,
            is_challenged: false,
            tasks: 1,
            acks: Vec::new(),
            answer: None,
            offers: Offers::default(),
            peer_updates: false,
            reliable: Reliable::default(),
            predecessor: None,
            referral: None,
            referee: None,
            transfers: Transfers::default(),
            timer: SessionTimer::default(),
            description,
        }
    }

    pub(super) fn on_invite_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        response: Response,
    ) {
        if response.status.is_provisional() {
            self.on_provisional(endpoint, &response);
        } else if response.status.is_success() {
            self.on_answer(endpoint, client, response);
        } else if let Phase::Calling(_) = self.phase {
            self.on_refused(endpoint, client, response);
        } else {
            self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
        }
    }

    fn on_provisional(&mut self, endpoint: &mut Endpoint, response: &Response) {
        match &mut self.phase {
            Phase::Calling(calling) => {
                calling.is_provisional = true;
                if response.status.code() > 100 {
                    self.on_progress(endpoint, response);
                }
            }
            Phase::Over(Over {
                cancelling: Some((calling, _)),
                ..
            }) => {
                calling.is_provisional = true;
                self.send_cancel(endpoint);
            }
            _ => {}
        }
    }

    fn on_answer(&mut self, endpoint: &mut Endpoint, client: ClientId, response: Response) {
        let to_tag = response.headers.to.tag().unwrap_or("").to_owned();
        if self.acknowledge_again(endpoint, client, &to_tag) {
            return;
        }
        let Some(invite) = endpoint.transactions.request_of(client) else {
            return;
        };
        let number = invite.headers.cseq.number;
        let mut dialog = Dialog::of_caller(invite, &response);
        match &self.phase {
            Phase::Calling(calling) => {
                let has_offer = calling.has_offer;
                let early = self.leave_early_dialogs(endpoint, &to_tag);
                if let Some(early) = &early {
                    dialog.keep_numbers(&early.dialog);
                }
                let settled = early.filter(|early| early.is_settled);
                self.note_abilities(&response.headers);
                self.take_name(endpoint, &dialog);
                // RFC 3261 §13.2.1: the first description in a reliable response is the answer.
                let has_answer = has_offer || settled.is_some();
                let body = match settled {
                    Some(early) => early.answer,
                    None => body::read(&response.headers, &response.body),
                };
                let ack = dialog.ack(number);
                if has_answer || body.is_none() {
                    self.acknowledge(endpoint, client, &to_tag, ack);
                } else {
                    self.offers.hold_ack(client, &to_tag, ack);
                }
                self.phase = Phase::Confirmed(Box::new(Confirmed { dialog }));
                self.follow_timer(endpoint, &response);
                let response = Box::new(response);
                self.tell(endpoint, SessionEvent::Accepted { response, body });
            }
            Phase::Confirmed(_) if self.offers.holds_ack(&to_tag) => {}
            // RFC 3261 §13.2.2.4: another fork answered, too, or the answer crossed our CANCEL.
            Phase::Confirmed(_) | Phase::Over(_) | Phase::Ringing(_) => {
                let ack = dialog.ack(number);
                self.acknowledge(endpoint, client, &to_tag, ack);
                let headers = match &mut self.phase {
                    Phase::Over(Over {
                        cancelling: Some((_, headers)),
                        ..
                    }) => headers.clone(),
                    _ => Vec::new(),
                };
                self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
                self.say_bye(endpoint, &mut dialog, headers);
            }
        }
    }

    pub(super) fn on_invite_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        if let Phase::Calling(calling) = &self.phase {
            let client = calling.client;
            let by = match why {
                NoResponse::TimedOut => {
                    // RFC 3261 §8.1.3.1: as if it were a 408.
                    if self.go_elsewhere(endpoint, client, Status::REQUEST_TIMEOUT) {
                        return;
                    }
                    EndedBy::TimedOut
                }
                NoResponse::FlowDown => EndedBy::FlowDown,
            };
            // If the flow comes back in time, the callee need not go on ringing.
            self.cancel(endpoint, Vec::new());
            self.tell_ended(endpoint, Ended::by(by));
        }
        self.stop_alarm(endpoint, SessionAlarm::CancelDeadline);
    }

    /// Gives up the INVITE: with a CANCEL as soon as there is a provisional response.
    pub(super) fn cancel(&mut self, endpoint: &mut Endpoint, headers: Vec<RawHeader>) {
        if let Phase::Calling(calling) = self.over(endpoint, Over::default())
            && let Phase::Over(over) = &mut self.phase
        {
            over.cancelling = Some((calling, headers));
            self.send_cancel(endpoint);
        }
    }

    fn send_cancel(&mut self, endpoint: &mut Endpoint) {
        let Phase::Over(Over {
            cancelling: Some((calling, headers)),
            ..
        }) = &mut self.phase
        else {
            return;
        };
        if !calling.is_provisional || calling.is_cancelled {
            return;
        }
        calling.is_cancelled = true;
        let (client, headers) = (calling.client, headers.clone());
        self.transmit_cancel(endpoint, client, headers);
    }

    /// Sends a CANCEL for an INVITE of ours, unless that has its final response.
    pub(super) fn transmit_cancel(
        &mut self,
        endpoint: &mut Endpoint,
        invite: ClientId,
        headers: Vec<RawHeader>,
    ) {
        let task = Task {
            owner: Owner::Session(self.id, Purpose::Cancel),
            answered: 0,
        };
        let now = endpoint.now;
        if endpoint
            .transactions
            .cancel(now, invite, headers, task)
            .is_some()
        {
            self.tasks += 1;
            let patience = endpoint.config.timers.patience();
            self.start_alarm(endpoint, SessionAlarm::CancelDeadline, patience);
        }
    }

    /// RFC 3261 §9.1: a cancelled INVITE that is not answered within 64·T1 is given up.
    pub(super) fn on_cancel_deadline(&mut self, endpoint: &mut Endpoint) {
        match &self.phase {
            Phase::Over(over) => {
                let calling = over.cancelling.as_ref().map(|(calling, _)| calling.client);
                for client in calling.into_iter().chain(over.unanswered) {
                    endpoint.transactions.abandon(client);
                }
            }
            Phase::Confirmed(_) => self.on_offer_cancel_deadline(endpoint),
            Phase::Calling(_) | Phase::Ringing(_) => {}
        }
    }
}
