//! Calls as they happen: sessions of the user agent and services, joined by [`Call`].

use std::collections::BTreeMap;

use sidetone_sip::message::RawHeader;
use sidetone_sip::{Body, Ended, EndedBy, FlowId, Moment, SessionEvent, SessionId, Status};

use super::{CallKey, Exchange, Output};
use crate::call::{Action, Call, Leg, LegEvent, Refusal, lost, reason};
use crate::directory::AddressOfRecord;
use crate::service::{Farewell, ServiceEvent};

/// Where a session belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct LegPlace {
    pub(super) call: CallKey,
    pub(super) leg: Leg,
    pub(super) flow: FlowId,
}

/// What is at the end of a leg.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    Phone(SessionId),
    Service,
}

/// A call with what its legs stand for.
pub(super) struct Conversation {
    pub(super) call: Call,
    pub(super) endpoints: BTreeMap<Leg, Endpoint>,
    /// The extensions that take part, for the limit of calls at once.
    pub(super) parties: Vec<AddressOfRecord>,
}

impl Exchange {
    pub(super) fn on_session(&mut self, now: Moment, session: SessionId, event: SessionEvent) {
        let Some(LegPlace { call, leg, .. }) = self.legs.get(&session).copied() else {
            return;
        };
        let event = match event {
            SessionEvent::Progress { status, body, .. } => LegEvent::Progress { status, body },
            SessionEvent::Accepted { body, .. } => LegEvent::Accepted { body },
            SessionEvent::Offer { body } => LegEvent::Offer { body },
            SessionEvent::OfferAnswered { body } => LegEvent::OfferAnswered { body },
            SessionEvent::OfferRefused { status } => LegEvent::OfferRefused { status },
            SessionEvent::Info { body } => LegEvent::Info { body },
            SessionEvent::Ended(ended) => {
                self.legs.remove(&session);
                leg_end(ended)
            }
            SessionEvent::OfferWithdrawn => LegEvent::OfferWithdrawn,
            SessionEvent::Incoming { .. } | SessionEvent::Confirmed => return,
            // A phone that redirects has refused; the agent follows nobody.
            SessionEvent::Redirected { .. } => return,
            // It asks for no transfer, and the agent refuses those that phones ask for.
            SessionEvent::Transfer(_) => return,
        };
        self.with_call(now, call, |call| call.handle(leg, event));
    }

    pub(super) fn on_service(&mut self, key: CallKey, event: ServiceEvent) {
        let Some(conversation) = self.conversations.get(&key) else {
            return;
        };
        let leg = Leg::Callee(0);
        if !matches!(conversation.endpoints.get(&leg), Some(Endpoint::Service)) {
            return;
        }
        let ringing = conversation.call.is_ringing();
        let event = match event {
            ServiceEvent::Answered(sdp) if ringing => LegEvent::Accepted {
                body: Some(Body::sdp(&sdp)),
            },
            ServiceEvent::Answered(sdp) => LegEvent::OfferAnswered {
                body: Some(Body::sdp(&sdp)),
            },
            ServiceEvent::Refused(status) if ringing => LegEvent::Refused(Refusal::new(status)),
            ServiceEvent::Refused(status) => LegEvent::OfferRefused { status },
            ServiceEvent::Over(farewell) => {
                self.outputs.push_back(Output::StopService { call: key });
                LegEvent::Ended {
                    reason: match farewell {
                        Farewell::Finished => None,
                        Farewell::MediaFailed => Some(reason(503, "The sound connection was lost")),
                    },
                }
            }
        };
        self.own_events.push_back((key, leg, event));
    }

    pub(super) fn on_no_answer(&mut self, now: Moment, call: CallKey) {
        self.with_call(now, call, Call::handle_no_answer);
    }

    /// Gives a call an input, carries out what it wants and forgets it when it is gone.
    pub(super) fn with_call(
        &mut self,
        now: Moment,
        key: CallKey,
        input: impl FnOnce(&mut Call) -> Vec<Action>,
    ) {
        let Some(conversation) = self.conversations.get_mut(&key) else {
            return;
        };
        for action in input(&mut conversation.call) {
            self.perform(now, key, action);
        }
        if self
            .conversations
            .get(&key)
            .is_some_and(|c| c.call.is_gone())
        {
            self.conversations.remove(&key);
            tracing::info!(call = key.0, "call over");
        }
    }

