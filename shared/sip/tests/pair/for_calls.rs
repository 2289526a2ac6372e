//! An agent that was made for calls alone: what others ask it for, and what it is told to do.

use sidetone_sip::message::{HeaderName, Transport};
use sidetone_sip::{
    Answer, Body, Config, Event, Message, Method, OutgoingRequest, Package, Refer, SessionEvent,
    SessionId, Status, SubscriptionEnd, SubscriptionEvent, TransferEvent, TransferOutcome,
    UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::events::{next, wish};
use crate::harness::{A, B, Link, Pair, Side, address, config, uri};
use crate::offers::{in_dialog, scripted_call, scripted_end};
use crate::replaces::stranger;

/// Everything that an agent can be asked for.
fn all(name: &str) -> Config {
    Config {
        accepts: vec![Method::Message],
        notifies: vec!["dialog".into()],
        unsolicited: vec!["message-summary".into()],
        takes_transfers: true,
        takes_replacements: true,
        ..config(name)
    }
}

/// A is for calls alone, B for everything.
fn pair() -> Pair {
    let mut pair = Pair::with(Link::new(Transport::Ws), all("a"), all("b"));
    pair.rebuild_as(A, UserAgent::for_calls, all("a"));
    pair
}

fn told(pair: &mut Pair, side: Side, session: SessionId) -> TransferEvent {
    match pair.session_event(side, session) {
        SessionEvent::Transfer(event) => event,
        other => panic!("{side:?} has {other:?}"),
    }
}

#[test]
fn it_serves_nothing_but_calls() {
    let mut pair = pair();
    pair.link.is_scripted = true;
    let (caller, invite) = scripted_call(&mut pair);
    for (number, method) in [(5, Method::Refer), (6, Method::Notify)] {
        let mut request = in_dialog(&invite, method, number);
        request
            .headers
            .push_raw(HeaderName::ReferTo, "<sip:103@c.test>");
        pair.deliver(A, &Message::Request(request));
    }
    let own = invite.headers.from.tag().unwrap();
    let replaced = format!("{};to-tag={own};from-tag=b", invite.headers.call_id);
    let takes_over = [("Replaces", replaced.as_str()), ("Require", "replaces")];
    let strangers: [(Method, &[_]); 4] = [
        (Method::Invite, &takes_over),
        (Method::Subscribe, &[("Event", "dialog")]),
        (Method::Notify, &[("Event", "message-summary")]),
        (Method::Options, &[]),
    ];
    for ((method, lines), number) in strangers.iter().zip(1..) {
        pair.deliver(A, &stranger(&invite, number, method, lines));
    }
    pair.no_events();
    let abilities = &pair.last_response(200, &Method::Options).headers;
    let allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE";
    assert!(abilities.raw(&HeaderName::Allow).eq([allowed]));
    assert!(abilities.raw(&HeaderName::AllowEvents).next().is_none());
    pair.sent(&[
        "A 405 REFER",
        "A 481 NOTIFY",
        "A 420 INVITE",
        "A 405 SUBSCRIBE",
        "A 405 NOTIFY",
        "A 200 OPTIONS",
    ]);
    scripted_end(pair, caller);
}

#[test]
fn it_transfers_when_it_is_told_to() {
    let mut pair = pair();
    let (caller, callee) = pair.confirmed_call();
    let refer = Refer {
        target: address("sip:103@c.test"),
        referred_by: None,
        wants_reports: true,
    };
    pair.command(A, |a, now| a.refer(now, caller, refer));
    pair.settle();
    assert!(matches!(
        told(&mut pair, B, callee),
        TransferEvent::Requested { .. }
    ));
    pair.command(B, |b, now| b.accept_refer(now, callee));
    pair.settle();
    pair.command(B, |b, now| b.report_refer(now, callee, Status::OK));
    pair.settle();
    let trying = Status::TRYING;
    let progress = TransferEvent::Progress { status: trying };
    assert_eq!(told(&mut pair, A, caller), progress);
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(told(&mut pair, A, caller), done);

    let (consultation, consulted) = pair.call();
    pair.command(A, |a, now| a.refer_to_peer(now, caller, consultation, None));
    pair.settle();
    pair.no_events();
    pair.trace();
    pair.command(B, |b, now| b.accept(now, consulted, Body::sdp("answer")));
    pair.settle();
    assert!(matches!(
        pair.session_event(A, consultation),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.session_event(B, consulted), SessionEvent::Confirmed);
    assert!(matches!(
        told(&mut pair, B, callee),
        TransferEvent::Requested {
            replaces: Some(_),
            ..
        }
    ));
    pair.command(B, |b, now| b.reject_refer(now, callee, Status::DECLINE));
    pair.settle();
    let failed = TransferEvent::Done(TransferOutcome::Failed(Status::DECLINE));
    assert_eq!(told(&mut pair, A, caller), failed);
    pair.sent(&["B 200 INVITE", "A ACK", "A REFER", "B 603 REFER"]);
    for (ours, theirs) in [(caller, callee), (consultation, consulted)] {
        pair.command(A, |a, now| a.end(now, ours, None));
        pair.settle();
        pair.ended(A, ours);
        pair.ended(B, theirs);
    }
    pair.trace();
    pair.finish();
}

#[test]
fn it_subscribes_and_asks_when_it_is_told_to() {
    let mut pair = pair();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = match pair.event(B) {
        Event::Subscription { subscription, .. } => subscription,
        other => panic!("{other:?}"),
    };
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, None)
    });
    pair.settle();
    assert!(matches!(
        next(&mut pair, A, ours),
        SubscriptionEvent::Notified { .. }
    ));
    let request = OutgoingRequest {
        origin: wish(&[]).origin,
        method: Method::Message,
        target: uri("sip:102@b.test"),
        headers: Vec::new(),
        body: None,
    };
    let asked = pair.command(A, |a, now| a.request(now, request));
    pair.settle();
    let Event::RequestReceived { id, .. } = pair.event(B) else {
        panic!("no message");
    };
    pair.command(B, |b, now| b.respond(now, id, Answer::of(Status::OK)));
    pair.settle();
    match pair.event(A) {
        Event::RequestAnswered {
            id,
            outcome: Ok(response),
        } => assert_eq!((id, response.status), (asked, Status::OK)),
        other => panic!("{other:?}"),
    }
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    pair.settle();
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::Local);
    assert_eq!(next(&mut pair, A, ours), ended);
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::Unsubscribed);
    assert_eq!(next(&mut pair, B, theirs), ended);
    pair.sent(&[
        "A SUBSCRIBE",
        "B 200 SUBSCRIBE",
        "B NOTIFY",
        "A 200 NOTIFY",
        "A MESSAGE",
        "B 200 MESSAGE",
        "A SUBSCRIBE",
        "B 200 SUBSCRIBE",
        "B NOTIFY",
        "A 200 NOTIFY",
    ]);
    pair.finish();
}
