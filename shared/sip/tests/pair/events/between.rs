//! What lies between subscriber and notifier: forks, challenges, flows and losses.

use std::time::Duration;

use sidetone_sip::message::{EventType, HeaderName, Substate};
use sidetone_sip::{
    Body, Event, Message, Method, NoResponse, Origin, Package, Request, Subscribe, SubscriptionEnd,
    SubscriptionEvent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{HOUR, ended, leave, next, notified, pair_on, requested, state, subscribed, wish, ws};
use crate::harness::{A, B, FLOW, Link, Pair, account, uri};

/// A NOTIFY from the fork `tag` for `subscribe`.
pub(super) fn scripted_notify(subscribe: &Request, tag: &str, number: u32, told: &str) -> Request {
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