    fn perform(&mut self, now: Moment, key: CallKey, action: Action) {
        let leg = action.leg();
        let Some(endpoint) = self
            .conversations
            .get(&key)
            .and_then(|c| c.endpoints.get(&leg))
            .copied()
        else {
            return;
        };
        match endpoint {
            Endpoint::Phone(session) => self.perform_on_phone(now, key, session, action),
            Endpoint::Service => self.perform_on_service(key, action),
        }
    }

    fn perform_on_phone(&mut self, now: Moment, key: CallKey, session: SessionId, action: Action) {
        let leg = action.leg();
        let is_offer = matches!(action, Action::Offer { .. });
        let result = self.agent.command(|ua| match action {
            Action::Progress { status, body } => ua.progress(now, session, status, body),
            Action::Accept { body } => ua.accept(now, session, body),
            Action::Reject { status, headers } => ua.reject(now, session, status, headers),
            Action::End { reason, .. } => ua.end(now, session, reason),
            Action::Offer { body, .. } => ua.offer(now, session, body),
            Action::WithdrawOffer { .. } => ua.withdraw_offer(now, session),
            Action::AnswerOffer { body, .. } => ua.answer_offer(now, session, body),
            Action::RejectOffer { status, .. } => ua.reject_offer(now, session, status),
            Action::Info { body, .. } => ua.info(now, session, body),
        });
        // A session that has just ended tells so by an event of its own.
        if let Err(error) = result {
            tracing::debug!(call = key.0, ?leg, %error, "a leg could not follow");
            if is_offer {
                // RFC 3261 §14.2: an offer of its own is under way.
                let status = Status::REQUEST_PENDING;
                self.own_events
                    .push_back((key, leg, LegEvent::OfferRefused { status }));
            }
        }
    }

    fn perform_on_service(&mut self, call: CallKey, action: Action) {
        match action {
            Action::Offer { body, .. } => {
                let offer = String::from_utf8_lossy(&body.bytes).into_owned();
                self.outputs.push_back(Output::OfferService { call, offer });
            }
            Action::End { leg, .. } => {
                self.outputs.push_back(Output::StopService { call });
                self.own_events
                    .push_back((call, leg, LegEvent::Ended { reason: None }));
            }
            // A service makes no offers and takes its keys from the sound.
            _ => {}
        }
    }

    /// Refuses an INVITE that is no call yet.
    pub(super) fn refuse(
        &mut self,
        now: Moment,
        session: SessionId,
        status: Status,
        headers: Vec<RawHeader>,
    ) {
        let result = self
            .agent
            .command(|ua| ua.reject(now, session, status, headers));
        if let Err(error) = result {
            tracing::debug!(%error, "the caller was gone before the refusal");
        }
    }
}

impl Action {
    /// The leg it is for.
    fn leg(&self) -> Leg {
        match self {
            Self::Progress { .. } | Self::Accept { .. } | Self::Reject { .. } => Leg::Caller,
            Self::End { leg, .. }
            | Self::Offer { leg, .. }
            | Self::WithdrawOffer { leg }
            | Self::AnswerOffer { leg, .. }
            | Self::RejectOffer { leg, .. }
            | Self::Info { leg, .. } => *leg,
        }
    }
}

fn leg_end(ended: Ended) -> LegEvent {
    let Ended {
        by,
        status,
        reasons,
        retry_after,
        ..
    } = ended;
    match (by, status) {
        (EndedBy::Refused | EndedBy::WrongCredentials, Some(status)) => {
            LegEvent::Refused(Refusal {
                status,
                reasons,
                retry_after,
            })
        }
        (EndedBy::TimedOut, _) => LegEvent::Ended {
            reason: Some(reason(408, "The phone did not answer")),
        },
        (EndedBy::FlowDown, _) => LegEvent::Ended {
            reason: Some(lost()),
        },
        _ => LegEvent::Ended {
            reason: reasons.into_iter().next(),
        },
    }
}
