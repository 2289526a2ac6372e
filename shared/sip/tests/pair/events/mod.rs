//! Event notification: both sides of RFC 6665.

mod between;
mod ends;

use std::time::Duration;

use sidetone_sip::message::{
    EventType, HeaderName, SubscriptionState, Substate, TerminationReason, Transport, TypedHeader,
};
use sidetone_sip::{
    Body, CommandError, Config, Event, Method, NoResponse, Origin, Package, Subscribe,
    SubscriptionEnd, SubscriptionEvent, SubscriptionId,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Link, Pair, Side, address, config, uri};

const HOUR: Duration = Duration::from_secs(3600);

/// B notifies of `dialog` and takes what was not asked for of `message-summary`.
pub(crate) fn pair_on(link: Link) -> Pair {
    let b = Config {
        notifies: vec!["dialog".into(), "presence".into()],
        unsolicited: vec!["message-summary".into()],
        ..config("b")
    };
    Pair::with(link, config("a"), b)
}

fn ws() -> Pair {
    pair_on(Link::new(Transport::Ws))
}

pub(crate) fn wish(packages: &[Package]) -> Subscribe {
    Subscribe {
        origin: Origin::Explicit {
            flow: FLOW,
            from: address("sip:101@a.test"),
            contact: address("sip:a@a.invalid"),
        },
        target: uri("sip:102@b.test"),
        to: address("sip:102@b.test"),
        packages: packages.to_vec(),
        expires: 600,
        headers: Vec::new(),
    }
}

fn state(text: &str) -> Option<Body> {
    Some(Body {
        content_type: "application/dialog-info+xml".into(),
        bytes: text.as_bytes().to_vec(),
    })
}

pub(crate) fn next(pair: &mut Pair, side: Side, id: SubscriptionId) -> SubscriptionEvent {
    match pair.event(side) {
        Event::Subscription {
            subscription,
            event,
        } if subscription == id => event,
        other => panic!("{side:?} has {other:?}"),
    }
}

fn requested(pair: &mut Pair) -> SubscriptionId {
    match pair.event(B) {
        Event::Subscription {
            subscription,
            event: SubscriptionEvent::Requested { .. },
        } => subscription,
        other => panic!("{other:?}"),
    }
}

fn notified(substate: Substate, body: Option<Body>) -> SubscriptionEvent {
    SubscriptionEvent::Notified {
        package: "dialog".into(),
        state: substate,
        body,
    }
}

fn ended(pair: &mut Pair, side: Side, id: SubscriptionId) -> SubscriptionEnd {
    match next(pair, side, id) {
        SubscriptionEvent::Ended(end) => end,
        other => panic!("{side:?} has {other:?}"),
    }
}

/// A is subscribed to B's dialogs; both names.
fn subscribed(pair: &mut Pair) -> (SubscriptionId, SubscriptionId) {
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = requested(pair);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, state("one"))
    });
    pair.settle();
    assert_eq!(
        next(pair, A, ours),
        notified(Substate::Active, state("one"))
    );
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE", "B NOTIFY", "A 200 NOTIFY"]);
    pair.no_events();
    (ours, theirs)
}

fn leave(mut pair: Pair, ours: SubscriptionId, theirs: SubscriptionId) {
    pair.trace();
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    pair.settle();
    assert_eq!(ended(&mut pair, A, ours), SubscriptionEnd::Local);
    assert_eq!(ended(&mut pair, B, theirs), SubscriptionEnd::Unsubscribed);
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE", "B NOTIFY", "A 200 NOTIFY"]);
    pair.finish();
}

#[test]
fn a_subscription_is_made_told_and_ended() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    let subscribe = pair.last_request(&Method::Subscribe);
    let accept: Vec<_> = subscribe.headers.raw(&HeaderName::Accept).collect();
    assert_eq!(accept, ["application/dialog-info+xml"]);
    let event = subscribe.headers.typed::<EventType>().unwrap();
    assert_eq!(event, Some(EventType::of("dialog")));

    pair.command(B, |b, now| b.notify(now, theirs, state("two")));
    pair.command(B, |b, now| b.notify(now, theirs, state("three")));
    pair.settle();
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Active, state("two"))
    );
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Active, state("three"))
    );
    // The second waits for the answer to the first.
    pair.sent(&["B NOTIFY", "A 200 NOTIFY", "B NOTIFY", "A 200 NOTIFY"]);
    leave(pair, ours, theirs);
}

