//! Calls that outlive their agent.

use std::time::Duration;

use serde_json::Value;
use sidetone_sip::message::{Refresher, SessionExpires, Transport};
use sidetone_sip::{
    Body, CallState, CommandError, Config, EndedBy, Event, Method, Origin, RestoreError,
    SessionEvent, SessionId,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, FLOW, Link, Pair, Side, address, config};

/// Written down, and read by somebody else.
fn written(pair: &mut Pair, side: Side, session: SessionId) -> String {
    let state = pair.agent(side).export_call(session).unwrap();
    serde_json::to_string(&state).unwrap()
}

fn read(text: &str) -> CallState {
    serde_json::from_str(text).unwrap()
}

/// A page that was loaded again has another contact.
fn origin(side: Side) -> Origin {
    let (from, contact) = match side {
        A => ("sip:101@a.test", "sip:a-again@a.invalid"),
        B => ("sip:102@b.test", "sip:b-again@b.invalid"),
    };
    Origin::Explicit {
        flow: FLOW,
        from: address(from),
        contact: address(contact),
    }
}

fn restored(pair: &mut Pair, side: Side, state: &CallState) -> SessionId {
    let restored = pair.command(side, |agent, now| {
        agent.restore_call(now, origin(side), state)
    });
    pair.settle();
    pair.sent(&[]);
    pair.no_events();
    restored
}

/// `side` makes a new offer within its call, as it does first of all.
fn goes_on(pair: &mut Pair, (side, own): (Side, SessionId), (peer, other): (Side, SessionId)) {
    let offer = Body::sdp("again");
    pair.command(side, |agent, now| agent.offer(now, own, offer.clone()));
    pair.settle();
    let body = Some(offer);
    assert_eq!(
        pair.session_event(peer, other),
        SessionEvent::Offer { body }
    );
    let answer = Body::sdp("still here");
    pair.command(peer, |agent, now| {
        agent.answer_offer(now, other, answer.clone())
    });
    pair.settle();
    let body = Some(answer);
    let answered = SessionEvent::OfferAnswered { body };
    assert_eq!(pair.session_event(side, own), answered);
    let names = [format!("{side:?}"), format!("{peer:?}")];
    let [own, other] = &names;
    let sent = [
        format!("{own} INVITE"),
        format!("{other} 200 INVITE"),
        format!("{own} ACK"),
    ];
    pair.sent(&sent.each_ref().map(String::as_str));
}

#[test]
fn a_new_agent_goes_on_with_the_call_at_either_end() {
    for side in [A, B] {
        for transport in [Transport::Ws, Transport::Udp] {
            let mut pair = Pair::on(Link::new(transport));
            let (caller, callee) = pair.confirmed_call();
            let (own, other) = match side {
                A => (caller, callee),
                B => (callee, caller),
            };
            let text = written(&mut pair, side, own);
            pair.rebuild(side, config("again"));
            let again = restored(&mut pair, side, &read(&text));
            let peer = if side == A { B } else { A };
            goes_on(&mut pair, (side, again), (peer, other));
            // The peer has learnt where the call is now, and its requests find it.
            goes_on(&mut pair, (peer, other), (side, again));
            let uri = pair.last_request(&Method::Invite).uri.to_string();
            let contact = ["sip:a-again@a.invalid", "sip:b-again@b.invalid"];
            assert!(contact.contains(&uri.as_str()), "{uri}");
            let (caller, callee) = match side {
                A => (again, other),
                B => (other, again),
            };
            hang_up(pair, caller, callee);
        }
    }
}

#[test]
fn what_was_kept_a_while_ago_is_good_enough() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    let text = written(&mut pair, A, caller);
    for _ in 0..3 {
        goes_on(&mut pair, (A, caller), (B, callee));
        goes_on(&mut pair, (B, callee), (A, caller));
    }
    pair.rebuild(A, config("again"));
    let again = restored(&mut pair, A, &read(&text));
    goes_on(&mut pair, (A, again), (B, callee));
    // And again.
    let text = written(&mut pair, A, again);
    pair.rebuild(A, config("again"));
    let again = restored(&mut pair, A, &read(&text));
    goes_on(&mut pair, (B, callee), (A, again));
    goes_on(&mut pair, (A, again), (B, callee));
    hang_up(pair, again, callee);
}

#[test]
fn an_answer_that_the_old_agent_owes_an_ack_gets_one() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    let state = read(&written(&mut pair, A, caller));
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.run(Duration::from_millis(10));
    let offered = pair.session_event(B, callee);
    assert!(matches!(offered, SessionEvent::Offer { .. }));
    pair.rebuild(A, config("again"));
    pair.command(B, |b, now| b.answer_offer(now, callee, Body::sdp("held")));
    pair.settle();
    pair.sent(&["A INVITE", "B 200 INVITE"]);
    let again = restored(&mut pair, A, &state);
    pair.run(Duration::from_secs(1));
    pair.sent(&["B 200 INVITE", "A ACK"]);
    goes_on(&mut pair, (A, again), (B, callee));
    hang_up(pair, again, callee);
}

