//! What people do with calls, and what they hear of them.

use sidetone_sip::{
    Address, Body, CallFacts, EndedBy, Event, FlowId, Invite, Origin, SessionEvent, SessionId,
    Status, SubscriptionEvent, SubscriptionId, TransferEvent, Uri,
};

use super::{Call, NAMES, Town, Who, address};

impl Town {
    pub(crate) fn origin(&self, who: Who, to: Who) -> Origin {
        let name = NAMES[who];
        Origin::Explicit {
            flow: FlowId(to as u64),
            from: address(who),
            contact: Address::new(Uri::parse(&format!("sip:{name}@{name}.invalid")).unwrap()),
        }
    }

    pub(crate) fn invitation(&self, who: Who, to: Who) -> Invite {
        let to_address = address(to);
        Invite {
            origin: self.origin(who, to),
            target: to_address.uri.clone(),
            to: to_address,
            headers: Vec::new(),
            body: Some(Body::sdp("offer")),
        }
    }

    /// `who` calls; it rings at the other.
    #[track_caller]
    pub(crate) fn dial(&mut self, who: Who, to: Who) -> Call {
        let invite = self.invitation(who, to);
        let caller = self.command(who, |agent, now| agent.invite(now, invite));
        let (callee, facts) = self.incoming(to);
        assert_eq!(facts.replaces, None);
        self.command(to, |agent, now| {
            agent.progress(now, callee, Status::RINGING, None)
        });
        Call {
            caller: (who, caller),
            callee: (to, callee),
        }
    }

    /// The callee answers.
    #[track_caller]
    pub(crate) fn answer(&mut self, call: Call) {
        let (who, session) = call.callee;
        self.command(who, |agent, now| {
            agent.accept(now, session, Body::sdp("answer"))
        });
        self.is_up(call);
    }

    /// Both ends hear that the call is answered.
    #[track_caller]
    pub(crate) fn is_up(&mut self, call: Call) {
        let (who, session) = call.caller;
        let accepted = self.heard(who, session);
        assert!(
            matches!(accepted, SessionEvent::Accepted { .. }),
            "{accepted:?}"
        );
        let (who, session) = call.callee;
        assert_eq!(self.heard(who, session), SessionEvent::Confirmed);
    }

    #[track_caller]
    pub(crate) fn call(&mut self, who: Who, to: Who) -> Call {
        let call = self.dial(who, to);
        self.answer(call);
        call
    }

    /// `who` changes what is agreed on: holds, resumes.
    #[track_caller]
    pub(crate) fn renegotiate(&mut self, who: Who, call: Call, offer: &str) {
        let own = call.of(who);
        let (peer, other) = call.peer(who);
        // The ACK to the call itself may still be on its way.
        self.wait_for("turn to offer", |town| {
            let now = town.now;
            let offered = town.phones[who].agent.offer(now, own, Body::sdp(offer));
            town.drain(who);
            offered.ok()
        });
        let offered = SessionEvent::Offer {
            body: Some(Body::sdp(offer)),
        };
        assert_eq!(self.heard(peer, other), offered);
        self.command(peer, |agent, now| {
            agent.answer_offer(now, other, Body::sdp("answer"))
        });
        let answered = SessionEvent::OfferAnswered {
            body: Some(Body::sdp("answer")),
        };
        assert_eq!(self.heard(who, own), answered);
    }

    #[track_caller]
    pub(crate) fn hang_up(&mut self, who: Who, call: Call) {
        let own = call.of(who);
        self.command(who, |agent, now| agent.end(now, own, None));
        assert_eq!(self.ended(who, own), (EndedBy::Local, None));
        let (peer, other) = call.peer(who);
        assert_eq!(self.ended(peer, other), (EndedBy::RemoteBye, None));
    }

    #[track_caller]
    pub(crate) fn incoming(&mut self, who: Who) -> (SessionId, CallFacts) {
        let what = format!("call for {}", NAMES[who]);
        self.wait_for(&what, |town| town.phones[who].incoming.pop_front())
    }

    /// What happens next in a session.
    #[track_caller]
    pub(crate) fn heard(&mut self, who: Who, session: SessionId) -> SessionEvent {
        let what = format!("event for {} in {session:?}", NAMES[who]);
        self.wait_for(&what, |town| {
            town.phones[who].events.get_mut(&session)?.pop_front()
        })
    }

    #[track_caller]
    pub(crate) fn ended(&mut self, who: Who, session: SessionId) -> (EndedBy, Option<Status>) {
        match self.heard(who, session) {
            SessionEvent::Ended(ended) => (ended.by, ended.status),
            other => self.fail(format_args!("{} has {other:?}", NAMES[who])),
        }
    }

    /// Waits until `who` knows that it rings, which a phone repeats each minute.
    #[track_caller]
    pub(crate) fn ringing(&mut self, who: Who, session: SessionId) {
        self.wait_for("ringing", |town| {
            town.phones[who].ringing.contains(&session).then_some(())
        });
    }

    /// What is heard next of what somebody is subscribed to.
    #[track_caller]
    pub(crate) fn told(&mut self, who: Who) -> (SubscriptionId, SubscriptionEvent) {
        let what = format!("news for {}", NAMES[who]);
        match self.wait_for(&what, |town| town.phones[who].others.pop_front()) {
            Event::Subscription {
                subscription,
                event,
            } => (subscription, event),
            other => self.fail(format_args!("{} has {other:?}", NAMES[who])),
        }
    }

    #[track_caller]
    pub(crate) fn transfer(&mut self, who: Who, session: SessionId) -> TransferEvent {
        match self.heard(who, session) {
            SessionEvent::Transfer(event) => event,
            other => self.fail(format_args!("{} has {other:?}", NAMES[who])),
        }
    }
}
