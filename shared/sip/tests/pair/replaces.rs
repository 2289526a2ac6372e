//! INVITEs that take the place of a call (RFC 3891).

use std::time::Duration;

use sidetone_sip::message::{HeaderName, Replaces, Require, Supported, Transport, TypedHeader};
use sidetone_sip::{
    Body, Config, EndedBy, Event, Message, Method, Request, SessionEvent, SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, Link, Pair, Side, address, config};
use crate::offers::{scripted_call, scripted_end};

fn pair() -> Pair {
    let takes = |name| Config {
        takes_replacements: true,
        ..config(name)
    };
    Pair::with(Link::new(Transport::Ws), takes("a"), takes("b"))
}

fn scripted() -> Pair {
    let mut pair = pair();
    pair.link.is_scripted = true;
    pair
}

/// The dialog that a response to an INVITE of `caller` is in, as `seen_by` names it.
fn dialog(pair: &Pair, status: u16, caller: Side, seen_by: Side) -> Replaces {
    let headers = &pair.last_response(status, &Method::Invite).headers;
    let tags = [&headers.from, &headers.to].map(|end| end.tag().unwrap().into());
    let [own, other] = if caller == seen_by {
        tags
    } else {
        let [from, to] = tags;
        [to, from]
    };
    Replaces {
        call_id: headers.call_id.clone(),
        to_tag: own,
        from_tag: other,
        early_only: false,
    }
}

/// B calls A to take the place of a call; A knows of which.
fn replacing(pair: &mut Pair, replaces: &Replaces, old: SessionId) -> (SessionId, SessionId) {
    let invite = pair.invitation();
    let caller = pair.command(B, |b, now| b.invite_replacing(now, invite, replaces));
    pair.settle();
    let callee = incoming(pair, Some(old));
    (caller, callee)
}

/// A call of A's that rings at B, and an attempt to pick it up: both calls as B and A know them.
fn picked_up(pair: &mut Pair) -> [SessionId; 4] {
    let (caller, callee) = ringing(pair);
    let early = Replaces {
        early_only: true,
        ..dialog(pair, 180, A, A)
    };
    let (new, taken) = replacing(pair, &early, caller);
    [caller, callee, new, taken]
}

/// A calls B, where it rings.
fn ringing(pair: &mut Pair) -> (SessionId, SessionId) {
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    pair.settle();
    pair.session_event(A, caller);
    (caller, callee)
}

/// An INVITE came to A, to take the place of this session.
fn incoming(pair: &mut Pair, replaced: Option<SessionId>) -> SessionId {
    match pair.event(A) {
        Event::Session {
            session,
            event: SessionEvent::Incoming { facts, .. },
        } => {
            assert_eq!(facts.replaces, replaced);
            session
        }
        other => panic!("{other:?}"),
    }
}

/// B ends the call that took the place of another, and nothing is left.
fn hang_up_new(mut pair: Pair, new: SessionId, taken: SessionId) {
    pair.command(B, |b, now| b.end(now, new, None));
    pair.settle();
    pair.sent(&["B BYE", "A 200 BYE"]);
    assert_eq!(pair.ended(B, new).by, EndedBy::Local);
    assert_eq!(pair.ended(A, taken).by, EndedBy::RemoteBye);
    pair.finish();
}

fn accepted(pair: &mut Pair, side: Side, session: SessionId) {
    let event = pair.session_event(side, session);
    assert!(matches!(event, SessionEvent::Accepted { .. }), "{event:?}");
}

