//! Links that lose and repeat.

use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{Body, EndedBy, Event, SessionEvent, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Link, Pair};

/// Loses the first `count` messages of this description.
fn losing(transport: Transport, line: &'static str, mut count: usize) -> Pair {
    let mut pair = Pair::on(Link::new(transport));
    pair.link.swallow = Box::new(move |sent: &str| {
        let is_lost = sent == line && count > 0;
        count -= usize::from(is_lost);
        is_lost
    });
    pair
}

#[test]
fn a_lost_invite_is_sent_again() {
    let mut pair = losing(Transport::Udp, "A INVITE", 2);
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.run(Duration::from_millis(1600));
    pair.sent(&["A INVITE (lost)", "A INVITE (lost)", "A INVITE"]);
    let callee = pair.incoming(B);
    pair.command(B, |b, now| {
        b.reject(now, callee, Status::NOT_FOUND, Vec::new())
    });
    pair.settle();
    pair.sent(&["B 404 INVITE", "A ACK"]);
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.finish();
}

#[test]
fn nobody_is_reached() {
    let mut pair = losing(Transport::Udp, "A INVITE", usize::MAX);
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.run(Duration::from_secs(31));
    pair.no_events();
    pair.run(Duration::from_secs(2));
    pair.sent(&["A INVITE (lost)"; 7]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    pair.finish();
}

#[test]
fn a_lost_answer_is_repeated_over_a_reliable_link_too() {
    let mut pair = losing(Transport::Ws, "B 200 INVITE", 2);
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.run(Duration::from_millis(1600));
    pair.sent(&[
        "A INVITE",
        "B 200 INVITE (lost)",
        "B 200 INVITE (lost)",
        "B 200 INVITE",
        "A ACK",
    ]);
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    crate::calls::hang_up(pair, caller, callee);
}

#[test]
fn a_lost_ack_is_sent_again() {
    let mut pair = losing(Transport::Udp, "A ACK", 1);
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.run(Duration::from_secs(2));
    pair.sent(&[
        "A INVITE",
        "B 200 INVITE",
        "A ACK (lost)",
        "B 200 INVITE",
        "A ACK",
    ]);
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    crate::calls::hang_up(pair, caller, callee);
}

#[test]
fn without_any_ack_the_callee_hangs_up() {
    let mut pair = losing(Transport::Udp, "A ACK", usize::MAX);
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.run(Duration::from_secs(40));
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.ended(B, callee).by, EndedBy::TimedOut);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    let trace = pair.trace();
    let count = |line: &str| trace.iter().filter(|sent| *sent == line).count();
    // After 0, 0.5, 1.5, 3.5 s and then every 4 s until 32 s.
    assert_eq!(count("B 200 INVITE"), 11);
    assert_eq!(count("A ACK (lost)"), 11);
    assert_eq!(trace[trace.len() - 2..], ["B BYE", "A 200 BYE"]);
    pair.finish();
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let mut pair = losing(Transport::Udp, "A ACK", 1);
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.command(B, |b, now| b.end(now, callee, None));
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.run(Duration::from_secs(1));
    pair.sent(&[
        "A INVITE",
        "B 200 INVITE",
        "A ACK (lost)",
        "B 200 INVITE",
        "A ACK",
        "B BYE",
        "A 200 BYE",
    ]);
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn a_lost_bye_is_sent_again_and_its_answer_repeated() {
    let mut pair = Pair::udp();
    let (caller, callee) = pair.confirmed_call();
    let mut losses = vec!["B 200 BYE", "A BYE"];
    pair.link.swallow = Box::new(move |line| {
        let is_lost = losses.last() == Some(&line);
        if is_lost {
            losses.pop();
        }
        is_lost
    });
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.run(Duration::from_secs(5));
    pair.sent(&[
        "A BYE (lost)",
        "A BYE",
        "B 200 BYE (lost)",
        "A BYE",
        "B 200 BYE",
    ]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.finish();
}

/// Whatever is lost or repeated, every call is told the same story at both ends.
#[test]
fn calls_come_through_bad_links() {
    for seed in 0..200 {
        let mut pair = Pair::on(Link::lossy(seed, 20, 20));
        let invite = pair.invitation();
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        pair.run(Duration::from_secs(20));
        let callee = pair.incoming(B);
        pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
        pair.run(Duration::from_secs(5));
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
        pair.run(Duration::from_secs(25));
        let mut told = pair.session_event(A, caller);
        while let SessionEvent::Progress { .. } = told {
            told = pair.session_event(A, caller);
        }
        assert!(
            matches!(told, SessionEvent::Accepted { .. }),
            "seed {seed}: {told:?}"
        );
        assert_eq!(
            pair.session_event(B, callee),
            SessionEvent::Confirmed,
            "seed {seed}"
        );
        pair.no_events();
        pair.command(A, |a, now| a.end(now, caller, None));
        pair.run(Duration::from_secs(30));
        assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
        assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye, "seed {seed}");
        pair.trace();
        pair.finish();
    }
}

/// Cancelled calls end at both ends, whichever way the answer and the CANCEL cross.
#[test]
fn cancelled_calls_end_on_bad_links() {
    for seed in 0..200 {
        let mut pair = Pair::on(Link::lossy(seed, 20, 20));
        let invite = pair.invitation();
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        pair.run(Duration::from_secs(20));
        let callee = pair.incoming(B);
        pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
        pair.run(Duration::from_millis(seed));
        pair.command(A, |a, now| a.end(now, caller, None));
        pair.run(Duration::from_millis(5));
        // The CANCEL may already be there.
        let accepted = pair.try_command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
        pair.run(Duration::from_secs(100));
        let mut last = pair.event(A);
        while let Event::Session {
            event: SessionEvent::Progress { .. },
            ..
        } = last
        {
            last = pair.event(A);
        }
        let Event::Session {
            event: SessionEvent::Ended(ended),
            ..
        } = last
        else {
            panic!("{last:?}")
        };
        assert_eq!(ended.by, EndedBy::Local);
        let mut told = pair.session_event(B, callee);
        if let SessionEvent::Confirmed = told {
            told = pair.session_event(B, callee);
        }
        let SessionEvent::Ended(ended) = told else {
            panic!("{told:?}")
        };
        let expected = match accepted {
            Ok(()) => [EndedBy::RemoteBye, EndedBy::TimedOut],
            Err(_) => [EndedBy::RemoteCancel; 2],
        };
        assert!(expected.contains(&ended.by), "seed {seed}: {ended:?}");
        pair.trace();
        pair.finish();
    }
}

#[test]
fn a_bye_makes_the_wait_for_the_ack_pointless() {
    let mut pair = losing(Transport::Udp, "A ACK", usize::MAX);
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.command(B, |b, now| b.end(now, callee, None));
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.settle();
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.settle();
    pair.sent(&[
        "A INVITE",
        "B 200 INVITE",
        "A ACK (lost)",
        "A BYE",
        "B 200 BYE",
    ]);
    pair.finish();
}
