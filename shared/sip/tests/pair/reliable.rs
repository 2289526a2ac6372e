//! Reliable provisional responses (RFC 3262) and early dialogs.

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RAck, RSeq, RawHeader, Require, Transport};
use sidetone_sip::{
    Body, CommandError, EndedBy, Event, Invite, Message, Method, ReliableProvisionals, Request,
    SessionEvent, SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::cancelling::incoming_invite;
use crate::harness::{A, B, Link, Pair, config};
use crate::offers::{in_dialog, scripted_end};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Two agents, of which B is as reliable as told.
fn reliable(link: Link, reliable_provisionals: ReliableProvisionals) -> Pair {
    let mut b = config("b");
    b.reliable_provisionals = reliable_provisionals;
    Pair::with(link, config("a"), b)
}

fn over(transport: Transport) -> Pair {
    reliable(Link::new(transport), ReliableProvisionals::Always)
}

fn body(text: &str) -> Option<Body> {
    Some(Body::sdp(text))
}

fn progress(pair: &mut Pair, callee: SessionId, status: Status, text: Option<&str>) {
    let body = text.map(Body::sdp);
    pair.command(B, |b, now| b.progress(now, callee, status, body));
}

#[track_caller]
fn progressed(pair: &mut Pair, caller: SessionId) -> (u16, Option<Body>) {
    match pair.session_event(A, caller) {
        SessionEvent::Progress { status, body, .. } => (status.code(), body),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn accepted(pair: &mut Pair, caller: SessionId) -> Option<Body> {
    match pair.session_event(A, caller) {
        SessionEvent::Accepted { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_in_a_provisional_response_is_the_answer() {
    for transport in [Transport::Ws, Transport::Udp] {
        let policy = ReliableProvisionals::WithBody;
        let mut pair = reliable(Link::new(transport), policy);
        let (caller, callee) = pair.call();
        progress(&mut pair, callee, Status::RINGING, None);
        progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
        pair.settle();
        assert_eq!(progressed(&mut pair, caller), (180, None));
        assert_eq!(progressed(&mut pair, caller), (183, body("early")));
        let prack = pair.last_request(&Method::Prack);
        assert!(prack.body.is_empty());
        assert_eq!(prack.headers.cseq.number, 2);
        // What is described later does not count any more.
        progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("other"));
        pair.settle();
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("other")));
        pair.settle();
        assert_eq!(progressed(&mut pair, caller), (183, None));
        assert_eq!(accepted(&mut pair, caller), body("early"));
        assert!(pair.last_response(200, &Method::Invite).body.is_empty());
        assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
        pair.sent(&[
            "A INVITE",
            "B 180 INVITE",
            "B 183 INVITE",
            "A PRACK",
            "B 200 PRACK",
            "B 183 INVITE",
            "A PRACK",
            "B 200 PRACK",
            "B 200 INVITE",
            "A ACK",
        ]);
        hang_up(pair, caller, callee);
    }
}

#[test]
fn the_answer_waits_for_the_prack() {
    let mut pair = over(Transport::Ws);
    let (caller, callee) = pair.call();
    progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("late")));
    pair.sent(&["A INVITE", "B 183 INVITE"]);
    let twice = pair.try_command(B, |b, now| b.accept(now, callee, Body::sdp("late")));
    assert_eq!(twice, Err(CommandError::WrongState));
    let ringing = pair.try_command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    assert_eq!(ringing, Err(CommandError::WrongState));
    pair.settle();
    pair.sent(&["A PRACK", "B 200 PRACK", "B 200 INVITE", "A ACK"]);
    assert_eq!(progressed(&mut pair, caller), (183, body("early")));
    assert_eq!(accepted(&mut pair, caller), body("early"));
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    hang_up(pair, caller, callee);
}

#[test]
fn an_answer_without_early_media_does_not_wait() {
    let mut pair = over(Transport::Ws);
    let (caller, callee) = pair.call();
    progress(&mut pair, callee, Status::RINGING, None);
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.settle();
    // RFC 3262 §3: the late PRACK is answered all the same.
    let trace = pair.trace();
    assert_eq!(trace[..3], ["A INVITE", "B 180 INVITE", "B 200 INVITE"]);
    assert!(trace.contains(&"B 200 PRACK".to_owned()), "{trace:?}");
    assert_eq!(progressed(&mut pair, caller), (180, None));
    assert_eq!(accepted(&mut pair, caller), body("answer"));
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    hang_up(pair, caller, callee);
}

#[test]
fn reliable_responses_come_one_after_the_other() {
    let mut pair = over(Transport::Udp);
    let (caller, callee) = pair.call();
    progress(&mut pair, callee, Status::RINGING, None);
    progress(&mut pair, callee, Status::QUEUED, None);
    progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
    pair.sent(&["A INVITE", "B 180 INVITE"]);
    pair.settle();
    for status in [180, 182, 183] {
        assert_eq!(progressed(&mut pair, caller).0, status);
        let response = pair.last_response(status, &Method::Invite);
        let rseq = response.headers.typed::<RSeq>().unwrap().unwrap();
        assert!(rseq.0 > 0 && rseq.0 <= 0x7fff_ffff + 3);
    }
    pair.sent(&[
        "A PRACK",
        "B 200 PRACK",
        "B 182 INVITE",
        "A PRACK",
        "B 200 PRACK",
        "B 183 INVITE",
        "A PRACK",
        "B 200 PRACK",
    ]);
    pair.command(B, |b, now| {
        b.reject(now, callee, Status::BUSY_HERE, Vec::new())
    });
    pair.settle();
    pair.sent(&["B 486 INVITE", "A ACK"]);
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.finish();
}

#[test]
fn who_requires_reliable_responses_gets_them() {
    let mut pair = Pair::ws();
    let invite = Invite {
        headers: vec![RawHeader {
            name: HeaderName::Require,
            value: "100rel".into(),
        }],
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.settle();
    let callee = pair.incoming(B);
    progress(&mut pair, callee, Status::RINGING, None);
    pair.settle();
    assert_eq!(progressed(&mut pair, caller), (180, None));
    pair.sent(&["A INVITE", "B 180 INVITE", "A PRACK", "B 200 PRACK"]);
    // It is renewed every 150 s, in a response of its own.
    pair.run(Duration::from_secs(149));
    pair.sent(&[]);
    pair.run(Duration::from_secs(1));
    pair.sent(&["B 180 INVITE", "A PRACK", "B 200 PRACK"]);
    assert_eq!(progressed(&mut pair, caller), (180, None));
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.sent(&["A CANCEL", "B 200 CANCEL", "B 487 INVITE", "A ACK"]);
    pair.ended(A, caller);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteCancel);
    pair.finish();
}

#[test]
fn without_a_prack_the_call_is_refused() {
    for transport in [Transport::Ws, Transport::Udp] {
        let mut pair = over(transport);
        pair.link.swallow = Box::new(|line| line == "A PRACK");
        let (caller, callee) = pair.call();
        progress(&mut pair, callee, Status::RINGING, None);
        pair.run(Duration::from_secs(31));
        assert_eq!(progressed(&mut pair, caller), (180, None));
        pair.no_events();
        let trace = pair.trace();
        let repeated = trace.iter().filter(|line| *line == "B 180 INVITE").count();
        assert_eq!(repeated, 6, "at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s");
        pair.run(Duration::from_secs(40));
        let ended = pair.ended(A, caller);
        assert_eq!(ended.status, Some(Status::SERVER_TIMEOUT));
        assert_eq!(pair.ended(B, callee).by, EndedBy::TimedOut);
        pair.trace();
        pair.finish();
    }
}

#[test]
fn an_invite_without_an_offer_gets_one_before_it_is_answered() {
    for transport in [Transport::Ws, Transport::Udp] {
        let mut pair = over(transport);
        let invite = Invite {
            body: None,
            ..pair.invitation()
        };
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        pair.settle();
        let callee = pair.incoming(B);
        progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("offer"));
        pair.settle();
        assert_eq!(progressed(&mut pair, caller), (183, None));
        let offer = SessionEvent::Offer {
            body: body("offer"),
        };
        assert_eq!(pair.session_event(A, caller), offer);
        pair.sent(&["A INVITE", "B 183 INVITE"]);
        pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("answer")));
        pair.settle();
        pair.sent(&["A PRACK", "B 200 PRACK"]);
        let answered = SessionEvent::OfferAnswered {
            body: body("answer"),
        };
        assert_eq!(pair.session_event(B, callee), answered);
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("unused")));
        pair.settle();
        pair.sent(&["B 200 INVITE", "A ACK"]);
        assert_eq!(accepted(&mut pair, caller), None);
        assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
        hang_up(pair, caller, callee);
    }
}