#[test]
fn a_call_takes_the_place_of_another() {
    let mut pair = pair();
    let (caller, callee) = pair.confirmed_call();
    let replaces = dialog(&pair, 200, A, A);
    let (new, taken) = replacing(&mut pair, &replaces, caller);
    let headers = &pair.last_request(&Method::Invite).headers;
    assert_eq!(headers.typed(), Ok(Some(replaces)));
    assert_eq!(headers.typed(), Ok(Some(Require(vec!["replaces".into()]))));
    let supported: Supported = headers.typed().unwrap().unwrap();
    assert!(supported.has("replaces"));
    pair.command(A, |a, now| a.accept(now, taken, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["B INVITE", "A 200 INVITE", "A BYE", "B ACK", "B 200 BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Replaced(taken));
    assert_eq!(pair.session_event(A, taken), SessionEvent::Confirmed);
    accepted(&mut pair, B, new);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.command(A, |a, now| a.end(now, taken, None));
    pair.settle();
    pair.sent(&["A BYE", "B 200 BYE"]);
    assert_eq!(pair.ended(A, taken).by, EndedBy::Local);
    assert_eq!(pair.ended(B, new).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn what_rings_elsewhere_is_picked_up() {
    let mut pair = pair();
    let [caller, callee, new, taken] = picked_up(&mut pair);
    pair.command(A, |a, now| a.accept(now, taken, Body::sdp("answer")));
    pair.settle();
    pair.sent(&[
        "A INVITE",
        "B 180 INVITE",
        "B INVITE",
        "A 200 INVITE",
        "A CANCEL",
        "B ACK",
        "B 200 CANCEL",
        "B 487 INVITE",
        "A ACK",
    ]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Replaced(taken));
    assert_eq!(pair.session_event(A, taken), SessionEvent::Confirmed);
    accepted(&mut pair, B, new);
    let ended = pair.ended(B, callee);
    // So that it is not taken for a missed call.
    assert_eq!(
        (ended.by, ended.reasons[0].cause),
        (EndedBy::RemoteCancel, Some(200))
    );
    hang_up_new(pair, new, taken);
}

#[test]
fn an_answer_overtakes_who_picks_up() {
    let mut pair = pair();
    let [caller, callee, new, taken] = picked_up(&mut pair);
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    pair.settle();
    accepted(&mut pair, A, caller);
    assert_eq!(pair.session_event(B, callee), SessionEvent::Confirmed);
    pair.trace();
    pair.command(A, |a, now| a.accept(now, taken, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["A 486 INVITE", "B ACK"]);
    let ended = pair.ended(A, taken);
    assert_eq!(
        (ended.by, ended.status),
        (EndedBy::Local, Some(Status::BUSY_HERE))
    );
    assert_eq!(pair.ended(B, new).status, Some(Status::BUSY_HERE));
    hang_up(pair, caller, callee);
}

#[test]
fn a_refused_replacement_changes_nothing() {
    let mut pair = pair();
    let (caller, callee) = pair.confirmed_call();
    let replaces = dialog(&pair, 200, A, A);
    let (new, taken) = replacing(&mut pair, &replaces, caller);
    pair.command(A, |a, now| {
        a.reject(now, taken, Status::NOT_ACCEPTABLE_HERE, Vec::new())
    });
    pair.settle();
    pair.sent(&["B INVITE", "A 488 INVITE", "B ACK"]);
    assert_eq!(
        pair.ended(A, taken).status,
        Some(Status::NOT_ACCEPTABLE_HERE)
    );
    assert_eq!(pair.ended(B, new).status, Some(Status::NOT_ACCEPTABLE_HERE));
    hang_up(pair, caller, callee);
}

#[test]
fn a_replacement_outlives_what_it_was_to_replace() {
    let mut pair = pair();
    let (caller, callee) = pair.confirmed_call();
    let replaces = dialog(&pair, 200, A, A);
    let (new, taken) = replacing(&mut pair, &replaces, caller);
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.settle();
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    pair.trace();
    pair.command(A, |a, now| a.accept(now, taken, Body::sdp("answer")));
    pair.settle();
    pair.sent(&["A 200 INVITE", "B ACK"]);
    assert_eq!(pair.session_event(A, taken), SessionEvent::Confirmed);
    accepted(&mut pair, B, new);
    hang_up_new(pair, new, taken);
}

/// A request outside of dialogs to A, with these header lines.
pub(crate) fn stranger(
    invite: &Request,
    number: u32,
    method: &Method,
    lines: &[(&str, &str)],
) -> Message {
    let mut request = invite.clone();
    request.method = method.clone();
    let headers = &mut request.headers;
    headers.from = address("sip:103@c.test").with_tag("c");
    headers.to = address("sip:101@a.test");
    headers.call_id = format!("of-a-stranger-{number}").into();
    headers.cseq.method = method.clone();
    let branch = format!("z9hG4bKstranger{number}");
    headers.via[0].params.set("branch", Some(&branch));
    headers.remove(&HeaderName::SessionExpires);
    if *method != Method::Invite {
        headers.remove(&HeaderName::ContentType);
        request.body.clear();
    }
    for (name, value) in lines {
        let name = HeaderName::from(*name);
        request.headers.push_raw(name, *value);
    }
    Message::Request(request)
}

#[test]
fn only_what_matches_is_replaced() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let own = invite.headers.from.tag().unwrap().to_owned();
    let call_id = invite.headers.call_id.to_string();
    let of = |call_id: &str, to: &str, from: &str, more: &str| {
        format!("{call_id};to-tag={to};from-tag={from}{more}")
    };
    let table = [
        (of("elsewhere", &own, "b", ""), "A 481 INVITE"),
        (of(&call_id, "b", &own, ""), "A 481 INVITE"),
        (of(&call_id, &own, "B", ""), "A 481 INVITE"),
        (of(&call_id, &own, "0", ""), "A 481 INVITE"),
        (of(&call_id, &own, "b", ";early-only"), "A 486 INVITE"),
        (format!("{call_id};to-tag={own}"), "A 400 INVITE"),
    ];
    for (number, (value, expected)) in (1..).zip(&table) {
        let lines = [("Replaces", value.as_str())];
        let message = stranger(&invite, number, &Method::Invite, &lines);
        pair.deliver(A, &message);
        pair.sent(&[expected]);
    }
    let good = of(&call_id, &own, "b", "");
    let joins = [
        ("Replaces", good.as_str()),
        ("Join", "x;to-tag=1;from-tag=2"),
    ];
    pair.deliver(A, &stranger(&invite, 10, &Method::Invite, &joins));
    pair.deliver(A, &stranger(&invite, 11, &Method::Options, &joins[..1]));
    pair.sent(&["A 400 INVITE", "A 400 OPTIONS"]);
    pair.no_events();

    // A dialog that is over, as long as that is remembered.
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.deliver(A, &stranger(&invite, 12, &Method::Invite, &joins[..1]));
    pair.sent(&["A BYE", "A 603 INVITE"]);
    pair.answer(&Method::Bye, 200, "b");
    pair.run(Duration::from_secs(40));
    pair.deliver(A, &stranger(&invite, 13, &Method::Invite, &joins[..1]));
    pair.trace();
    assert_eq!(
        pair.last_response(481, &Method::Invite).headers.call_id,
        "of-a-stranger-13"
    );
    pair.finish();
}

#[test]
fn a_call_that_rings_here_is_not_for_others_to_end() {
    let mut pair = pair();
    let (caller, callee) = ringing(&mut pair);
    let replaces = dialog(&pair, 180, A, B);
    let invite = pair.invitation();
    let new = pair.command(A, |a, now| a.invite_replacing(now, invite, &replaces));
    pair.settle();
    let ended = pair.ended(A, new);
    assert_eq!(ended.status, Some(Status::CALL_DOES_NOT_EXIST));
    pair.sent(&[
        "A INVITE",
        "B 180 INVITE",
        "A INVITE",
        "B 481 INVITE",
        "A ACK",
    ]);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.trace();
    pair.finish();
}

#[test]
fn a_tag_of_zero_is_also_none() {
    let mut pair = scripted();
    let mut invite = pair.invitation();
    invite.to = address("sip:102@b.test");
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let request = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&request, 200, "b");
    // As a peer of RFC 2543 answers.
    response.headers.to.params.remove("tag");
    pair.deliver(A, &Message::Response(response));
    accepted(&mut pair, A, caller);
    pair.sent(&["A INVITE", "A ACK"]);
    let call_id = &request.headers.call_id;
    let own = request.headers.from.tag().unwrap();
    let value = format!("{call_id};to-tag={own};from-tag=0");
    let lines = [("Replaces", value.as_str())];
    pair.deliver(A, &stranger(&request, 1, &Method::Invite, &lines));
    let taken = incoming(&mut pair, Some(caller));
    pair.command(A, |a, now| {
        a.reject(now, taken, Status::DECLINE, Vec::new())
    });
    pair.ended(A, taken);
    pair.sent(&["A 603 INVITE"]);
    scripted_end(pair, caller);
}

#[test]
fn an_agent_that_gives_no_calls_away_takes_it_for_an_ordinary_call() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let own = invite.headers.from.tag().unwrap();
    let value = format!("{};to-tag={own};from-tag=b", invite.headers.call_id);
    let lines = [("Replaces", value.as_str()), ("Require", "replaces")];
    pair.deliver(A, &stranger(&invite, 1, &Method::Invite, &lines));
    pair.no_events();
    pair.deliver(A, &stranger(&invite, 2, &Method::Invite, &lines[..1]));
    let other = incoming(&mut pair, None);
    pair.command(A, |a, now| {
        a.reject(now, other, Status::BUSY_HERE, Vec::new())
    });
    pair.ended(A, other);
    pair.deliver(A, &stranger(&invite, 3, &Method::Options, &lines[..1]));
    let supported: Supported = pair
        .last_response(200, &Method::Options)
        .headers
        .typed()
        .unwrap()
        .unwrap();
    assert!(!supported.has("replaces") && !supported.has("norefersub"));
    assert_eq!(Replaces::NAME, HeaderName::Replaces);
    pair.sent(&["A 420 INVITE", "A 486 INVITE", "A 200 OPTIONS"]);
    scripted_end(pair, caller);
}
