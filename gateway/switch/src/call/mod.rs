//! One call: the leg of the caller and the legs it leads to.
//!
//! ```text
//!                  first 2xx                      BYE, lost leg
//!   Ringing ──────────────────────────▶ Up ──────────────────────▶ Over
//!      │   all refused, 6xx, CANCEL, no answer, shutdown             ▲
//!      └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! The machine knows neither messages nor media: what happens on a leg comes in as a
//! [`LegEvent`], what is to be done on a leg goes out as an [`Action`]. Session descriptions pass
//! through untouched. A service is a callee's leg like any other.

mod refusal;

use std::collections::BTreeSet;

use sidetone_sip::message::{RawHeader, Reason};
use sidetone_sip::{Body, Status};

pub(crate) use refusal::Refusal;

/// A leg of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Leg {
    /// Towards the one who calls.
    Caller,
    /// Towards one contact of the one who is called, or a service.
    Callee(usize),
}

/// What happened on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LegEvent {
    /// It rings, or another provisional response.
    Progress { status: Status, body: Option<Body> },
    /// It answered.
    Accepted { body: Option<Body> },
    /// It makes a new offer; none: it asks for one.
    Offer { body: Option<Body> },
    /// It took its new offer back.
    OfferWithdrawn,
    /// It answered the new offer of the other leg.
    OfferAnswered { body: Option<Body> },
    /// It refused the new offer of the other leg.
    OfferRefused { status: Status },
    /// It sent an INFO.
    Info { body: Option<Body> },
    /// It refused the call; the leg is gone.
    Refused(Refusal),
    /// The leg is gone for any other reason.
    Ended { reason: Option<Reason> },
}

/// What is to be done on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Tell the caller of progress.
    Progress { status: Status, body: Option<Body> },
    /// Answer the caller.
    Accept { body: Body },
    /// Refuse the caller.
    Reject {
        status: Status,
        headers: Vec<RawHeader>,
    },
    /// End a leg in whichever state it is.
    End { leg: Leg, reason: Option<Reason> },
    /// Make this offer on a leg.
    Offer { leg: Leg, body: Body },
    /// Take back the offer that was made on a leg.
    WithdrawOffer { leg: Leg },
    /// Answer the offer that came on a leg.
    AnswerOffer { leg: Leg, body: Body },
    /// Refuse the offer that came on a leg.
    RejectOffer { leg: Leg, status: Status },
    /// Pass an INFO on.
    Info { leg: Leg, body: Body },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ringing,
    Up { callee: Leg },
    Over,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    state: State,
    /// Legs that are not gone yet, in whichever state.
    alive: BTreeSet<Leg>,
    /// Callee legs that may still answer.
    pending: BTreeSet<Leg>,
    best: Option<Refusal>,
    told: Option<(Status, bool)>,
    forked: bool,
}

impl Call {
    /// A call from the caller to `callees` legs, which are being set up.
    pub(crate) fn new(callees: usize) -> Self {
        let pending: BTreeSet<Leg> = (0..callees).map(Leg::Callee).collect();
        let mut alive = pending.clone();
        alive.insert(Leg::Caller);
        Self {
            state: State::Ringing,
            alive,
            pending,
            best: None,
            told: None,
            forked: callees > 1,
        }
    }

    /// Whether it waits for an answer.
    pub(crate) fn is_ringing(&self) -> bool {
        self.state == State::Ringing
    }

