//! Calls given up before they are answered.

use std::time::Duration;

use sidetone_sip::message::Reason;
use sidetone_sip::{Body, EndedBy, Message, Method, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Pair};

fn elsewhere() -> Reason {
    Reason {
        protocol: "SIP".into(),
        cause: Some(200),
        text: Some("Call completed elsewhere".into()),
    }
}

#[test]
fn a_ringing_call_is_cancelled() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.call();
        pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
        pair.settle();
        pair.session_event(A, caller);
        pair.command(A, |a, now| a.end(now, caller, Some(elsewhere())));
        pair.settle();
        pair.sent(&[
            "A INVITE",
            "B 180 INVITE",
            "A CANCEL",
            "B 200 CANCEL",
            "B 487 INVITE",
            "A ACK",
        ]);
        assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
        let ended = pair.ended(B, callee);
        assert_eq!(
            (ended.by, ended.reasons),
            (EndedBy::RemoteCancel, vec![elsewhere()])
        );
        pair.finish();
    }
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.sent(&["A INVITE"]);
    // The callee's 100 comes by itself after 200 ms.
    pair.run(Duration::from_millis(300));
    pair.sent(&[
        "B 100 INVITE",
        "A CANCEL",
        "B 200 CANCEL",
        "B 487 INVITE",
        "A ACK",
    ]);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteCancel);
    pair.finish();
}

#[test]
fn a_call_cancelled_before_any_response_gives_up_in_silence() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    pair.sent(&["A INVITE"]);
    pair.finish();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.call();
        pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
        pair.settle();
        pair.session_event(A, caller);
        pair.command(A, |a, now| a.end(now, caller, Some(elsewhere())));
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
        pair.settle();
        pair.sent(&[
            "A INVITE",
            "B 180 INVITE",
            "A CANCEL",
            "B 200 INVITE",
            "B 200 CANCEL",
            "A ACK",
            "A BYE",
            "B 200 BYE",
        ]);
        assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
        assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
        let ended = pair.ended(B, callee);
        assert_eq!(
            (ended.by, ended.reasons),
            (EndedBy::RemoteBye, vec![elsewhere()])
        );
        pair.finish();
    }
}

#[test]
fn a_cancelled_call_that_never_ends_is_given_up() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.answer(&Method::Invite, 180, "b");
    pair.session_event(A, caller);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    pair.answer(&Method::Cancel, 200, "b");
    pair.sent(&["A INVITE", "A CANCEL"]);
    pair.finish();
}

#[test]
fn a_cancel_that_matches_nothing_is_told_so() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let mut cancel = pair.last_request(&Method::Invite).clone();
    pair.answer(&Method::Invite, 404, "b");
    pair.ended(A, caller);
    cancel.method = Method::Cancel;
    cancel.headers.cseq.method = Method::Cancel;
    cancel.body.clear();
    pair.deliver(A, &Message::Request(cancel));
    pair.sent(&["A INVITE", "A ACK", "A 481 CANCEL"]);
    pair.finish();
}

#[test]
fn a_bye_before_the_answer_ends_the_invite_too() {
    let mut pair = Pair::scripted();
    let invite = incoming_invite();
    pair.deliver(A, &Message::Request(invite.clone()));
    let callee = pair.incoming(A);
    pair.command(A, |a, now| a.progress(now, callee, Status::RINGING, None));
    let mut bye = invite;
    bye.headers.to = pair.last_response(180, &Method::Invite).headers.to.clone();
    bye.method = Method::Bye;
    bye.headers.cseq.method = Method::Bye;
    bye.headers.cseq.number += 1;
    bye.headers.via[0].params.set("branch", Some("z9hG4bKbye"));
    pair.deliver(A, &Message::Request(bye));
    pair.sent(&["A 180 INVITE", "A 200 BYE", "A 487 INVITE"]);
    assert_eq!(pair.ended(A, callee).by, EndedBy::RemoteBye);
    pair.finish();
}

/// What B would send.
pub(crate) fn incoming_invite() -> sidetone_sip::Request {
    use crate::harness::{address, uri};
    use sidetone_sip::message::{CSeq, Contacts, HeaderName, Host, Params, Transport, Via};
    let cseq = CSeq {
        number: 7,
        method: Method::Invite,
    };
    let from = address("sip:102@b.test").with_tag("b1");
    let mut headers =
        sidetone_sip::Headers::new(from, address("sip:101@a.test"), "call-1".into(), cseq);
    let mut params = Params::default();
    params.set("branch", Some("z9hG4bKinvite"));
    let host = Host::Name("b.invalid".into());
    headers.via.push(Via {
        transport: Transport::Ws,
        host,
        port: None,
        params,
    });
    headers.max_forwards = Some(0);
    headers.contact = Contacts::one(address("sip:b@b.invalid"));
    headers.push_raw(HeaderName::ContentType, "application/sdp");
    let mut request = sidetone_sip::Request::new(Method::Invite, uri("sip:101@a.test"), headers);
    request.body = b"offer".to_vec();
    request
}
