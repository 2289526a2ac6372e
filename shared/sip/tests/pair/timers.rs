//! Session timers (RFC 4028).

use std::time::Duration;

use sidetone_sip::message::{
    HeaderName, MinSe, Reason, Refresher, Require, SessionExpires, Supported,
};
use sidetone_sip::{Body, Ended, EndedBy, Message, Method, Request, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::cancelling::incoming_invite;
use crate::harness::{A, B, Link, Pair, config};
use crate::offers::{in_dialog, scripted_end};

const S: fn(u64) -> Duration = Duration::from_secs;

fn expires(seconds: u64, refresher: Option<Refresher>) -> SessionExpires {
    SessionExpires {
        interval: S(seconds),
        refresher,
    }
}

fn asked(request: &Request) -> Option<SessionExpires> {
    request.headers.typed().unwrap()
}

#[test]
fn the_caller_refreshes_by_update_as_long_as_the_call_lasts() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    let invite = pair.last_request(&Method::Invite);
    assert_eq!(asked(invite), Some(expires(1800, None)));
    let granted = pair.last_response(200, &Method::Invite);
    let by_caller = Some(expires(1800, Some(Refresher::Uac)));
    assert_eq!(granted.headers.typed(), Ok(by_caller));
    let required = granted.headers.typed::<Require>().unwrap().unwrap();
    assert!(required.has("timer"));
    pair.run(S(899));
    pair.sent(&[]);
    for _ in 0..10 {
        pair.run(S(2));
        pair.sent(&["A UPDATE", "B 200 UPDATE"]);
        let update = pair.last_request(&Method::Update);
        assert!(update.body.is_empty());
        assert_eq!(asked(update), by_caller);
        pair.run(S(898));
    }
    pair.trace();
    hang_up(pair, caller, callee);
}

#[test]
fn refreshes_come_through_bad_links() {
    for seed in 0..10 {
        let mut pair = Pair::udp();
        let (caller, callee) = pair.confirmed_call();
        pair.link = Link::lossy(seed, 20, 20);
        pair.run(S(4 * 3600));
        pair.no_events();
        pair.link = Link::new(sidetone_sip::message::Transport::Udp);
        pair.run(S(40));
        pair.trace();
        hang_up(pair, caller, callee);
    }
}

#[test]
fn a_dead_peer_is_noticed_at_both_ends() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.link.swallow = Box::new(|_| true);
    // The caller's UPDATE is not answered; the callee has waited for one.
    pair.run(S(935));
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    pair.no_events();
    pair.run(S(1800 - 32 - 935 - 1));
    pair.no_events();
    pair.run(S(2));
    assert_eq!(pair.ended(B, callee).by, EndedBy::TimedOut);
    let bye = pair.last_request(&Method::Bye);
    let reason = bye.headers.typed::<Reason>().unwrap().unwrap();
    assert_eq!((&*reason.protocol, reason.cause), ("SIP", Some(408)));
    pair.run(S(100));
    pair.trace();
    pair.finish();
}

#[test]
fn without_session_timers_nothing_is_refreshed() {
    let [a, b] = ["a", "b"].map(|name| {
        let mut config = config(name);
        config.session_interval = None;
        config
    });
    let link = Link::new(sidetone_sip::message::Transport::Ws);
    let mut pair = Pair::with(link, a, b);
    let (caller, callee) = pair.confirmed_call();
    assert_eq!(asked(pair.last_request(&Method::Invite)), None);
    pair.run(S(7200));
    pair.sent(&[]);
    hang_up(pair, caller, callee);
}

/// A's call, which the test's end answered with this.
fn granted(
    pair: &mut Pair,
    granted: SessionExpires,
    updates: bool,
) -> (sidetone_sip::SessionId, Request) {
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let request = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&request, 200, "b");
    response.headers.push(&granted);
    if updates {
        response.headers.push_raw(HeaderName::Allow, "UPDATE, BYE");
    }
    pair.deliver(A, &Message::Response(response));
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    pair.sent(&["A INVITE", "A ACK"]);
    (caller, request)
}

