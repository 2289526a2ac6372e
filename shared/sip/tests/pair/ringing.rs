//! Calls that ring on when the flow breaks: the server waits for its phone, the phone for its server.

use std::time::Duration;

use sidetone_sip::{Body, CommandError, Config, EndedBy, SessionEvent, SessionId, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Link, Pair, config};

const S: fn(u64) -> Duration = Duration::from_secs;

fn server() -> Config {
    Config {
        invites_wait: true,
        ..config("a")
    }
}

fn phone() -> Config {
    Config {
        rings_without_flow: Some(S(8)),
        ..config("b")
    }
}

fn pair() -> Pair {
    Pair::with(
        Link::new(sidetone_sip::message::Transport::Ws),
        server(),
        phone(),
    )
}

/// B rings.
fn ringing() -> (Pair, SessionId, SessionId) {
    let mut pair = pair();
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    pair.settle();
    rings(&mut pair, caller);
    pair.sent(&["A INVITE", "B 180 INVITE"]);
    (pair, caller, callee)
}

fn rings(pair: &mut Pair, caller: SessionId) {
    let progress = pair.session_event(A, caller);
    assert!(
        matches!(progress, SessionEvent::Progress { .. }),
        "{progress:?}"
    );
}

fn answer(pair: &mut Pair, callee: SessionId) {
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
}

fn is_up(pair: &mut Pair, caller: SessionId, callee: SessionId) {
    let accepted = pair.session_event(A, caller);
    assert!(
        matches!(accepted, SessionEvent::Accepted { .. }),
        "{accepted:?}"
    );
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
}

#[test]
fn a_call_rings_on_while_its_flow_is_down_and_is_answered_then() {
    let (mut pair, caller, callee) = ringing();
    pair.flow_down();
    pair.run(S(7));
    pair.no_events();
    pair.flow_up();
    pair.settle();
    pair.sent(&["A INVITE", "B 180 INVITE"]);
    rings(&mut pair, caller);
    pair.run(S(30));
    pair.no_events();
    answer(&mut pair, callee);
    pair.settle();
    is_up(&mut pair, caller, callee);
    pair.sent(&["B 200 INVITE", "A ACK"]);
    hang_up(pair, caller, callee);
}

#[test]
fn an_answer_given_without_a_flow_is_sent_when_it_is_back() {
    let (mut pair, caller, callee) = ringing();
    pair.flow_down();
    pair.run(S(1));
    answer(&mut pair, callee);
    pair.run(S(20));
    pair.sent(&[]);
    pair.flow_up();
    pair.settle();
    is_up(&mut pair, caller, callee);
    let sent = pair.trace();
    assert_eq!(
        sent.iter().filter(|s| *s == "B 200 INVITE").count(),
        1,
        "{sent:?}"
    );
    hang_up(pair, caller, callee);
}

#[test]
fn it_rings_no_longer_than_it_may() {
    let (mut pair, caller, callee) = ringing();
    pair.flow_down();
    pair.run(S(8));
    assert_eq!(pair.ended(B, callee).by, EndedBy::FlowDown);
    pair.run(S(10));
    pair.sent(&[]);
    pair.flow_up();
    pair.settle();
    assert_eq!(
        pair.ended(A, caller).status,
        Some(Status::TEMPORARILY_UNAVAILABLE)
    );
    // That it owed, and that for the INVITE that came again.
    pair.sent(&["A INVITE", "B 480 INVITE", "B 480 INVITE", "A ACK"]);
    pair.finish();
}

#[test]
fn it_does_not_ring_on_for_a_server_that_has_forgotten_it() {
    let (mut pair, _, callee) = ringing();
    pair.flow_down();
    pair.rebuild(A, server());
    pair.run(S(1));
    pair.flow_up();
    pair.run(S(6));
    pair.no_events();
    pair.run(S(1));
    assert_eq!(pair.ended(B, callee).by, EndedBy::FlowDown);
    pair.sent(&["B 480 INVITE"]);
    pair.finish();
}

#[test]
fn who_gave_up_meanwhile_ends_it() {
    let (mut pair, caller, callee) = ringing();
    pair.flow_down();
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.run(S(1));
    pair.flow_up();
    pair.settle();
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteCancel);
    pair.trace();
    pair.finish();
}

#[test]
fn a_flow_may_break_twice() {
    let (mut pair, caller, callee) = ringing();
    for _ in 0..2 {
        pair.flow_down();
        pair.run(S(5));
        pair.flow_up();
        pair.run(S(1));
        pair.sent(&["A INVITE", "B 180 INVITE"]);
        rings(&mut pair, caller);
    }
    pair.run(S(20));
    pair.no_events();
    answer(&mut pair, callee);
    pair.settle();
    is_up(&mut pair, caller, callee);
    pair.trace();
    hang_up(pair, caller, callee);
}

#[test]
fn a_call_may_begin_while_the_flow_is_down() {
    let mut pair = pair();
    pair.flow_down();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.run(S(3));
    pair.sent(&[]);
    pair.flow_up();
    pair.settle();
    let callee = pair.incoming(B);
    answer(&mut pair, callee);
    pair.settle();
    is_up(&mut pair, caller, callee);
    pair.sent(&["A INVITE", "B 200 INVITE", "A ACK"]);
    hang_up(pair, caller, callee);
}

#[test]
fn a_phone_begins_no_call_without_a_flow() {
    let mut pair = pair();
    pair.flow_down();
    let invite = pair.invitation();
    let begun = pair.try_command(B, |b, now| b.invite(now, invite));
    assert_eq!(begun, Err(CommandError::NoFlow));
    pair.finish();
}