    /// Whether two legs are connected.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Whether no leg is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.alive.is_empty()
    }

    /// Takes what happened on `leg`.
    pub(crate) fn handle(&mut self, leg: Leg, event: LegEvent) -> Vec<Action> {
        match event {
            LegEvent::Progress { status, body } => self.on_progress(leg, status, body),
            LegEvent::Accepted { body } => self.on_accepted(leg, body),
            LegEvent::Refused(refusal) => self.on_refused(leg, refusal),
            LegEvent::Ended { reason } => self.on_ended(leg, reason),
            within => self.on_dialog_event(leg, within),
        }
    }

    /// Nobody answered in time.
    pub(crate) fn handle_no_answer(&mut self) -> Vec<Action> {
        if self.state != State::Ringing {
            return Vec::new();
        }
        // A cause of Q.850: 480 alone says just as well that no phone is there.
        let no_answer = Reason {
            protocol: "Q.850".into(),
            cause: Some(19),
            text: Some("No answer".into()),
        };
        let mut refusal = Refusal::new(Status::TEMPORARILY_UNAVAILABLE);
        refusal.reasons.push(no_answer.clone());
        self.fail(refusal, Some(no_answer))
    }

    /// A phone went away and did not come back in time.
    pub(crate) fn handle_abandoned(&mut self, leg: Leg) -> Vec<Action> {
        self.end_both(leg, Some(lost()), true)
    }

    /// The switch goes down.
    pub(crate) fn handle_shutdown(&mut self, refusal: Refusal) -> Vec<Action> {
        let why = refusal.reasons.first().cloned();
        match self.state {
            State::Ringing => self.fail(refusal, why),
            State::Up { .. } => self.end_both(Leg::Caller, why, true),
            State::Over => Vec::new(),
        }
    }

    fn on_progress(&mut self, leg: Leg, status: Status, body: Option<Body>) -> Vec<Action> {
        if self.state != State::Ringing || !self.pending.contains(&leg) {
            return Vec::new();
        }
        // Early media of several phones at once would be several answers to one offer.
        let body = body.filter(|_| !self.forked);
        let told = (status, body.is_some());
        if self.told.replace(told) == Some(told) {
            return Vec::new();
        }
        vec![Action::Progress { status, body }]
    }

    fn on_accepted(&mut self, leg: Leg, body: Option<Body>) -> Vec<Action> {
        if self.state != State::Ringing || !self.pending.contains(&leg) {
            return vec![Action::End {
                leg,
                reason: Some(completed_elsewhere()),
            }];
        }
        let Some(body) = body else {
            // RFC 3261 §13.2.1: the first reliable response must hold the answer.
            let why = reason(488, "Answered without a session description");
            let mut actions = vec![Action::End {
                leg,
                reason: Some(why),
            }];
            actions.extend(self.note(leg, Refusal::new(Status::NOT_ACCEPTABLE_HERE)));
            return actions;
        };
        self.pending.remove(&leg);
        self.state = State::Up { callee: leg };
        let mut actions = vec![Action::Accept { body }];
        actions.extend(self.release_pending(Some(&completed_elsewhere())));
        actions
    }

    fn on_refused(&mut self, leg: Leg, refusal: Refusal) -> Vec<Action> {
        self.alive.remove(&leg);
        if self.state == State::Ringing && self.pending.contains(&leg) {
            return self.note(leg, refusal);
        }
        // A phone that no longer knows the call it is in has been started afresh.
        let why = refusal.reasons.into_iter().next();
        self.on_ended(leg, why.or_else(|| Some(lost())))
    }

    fn on_ended(&mut self, leg: Leg, reason: Option<Reason>) -> Vec<Action> {
        self.alive.remove(&leg);
        match self.state {
            State::Ringing if leg == Leg::Caller => {
                self.state = State::Over;
                self.release_pending(reason.as_ref())
            }
            State::Ringing if self.pending.contains(&leg) => {
                self.note(leg, Refusal::new(Status::TEMPORARILY_UNAVAILABLE))
            }
            State::Up { .. } => self.end_both(leg, reason, false),
            State::Ringing | State::Over => Vec::new(),
        }
    }

    fn on_dialog_event(&mut self, leg: Leg, event: LegEvent) -> Vec<Action> {
        let Some(other) = self.other(leg) else {
            return match event {
                LegEvent::Offer { .. } => {
                    vec![Action::RejectOffer {
                        leg,
                        status: Status::REQUEST_PENDING,
                    }]
                }
                _ => Vec::new(),
            };
        };
        match event {
            LegEvent::Offer { body: Some(body) } => vec![Action::Offer { leg: other, body }],
            LegEvent::OfferWithdrawn => vec![Action::WithdrawOffer { leg: other }],
            LegEvent::OfferAnswered { body: Some(body) } => {
                vec![Action::AnswerOffer { leg: other, body }]
            }
            // An offer asked for late can't be asked on: the other leg would offer only then.
            LegEvent::Offer { body: None } => {
                vec![Action::RejectOffer {
                    leg,
                    status: Status::NOT_ACCEPTABLE_HERE,
                }]
            }
            LegEvent::OfferAnswered { body: None } => {
                vec![Action::RejectOffer {
                    leg: other,
                    status: Status::NOT_ACCEPTABLE_HERE,
                }]
            }
            LegEvent::OfferRefused { status } => vec![Action::RejectOffer { leg: other, status }],
            LegEvent::Info { body: Some(body) } => vec![Action::Info { leg: other, body }],
            _ => Vec::new(),
        }
    }

    /// The leg that `leg` talks to.
    fn other(&self, leg: Leg) -> Option<Leg> {
        match self.state {
            State::Up { callee } if leg == Leg::Caller => Some(callee),
            State::Up { callee } if leg == callee => Some(Leg::Caller),
            _ => None,
        }
    }

    /// A callee's leg will not answer. RFC 3261 §16.7: a 6xx ends all the others, else the best
    /// refusal is passed on when none is left.
    fn note(&mut self, leg: Leg, refusal: Refusal) -> Vec<Action> {
        self.pending.remove(&leg);
        if refusal.is_global() {
            let elsewhere = reason(refusal.status.code(), "Declined elsewhere");
            return self.fail(refusal, Some(elsewhere));
        }
        let best = match self.best.take() {
            Some(best) => best.better(refusal),
            None => refusal,
        };
        if self.pending.is_empty() {
            return self.fail(best.for_caller(), None);
        }
        self.best = Some(best);
        Vec::new()
    }

    /// Refuses the caller and releases the legs that still ring.
    fn fail(&mut self, refusal: Refusal, why: Option<Reason>) -> Vec<Action> {
        self.state = State::Over;
        let (status, headers) = refusal.into_response();
        let mut actions = vec![Action::Reject { status, headers }];
        actions.extend(self.release_pending(why.as_ref()));
        actions
    }

    fn release_pending(&mut self, why: Option<&Reason>) -> Vec<Action> {
        let legs = std::mem::take(&mut self.pending);
        legs.into_iter()
            .map(|leg| Action::End {
                leg,
                reason: why.cloned(),
            })
            .collect()
    }

    /// Ends a call that is up: the leg opposite of `leg`, and `leg` itself if it is `alive`.
    fn end_both(&mut self, leg: Leg, why: Option<Reason>, alive: bool) -> Vec<Action> {
        let Some(other) = self.other(leg) else {
            return Vec::new();
        };
        self.state = State::Over;
        let own = alive.then(|| Action::End {
            leg,
            reason: why.clone(),
        });
        own.into_iter()
            .chain([Action::End {
                leg: other,
                reason: why,
            }])
            .collect()
    }
}

/// A Reason header of the protocol `SIP` (RFC 3326).
pub(crate) fn reason(cause: u16, text: &str) -> Reason {
    Reason {
        protocol: "SIP".into(),
        cause: Some(cause),
        text: Some(text.into()),
    }
}

/// What the other side is told of a phone that is gone.
pub(crate) fn lost() -> Reason {
    reason(480, "The connection was lost")
}

/// What tells a phone that it did not miss the call (RFC 3326 §2).
fn completed_elsewhere() -> Reason {
    reason(200, "Call completed elsewhere")
}

#[cfg(test)]
mod tests;
