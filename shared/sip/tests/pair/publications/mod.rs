//! Publication: both sides of RFC 3903.

mod compositor;
mod failures;

use std::time::Duration;

use sidetone_sip::message::{
    EventType, Expires, HeaderName, SipEtag, SipIfMatch, Substate, Transport,
};
use sidetone_sip::packages::{Presence, Tuple};
use sidetone_sip::{
    Body, CommandError, Compositor, Config, Event, Message, Method, Moment, Origin, Package,
    PublicationEnd, PublicationEvent, PublicationId, PublicationRules, Publish, Publishes,
    SeededTokens, Subscribe, SubscriptionEvent, SubscriptionId, Text,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Link, Pair, address, config, uri};

const S: fn(u64) -> Duration = Duration::from_secs;
const PIDF: &str = "application/pidf+xml";
const ALICE: &str = "sip:101@demo.test";

fn presence(note: &str) -> Body {
    let tuple = Tuple {
        id: "t".into(),
        is_open: Some(note != "away"),
        contact: None,
        notes: Vec::new(),
    };
    let presence = Presence {
        entity: ALICE.into(),
        tuples: vec![tuple],
        notes: vec![note.into()],
    };
    presence.to_body()
}

fn wish(note: &str) -> Publish {
    Publish {
        origin: Origin::Explicit {
            flow: FLOW,
            from: address(ALICE),
            contact: address("sip:a@a.invalid"),
        },
        target: uri(ALICE),
        package: "presence".into(),
        body: presence(note),
        expires: 600,
        headers: Vec::new(),
    }
}

/// B puts together what is published, and tells it.
struct Composing {
    compositor: Compositor,
    tokens: SeededTokens,
    watchers: Vec<SubscriptionId>,
}

impl Composing {
    fn new() -> Self {
        let packages = vec![Publishes {
            package: "presence".into(),
            bodies: vec![PIDF.into()],
        }];
        Self {
            compositor: Compositor::new(PublicationRules::new(packages)),
            tokens: SeededTokens::new(5),
            watchers: Vec::new(),
        }
    }

    fn pair() -> (Self, Pair) {
        let b = Config {
            accepts: vec![Method::Publish],
            notifies: vec!["presence".into()],
            ..config("b")
        };
        let pair = Pair::with(Link::new(Transport::Ws), config("a"), b);
        (Self::new(), pair)
    }

    fn composed(&self, now: Moment) -> Option<Body> {
        let bodies = self.compositor.bodies(now, ALICE, "presence");
        let parts: Vec<_> = bodies
            .map(|body| Presence::parse(&body.bytes).unwrap())
            .collect();
        Some(Presence::composed(ALICE, &parts).to_body())
    }

    fn serve(&mut self, pair: &mut Pair) {
        pair.settle();
        while let Some(event) = pair.next_event(B) {
            match event {
                Event::RequestReceived { id, request, .. } => {
                    let entity = request.uri.to_string();
                    let now = pair.now;
                    let compositor = &mut self.compositor;
                    let done = compositor.publish(now, &entity, &request, &mut self.tokens);
                    pair.command(B, |b, now| b.respond(now, id, done.answer));
                    if done.changed.is_some() {
                        self.tell(pair);
                    }
                }
                Event::Subscription {
                    subscription,
                    event: SubscriptionEvent::Requested { .. },
                } => {
                    self.watchers.push(subscription);
                    let body = self.composed(pair.now);
                    pair.command(B, |b, now| {
                        b.accept_subscription(now, subscription, 3600, false, body)
                    });
                }
                Event::Subscription { .. } => {}
                other => panic!("{other:?}"),
            }
            pair.settle();
        }
    }

    fn tell(&mut self, pair: &mut Pair) {
        for &watcher in &self.watchers {
            let body = self.composed(pair.now);
            pair.command(B, |b, now| b.notify(now, watcher, body));
        }
    }
}

fn next(pair: &mut Pair, id: PublicationId) -> PublicationEvent {
    match pair.event(A) {
        Event::Publication { publication, event } if publication == id => event,
        other => panic!("{other:?}"),
    }
}