#[test]
fn an_early_session_is_changed_by_update_in_either_direction() {
    let mut pair = over(Transport::Udp);
    let (caller, callee) = pair.call();
    let early = pair.try_command(A, |a, now| a.update(now, caller, Body::sdp("x")));
    assert_eq!(early, Err(CommandError::WrongState));
    let early = pair.try_command(B, |b, now| b.update(now, callee, Body::sdp("x")));
    assert_eq!(early, Err(CommandError::WrongState));
    progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
    pair.settle();
    progressed(&mut pair, caller);
    pair.trace();
    for (side, own, peer, other) in [(A, caller, B, callee), (B, callee, A, caller)] {
        pair.command(side, |agent, now| {
            agent.update(now, own, Body::sdp("change"))
        });
        pair.settle();
        let offer = SessionEvent::Offer {
            body: body("change"),
        };
        assert_eq!(pair.session_event(peer, other), offer);
        pair.command(peer, |agent, now| {
            agent.answer_offer(now, other, Body::sdp("changed"))
        });
        pair.settle();
        let answered = SessionEvent::OfferAnswered {
            body: body("changed"),
        };
        assert_eq!(pair.session_event(side, own), answered);
    }
    pair.sent(&["A UPDATE", "B 200 UPDATE", "B UPDATE", "A 200 UPDATE"]);
    // An UPDATE is on its way while the call is answered.
    pair.command(A, |a, now| a.update(now, caller, Body::sdp("crossing")));
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("unused")));
    pair.settle();
    assert_eq!(accepted(&mut pair, caller), body("early"));
    assert!(matches!(
        pair.session_event(B, callee),
        SessionEvent::Offer { .. }
    ));
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    pair.command(B, |b, now| b.answer_offer(now, callee, Body::sdp("ok")));
    pair.settle();
    let answered = SessionEvent::OfferAnswered { body: body("ok") };
    assert_eq!(pair.session_event(A, caller), answered);
    pair.trace();
    hang_up(pair, caller, callee);
}

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

