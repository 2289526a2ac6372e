//! Calls that several phones answer.

use sidetone_sip::message::HeaderName;
use sidetone_sip::{EndedBy, Method, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, Pair};

#[test]
fn the_first_answer_is_kept_and_the_others_released() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    for tag in ["one", "two"] {
        pair.answer(&Method::Invite, 180, tag);
        match pair.session_event(A, caller) {
            SessionEvent::Progress {
                status: Status::RINGING,
                to_tag,
                ..
            } => assert_eq!(to_tag, tag),
            other => panic!("{other:?}"),
        }
    }
    pair.answer(&Method::Invite, 200, "two");
    match pair.session_event(A, caller) {
        SessionEvent::Accepted { response, .. } => {
            assert_eq!(response.headers.to.tag(), Some("two"));
        }
        other => panic!("{other:?}"),
    }
    pair.sent(&["A INVITE", "A ACK"]);
    assert_eq!(
        pair.last_request(&Method::Ack).uri.to_string(),
        "sip:two@b.invalid"
    );

    pair.answer(&Method::Invite, 200, "one");
    pair.sent(&["A ACK", "A BYE"]);
    let bye = pair.last_request(&Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:one@b.invalid");
    assert_eq!(bye.headers.to.tag(), Some("one"));
    pair.answer(&Method::Bye, 200, "one");

    // Each answer that is repeated gets its ACK again, and no second BYE.
    pair.answer(&Method::Invite, 200, "one");
    assert_eq!(
        pair.last_request(&Method::Ack).uri.to_string(),
        "sip:one@b.invalid"
    );
    pair.answer(&Method::Invite, 200, "two");
    assert_eq!(
        pair.last_request(&Method::Ack).uri.to_string(),
        "sip:two@b.invalid"
    );
    pair.sent(&["A ACK", "A ACK"]);
    pair.no_events();

    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(
        pair.last_request(&Method::Bye).uri.to_string(),
        "sip:two@b.invalid"
    );
    pair.answer(&Method::Bye, 200, "two");
    pair.sent(&["A BYE"]);
    pair.finish();
}

#[test]
fn requests_of_the_dialog_follow_the_recorded_route() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let request = pair.last_request(&Method::Invite).clone();
    assert!(request.headers.raw(&HeaderName::Allow).next().is_some());
    assert_eq!(request.headers.max_forwards, Some(70));
    let mut response = pair.response(&request, 200, "b");
    response.headers.record_route = vec![
        crate::harness::address("sip:near.test;lr"),
        crate::harness::address("sip:far.test;lr"),
    ];
    // The first proxy on the way of a response is the last on the way of a request.
    response.headers.record_route.reverse();
    pair.deliver(A, &sidetone_sip::Message::Response(response));
    pair.session_event(A, caller);
    let ack = pair.last_request(&Method::Ack).clone();
    let route: Vec<String> = ack
        .headers
        .route
        .iter()
        .map(|r| r.uri.to_string())
        .collect();
    assert_eq!(route, ["sip:near.test;lr", "sip:far.test;lr"]);
    assert_eq!(ack.uri.to_string(), "sip:b@b.invalid");
    assert_eq!(ack.headers.cseq.number, request.headers.cseq.number);

    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    let bye = pair.last_request(&Method::Bye);
    assert_eq!(bye.headers.route, ack.headers.route);
    assert_eq!(bye.headers.cseq.number, request.headers.cseq.number + 1);
    pair.answer(&Method::Bye, 200, "b");
    pair.sent(&["A INVITE", "A ACK", "A BYE"]);
    pair.finish();
}
