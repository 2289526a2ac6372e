//! Calls that go as they should.

use sidetone_sip::{Body, EndedBy, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Pair};

#[test]
fn a_call_rings_is_answered_and_ended_by_the_caller() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.sent(&["A INVITE"]);

    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    pair.settle();
    pair.sent(&["B 180 INVITE"]);
    match pair.session_event(A, caller) {
        SessionEvent::Progress {
            status: Status::RINGING,
            to_tag,
            body: None,
        } => {
            assert!(!to_tag.is_empty());
        }
        other => panic!("{other:?}"),
    }

    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["B 200 INVITE", "A ACK"]);
    match pair.session_event(A, caller) {
        SessionEvent::Accepted { body, .. } => assert_eq!(body, Some(Body::sdp("answer"))),
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    pair.no_events();

    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.sent(&["A BYE", "B 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.finish();
}