#[test]
fn early_media_comes_through_bad_links() {
    for seed in 0..60 {
        let link = Link::lossy(seed, 20, 20);
        let mut pair = reliable(link, ReliableProvisionals::Always);
        let has_offer = seed % 2 == 0;
        let mut invite = pair.invitation();
        invite.body = invite.body.filter(|_| has_offer);
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        pair.run(Duration::from_secs(15));
        let callee = pair.incoming(B);
        progress(&mut pair, callee, Status::RINGING, None);
        progress(&mut pair, callee, Status::SESSION_PROGRESS, Some("early"));
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("unused")));
        let mut heard = Vec::new();
        for _ in 0..600 {
            pair.run(MS(50));
            while let Some(event) = pair.next_event(A) {
                let Event::Session { event, .. } = event else {
                    panic!("{event:?}");
                };
                match event {
                    SessionEvent::Progress { status, .. } => heard.push(status.to_string()),
                    SessionEvent::Offer { .. } => {
                        heard.push("offer".to_owned());
                        let answer = Body::sdp("answer");
                        pair.command(A, |a, now| a.answer_offer(now, caller, answer));
                    }
                    SessionEvent::Accepted { body: given, .. } => {
                        assert_eq!(given, body("early").filter(|_| has_offer));
                        heard.push("accepted".to_owned());
                    }
                    other => panic!("seed {seed}: {other:?}"),
                }
            }
        }
        let offer = (!has_offer).then_some("offer");
        let expected = ["180 Ringing", "183 Session Progress"].into_iter();
        let expected: Vec<_> = expected.chain(offer).chain(["accepted"]).collect();
        assert_eq!(heard, expected, "seed {seed}");
        if !has_offer {
            let answered = pair.session_event(B, callee);
            let answer = body("answer");
            assert_eq!(answered, SessionEvent::OfferAnswered { body: answer });
        }
        let confirmed = pair.session_event(B, callee);
        assert_eq!(confirmed, SessionEvent::Confirmed, "seed {seed}");
        pair.link = Link::new(Transport::Udp);
        pair.trace();
        hang_up(pair, caller, callee);
    }
}