fn is_published(pair: &mut Pair, id: PublicationId, seconds: u64) {
    let expires = S(seconds);
    assert_eq!(next(pair, id), PublicationEvent::Published { expires });
}

/// What the last PUBLISH names, and whether it has a body.
fn shown(pair: &Pair) -> (Option<Text>, u32, bool) {
    let request = pair.last_request(&Method::Publish);
    let tag = request.headers.typed::<SipIfMatch>().unwrap();
    let expires = request.headers.typed::<Expires>().unwrap().unwrap();
    (tag.map(|tag| tag.0), expires.0, !request.body.is_empty())
}

fn tag(pair: &Pair) -> Option<Text> {
    let response = pair.last_response(200, &Method::Publish);
    let tag = response.headers.typed::<SipEtag>().unwrap();
    tag.map(|tag| tag.0)
}

/// Answers the last PUBLISH with this status and these headers.
fn answer(pair: &mut Pair, status: u16, headers: &[(HeaderName, &str)]) {
    let request = pair.last_request(&Method::Publish).clone();
    let mut response = pair.response(&request, status, "p");
    response.headers.contact = sidetone_sip::message::Contacts::default();
    for (name, value) in headers {
        response.headers.push_raw(name.clone(), *value);
    }
    pair.deliver(A, &Message::Response(response));
}

const TAG: (HeaderName, &str) = (HeaderName::SipEtag, "t1");

fn published() -> (Pair, PublicationId) {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 200, &[TAG, (HeaderName::Expires, "300")]);
    is_published(&mut pair, id, 300);
    pair.sent(&["A PUBLISH"]);
    (pair, id)
}

fn end(pair: &mut Pair, id: PublicationId) {
    pair.command(A, |a, now| a.unpublish(now, id));
    let local = PublicationEvent::Ended(PublicationEnd::Local);
    assert_eq!(next(pair, id), local);
    let gone = pair.try_command(A, |a, now| a.unpublish(now, id));
    assert_eq!(gone, Err(CommandError::Gone));
}

/// Takes a publication back, and passes over what comes ahead of its end.
fn end_after(pair: &mut Pair, id: PublicationId) {
    pair.command(A, |a, now| a.unpublish(now, id));
    let expected = Event::Publication {
        publication: id,
        event: PublicationEvent::Ended(PublicationEnd::Local),
    };
    while pair.event(A) != expected {}
}

fn forget(mut pair: Pair, id: PublicationId) {
    end(&mut pair, id);
    pair.sent(&["A PUBLISH"]);
    answer(&mut pair, 200, &[]);
    pair.finish();
}

#[test]
fn it_is_published_refreshed_modified_and_taken_back() {
    let (mut composing, mut pair) = Composing::pair();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    composing.serve(&mut pair);
    pair.sent(&["A PUBLISH", "B 200 PUBLISH"]);
    is_published(&mut pair, id, 600);
    assert_eq!(shown(&pair), (None, 600, true));
    let request = pair.last_request(&Method::Publish);
    assert_eq!(request.headers.contact.list(), []);
    let event = request.headers.typed::<EventType>().unwrap().unwrap();
    assert_eq!(event, EventType::of("presence"));
    let first = tag(&pair);

    pair.run(S(539));
    pair.sent(&[]);
    pair.run(S(1));
    composing.serve(&mut pair);
    pair.sent(&["A PUBLISH", "B 200 PUBLISH"]);
    is_published(&mut pair, id, 600);
    assert_eq!(shown(&pair), (first.clone(), 600, false));
    let second = tag(&pair);
    assert_ne!(first, second);

    pair.command(A, |a, now| a.modify_publication(now, id, presence("away")));
    composing.serve(&mut pair);
    pair.sent(&["A PUBLISH", "B 200 PUBLISH"]);
    is_published(&mut pair, id, 600);
    assert_eq!(shown(&pair), (second, 600, true));
    let body = pair.last_request(&Method::Publish).body.clone();
    assert_eq!(body, presence("away").bytes);
    let third = tag(&pair);

    end(&mut pair, id);
    composing.serve(&mut pair);
    pair.sent(&["A PUBLISH", "B 200 PUBLISH"]);
    assert_eq!(shown(&pair), (third, 0, false));
    assert_eq!(composing.compositor.next_expiry(), None);
    pair.finish();
}

