//! Offers by UPDATE (RFC 3311).

use std::time::Duration;

use sidetone_sip::message::HeaderName;
use sidetone_sip::{Body, CommandError, Message, Method, Request, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Link, Pair};
use crate::offers::{in_dialog, scripted_call, scripted_end};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn offered(text: &str) -> SessionEvent {
    let body = Some(Body::sdp(text));
    SessionEvent::Offer { body }
}

fn answered(text: &str) -> SessionEvent {
    let body = Some(Body::sdp(text));
    SessionEvent::OfferAnswered { body }
}

#[test]
fn an_update_is_answered_in_either_direction() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.confirmed_call();
        for (side, own, peer, other) in [(A, caller, B, callee), (B, callee, A, caller)] {
            pair.command(side, |agent, now| agent.update(now, own, Body::sdp("new")));
            pair.settle();
            assert_eq!(pair.session_event(peer, other), offered("new"));
            pair.command(peer, |agent, now| {
                agent.answer_offer(now, other, Body::sdp("good"))
            });
            pair.settle();
            assert_eq!(pair.session_event(side, own), answered("good"));
        }
        pair.sent(&["A UPDATE", "B 200 UPDATE", "B UPDATE", "A 200 UPDATE"]);
        hang_up(pair, caller, callee);
    }
}

#[test]
fn a_refused_update_changes_nothing() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(B, |b, now| b.update(now, callee, Body::sdp("new")));
    pair.settle();
    assert_eq!(pair.session_event(A, caller), offered("new"));
    let status = Status::NOT_ACCEPTABLE_HERE;
    pair.command(A, |a, now| a.reject_offer(now, caller, status));
    pair.settle();
    pair.sent(&["B UPDATE", "A 488 UPDATE"]);
    let refused = SessionEvent::OfferRefused { status };
    assert_eq!(pair.session_event(B, callee), refused);
    hang_up(pair, caller, callee);
}

#[test]
fn a_peer_that_does_not_list_update_gets_none() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    let update = pair.try_command(A, |a, now| a.update(now, caller, Body::sdp("new")));
    assert_eq!(update, Err(CommandError::WrongState));
    pair.sent(&[]);
    scripted_end(pair, caller);
}

#[test]
fn updates_that_meet_are_made_again_one_after_the_other() {
    for seed in 0..6 {
        let mut pair = Pair::udp();
        let (caller, callee) = pair.confirmed_call();
        pair.link = Link::lossy(seed, seed * 5, seed * 5);
        pair.command(A, |a, now| a.update(now, caller, Body::sdp("of a")));
        // An UPDATE meets a re-INVITE as well as another UPDATE.
        if seed % 2 == 0 {
            pair.command(B, |b, now| b.update(now, callee, Body::sdp("of b")));
        } else {
            pair.command(B, |b, now| b.offer(now, callee, Body::sdp("of b")));
        }
        let mut heard = Vec::new();
        for _ in 0..800 {
            pair.run(MS(50));
            for (side, id) in [(A, caller), (B, callee)] {
                while let Some(event) = pair.next_event(side) {
                    let sidetone_sip::Event::Session { event, .. } = event else {
                        panic!("{event:?}");
                    };
                    if let SessionEvent::Offer { .. } = event {
                        let answer = Body::sdp("yes");
                        pair.command(side, |ua, now| ua.answer_offer(now, id, answer));
                    }
                    heard.push((side, event));
                }
            }
        }
        let count = |wanted: fn(&SessionEvent) -> bool| {
            heard.iter().filter(|(_, event)| wanted(event)).count()
        };
        let answers = count(|e| matches!(e, SessionEvent::OfferAnswered { .. }));
        let refusals = count(|e| matches!(e, SessionEvent::OfferRefused { .. }));
        let offers = count(|e| matches!(e, SessionEvent::Offer { .. }));
        assert!(answers >= 1, "seed {seed}: {heard:?}");
        assert_eq!(answers + refusals, 2, "seed {seed}: {heard:?}");
        assert_eq!(offers, answers, "seed {seed}: {heard:?}");
        pair.link = Link::new(sidetone_sip::message::Transport::Udp);
        pair.trace();
        hang_up(pair, caller, callee);
    }
}

/// An UPDATE from the test's end.
fn update(invite: &Request, number: u32, offer: Option<&str>) -> Message {
    let mut update = in_dialog(invite, Method::Update, number);
    if let Some(offer) = offer {
        update
            .headers
            .push_raw(HeaderName::ContentType, "application/sdp");
        update.body = offer.into();
    }
    Message::Request(update)
}

#[test]
fn an_update_without_an_offer_moves_the_target_without_a_word() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &update(&invite, 1, None));
    pair.no_events();
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("x")));
    let info = pair.last_request(&Method::Info);
    assert_eq!(info.uri.to_string(), "sip:b2@b.invalid");
    pair.answer(&Method::Info, 200, "b");
    pair.sent(&["A 200 UPDATE", "A INFO"]);
    assert!(
        pair.last_response(200, &Method::Update)
            .headers
            .contact
            .first()
            .is_some()
    );
    scripted_end(pair, caller);
}

#[test]
fn updates_come_one_at_a_time() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &update(&invite, 1, Some("one")));
    assert_eq!(pair.session_event(A, caller), offered("one"));
    pair.deliver(A, &update(&invite, 2, Some("two")));
    let busy = pair.last_response(500, &Method::Update);
    assert!(busy.headers.raw(&HeaderName::RetryAfter).next().is_some());
    pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("yes")));
    // While an offer of ours is under way: RFC 3311 §5.2.
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("mine")));
    pair.deliver(A, &update(&invite, 3, Some("three")));
    pair.answer(&Method::Invite, 200, "b");
    assert_eq!(pair.session_event(A, caller), answered("answer"));
    pair.sent(&[
        "A 500 UPDATE",
        "A 200 UPDATE",
        "A INVITE",
        "A 491 UPDATE",
        "A ACK",
    ]);
    scripted_end(pair, caller);
}

#[test]
fn an_update_that_is_not_answered_in_time_is_withdrawn() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &update(&invite, 1, Some("one")));
    assert_eq!(pair.session_event(A, caller), offered("one"));
    pair.run(Duration::from_secs(33));
    assert_eq!(pair.session_event(A, caller), SessionEvent::OfferWithdrawn);
    let late = pair.try_command(A, |a, now| a.answer_offer(now, caller, Body::sdp("late")));
    assert_eq!(late, Err(CommandError::WrongState));
    pair.sent(&[]);
    scripted_end(pair, caller);
}

#[test]
fn a_busy_peer_is_asked_again_when_it_says() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.sent(&["A INVITE"]);
    for _ in 0..9 {
        refuse_for(&mut pair, 7);
        pair.run(MS(6999));
        pair.sent(&["A ACK"]);
        pair.run(MS(1));
        pair.sent(&["A INVITE"]);
    }
    pair.no_events();
    // The tenth refusal is told.
    refuse_for(&mut pair, 7);
    let status = Status::SERVER_INTERNAL_ERROR;
    assert_eq!(
        pair.session_event(A, caller),
        SessionEvent::OfferRefused { status }
    );
    pair.sent(&["A ACK"]);
    scripted_end(pair, caller);
}

fn refuse_for(pair: &mut Pair, seconds: u32) {
    let request = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&request, 500, "b");
    response
        .headers
        .push_raw(HeaderName::RetryAfter, seconds.to_string());
    pair.deliver(A, &Message::Response(response));
}