#[test]
fn without_update_the_same_is_offered_again() {
    let mut pair = Pair::scripted();
    let (caller, _) = granted(&mut pair, expires(100, None), false);
    for _ in 0..3 {
        pair.run(S(50));
        let request = pair.last_request(&Method::Invite).clone();
        assert_eq!(request.body, b"offer");
        let by_us = expires(100, Some(Refresher::Uac));
        assert_eq!(asked(&request), Some(by_us));
        let mut response = pair.response(&request, 200, "b");
        response.headers.push(&by_us);
        pair.deliver(A, &Message::Response(response));
        pair.sent(&["A INVITE", "A ACK"]);
        pair.no_events();
    }
    // A refusal is no end; the interval is.
    pair.run(S(50));
    pair.answer(&Method::Invite, 503, "b");
    pair.run(S(5));
    pair.sent(&["A INVITE", "A ACK", "A INVITE"]);
    pair.answer(&Method::Invite, 200, "b");
    pair.no_events();
    // That one agreed on no interval any more.
    pair.run(S(600));
    pair.sent(&["A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn a_refused_refresh_is_tried_again_and_otherwise() {
    let mut pair = Pair::scripted();
    let (caller, _) = granted(&mut pair, expires(600, Some(Refresher::Uac)), true);
    pair.run(S(300));
    pair.answer(&Method::Update, 500, "b");
    pair.run(S(5));
    pair.sent(&["A UPDATE", "A UPDATE"]);
    let request = pair.last_request(&Method::Update).clone();
    let mut busy = pair.response(&request, 503, "b");
    busy.headers.push_raw(HeaderName::RetryAfter, "40");
    pair.deliver(A, &Message::Response(busy));
    pair.run(S(39));
    pair.sent(&[]);
    pair.run(S(1));
    pair.sent(&["A UPDATE"]);
    pair.answer(&Method::Update, 405, "b");
    pair.sent(&["A INVITE"]);
    assert_eq!(pair.last_request(&Method::Invite).body, b"offer");
    pair.answer(&Method::Invite, 481, "b");
    assert_eq!(pair.ended(A, caller).by, EndedBy::Refused);
    pair.answer(&Method::Bye, 200, "b");
    pair.sent(&["A ACK", "A BYE"]);
    pair.finish();
}

#[test]
fn a_session_the_peer_does_not_refresh_expires() {
    let mut pair = Pair::scripted();
    let (caller, invite) = granted(&mut pair, expires(120, Some(Refresher::Uas)), true);
    pair.run(S(87));
    let mut update = in_dialog(&invite, Method::Update, 1);
    update.headers.remove(&HeaderName::SessionExpires);
    update.headers.push(&expires(120, Some(Refresher::Uac)));
    pair.deliver(A, &Message::Request(update));
    let response = pair.last_response(200, &Method::Update);
    let by_peer = Some(expires(120, Some(Refresher::Uac)));
    assert_eq!(response.headers.typed(), Ok(by_peer));
    pair.sent(&["A 200 UPDATE"]);
    pair.run(S(87));
    pair.no_events();
    pair.run(S(1));
    pair.sent(&["A BYE"]);
    let Ended { by, .. } = pair.ended(A, caller);
    assert_eq!(by, EndedBy::TimedOut);
    pair.answer(&Method::Bye, 200, "b");
    pair.finish();
}

#[test]
fn an_interval_that_is_too_small_is_raised() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let refuse = |pair: &mut Pair, least: u64| {
        let request = pair.last_request(&Method::Invite).clone();
        let mut response = pair.response(&request, 422, "p");
        response.headers.push(&MinSe(S(least)));
        pair.deliver(A, &Message::Response(response));
    };
    pair.sent(&["A INVITE"]);
    for (number, least) in [(2, 3600), (3, 4000), (4, 5000), (5, 6000)] {
        refuse(&mut pair, least);
        let request = pair.last_request(&Method::Invite);
        assert_eq!(request.headers.cseq.number, number);
        assert_eq!(asked(request), Some(expires(least, None)));
        assert_eq!(request.headers.typed(), Ok(Some(MinSe(S(least)))));
        pair.sent(&["A ACK", "A INVITE"]);
    }
    pair.no_events();
    // Whoever raises it without end is not followed.
    refuse(&mut pair, 7000);
    let ended = pair.ended(A, caller);
    assert_eq!(ended.status, Some(Status::SESSION_INTERVAL_TOO_SMALL));
    pair.sent(&["A ACK"]);
    pair.finish();
}

#[test]
fn a_refusal_that_raises_nothing_is_one() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.answer(&Method::Invite, 422, "p");
    assert_eq!(pair.ended(A, caller).by, EndedBy::Refused);
    pair.sent(&["A INVITE", "A ACK"]);
    pair.finish();
}

