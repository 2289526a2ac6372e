//! Refusals and ends of subscriptions, and what follows them.

use super::between::scripted_notify;
use std::time::Duration;

use sidetone_sip::message::{
    Expires, HeaderName, MinExpires, RawHeader, SubscriptionState, Substate, TerminationReason,
};
use sidetone_sip::{
    CommandError, Message, Method, Package, Status, SubscriptionEnd, SubscriptionEvent,
    SubscriptionId,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{ended, leave, next, notified, requested, state, subscribed, wish, ws};
use crate::harness::{A, B, Pair};

#[test]
fn another_package_is_tried_when_the_first_is_unknown() {
    let mut pair = ws();
    let packages = [Package::REG, Package::DIALOG];
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&packages)));
    pair.settle();
    let theirs = requested(&mut pair);
    pair.sent(&["A SUBSCRIBE", "B 489 SUBSCRIBE", "A SUBSCRIBE"]);
    let bad = pair.last_response(489, &Method::Subscribe);
    let events: Vec<_> = bad.headers.raw(&HeaderName::AllowEvents).collect();
    assert_eq!(events, ["dialog, presence"]);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, state("one"))
    });
    pair.settle();
    assert_eq!(
        next(&mut pair, A, ours),
        notified(Substate::Active, state("one"))
    );
    leave(pair, ours, theirs);

    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::REG])));
    pair.settle();
    let refused = SubscriptionEnd::Refused {
        status: Status::BAD_EVENT,
        phrase: "Bad Event".into(),
    };
    assert_eq!(ended(&mut pair, A, ours), refused);
    pair.sent(&["A SUBSCRIBE", "B 489 SUBSCRIBE"]);
    pair.finish();
}

#[test]
fn a_refusal_is_final() {
    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = requested(&mut pair);
    pair.command(B, |b, now| {
        b.reject_subscription(now, theirs, Status::FORBIDDEN, Vec::new())
    });
    pair.settle();
    assert_eq!(ended(&mut pair, B, theirs), SubscriptionEnd::Local);
    let SubscriptionEnd::Refused { status, .. } = ended(&mut pair, A, ours) else {
        panic!("not refused");
    };
    assert_eq!(status, Status::FORBIDDEN);
    pair.sent(&["A SUBSCRIBE", "B 403 SUBSCRIBE"]);
    pair.finish();
}

#[test]
fn retry_after_is_honoured() {
    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = requested(&mut pair);
    let retry_after = RawHeader {
        name: HeaderName::RetryAfter,
        value: "7".into(),
    };
    pair.command(B, |b, now| {
        b.reject_subscription(now, theirs, Status::SERVICE_UNAVAILABLE, vec![retry_after])
    });
    pair.settle();
    ended(&mut pair, B, theirs);
    match next(&mut pair, A, ours) {
        SubscriptionEvent::Lost { retry_in, .. } => {
            assert_eq!(retry_in, Some(Duration::from_secs(7)));
        }
        other => panic!("{other:?}"),
    }
    pair.run(Duration::from_secs(6));
    pair.sent(&["A SUBSCRIBE", "B 503 SUBSCRIBE"]);
    pair.run(Duration::from_secs(1));
    let theirs = requested(&mut pair);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, None)
    });
    pair.settle();
    assert_eq!(next(&mut pair, A, ours), notified(Substate::Active, None));
    leave(pair, ours, theirs);
}

fn terminate(pair: &mut Pair, theirs: SubscriptionId, told: SubscriptionState) {
    pair.command(B, |b, now| b.end_subscription(now, theirs, told, None));
    pair.settle();
    assert_eq!(ended(pair, B, theirs), SubscriptionEnd::Local);
}

#[test]
fn some_ends_are_final() {
    for reason in [
        TerminationReason::Rejected,
        TerminationReason::NoResource,
        TerminationReason::Invariant,
    ] {
        let mut pair = ws();
        let (ours, theirs) = subscribed(&mut pair);
        let told = SubscriptionState::terminated(reason.clone());
        terminate(&mut pair, theirs, told);
        let end = ended(&mut pair, A, ours);
        assert_eq!(end, SubscriptionEnd::Terminated(Some(reason)));
        pair.sent(&["B NOTIFY", "A 200 NOTIFY"]);
        let again = pair.try_command(B, |b, now| b.notify(now, theirs, None));
        assert_eq!(again, Err(CommandError::Gone));
        pair.finish();
    }
}

#[test]
fn other_ends_are_followed_by_another_subscription() {
    let later = |reason, seconds| SubscriptionState {
        retry_after: Some(seconds),
        ..SubscriptionState::terminated(reason)
    };
    for (told, wait) in [
        (
            SubscriptionState::terminated(TerminationReason::Deactivated),
            0,
        ),
        (later(TerminationReason::Probation, 9), 9),
        (later(TerminationReason::GiveUp, 9), 9),
        (later(TerminationReason::Other("moon".into()), 9), 9),
    ] {
        let mut pair = ws();
        let (ours, theirs) = subscribed(&mut pair);
        let first = pair
            .last_request(&Method::Subscribe)
            .headers
            .call_id
            .clone();
        terminate(&mut pair, theirs, told.clone());
        let cause = SubscriptionEnd::Terminated(told.reason);
        let retry_in = Some(Duration::from_secs(wait));
        let lost = SubscriptionEvent::Lost { cause, retry_in };
        assert_eq!(next(&mut pair, A, ours), lost);
        pair.run(Duration::from_secs(wait));
        let theirs = requested(&mut pair);
        assert_ne!(pair.last_request(&Method::Subscribe).headers.call_id, first);
        pair.command(B, |b, now| {
            b.accept_subscription(now, theirs, 3600, false, state("new"))
        });
        pair.settle();
        let told = notified(Substate::Active, state("new"));
        assert_eq!(next(&mut pair, A, ours), told);
        leave(pair, ours, theirs);
    }
}