#[test]
fn a_new_agent_takes_the_place_of_the_old_call() {
    let takes = Config {
        takes_replacements: true,
        ..config("b")
    };
    let mut pair = Pair::with(Link::new(Transport::Ws), config("a"), takes);
    let (caller, callee) = pair.confirmed_call();
    let state = read(&written(&mut pair, A, caller));
    pair.rebuild(A, config("again"));
    let body = Some(Body::sdp("again"));
    let own = pair.command(A, |a, now| a.replace_call(now, origin(A), &state, body));
    pair.settle();
    let taken = match pair.event(B) {
        Event::Session {
            session,
            event: SessionEvent::Incoming { facts, request, .. },
        } => {
            assert_eq!(facts.replaces, Some(callee));
            assert_eq!(request.uri.to_string(), "sip:102@b.test");
            session
        }
        other => panic!("{other:?}"),
    };
    pair.trace();
    pair.command(B, |b, now| b.accept(now, taken, Body::sdp("answer")));
    pair.settle();
    assert_eq!(pair.ended(B, callee).by, EndedBy::Replaced(taken));
    assert_eq!(pair.session_event(B, taken), SessionEvent::Confirmed);
    let accepted = pair.session_event(A, own);
    assert!(matches!(accepted, SessionEvent::Accepted { .. }));
    // The new agent has never heard of the old call.
    pair.sent(&["B 200 INVITE", "B BYE", "A ACK", "A 481 BYE"]);
    hang_up(pair, own, taken);
}

#[test]
fn the_session_timer_goes_on() {
    let interval = Duration::from_secs(600);
    let with_timer = || Config {
        session_interval: Some(interval),
        ..config("a")
    };
    let mut pair = Pair::with(Link::new(Transport::Ws), with_timer(), config("b"));
    let (caller, callee) = pair.confirmed_call();
    let text = written(&mut pair, A, caller);
    pair.rebuild(A, with_timer());
    let again = restored(&mut pair, A, &read(&text));
    pair.run(Duration::from_secs(299));
    pair.sent(&[]);
    pair.run(Duration::from_secs(1));
    pair.sent(&["A UPDATE", "B 200 UPDATE"]);
    let asked = pair.last_request(&Method::Update).headers.typed();
    let refresher = Some(Refresher::Uac);
    assert_eq!(
        asked,
        Ok(Some(SessionExpires {
            interval,
            refresher
        }))
    );
    hang_up(pair, again, callee);
}

#[test]
fn only_a_call_that_is_up_can_be_kept() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    let export = |pair: &mut Pair, side, session| pair.agent(side).export_call(session);
    assert_eq!(export(&mut pair, A, caller), Err(CommandError::WrongState));
    assert_eq!(export(&mut pair, B, callee), Err(CommandError::WrongState));
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.settle();
    assert!(export(&mut pair, A, caller).is_ok());
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(export(&mut pair, A, caller), Err(CommandError::Gone));
    pair.run(Duration::from_secs(60));
    assert_eq!(export(&mut pair, A, caller), Err(CommandError::Gone));
    while pair.next_event(A).is_some() || pair.next_event(B).is_some() {}
    pair.trace();
    pair.finish();
}

#[test]
fn what_is_no_kept_call_is_refused() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    let text = written(&mut pair, A, caller);
    let here = pair.try_command(A, |a, now| a.restore_call(now, origin(A), &read(&text)));
    assert_eq!(here, Err(RestoreError::Present));
    pair.rebuild(A, config("again"));
    let table: [(&str, Value); 8] = [
        ("call_id", "".into()),
        ("call_id", "a b".into()),
        ("local", "<sip:101".into()),
        ("remote", "".into()),
        ("remote_target", "102".into()),
        ("route_set", vec!["?"].into()),
        ("local_number", u32::MAX.into()),
        ("local_number", (i32::MAX.unsigned_abs() - 999).into()),
    ];
    for (name, value) in table {
        let mut kept: Value = serde_json::from_str(&text).unwrap();
        kept["dialog"][name] = value;
        let state = read(&kept.to_string());
        let refused = pair.try_command(A, |a, now| a.restore_call(now, origin(A), &state));
        assert!(
            matches!(refused, Err(RestoreError::Unreadable(_))),
            "{name}: {refused:?}"
        );
        let refused = pair.try_command(A, |a, now| a.replace_call(now, origin(A), &state, None));
        assert!(
            matches!(refused, Err(RestoreError::Unreadable(_))),
            "{name}"
        );
    }
    assert!(pair.agent(A).is_idle());
    // Nothing of that has changed anything.
    let again = restored(&mut pair, A, &read(&text));
    hang_up(pair, again, callee);
}
