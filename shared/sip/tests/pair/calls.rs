//! Calls that go as they should, and those that are refused.

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RawHeader, Reason};
use sidetone_sip::{Body, CommandError, Ended, EndedBy, Method, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Pair};

fn normal_clearing() -> Reason {
    Reason {
        protocol: "Q.850".into(),
        cause: Some(16),
        text: Some("Normal call clearing".into()),
    }
}

#[test]
fn a_call_rings_is_answered_and_ended_by_the_caller() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.sent(&["A INVITE"]);

    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    pair.settle();
    pair.sent(&["B 180 INVITE"]);
    match pair.session_event(A, caller) {
        SessionEvent::Progress {
            status: Status::RINGING,
            to_tag,
            body: None,
        } => {
            assert!(!to_tag.is_empty());
        }
        other => panic!("{other:?}"),
    }

    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["B 200 INVITE", "A ACK"]);
    match pair.session_event(A, caller) {
        SessionEvent::Accepted { body, .. } => assert_eq!(body, Some(Body::sdp("answer"))),
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    pair.no_events();

    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.sent(&["A BYE", "B 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn the_callee_hangs_up_and_says_why() {
    let mut pair = Pair::udp();
    let (caller, callee) = pair.confirmed_call();
    pair.command(B, |b, now| b.end(now, callee, Some(normal_clearing())));
    pair.settle();
    pair.sent(&["B BYE", "A 200 BYE"]);
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    let ended = pair.ended(A, caller);
    assert_eq!(ended.by, EndedBy::RemoteBye);
    assert_eq!(ended.reasons, [normal_clearing()]);
    pair.finish();
}

#[test]
fn both_hang_up_at_once() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.settle();
    pair.sent(&["A BYE", "B BYE", "B 200 BYE", "A 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.finish();
}

#[test]
fn a_busy_callee_refuses() {
    for mut pair in [Pair::ws(), Pair::udp()] {
        let (caller, callee) = pair.call();
        let later = RawHeader {
            name: HeaderName::RetryAfter,
            value: "120".into(),
        };
        pair.command(B, |b, now| {
            b.reject(now, callee, Status::BUSY_HERE, vec![later])
        });
        pair.settle();
        pair.sent(&["A INVITE", "B 486 INVITE", "A ACK"]);
        let Ended {
            by,
            status,
            phrase,
            retry_after,
            ..
        } = pair.ended(A, caller);
        assert_eq!((by, status), (EndedBy::Refused, Some(Status::BUSY_HERE)));
        assert_eq!(phrase.as_deref(), Some("Busy Here"));
        assert_eq!(retry_after, Some(Duration::from_secs(120)));
        let Ended { by, status, .. } = pair.ended(B, callee);
        assert_eq!((by, status), (EndedBy::Local, Some(Status::BUSY_HERE)));
        pair.finish();
    }
}

#[test]
fn ending_an_incoming_call_declines_it() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.settle();
    pair.sent(&["A INVITE", "B 603 INVITE", "A ACK"]);
    assert_eq!(pair.ended(A, caller).status, Some(Status::DECLINE));
    assert_eq!(pair.ended(B, callee), Ended { ..ended_by_us() });
    pair.finish();
}

fn ended_by_us() -> Ended {
    Ended {
        by: EndedBy::Local,
        status: None,
        phrase: None,
        reasons: Vec::new(),
        retry_after: None,
        response: None,
    }
}

#[test]
fn a_redirection_ends_the_call_with_its_status_and_contacts() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.answer(&Method::Invite, 302, "elsewhere");
    pair.sent(&["A INVITE", "A ACK"]);
    let ended = pair.ended(A, caller);
    assert_eq!(
        (ended.by, ended.status),
        (EndedBy::Refused, Some(Status::MOVED_TEMPORARILY))
    );
    let response = ended.response.unwrap();
    assert_eq!(
        response.headers.contact.list()[0].uri.to_string(),
        "sip:elsewhere@b.invalid"
    );
    pair.finish();
}

#[test]
fn a_callee_who_takes_time_says_so() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.run(Duration::from_millis(200));
    pair.sent(&["A INVITE", "B 100 INVITE"]);
    pair.no_events();

    let early = Some(Body::sdp("early"));
    pair.command(B, |b, now| {
        b.progress(now, callee, Status::SESSION_PROGRESS, early.clone())
    });
    pair.run(Duration::from_secs(150));
    pair.sent(&["B 183 INVITE", "B 183 INVITE", "B 183 INVITE"]);
    for _ in 0..3 {
        match pair.session_event(A, caller) {
            SessionEvent::Progress {
                status: Status::SESSION_PROGRESS,
                body,
                ..
            } => {
                assert_eq!(body, early);
            }
            other => panic!("{other:?}"),
        }
    }
    pair.command(B, |b, now| {
        b.reject(now, callee, Status::TEMPORARILY_UNAVAILABLE, Vec::new())
    });
    pair.settle();
    pair.sent(&["B 480 INVITE", "A ACK"]);
    assert_eq!(
        pair.ended(A, caller).status,
        Some(Status::TEMPORARILY_UNAVAILABLE)
    );
    pair.ended(B, callee);
    pair.finish();
}