#[test]
fn a_notifier_that_drops_each_subscription_is_not_asked_in_a_circle() {
    let mut pair = ws();
    let (ours, mut theirs) = subscribed(&mut pair);
    let told = SubscriptionState::terminated(TerminationReason::Deactivated);
    terminate(&mut pair, theirs, told.clone());
    next(&mut pair, A, ours);
    theirs = requested(&mut pair);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, None)
    });
    pair.settle();
    next(&mut pair, A, ours);
    terminate(&mut pair, theirs, told);
    match next(&mut pair, A, ours) {
        SubscriptionEvent::Lost { retry_in, .. } => {
            assert!(retry_in.is_some_and(|wait| wait >= Duration::from_secs(30)));
        }
        other => panic!("{other:?}"),
    }
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    ended(&mut pair, A, ours);
    pair.trace();
    pair.finish();
}

#[test]
fn a_notifier_that_forgot_is_subscribed_to_anew() {
    let mut pair = Pair::scripted();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    let subscribe = pair.last_request(&Method::Subscribe).clone();
    let notify = scripted_notify(&subscribe, "b", 1, "active;expires=600");
    pair.deliver(A, &Message::Request(notify));
    pair.answer(&Method::Subscribe, 200, "b");
    assert_eq!(next(&mut pair, A, ours), notified(Substate::Active, None));
    pair.run(Duration::from_secs(541));
    pair.answer(&Method::Subscribe, 481, "b");
    match next(&mut pair, A, ours) {
        SubscriptionEvent::Lost { retry_in, .. } => assert_eq!(retry_in, Some(Duration::ZERO)),
        other => panic!("{other:?}"),
    }
    pair.settle();
    pair.sent(&["A SUBSCRIBE", "A 200 NOTIFY", "A SUBSCRIBE", "A SUBSCRIBE"]);
    let anew = pair.last_request(&Method::Subscribe);
    assert_eq!(anew.headers.to.tag(), None);
    assert_ne!(anew.headers.call_id, subscribe.headers.call_id);
    pair.answer(&Method::Subscribe, 403, "b");
    ended(&mut pair, A, ours);
    pair.finish();
}

#[test]
fn a_notifier_that_accepts_and_never_tells_is_asked_again_later() {
    let mut pair = Pair::scripted();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.answer(&Method::Subscribe, 200, "b");
    pair.run(Duration::from_secs(33));
    match next(&mut pair, A, ours) {
        SubscriptionEvent::Lost { cause, retry_in } => {
            assert_eq!(cause, SubscriptionEnd::NoNotify);
            assert!(retry_in.is_some());
        }
        other => panic!("{other:?}"),
    }
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    ended(&mut pair, A, ours);
    pair.sent(&["A SUBSCRIBE"]);
    pair.finish();
}

#[test]
fn a_longer_expiry_is_asked_for_when_it_is_too_brief() {
    let mut pair = Pair::scripted();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    let request = pair.last_request(&Method::Subscribe).clone();
    let mut brief = pair.response(&request, 423, "b");
    brief.headers.push(&MinExpires(1800));
    pair.deliver(A, &Message::Response(brief));
    let again = pair.last_request(&Method::Subscribe);
    let expires = again.headers.typed::<Expires>().unwrap();
    assert_eq!(expires, Some(Expires(1800)));
    pair.answer(&Method::Subscribe, 404, "b");
    ended(&mut pair, A, ours);
    pair.sent(&["A SUBSCRIBE", "A SUBSCRIBE"]);
    pair.finish();
}

#[test]
fn leaving_before_the_first_notify_ends_it_at_the_notifier() {
    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.settle();
    let theirs = requested(&mut pair);
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    ended(&mut pair, A, ours);
    let again = pair.try_command(A, |a, now| a.unsubscribe(now, ours));
    assert_eq!(again, Err(CommandError::Gone));
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, None)
    });
    pair.settle();
    let SubscriptionEnd::Refused { status, .. } = ended(&mut pair, B, theirs) else {
        panic!("not refused");
    };
    assert_eq!(status, Status::CALL_DOES_NOT_EXIST);
    pair.sent(&["A SUBSCRIBE", "B 200 SUBSCRIBE", "B NOTIFY", "A 481 NOTIFY"]);
    pair.finish();
}

#[test]
fn an_undecided_request_is_forgotten() {
    let mut pair = ws();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.run(Duration::from_secs(33));
    let theirs = requested(&mut pair);
    assert_eq!(ended(&mut pair, B, theirs), SubscriptionEnd::Expired);
    next(&mut pair, A, ours);
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    ended(&mut pair, A, ours);
    pair.sent(&["A SUBSCRIBE"]);
    pair.finish();
}
