//! Other requests that are challenged: a message to a stranger, and a subscription.

use std::time::Duration;

use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Event, Method, NoResponse, Origin, OutgoingRequest, Package, Status, Subscribe,
    SubscriptionEnd, SubscriptionEvent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{HOME, PROXY, challenged, forget, refuse, registered};
use crate::harness::{A, address, uri};

#[test]
fn a_strangers_challenge_is_not_asked_about() {
    let (mut pair, id) = registered();
    let request = OutgoingRequest {
        origin: Origin::Account(id),
        method: Method::Message,
        target: uri("sip:102@demo.test"),
        headers: Vec::new(),
        body: None,
    };
    pair.command(A, |a, now| a.request(now, request));
    let foreign = HOME.replace("home", "elsewhere");
    let foreign = (HeaderName::WwwAuthenticate, foreign.as_str());
    refuse(&mut pair, &Method::Message, 401, foreign);
    match pair.event(A) {
        Event::RequestAnswered { outcome, .. } => {
            assert_eq!(outcome.unwrap().status, Status::UNAUTHORIZED);
        }
        other => panic!("{other:?}"),
    }
    pair.sent(&["A MESSAGE"]);
    forget(pair, id);
}

#[test]
fn a_subscription_outlives_a_keeper_that_says_nothing() {
    let (mut pair, id) = registered();
    let wish = Subscribe {
        origin: Origin::Account(id),
        target: uri("sip:102@demo.test"),
        to: address("sip:102@demo.test"),
        packages: vec![Package::DIALOG],
        expires: 600,
        headers: Vec::new(),
    };
    let watched = pair.command(A, |a, now| a.subscribe(now, wish));
    let proxy = (HeaderName::ProxyAuthenticate, PROXY);
    refuse(&mut pair, &Method::Subscribe, 407, proxy);
    challenged(&mut pair, id);
    pair.run(Duration::from_secs(32));
    let Event::Subscription {
        subscription,
        event: SubscriptionEvent::Lost { cause, retry_in },
    } = pair.event(A)
    else {
        panic!("not lost");
    };
    assert_eq!((subscription, retry_in.is_some()), (watched, true));
    let causes = [
        SubscriptionEnd::NoAnswer(NoResponse::TimedOut),
        SubscriptionEnd::NoNotify,
    ];
    assert!(causes.contains(&cause), "{cause:?}");
    pair.sent(&["A SUBSCRIBE"]);
    pair.command(A, |a, now| a.unsubscribe(now, watched));
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::Local);
    let ended = Event::Subscription {
        subscription: watched,
        event: ended,
    };
    assert_eq!(pair.event(A), ended);
    forget(pair, id);
}
