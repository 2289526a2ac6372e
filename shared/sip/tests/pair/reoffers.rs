//! Offers that are taken back, asked for, and made again and again.

use std::time::Duration;

use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Body, CommandError, EndedBy, Event, Message, Method, SessionEvent, SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Link, Pair, Side};
use crate::offers::{in_dialog, scripted_call, scripted_end};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn refused(status: Status) -> SessionEvent {
    SessionEvent::OfferRefused { status }
}

fn offered(text: &str) -> SessionEvent {
    let body = Some(Body::sdp(text));
    SessionEvent::Offer { body }
}

fn answered(text: &str) -> SessionEvent {
    let body = Some(Body::sdp(text));
    SessionEvent::OfferAnswered { body }
}

/// Answers A's re-INVITE with this, which asks to come again in so many seconds.
fn busy_for(pair: &mut Pair, status: u16, seconds: &str) {
    let request = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&request, status, "b");
    response.headers.push_raw(HeaderName::RetryAfter, seconds);
    pair.deliver(A, &Message::Response(response));
}

#[test]
fn an_offer_comes_again_when_the_peer_wants_it_later() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    busy_for(&mut pair, 503, "7 (busy)");
    pair.run(MS(6999));
    pair.sent(&["A INVITE", "A ACK"]);
    pair.run(MS(1));
    pair.sent(&["A INVITE"]);
    assert_eq!(pair.last_request(&Method::Invite).body, b"hold");
    pair.no_events();
    // That is too long for somebody who waits for an answer.
    busy_for(&mut pair, 503, "33");
    assert_eq!(
        pair.session_event(A, caller),
        refused(Status::SERVICE_UNAVAILABLE)
    );
    // What the other user refuses is not offered again.
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("video")));
    busy_for(&mut pair, 486, "1");
    assert_eq!(pair.session_event(A, caller), refused(Status::BUSY_HERE));
    pair.run(MS(10_000));
    pair.sent(&["A ACK", "A INVITE", "A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn an_offer_is_taken_back_as_soon_as_the_peer_has_it() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.confirmed_call();
        pair.command(A, |a, now| a.offer(now, caller, Body::sdp("video")));
        pair.command(A, |a, now| a.withdraw_offer(now, caller));
        pair.command(A, |a, now| a.withdraw_offer(now, caller));
        pair.settle();
        assert_eq!(pair.session_event(B, callee), offered("video"));
        // RFC 3261 §9.1: no CANCEL before a provisional response.
        pair.sent(&["A INVITE"]);
        pair.run(MS(400));
        pair.sent(&[
            "B 100 INVITE",
            "A CANCEL",
            "B 200 CANCEL",
            "B 487 INVITE",
            "A ACK",
        ]);
        assert_eq!(pair.session_event(B, callee), SessionEvent::OfferWithdrawn);
        assert_eq!(
            pair.session_event(A, caller),
            refused(Status::REQUEST_TERMINATED)
        );
        let nothing = pair.try_command(A, |a, now| a.withdraw_offer(now, caller));
        assert_eq!(nothing, Err(CommandError::WrongState));
        hang_up(pair, caller, callee);
    }
}

#[test]
fn an_answer_that_crosses_the_cancel_counts() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("video")));
    pair.run(MS(400));
    assert_eq!(pair.session_event(B, callee), offered("video"));
    pair.command(A, |a, now| a.withdraw_offer(now, caller));
    pair.command(B, |b, now| b.answer_offer(now, callee, Body::sdp("yes")));
    pair.settle();
    pair.sent(&[
        "A INVITE",
        "B 100 INVITE",
        "A CANCEL",
        "B 200 INVITE",
        "B 200 CANCEL",
        "A ACK",
    ]);
    assert_eq!(pair.session_event(A, caller), answered("yes"));
    hang_up(pair, caller, callee);
}

