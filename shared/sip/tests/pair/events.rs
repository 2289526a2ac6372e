//! Event notification: both sides of RFC 6665.

use std::time::Duration;

use sidetone_sip::message::{
    EventType, Expires, HeaderName, MinExpires, RawHeader, SubscriptionState, Substate,
    TerminationReason, Transport, TypedHeader,
};
use sidetone_sip::{
    Body, CommandError, Config, Event, Message, Method, NoResponse, Origin, Package, Request,
    Status, Subscribe, SubscriptionEnd, SubscriptionEvent, SubscriptionId,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Link, Pair, Side, account, address, config, uri};

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

/// A NOTIFY from the fork `tag` for `subscribe`.
fn scripted_notify(subscribe: &Request, tag: &str, number: u32, told: &str) -> Request {
    let mut notify = subscribe.clone();
    notify.method = Method::Notify;
    notify.uri = uri("sip:a@a.invalid");
    notify.headers.cseq.method = Method::Notify;
    notify.headers.cseq.number = number;
    notify.headers.from = subscribe.headers.to.clone().with_tag(tag);
    notify.headers.to = subscribe.headers.from.clone();
    let branch = format!("z9hG4bK{tag}{number}");
    notify.headers.via[0].params.set("branch", Some(&branch));
    notify.headers.via[0].host = sidetone_sip::message::Host::Name("b.invalid".into());
    let state = &HeaderName::SubscriptionState;
    notify.headers.push_raw(state.clone(), told);
    notify
}

#[test]
fn the_first_fork_to_tell_is_the_one_listened_to() {
    let mut pair = Pair::scripted();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    let subscribe = pair.last_request(&Method::Subscribe).clone();
    let notify =
        |tag, number, told| Message::Request(scripted_notify(&subscribe, tag, number, told));
    // A NOTIFY may overtake the 2xx.
    pair.deliver(A, &notify("b", 5, "active;expires=90"));
    assert_eq!(next(&mut pair, A, ours), notified(Substate::Active, None));
    pair.answer(&Method::Subscribe, 200, "b");
    pair.deliver(A, &notify("c", 1, "active"));
    pair.deliver(A, &notify("b", 4, "active"));
    let mut stateless = scripted_notify(&subscribe, "b", 6, "active");
    stateless.headers.remove(&HeaderName::SubscriptionState);
    pair.deliver(A, &Message::Request(stateless));
    let mut foreign = scripted_notify(&subscribe, "b", 7, "active");
    foreign.headers.set(&EventType::of("presence"));
    pair.deliver(A, &Message::Request(foreign));
    pair.no_events();
    pair.sent(&[
        "A SUBSCRIBE",
        "A 200 NOTIFY",
        "A 481 NOTIFY",
        "A 500 NOTIFY",
        "A 400 NOTIFY",
        "A 489 NOTIFY",
    ]);
    let told = notify("b", 8, "terminated;reason=noresource");
    pair.deliver(A, &told);
    ended(&mut pair, A, ours);
    pair.sent(&["A 200 NOTIFY"]);
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
fn credentials_are_given_when_asked_for() {
    let mut pair = Pair::scripted();
    let account = pair.command(A, |a, now| a.add_account(now, account("secret")));
    pair.event(A);
    pair.answer(&Method::Register, 403, "r");
    pair.event(A);
    let of_account = Subscribe {
        origin: Origin::Account(account),
        ..wish(&[Package::MESSAGE_SUMMARY])
    };
    let ours = pair.command(A, |a, now| a.subscribe(now, of_account));
    let challenge = |pair: &mut Pair| {
        let request = pair.last_request(&Method::Subscribe).clone();
        let mut response = pair.response(&request, 401, "b");
        let challenge = "Digest realm=\"b\", nonce=\"1\", algorithm=MD5, qop=\"auth\"";
        let name = HeaderName::WwwAuthenticate;
        response.headers.push_raw(name, challenge);
        pair.deliver(A, &Message::Response(response));
    };
    challenge(&mut pair);
    let again = pair.last_request(&Method::Subscribe);
    assert_eq!(again.headers.cseq.number, 2);
    assert_eq!(again.headers.raw(&HeaderName::Authorization).count(), 1);
    challenge(&mut pair);
    let end = ended(&mut pair, A, ours);
    assert_eq!(end, SubscriptionEnd::WrongCredentials);
    pair.command(A, |a, now| a.remove_account(now, account));
    pair.event(A);
    pair.sent(&["A REGISTER", "A SUBSCRIBE", "A SUBSCRIBE"]);
    pair.finish();
}

#[test]
fn a_flow_that_comes_back_refreshes_and_delivers_what_was_missed() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    pair.flow_down();
    pair.command(B, |b, now| b.notify(now, theirs, state("missed")));
    pair.run(Duration::from_secs(5));
    pair.no_events();
    pair.flow_up();
    pair.settle();
    let missed = notified(Substate::Active, state("missed"));
    assert_eq!(next(&mut pair, A, ours), missed);
    assert_eq!(next(&mut pair, B, theirs), SubscriptionEvent::StateWanted);
    leave(pair, ours, theirs);
}

