//! Calls between the two.

use sidetone_sip::{Body, Invite, Origin, SessionEvent, SessionId};

use super::Side::{A, B};
use super::{FLOW, Pair, address, uri};

impl Pair {
    /// A calls B with an offer; B rings.
    pub(crate) fn call(&mut self) -> (SessionId, SessionId) {
        let invite = self.invitation();
        let caller = self.command(A, |a, now| a.invite(now, invite));
        self.settle();
        let callee = self.incoming(B);
        (caller, callee)
    }

    pub(crate) fn invitation(&self) -> Invite {
        let origin = Origin::Explicit {
            flow: FLOW,
            from: address("sip:101@a.test"),
            contact: address("sip:a@a.invalid"),
        };
        Invite {
            origin,
            target: uri("sip:102@b.test"),
            to: address("sip:102@b.test"),
            headers: Vec::new(),
            body: Some(Body::sdp("offer")),
        }
    }

    /// A call that both have accepted, with its signalling checked and forgotten.
    pub(crate) fn confirmed_call(&mut self) -> (SessionId, SessionId) {
        let (caller, callee) = self.call();
        self.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
        self.settle();
        match self.session_event(A, caller) {
            SessionEvent::Accepted { body, .. } => assert_eq!(body, Some(Body::sdp("answer"))),
            other => panic!("{other:?}"),
        }
        assert_eq!(self.session_event(B, callee), SessionEvent::Confirmed);
        self.sent(&["A INVITE", "B 200 INVITE", "A ACK"]);
        self.no_events();
        (caller, callee)
    }
}
