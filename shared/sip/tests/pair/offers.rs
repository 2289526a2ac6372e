//! New offers within a session.

use std::time::Duration;

use sidetone_sip::message::HeaderName;
use sidetone_sip::{Body, CommandError, EndedBy, Message, Method, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Pair};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn offered(text: &str) -> SessionEvent {
    SessionEvent::Offer {
        body: Some(Body::sdp(text)),
    }
}

fn answered(text: &str) -> SessionEvent {
    SessionEvent::OfferAnswered {
        body: Some(Body::sdp(text)),
    }
}

#[test]
fn a_new_offer_is_answered_in_either_direction() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.confirmed_call();
        for (side, own, peer, other) in [(A, caller, B, callee), (B, callee, A, caller)] {
            pair.command(side, |agent, now| agent.offer(now, own, Body::sdp("hold")));
            pair.settle();
            assert_eq!(pair.session_event(peer, other), offered("hold"));
            pair.command(peer, |agent, now| {
                agent.answer_offer(now, other, Body::sdp("held"))
            });
            pair.settle();
            assert_eq!(pair.session_event(side, own), answered("held"));
        }
        pair.sent(&[
            "A INVITE",
            "B 200 INVITE",
            "A ACK",
            "B INVITE",
            "A 200 INVITE",
            "B ACK",
        ]);
        hang_up(pair, caller, callee);
    }
}

#[test]
fn a_refused_offer_changes_nothing() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.settle();
    assert_eq!(pair.session_event(B, callee), offered("hold"));
    let second = pair.try_command(A, |a, now| a.offer(now, caller, Body::sdp("again")));
    assert_eq!(second, Err(CommandError::WrongState));
    let second = pair.try_command(B, |b, now| b.offer(now, callee, Body::sdp("mine")));
    assert_eq!(second, Err(CommandError::WrongState));
    pair.command(B, |b, now| {
        b.reject_offer(now, callee, Status::NOT_ACCEPTABLE_HERE)
    });
    pair.settle();
    pair.sent(&["A INVITE", "B 488 INVITE", "A ACK"]);
    let refused = SessionEvent::OfferRefused {
        status: Status::NOT_ACCEPTABLE_HERE,
    };
    assert_eq!(pair.session_event(A, caller), refused);
    hang_up(pair, caller, callee);
}

#[test]
fn offers_that_meet_are_both_refused_and_made_again_one_after_the_other() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("of a")));
    pair.command(B, |b, now| b.offer(now, callee, Body::sdp("of b")));
    pair.settle();
    let met = [
        "A INVITE",
        "B INVITE",
        "B 491 INVITE",
        "A 491 INVITE",
        "A ACK",
        "B ACK",
    ];
    pair.sent(&met);
    pair.no_events();

    // The callee's turn comes within 2 s, the caller's not before 2.1 s.
    pair.run(MS(1910));
    assert_eq!(pair.session_event(A, caller), refused_by_glare());
    assert_eq!(pair.session_event(A, caller), offered("of b"));
    pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("by a")));
    pair.settle();
    assert_eq!(pair.session_event(B, callee), answered("by a"));
    pair.run(Duration::from_secs(5));
    let trace = pair.trace();
    let trace: Vec<&str> = trace
        .iter()
        .map(String::as_str)
        .filter(|l| !l.contains("100"))
        .collect();
    assert_eq!(trace, ["B INVITE", "A 200 INVITE", "B ACK"]);
    hang_up(pair, caller, callee);
}

fn refused_by_glare() -> SessionEvent {
    SessionEvent::OfferRefused {
        status: Status::REQUEST_PENDING,
    }
}

#[test]
fn an_offer_that_met_another_is_made_again_if_the_other_is_not() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("of a")));
    pair.answer(&Method::Invite, 491, "b");
    pair.sent(&["A INVITE", "A ACK"]);
    pair.run(MS(2099));
    pair.sent(&[]);
    pair.run(MS(1901));
    pair.sent(&["A INVITE"]);
    assert_eq!(pair.last_request(&Method::Invite).body, b"of a");
    pair.answer(&Method::Invite, 200, "b");
    assert_eq!(pair.session_event(A, caller), answered("answer"));
    pair.sent(&["A ACK"]);
    scripted_end(pair, caller);
}

/// A's call, answered by the test; the tag of the test's end is `b`.
pub(crate) fn scripted_call(pair: &mut Pair) -> (sidetone_sip::SessionId, sidetone_sip::Request) {
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let request = pair.last_request(&Method::Invite).clone();
    pair.answer(&Method::Invite, 200, "b");
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    pair.sent(&["A INVITE", "A ACK"]);
    (caller, request)
}

pub(crate) fn scripted_end(mut pair: Pair, caller: sidetone_sip::SessionId) {
    pair.no_events();
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.answer(&Method::Bye, 200, "b");
    pair.sent(&["A BYE"]);
    pair.finish();
}