#[test]
fn a_subscriber_that_is_gone_is_not_told_any_more() {
    let mut pair = ws();
    let (ours, theirs) = subscribed(&mut pair);
    pair.flow_down();
    pair.command(B, |b, now| b.notify(now, theirs, state("lost")));
    pair.run(Duration::from_secs(33));
    let timed_out = SubscriptionEnd::NoAnswer(NoResponse::TimedOut);
    assert_eq!(ended(&mut pair, B, theirs), timed_out);
    pair.command(A, |a, now| a.unsubscribe(now, ours));
    ended(&mut pair, A, ours);
    pair.finish();
}

#[test]
fn a_subscription_waits_for_its_flow() {
    let mut pair = ws();
    pair.flow_down();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    pair.sent(&[]);
    pair.flow_up();
    pair.settle();
    let theirs = requested(&mut pair);
    pair.command(B, |b, now| {
        b.accept_subscription(now, theirs, 3600, false, None)
    });
    pair.settle();
    assert_eq!(next(&mut pair, A, ours), notified(Substate::Active, None));
    leave(pair, ours, theirs);
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

#[test]
fn what_was_not_asked_for_is_taken_of_known_packages_only() {
    let mut pair = Pair::scripted();
    let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
    let mut notify = scripted_notify(pair.last_request(&Method::Subscribe), "b", 1, "active");
    pair.answer(&Method::Subscribe, 404, "b");
    ended(&mut pair, A, ours);
    notify.headers.to.params.remove("tag");
    notify.headers.set(&EventType::of("message-summary"));
    let name = HeaderName::ContentType;
    let content_type = "application/simple-message-summary";
    notify.headers.push_raw(name, content_type);
    notify.body = b"Messages-Waiting: yes\r\n".to_vec();

    let mut taking = ws();
    taking.link.is_scripted = true;
    taking.deliver(B, &Message::Request(notify.clone()));
    let body = Some(Body {
        content_type: content_type.into(),
        bytes: notify.body.clone(),
    });
    let unsolicited = Event::Unsolicited {
        flow: FLOW,
        account: None,
        package: "message-summary".into(),
        body,
    };
    assert_eq!(taking.event(B), unsolicited);
    let mut other = notify.clone();
    other.headers.set(&EventType::of("dialog"));
    other.headers.cseq.number = 2;
    other.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKother"));
    taking.deliver(B, &Message::Request(other));
    taking.sent(&["B 200 NOTIFY", "B 489 NOTIFY"]);
    taking.finish();

    pair.trace();
    pair.deliver(A, &Message::Request(notify));
    pair.sent(&["A 405 NOTIFY"]);
    pair.finish();
}

#[test]
fn subscriptions_survive_a_bad_link() {
    for seed in 0..20 {
        let mut pair = pair_on(Link::lossy(seed, 20, 10));
        let ours = pair.command(A, |a, now| a.subscribe(now, wish(&[Package::DIALOG])));
        pair.run(Duration::from_secs(20));
        let Some(Event::Subscription {
            subscription: theirs,
            ..
        }) = pair.next_event(B)
        else {
            continue;
        };
        pair.command(B, |b, now| {
            b.accept_subscription(now, theirs, 3600, false, state("0"))
        });
        for number in 1..5 {
            pair.command(B, |b, now| {
                b.notify(now, theirs, state(&number.to_string()))
            });
        }
        pair.run(Duration::from_secs(120));
        let mut told = Vec::new();
        while let Some(event) = pair.next_event(A) {
            let Event::Subscription {
                event: SubscriptionEvent::Notified { body, .. },
                ..
            } = event
            else {
                panic!("seed {seed}: {event:?}");
            };
            told.extend(body.map(|body| String::from_utf8(body.bytes).unwrap()));
        }
        assert_eq!(told, ["0", "1", "2", "3", "4"], "seed {seed}");
        pair.command(A, |a, now| a.unsubscribe(now, ours));
        ended(&mut pair, A, ours);
        pair.run(HOUR);
        ended(&mut pair, B, theirs);
        pair.trace();
        pair.finish();
    }
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
