//! Reliable provisional responses (RFC 3262) and early dialogs.

mod forks;
mod pracks;

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RSeq, RawHeader, Transport};
use sidetone_sip::{
    Body, CommandError, EndedBy, Event, Invite, Method, ReliableProvisionals, SessionEvent,
    SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Link, Pair, config};

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