/// What the test's end of A's call would send within the dialog.
pub(crate) fn in_dialog(
    invite: &sidetone_sip::Request,
    method: Method,
    number: u32,
) -> sidetone_sip::Request {
    let mut request = invite.clone();
    let headers = &mut request.headers;
    headers.to = invite.headers.from.clone();
    headers.from = invite.headers.to.clone().with_tag("b");
    headers.via[0]
        .params
        .set("branch", Some(&format!("z9hG4bK{method}{number}")));
    headers.cseq.number = number;
    headers.cseq.method = method.clone();
    headers.contact =
        sidetone_sip::message::Contacts::one(crate::harness::address("sip:b2@b.invalid"));
    request.uri = crate::harness::uri("sip:a@a.invalid");
    if method != Method::Invite {
        headers.remove(&HeaderName::ContentType);
        request.body.clear();
    }
    request.method = method;
    request
}

#[test]
fn a_second_invite_has_to_wait_for_the_first() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Invite, 1)));
    assert_eq!(pair.session_event(A, caller), offered("offer"));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Invite, 2)));
    pair.sent(&["A 500 INVITE"]);
    let retry_after = pair
        .last_response(500, &Method::Invite)
        .headers
        .raw(&HeaderName::RetryAfter);
    let seconds: u32 = retry_after.last().unwrap().parse().unwrap();
    assert!(seconds <= 10);
    pair.no_events();

    pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("answer")));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Ack, 1)));
    pair.sent(&["A 200 INVITE"]);
    // The new Contact is where the dialog goes from now on.
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("x")));
    assert_eq!(
        pair.last_request(&Method::Info).uri.to_string(),
        "sip:b2@b.invalid"
    );
    pair.answer(&Method::Info, 200, "b");
    pair.sent(&["A INFO"]);
    // No ACK to the 500 comes, which is the peer's own loss.
    scripted_end(pair, caller);
}

#[test]
fn a_withdrawn_offer_needs_no_answer() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let reinvite = in_dialog(&invite, Method::Invite, 1);
    pair.deliver(A, &Message::Request(reinvite.clone()));
    assert_eq!(pair.session_event(A, caller), offered("offer"));
    let mut cancel = reinvite;
    cancel.method = Method::Cancel;
    cancel.headers.cseq.method = Method::Cancel;
    cancel.body.clear();
    pair.deliver(A, &Message::Request(cancel));
    pair.sent(&["A 200 CANCEL", "A 487 INVITE"]);
    assert_eq!(pair.session_event(A, caller), SessionEvent::OfferWithdrawn);
    let late = pair.try_command(A, |a, now| a.answer_offer(now, caller, Body::sdp("late")));
    assert_eq!(late, Err(CommandError::WrongState));
    scripted_end(pair, caller);
}

#[test]
fn a_reinvite_without_an_offer_asks_for_one() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let mut reinvite = in_dialog(&invite, Method::Invite, 1);
    reinvite.headers.remove(&HeaderName::ContentType);
    reinvite.body.clear();
    pair.deliver(A, &Message::Request(reinvite));
    assert_eq!(
        pair.session_event(A, caller),
        SessionEvent::Offer { body: None }
    );
    pair.command(A, |a, now| {
        a.answer_offer(now, caller, Body::sdp("offer of a"))
    });
    let mut ack = in_dialog(&invite, Method::Ack, 1);
    ack.headers
        .push_raw(HeaderName::ContentType, "application/sdp");
    ack.body = b"answer of b".to_vec();
    pair.deliver(A, &Message::Request(ack));
    assert_eq!(pair.session_event(A, caller), answered("answer of b"));
    pair.sent(&["A 200 INVITE"]);
    scripted_end(pair, caller);
}

#[test]
fn an_offer_to_a_peer_that_forgot_the_call_ends_it() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.answer(&Method::Invite, 481, "b");
    let ended = pair.ended(A, caller);
    assert_eq!(
        (ended.by, ended.status),
        (EndedBy::Refused, Some(Status::CALL_DOES_NOT_EXIST))
    );
    pair.answer(&Method::Bye, 481, "b");
    pair.sent(&["A INVITE", "A ACK", "A BYE"]);
    pair.finish();
}

#[test]
fn hanging_up_refuses_the_offer_that_waits() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.settle();
    pair.session_event(B, callee);
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.settle();
    pair.sent(&["A INVITE", "B 487 INVITE", "B BYE", "A ACK", "A 200 BYE"]);
    let refused = SessionEvent::OfferRefused {
        status: Status::REQUEST_TERMINATED,
    };
    assert_eq!(pair.session_event(A, caller), refused);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.finish();
}

#[test]
fn only_the_ack_with_its_number_confirms_an_answer() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Invite, 5)));
    assert_eq!(pair.session_event(A, caller), offered("offer"));
    pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("answer")));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Ack, 4)));
    pair.run(MS(500));
    pair.sent(&["A 200 INVITE", "A 200 INVITE"]);
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Ack, 5)));
    pair.run(Duration::from_secs(10));
    pair.sent(&[]);
    scripted_end(pair, caller);
}