#[test]
fn info_goes_both_ways() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    let digit = |digit: &str| Body {
        content_type: "application/dtmf-relay".into(),
        bytes: format!("Signal={digit}\r\n").into_bytes(),
    };
    pair.command(A, |a, now| a.info(now, caller, digit("5")));
    pair.settle();
    pair.command(B, |b, now| b.info(now, callee, digit("#")));
    pair.settle();
    pair.sent(&["A INFO", "B 200 INFO", "B INFO", "A 200 INFO"]);
    assert_eq!(
        pair.session_event(B, callee),
        SessionEvent::Info {
            body: Some(digit("5"))
        }
    );
    assert_eq!(
        pair.session_event(A, caller),
        SessionEvent::Info {
            body: Some(digit("#"))
        }
    );
    hang_up(pair, caller, callee);
}

pub(crate) fn hang_up(
    mut pair: Pair,
    caller: sidetone_sip::SessionId,
    callee: sidetone_sip::SessionId,
) {
    pair.no_events();
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.sent(&["A BYE", "B 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn an_invite_without_an_offer_gets_one_and_the_ack_brings_the_answer() {
    let mut pair = Pair::ws();
    let invite = sidetone_sip::Invite {
        body: None,
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.settle();
    let callee = pair.incoming(B);
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("offer")));
    pair.settle();
    pair.sent(&["A INVITE", "B 200 INVITE"]);
    match pair.session_event(A, caller) {
        SessionEvent::Accepted { body, .. } => assert_eq!(body, Some(Body::sdp("offer"))),
        other => panic!("{other:?}"),
    }
    pair.run(Duration::from_secs(1));
    pair.sent(&["B 200 INVITE"]);
    pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["A ACK"]);
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    let answered = SessionEvent::OfferAnswered {
        body: Some(Body::sdp("answer")),
    };
    assert_eq!(pair.session_event(B, callee), answered);
    hang_up(pair, caller, callee);
}

#[test]
fn commands_fail_in_the_wrong_state_and_send_nothing() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.sent(&["A INVITE"]);
    let sdp = || Body::sdp("x");
    let wrong = Err(CommandError::WrongState);
    let refused = [
        pair.try_command(A, |a, now| a.accept(now, caller, sdp())),
        pair.try_command(A, |a, now| a.progress(now, caller, Status::RINGING, None)),
        pair.try_command(A, |a, now| {
            a.reject(now, caller, Status::BUSY_HERE, Vec::new())
        }),
        pair.try_command(A, |a, now| a.info(now, caller, sdp())),
        pair.try_command(B, |b, now| b.offer(now, callee, sdp())),
        pair.try_command(B, |b, now| b.answer_offer(now, callee, sdp())),
        pair.try_command(B, |b, now| b.progress(now, callee, Status::OK, None)),
        pair.try_command(B, |b, now| b.progress(now, callee, Status::TRYING, None)),
        pair.try_command(B, |b, now| b.reject(now, callee, Status::OK, Vec::new())),
    ];
    assert!(refused.iter().all(|result| *result == wrong), "{refused:?}");
    pair.command(B, |b, now| {
        b.reject(now, callee, Status::NOT_FOUND, Vec::new())
    });
    pair.settle();
    pair.sent(&["B 404 INVITE", "A ACK"]);
    pair.ended(A, caller);
    pair.ended(B, callee);
    let gone = Err(CommandError::Gone);
    assert_eq!(pair.try_command(A, |a, now| a.end(now, caller, None)), gone);
    assert_eq!(
        pair.try_command(B, |b, now| b.accept(now, callee, sdp())),
        gone
    );
    pair.finish();
}