#[test]
fn a_pending_subscription_becomes_active() {
    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = requested(&mut pair);
    let early = pair.try_command(B, |b, now| b.notify(now, theirs, None));
    assert_eq!(early, Err(CommandError::WrongState));
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, true, None)
    });
    pair.settle();
    assert_eq!(next(&mut pair, A, ours), notified(Substate::Pending, None));
    pair.command(B, |b, now| b.notify(now, theirs, state("one")));
    pair.settle();
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Active, state("one"))
    );
    leave(pair, ours, theirs);
}

#[test]
fn it_is_refreshed_in_time_with_the_full_state() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    pair.run(Duration::from_secs(541));
    assert_eq!(next(&mut pair, B, theirs), SubscriptionEvent::StateWanted);
    pair.command(B, |b, now| b.notify(now, theirs, state("full")));
    pair.settle();
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Active, state("full"))
    );
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE", "B NOTIFY", "A 200 NOTIFY"]);
    let refresh = pair.last_request(&Method::Subscribe);
    assert_eq!(refresh.headers.cseq.number, 2);
    assert!(refresh.headers.to.tag().is_some());
    let told = pair.last_request(&Method::Notify).headers.typed();
    let told: SubscriptionState = told.unwrap().unwrap();
    assert_eq!(told, SubscriptionState::lasting(Substate::Active, 598));
    leave(pair, ours, theirs);
}

#[test]
fn the_full_state_can_be_asked_for_at_any_time() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    pair.command(A, |a, now| a.refresh_subscription(now, ours));
    pair.settle();
    assert_eq!(next(&mut pair, B, theirs), SubscriptionEvent::StateWanted);
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE"]);
    leave(pair, ours, theirs);
}

#[test]
fn what_is_not_refreshed_expires() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    pair.link.swallow = Box::new(|line| line == "A SUBSCRIBE");
    pair.run(Duration::from_secs(575));
    // Its refresh was not answered: A wants another subscription.
    match next(&mut pair, A, ours) {
        SubscriptionEvent::Lost { cause, retry_in } => {
            assert_eq!(cause, SubscriptionEnd::NoAnswer(NoResponse::TimedOut));
            assert!(retry_in.is_some_and(|wait| wait >= Duration::from_secs(15)));
        }
        other => panic!("{other:?}"),
    }
    pair.run(Duration::from_secs(27));
    assert_eq!(ended(&mut pair, B, theirs), SubscriptionEnd::Expired);
    let trace = pair.trace();
    assert!(trace.ends_with(&["B NOTIFY".into(), "A 481 NOTIFY".into()]));
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    assert_eq!(ended(&mut pair, A, ours), SubscriptionEnd::Local);
    pair.finish();
}

#[test]
fn a_state_can_be_asked_for_once() {
    let mut pair = ws();
    let once = Subscribe {
        expires: 0,
        ..wish(&[Package::DIALOG])
    };
    let ours = pair.command(A, |a, now| a.subscribe(now, once));
    pair.settle();
    let theirs = requested(&mut pair);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, state("one"))
    });
    pair.settle();
    assert_eq!(ended(&mut pair, B, theirs), SubscriptionEnd::Unsubscribed);
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Terminated, state("one"))
    );
    let end = ended(&mut pair, A, ours);
    let reason = Some(TerminationReason::Timeout);
    assert_eq!(end, SubscriptionEnd::Terminated(reason));
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE", "B NOTIFY", "A 200 NOTIFY"]);
    pair.finish();
}

#[test]
fn headers_of_events_read_and_print() {
    let state = SubscriptionState::parse(&"Terminated; reason=giveup ;retry-after=10".into());
    let state = state.unwrap();
    assert_eq!(state.reason, Some(TerminationReason::GiveUp));
    assert_eq!(state.to_string(), "terminated;reason=giveup;retry-after=10");
    let odd = SubscriptionState::parse(&"waiting;expires=x".into()).unwrap();
    assert_eq!(odd.state, Substate::Other("waiting".into()));
    assert_eq!(odd.expires, None);
    let event = EventType::parse(&"presence.winfo;id=93;x=y".into()).unwrap();
    assert_eq!(event.to_string(), "presence.winfo;id=93");
    for bad in ["", "a b", ";id=1", "\"dialog\""] {
        assert!(EventType::parse(&bad.into()).is_err(), "{bad}");
    }
}