#[test]
fn who_watches_is_told_what_all_devices_publish() {
    let (mut composing, mut pair) = Composing::pair();
    let watch = Subscribe {
        origin: wish("").origin,
        target: uri(ALICE),
        to: address(ALICE),
        packages: vec![Package::PRESENCE],
        expires: 7200,
        headers: Vec::new(),
    };
    let watch = pair.command(A, |a, now| a.subscribe(now, watch));
    composing.serve(&mut pair);
    let seen = |pair: &mut Pair| match pair.event(A) {
        Event::Subscription {
            subscription,
            event:
                SubscriptionEvent::Notified {
                    state: Substate::Active,
                    body: Some(body),
                    ..
                },
        } if subscription == watch => {
            let presence = Presence::parse(&body.bytes).unwrap();
            let notes: Vec<_> = presence.notes.iter().map(ToString::to_string).collect();
            (notes.join(" "), presence.is_open(), presence.tuples.len())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(&mut pair), (String::new(), false, 0));
    let mut publish = |pair: &mut Pair, note: &str, expires: u64| {
        let mut wish = wish(note);
        wish.expires = u32::try_from(expires).unwrap();
        let id = pair.command(A, |a, now| a.publish(now, wish));
        composing.serve(pair);
        is_published(pair, id, expires);
        id
    };
    let phone = publish(&mut pair, "away", 600);
    assert_eq!(seen(&mut pair), ("away".into(), false, 1));
    let desk = publish(&mut pair, "here", 3600);
    assert_eq!(seen(&mut pair), ("away here".into(), true, 2));
    pair.trace();

    // A refresh that changes nothing is not told.
    pair.run(S(540));
    composing.serve(&mut pair);
    is_published(&mut pair, phone, 600);
    pair.sent(&["A PUBLISH", "B 200 PUBLISH"]);
    pair.no_events();

    // What is not refreshed is gone.
    pair.command(A, |a, now| a.unpublish(now, desk));
    composing.serve(&mut pair);
    let ended = PublicationEvent::Ended(PublicationEnd::Local);
    assert_eq!(next(&mut pair, desk), ended);
    assert_eq!(seen(&mut pair), ("away".into(), false, 1));
    pair.flow_down();
    let due = composing.compositor.next_expiry().unwrap();
    pair.run(due.since(pair.now));
    let changed = composing.compositor.expire(pair.now);
    assert_eq!(changed, [(ALICE.into(), "presence".into())]);
    assert_eq!(composing.compositor.next_expiry(), None);
    composing.tell(&mut pair);
    pair.flow_up();
    // The flow is back: what was published is refreshed, found to be gone, and made anew.
    composing.serve(&mut pair);
    assert_eq!(seen(&mut pair), (String::new(), false, 0));
    is_published(&mut pair, phone, 600);
    assert_eq!(seen(&mut pair), ("away".into(), false, 1));
    assert!(pair.trace().contains(&"B 412 PUBLISH".to_owned()));

    pair.command(A, |a, now| a.unsubscribe(now, watch));
    end_after(&mut pair, phone);
    composing.watchers.clear();
    composing.serve(&mut pair);
    pair.trace();
    pair.finish();
}

#[test]
fn the_last_of_several_states_is_published_one_at_a_time() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("one")));
    for note in ["two", "three"] {
        pair.command(A, |a, now| a.modify_publication(now, id, presence(note)));
    }
    pair.sent(&["A PUBLISH"]);
    answer(&mut pair, 200, &[TAG]);
    pair.no_events();
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 600, true));
    let body = pair.last_request(&Method::Publish).body.clone();
    assert_eq!(body, presence("three").bytes);
    answer(&mut pair, 200, &[(HeaderName::SipEtag, "t2")]);
    is_published(&mut pair, id, 600);
    pair.sent(&[]);
    forget(pair, id);
}