#[test]
fn an_offer_that_waits_for_its_turn_is_taken_back_at_once() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.answer(&Method::Invite, 491, "b");
    pair.command(A, |a, now| a.withdraw_offer(now, caller));
    assert_eq!(
        pair.session_event(A, caller),
        refused(Status::REQUEST_TERMINATED)
    );
    pair.run(Duration::from_secs(10));
    pair.sent(&["A INVITE", "A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn a_peer_that_ignores_the_cancel_is_not_waited_for() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.answer(&Method::Invite, 100, "b");
    pair.command(A, |a, now| a.withdraw_offer(now, caller));
    pair.answer(&Method::Cancel, 200, "b");
    pair.run(Duration::from_secs(31));
    pair.no_events();
    pair.run(Duration::from_secs(2));
    assert_eq!(
        pair.session_event(A, caller),
        refused(Status::REQUEST_TERMINATED)
    );
    pair.sent(&["A INVITE", "A CANCEL"]);
    scripted_end(pair, caller);
}

#[test]
fn a_peer_that_never_answers_an_offer_does_not_outlive_the_call() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.answer(&Method::Invite, 180, "b");
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Bye, 1)));
    pair.sent(&["A INVITE", "A 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn an_offer_is_asked_for_in_either_direction() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.confirmed_call();
        for (side, own, peer, other) in [(A, caller, B, callee), (B, callee, A, caller)] {
            pair.command(side, |agent, now| agent.request_offer(now, own));
            pair.settle();
            assert_eq!(
                pair.session_event(peer, other),
                SessionEvent::Offer { body: None }
            );
            pair.command(peer, |agent, now| {
                agent.answer_offer(now, other, Body::sdp("an offer"))
            });
            pair.settle();
            assert_eq!(pair.session_event(side, own), offered("an offer"));
            // RFC 3261 §13.2.2.4: this offer can't be refused.
            let status = Status::NOT_ACCEPTABLE_HERE;
            let refusing =
                pair.try_command(side, |agent, now| agent.reject_offer(now, own, status));
            assert_eq!(refusing, Err(CommandError::WrongState));
            pair.command(side, |agent, now| {
                agent.answer_offer(now, own, Body::sdp("an answer"))
            });
            pair.settle();
            assert_eq!(pair.session_event(peer, other), answered("an answer"));
        }
        assert_eq!(pair.last_request(&Method::Ack).body, b"an answer");
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
fn an_offer_asked_for_may_be_refused() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.request_offer(now, caller));
    pair.settle();
    pair.session_event(B, callee);
    pair.command(B, |b, now| {
        b.reject_offer(now, callee, Status::NOT_ACCEPTABLE_HERE)
    });
    pair.settle();
    let expected = refused(Status::NOT_ACCEPTABLE_HERE);
    assert_eq!(pair.session_event(A, caller), expected);
    pair.sent(&["A INVITE", "B 488 INVITE", "A ACK"]);
    hang_up(pair, caller, callee);
}

/// Answers every offer until both sides have had an end to theirs, which must come.
fn until_settled(pair: &mut Pair, sessions: [(Side, SessionId); 2], wanted: usize) -> [usize; 3] {
    let [mut answers, mut refusals, mut offers] = [0; 3];
    for _ in 0..600 {
        pair.run(MS(100));
        for (side, id) in sessions {
            while let Some(event) = pair.next_event(side) {
                match event {
                    Event::Session { session, event } if session == id => match event {
                        SessionEvent::Offer { body: Some(offer) } => {
                            offers += 1;
                            let text = String::from_utf8(offer.bytes).unwrap();
                            let answer = Body::sdp(&format!("to {text}"));
                            pair.command(side, |ua, now| ua.answer_offer(now, id, answer));
                        }
                        SessionEvent::OfferAnswered { body } => {
                            let body = String::from_utf8(body.unwrap().bytes).unwrap();
                            assert!(body.starts_with("to "), "{body}");
                            answers += 1;
                        }
                        SessionEvent::OfferRefused { status } => {
                            assert_eq!(status, Status::REQUEST_PENDING);
                            refusals += 1;
                        }
                        other => panic!("{side:?} has {other:?}"),
                    },
                    other => panic!("{side:?} has {other:?}"),
                }
            }
        }
        if answers + refusals == wanted && answers == offers {
            return [answers, refusals, offers];
        }
    }
    panic!("stuck with {answers} answers, {refusals} refusals, {offers} offers");
}

#[test]
fn holding_and_resuming_at_once_twenty_times_never_sticks() {
    for seed in 0..5 {
        let mut pair = Pair::udp();
        let (caller, callee) = pair.confirmed_call();
        pair.link = Link::lossy(seed, seed * 6, seed * 3);
        let sessions = [(A, caller), (B, callee)];
        for cycle in 0..20 {
            let word = if cycle % 2 == 0 { "hold" } else { "resume" };
            for (side, id) in sessions {
                pair.command(side, |ua, now| ua.offer(now, id, Body::sdp(word)));
            }
            let [answers, refusals, offers] = until_settled(&mut pair, sessions, 2);
            // Either one gives way to the other, or each has its turn.
            assert!(answers >= 1 && answers + refusals == 2 && offers == answers);
            // The last ACK may still be on its way.
            pair.run(Duration::from_secs(40));
            pair.no_events();
        }
        pair.link = Link::new(sidetone_sip::message::Transport::Udp);
        pair.trace();
        hang_up(pair, caller, callee);
    }
}
