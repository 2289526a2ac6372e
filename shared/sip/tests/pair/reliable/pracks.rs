//! PRACKs of a caller that is played by the test.

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RAck, RSeq, Require, Transport};
use sidetone_sip::{Body, Message, Method, Request, SessionEvent, SessionId, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{body, over, progress, progressed};
use crate::cancelling::incoming_invite;
use crate::harness::{A, B, Pair};

/// The test's end calls A, which supports reliable responses.
fn calling(pair: &mut Pair, has_offer: bool) -> (SessionId, Request) {
    let mut invite = incoming_invite();
    invite.headers.push(&Require(vec!["100rel".into()]));
    if !has_offer {
        invite.headers.remove(&HeaderName::ContentType);
        invite.body.clear();
    }
    pair.deliver(A, &Message::Request(invite.clone()));
    (pair.incoming(A), invite)
}

/// A PRACK of the test's end for A's last response with this status.
fn prack(pair: &Pair, invite: &Request, number: u32, status: u16, text: Option<&str>) -> Message {
    let response = pair.last_response(status, &Method::Invite);
    let rseq = response.headers.typed::<RSeq>().unwrap().unwrap();
    let mut prack = invite.clone();
    prack.method = Method::Prack;
    let headers = &mut prack.headers;
    headers.to = response.headers.to.clone();
    headers.via[0]
        .params
        .set("branch", Some(&format!("z9hG4bKprack{number}")));
    headers.push(&RAck {
        rseq: rseq.0,
        cseq: invite.headers.cseq.clone(),
    });
    headers.cseq.number += number;
    headers.cseq.method = Method::Prack;
    headers.remove(&HeaderName::ContentType);
    headers.remove(&HeaderName::Require);
    prack.body.clear();
    if let Some(text) = text {
        headers.push_raw(HeaderName::ContentType, "application/sdp");
        prack.body = text.into();
    }
    Message::Request(prack)
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_response() {
    let mut pair = Pair::scripted();
    let (callee, invite) = calling(&mut pair, true);
    let status = Status::SESSION_PROGRESS;
    pair.command(A, |a, now| a.progress(now, callee, status, body("early")));
    let first = prack(&pair, &invite, 1, 183, Some("more"));
    pair.deliver(A, &first);
    let offer = SessionEvent::Offer { body: body("more") };
    assert_eq!(pair.session_event(A, callee), offer);
    pair.sent(&["A 183 INVITE"]);
    pair.command(A, |a, now| a.answer_offer(now, callee, Body::sdp("fine")));
    assert_eq!(pair.last_response(200, &Method::Prack).body, b"fine");
    // The same again is a repetition, with another number it is a stray.
    pair.deliver(A, &first);
    let stray = prack(&pair, &invite, 2, 183, None);
    pair.deliver(A, &stray);
    pair.sent(&["A 200 PRACK", "A 200 PRACK", "A 481 PRACK"]);
    pair.command(A, |a, now| {
        a.reject(now, callee, Status::BUSY_HERE, Vec::new())
    });
    pair.ended(A, callee);
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.headers.cseq.method = Method::Ack;
    pair.deliver(A, &Message::Request(ack));
    pair.sent(&["A 486 INVITE"]);
    pair.finish();
}

#[test]
fn a_cancelled_call_repeats_nothing() {
    let mut pair = over(Transport::Udp);
    pair.link.swallow = Box::new(|line| line == "A PRACK");
    let (caller, callee) = pair.call();
    progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
    pair.settle();
    progressed(&mut pair, caller);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.sent(&[
        "A INVITE",
        "B 183 INVITE",
        "A PRACK (lost)",
        "A CANCEL",
        "B 200 CANCEL",
        "B 487 INVITE",
        "A ACK",
    ]);
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.run(Duration::from_secs(60));
    assert!(pair.trace().iter().all(|line| line == "A PRACK (lost)"));
    pair.finish();
}
