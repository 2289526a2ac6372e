//! Reliable responses of several callees, which are played by the test.

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RAck, RSeq, Require};
use sidetone_sip::{Body, EndedBy, Message, Method, Request, SessionEvent, SessionId};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{accepted, body, progressed};
use crate::harness::{A, Pair};
use crate::offers::{in_dialog, scripted_end};

/// A provisional response of the test's end, with an RSeq.
fn ring(pair: &mut Pair, status: u16, tag: &str, rseq: u32, text: Option<&str>) {
    let request = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&request, status, tag);
    response.headers.push(&Require(vec!["100rel".into()]));
    response.headers.push(&RSeq(rseq));
    if let Some(text) = text {
        response
            .headers
            .push_raw(HeaderName::ContentType, "application/sdp");
        response.body = text.into();
    }
    pair.deliver(A, &Message::Response(response));
}

fn scripted_invite(pair: &mut Pair) -> (SessionId, Request) {
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.sent(&["A INVITE"]);
    (caller, pair.last_request(&Method::Invite).clone())
}

#[test]
fn only_the_next_response_is_acknowledged() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_invite(&mut pair);
    let supported = invite.headers.raw(&HeaderName::Supported).next().unwrap();
    assert!(supported.contains("100rel"));
    ring(&mut pair, 180, "b", 7, None);
    assert_eq!(progressed(&mut pair, caller), (180, None));
    let prack = pair.last_request(&Method::Prack).clone();
    let rack = prack.headers.typed::<RAck>().unwrap().unwrap();
    assert_eq!(rack.to_string(), "7 1 INVITE");
    assert_eq!(prack.uri.to_string(), "sip:b@b.invalid");
    // Repeated, and out of order.
    ring(&mut pair, 180, "b", 7, None);
    ring(&mut pair, 183, "b", 9, Some("early"));
    pair.sent(&["A PRACK"]);
    pair.no_events();
    ring(&mut pair, 183, "b", 8, Some("early"));
    assert_eq!(progressed(&mut pair, caller), (183, body("early")));
    pair.sent(&["A PRACK"]);
    pair.answer(&Method::Prack, 200, "b");
    pair.deliver(A, &Message::Response(pair.response(&prack, 200, "b")));
    pair.answer(&Method::Invite, 200, "b");
    assert_eq!(accepted(&mut pair, caller), body("early"));
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("x")));
    assert_eq!(pair.last_request(&Method::Info).headers.cseq.number, 4);
    pair.answer(&Method::Info, 200, "b");
    pair.sent(&["A ACK", "A INFO"]);
    scripted_end(pair, caller);
}

#[test]
fn each_fork_has_an_early_dialog_of_its_own() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_invite(&mut pair);
    for tag in ["b", "c"] {
        ring(&mut pair, 183, tag, 1, Some(tag));
        assert_eq!(progressed(&mut pair, caller), (183, body(tag)));
        assert_eq!(
            pair.last_request(&Method::Prack).uri.to_string(),
            format!("sip:{tag}@b.invalid")
        );
        pair.answer(&Method::Prack, 200, tag);
    }
    pair.sent(&["A PRACK", "A PRACK"]);

    // Requests of a fork find the call; an offer in one keeps those of the others waiting.
    let mut update = in_dialog(&invite, Method::Update, 1);
    update
        .headers
        .push_raw(HeaderName::ContentType, "application/sdp");
    update.body = b"new".to_vec();
    let mut of_other = update.clone();
    of_other.headers.from = of_other.headers.from.with_tag("c");
    of_other.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKother"));
    pair.deliver(A, &Message::Request(update));
    let offer = SessionEvent::Offer { body: body("new") };
    assert_eq!(pair.session_event(A, caller), offer);
    pair.deliver(A, &Message::Request(of_other));
    let bye = in_dialog(&invite, Method::Bye, 2);
    pair.deliver(A, &Message::Request(bye));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Invite, 3)));
    let mut ack = in_dialog(&invite, Method::Ack, 3);
    ack.headers.via = in_dialog(&invite, Method::Invite, 3).headers.via;
    pair.deliver(A, &Message::Request(ack));
    pair.sent(&["A 500 UPDATE", "A 481 BYE", "A 491 INVITE"]);

    // The other fork answers: what the first one offered has become pointless.
    pair.answer(&Method::Invite, 200, "c");
    assert_eq!(pair.session_event(A, caller), SessionEvent::OfferWithdrawn);
    assert_eq!(accepted(&mut pair, caller), body("c"));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Info, 9)));
    pair.sent(&["A 487 UPDATE", "A ACK", "A 481 INFO"]);
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.answer(&Method::Bye, 200, "c");
    pair.sent(&["A BYE"]);
    pair.finish();
}

#[test]
fn an_offer_before_the_first_is_answered_has_to_wait() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_invite(&mut pair);
    ring(&mut pair, 180, "b", 1, None);
    progressed(&mut pair, caller);
    pair.answer(&Method::Prack, 200, "b");
    let mut update = in_dialog(&invite, Method::Update, 1);
    update
        .headers
        .push_raw(HeaderName::ContentType, "application/sdp");
    update.body = b"new".to_vec();
    pair.deliver(A, &Message::Request(update));
    // One without an offer may come at any time.
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Update, 2)));
    pair.sent(&["A PRACK", "A 491 UPDATE", "A 200 UPDATE"]);
    pair.answer(&Method::Invite, 486, "b");
    pair.ended(A, caller);
    pair.sent(&["A ACK"]);
    pair.finish();
}

#[test]
fn a_fork_that_is_gone_is_forgotten() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_invite(&mut pair);
    pair.answer(&Method::Invite, 180, "b");
    progressed(&mut pair, caller);
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Options, 1)));
    pair.answer(&Method::Invite, 199, "b");
    assert_eq!(progressed(&mut pair, caller), (199, None));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Options, 2)));
    pair.sent(&["A 200 OPTIONS", "A 481 OPTIONS"]);
    pair.answer(&Method::Invite, 404, "b");
    pair.ended(A, caller);
    pair.sent(&["A ACK"]);
    pair.finish();
}

#[test]
fn no_peer_opens_early_dialogs_without_end() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_invite(&mut pair);
    for fork in 0..100 {
        ring(&mut pair, 180, &format!("fork{fork}"), 1, None);
    }
    assert_eq!(pair.trace().len(), 16);
    for _ in 0..16 {
        progressed(&mut pair, caller);
    }
    pair.no_events();
    pair.answer(&Method::Invite, 404, "b");
    pair.ended(A, caller);
    pair.run(Duration::from_secs(40));
    pair.trace();
    pair.finish();
}