/// An INVITE of the test's end.
fn invite(expires: SessionExpires, knows_timers: bool) -> Request {
    let mut invite = incoming_invite();
    invite.headers.push(&expires);
    invite.headers.push_raw(HeaderName::Allow, "UPDATE, BYE");
    if knows_timers {
        invite.headers.push(&Supported(vec!["timer".into()]));
    }
    invite
}

fn ack(invite: &Request) -> Message {
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.headers.cseq.method = Method::Ack;
    Message::Request(ack)
}

#[test]
fn too_small_an_interval_is_refused() {
    let mut pair = Pair::scripted();
    let brief = invite(expires(60, None), true);
    pair.deliver(A, &Message::Request(brief.clone()));
    let refusal = pair.last_response(422, &Method::Invite);
    assert_eq!(refusal.headers.typed(), Ok(Some(MinSe(S(90)))));
    pair.deliver(A, &ack(&brief));
    pair.sent(&["A 422 INVITE"]);
    pair.finish();
}

#[test]
fn the_callee_refreshes_if_it_is_told_or_the_caller_can_not() {
    for knows_timers in [true, false] {
        let mut pair = Pair::scripted();
        // A proxy asked for the caller that knows of nothing; it can't be told to wait longer.
        let wanted = expires(if knows_timers { 200 } else { 60 }, None);
        let refresher = knows_timers.then_some(Refresher::Uas);
        let request = invite(
            SessionExpires {
                refresher,
                ..wanted
            },
            knows_timers,
        );
        pair.deliver(A, &Message::Request(request.clone()));
        let callee = pair.incoming(A);
        pair.command(A, |a, now| a.accept(now, callee, Body::sdp("answer")));
        let interval = if knows_timers { 200 } else { 90 };
        let response = pair.last_response(200, &Method::Invite).clone();
        let by_callee = Some(expires(interval, Some(Refresher::Uas)));
        assert_eq!(response.headers.typed(), Ok(by_callee));
        let required = response.headers.typed::<Require>().unwrap();
        assert_eq!(required.is_some(), knows_timers);
        let mut ack = request;
        ack.method = Method::Ack;
        ack.headers.cseq.method = Method::Ack;
        ack.headers.to = response.headers.to.clone();
        pair.deliver(A, &Message::Request(ack));
        assert_eq!(pair.session_event(A, callee), SessionEvent::Confirmed);
        pair.run(S(interval / 2 - 1));
        pair.sent(&["A 200 INVITE"]);
        pair.run(S(1));
        pair.sent(&["A UPDATE"]);
        pair.answer(&Method::Update, 200, "b1");
        scripted_end(pair, callee);
    }
}

#[test]
fn a_call_that_is_over_is_not_refreshed() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.run(S(950));
    pair.trace();
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.settle();
    pair.sent(&["B BYE", "A 200 BYE"]);
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.run(S(3600));
    pair.finish();
}
