//! Publication: both sides of RFC 3903.

use std::time::Duration;

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::{
    EventType, Expires, HeaderName, RawHeader, SipEtag, SipIfMatch, Substate, Transport,
    TypedHeader,
};
use sidetone_sip::packages::{Presence, Tuple};
use sidetone_sip::{
    Body, CommandError, Compositor, Config, CredentialSource, Event, Message, Method, Moment,
    NoResponse, Origin, Package, PublicationEnd, PublicationEvent, PublicationId, PublicationRules,
    Publish, Publishes, RegistrationState, Request, SeededTokens, Status, Subscribe,
    SubscriptionEvent, SubscriptionId, Text,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Link, Pair, account, address, config, uri};
use crate::registrar::PASSWORD;
use crate::registration::{is_registered_for, respond, state};

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

/// Takes a publication back, and passes over what comes ahead of its end.
fn end_after(pair: &mut Pair, id: PublicationId) {
    pair.command(A, |a, now| a.unpublish(now, id));
    let expected = Event::Publication {
        publication: id,
        event: PublicationEvent::Ended(PublicationEnd::Local),
    };
    while pair.event(A) != expected {}
}

#[test]
fn what_was_forgotten_is_published_anew() {
    let (mut pair, id) = published();
    pair.run(S(240));
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 600, false));
    answer(&mut pair, 412, &[]);
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (None, 600, true));
    answer(&mut pair, 200, &[(HeaderName::SipEtag, "t2")]);
    is_published(&mut pair, id, 600);
    // Said to one that names nothing, 412 is a refusal.
    forget(pair, id);

    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 412, &[]);
    let refused = PublicationEnd::Refused {
        status: Status::CONDITIONAL_REQUEST_FAILED,
        phrase: "Conditional Request Failed".into(),
    };
    assert_eq!(next(&mut pair, id), PublicationEvent::Ended(refused));
    pair.sent(&["A PUBLISH"]);
    pair.finish();
}

#[test]
fn a_longer_expiry_is_asked_for_when_told() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 423, &[(HeaderName::MinExpires, "900")]);
    assert_eq!(shown(&pair), (None, 900, true));
    answer(&mut pair, 200, &[TAG]);
    is_published(&mut pair, id, 900);
    pair.sent(&["A PUBLISH", "A PUBLISH"]);
    forget(pair, id);
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

#[test]
fn one_that_is_given_up_early_is_taken_back_when_it_is_there() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    end(&mut pair, id);
    pair.sent(&["A PUBLISH"]);
    answer(&mut pair, 200, &[TAG]);
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 0, false));
    answer(&mut pair, 500, &[]);
    pair.no_events();
    pair.finish();
}

#[test]
fn failures_that_pass_are_followed_by_another_try() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 503, &[(HeaderName::RetryAfter, "20")]);
    let lost = |event| match event {
        PublicationEvent::Lost { cause, retry_in } => (cause, retry_in),
        other => panic!("{other:?}"),
    };
    assert_eq!(lost(next(&mut pair, id)).1, Some(S(20)));
    pair.run(S(20));
    pair.sent(&["A PUBLISH", "A PUBLISH"]);
    // Nobody answers: 64·T1, then half to all of a minute.
    pair.run(S(32));
    let (cause, wait) = lost(next(&mut pair, id));
    assert_eq!(cause, PublicationEnd::NoAnswer(NoResponse::TimedOut));
    let wait = wait.unwrap();
    assert!(wait >= S(30) && wait <= S(60), "{wait:?}");
    pair.run(wait);
    pair.sent(&["A PUBLISH"]);
    // The flow breaks: with the flow it comes back.
    pair.flow_down();
    let down = (PublicationEnd::NoAnswer(NoResponse::FlowDown), None);
    assert_eq!(lost(next(&mut pair, id)), down);
    pair.run(S(7200));
    pair.sent(&[]);
    pair.flow_up();
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (None, 600, true));
    answer(&mut pair, 200, &[TAG]);
    is_published(&mut pair, id, 600);
    // One that is published stays so while the flow is down.
    pair.flow_down();
    pair.run(S(700));
    pair.sent(&[]);
    pair.no_events();
    pair.flow_up();
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 600, false));
    answer(&mut pair, 200, &[(HeaderName::SipEtag, "t2")]);
    is_published(&mut pair, id, 600);
    forget(pair, id);
}

#[test]
fn refusals_and_an_answer_without_a_tag_end_it() {
    for (status, cause) in [
        (
            489,
            PublicationEnd::Refused {
                status: Status::BAD_EVENT,
                phrase: "Bad Event".into(),
            },
        ),
        (200, PublicationEnd::NoTag),
    ] {
        let mut pair = Pair::scripted();
        let id = pair.command(A, |a, now| a.publish(now, wish("here")));
        answer(&mut pair, status, &[]);
        assert_eq!(next(&mut pair, id), PublicationEvent::Ended(cause));
        pair.sent(&["A PUBLISH"]);
        pair.finish();
    }
    let mut pair = Pair::scripted();
    let mut never = wish("here");
    never.expires = 0;
    let refused = pair.try_command(A, |a, now| a.publish(now, never));
    assert_eq!(refused, Err(CommandError::WrongState));
    pair.finish();
}

#[test]
fn challenges_are_answered_by_the_agent_or_the_application() {
    const CHALLENGE: (HeaderName, &str) = (
        HeaderName::ProxyAuthenticate,
        r#"Digest realm="proxy", nonce="p1", qop="auth", algorithm=SHA-256"#,
    );
    for is_kept in [false, true] {
        let mut pair = Pair::scripted();
        let mut account = account(PASSWORD);
        if is_kept {
            account.credentials = CredentialSource::Application;
        }
        let alice = pair.command(A, |a, now| a.add_account(now, account));
        state(&mut pair, alice);
        respond(&mut pair, 200, &[]);
        is_registered_for(&mut pair, alice, 600);
        let publish = Publish {
            origin: Origin::Account(alice),
            ..wish("here")
        };
        let id = pair.command(A, |a, now| a.publish(now, publish));
        answer(&mut pair, 407, &[CHALLENGE]);
        if is_kept {
            let Event::Challenged {
                challenge,
                question,
                ..
            } = pair.event(A)
            else {
                panic!("nobody asks");
            };
            pair.sent(&["A REGISTER", "A PUBLISH"]);
            let response = question.response(&Secret::new(PASSWORD));
            pair.command(A, |a, now| {
                a.answer_challenge(now, challenge, Some(response))
            });
            pair.sent(&["A PUBLISH"]);
        } else {
            pair.sent(&["A REGISTER", "A PUBLISH", "A PUBLISH"]);
        }
        let request = pair.last_request(&Method::Publish);
        let shown = auth::credentials(&request.headers, &HeaderName::ProxyAuthorization);
        assert_eq!((shown.len(), shown[0].nonce.as_str()), (1, "p1"));
        assert_eq!(request.headers.cseq.number, 2);
        assert_eq!(request.body, presence("here").bytes);
        // A second challenge with the same nonce means that the secret is wrong.
        answer(&mut pair, 407, &[CHALLENGE]);
        let wrong = PublicationEvent::Ended(PublicationEnd::WrongCredentials);
        assert_eq!(next(&mut pair, id), wrong);
        pair.command(A, |a, now| a.remove_account(now, alice));
        respond(&mut pair, 200, &[]);
        assert_eq!(state(&mut pair, alice), RegistrationState::Unregistered);
        pair.sent(&["A REGISTER"]);
        pair.finish();
    }
}

// The compositor by itself

fn request(headers: &[(HeaderName, &str)], body: Option<&Body>) -> Request {
    let cseq = sidetone_sip::message::CSeq {
        number: 1,
        method: Method::Publish,
    };
    let at = address(ALICE);
    let mut all = sidetone_sip::Headers::new(at.clone(), at, "c".into(), cseq);
    for (name, value) in headers {
        all.push_raw(name.clone(), *value);
    }
    let mut request = Request::new(Method::Publish, uri(ALICE), all);
    if let Some(body) = body {
        request
            .headers
            .push_raw(HeaderName::ContentType, body.content_type.clone());
        request.body.clone_from(&body.bytes);
    }
    request
}

/// The status of the answer, its headers, and whether something changed.
fn put(
    composing: &mut Composing,
    headers: &[(HeaderName, &str)],
    body: Option<&Body>,
) -> (u16, Vec<RawHeader>, bool) {
    let now = Moment::from_millis(0);
    let request = request(headers, body);
    let tokens = &mut composing.tokens;
    let done = composing.compositor.publish(now, ALICE, &request, tokens);
    (
        done.answer.status.code(),
        done.answer.headers,
        done.changed.is_some(),
    )
}

#[test]
fn what_a_compositor_does_not_take() {
    const EVENT: (HeaderName, &str) = (HeaderName::Event, "presence");
    const MATCH: (HeaderName, &str) = (HeaderName::SipIfMatch, "x");
    let state = presence("here");
    let text = Body {
        content_type: "text/plain".into(),
        bytes: b"here".to_vec(),
    };
    let brief = (HeaderName::Expires, "59");
    let never = (HeaderName::Expires, "0");
    let bad = (HeaderName::Expires, "soon");
    let packed = (HeaderName::ContentEncoding, "gzip");
    let says = |name: HeaderName, value: &str| Some((name, value.to_owned()));
    let cases: [(&[_], Option<&Body>, u16, Option<_>); 11] = [
        (
            &[],
            Some(&state),
            489,
            says(HeaderName::AllowEvents, "presence"),
        ),
        (
            &[(HeaderName::Event, "dialog")],
            Some(&state),
            489,
            says(HeaderName::AllowEvents, "presence"),
        ),
        (&[EVENT], None, 400, None),
        (&[EVENT, never.clone()], Some(&state), 400, None),
        (&[EVENT, bad], Some(&state), 400, None),
        (
            &[EVENT, brief],
            Some(&state),
            423,
            says(HeaderName::MinExpires, "60"),
        ),
        (&[EVENT], Some(&text), 415, says(HeaderName::Accept, PIDF)),
        (
            &[EVENT, packed],
            Some(&state),
            415,
            says(HeaderName::Accept, PIDF),
        ),
        (&[EVENT, MATCH], Some(&state), 412, None),
        (&[EVENT, MATCH, never], None, 412, None),
        (&[EVENT, MATCH, MATCH], Some(&state), 400, None),
    ];
    for (headers, body, status, says) in cases {
        let mut composing = Composing::new();
        let (given, with, is_changed) = put(&mut composing, headers, body);
        assert_eq!((given, is_changed), (status, false), "{headers:?}");
        let with = with.first().map(|h| (h.name.clone(), h.value.to_string()));
        assert_eq!(with, says);
        assert_eq!(composing.compositor.next_expiry(), None);
    }
}

#[test]
fn a_compositor_keeps_so_many_and_for_so_long() {
    const EVENT: (HeaderName, &str) = (HeaderName::Event, "presence");
    let mut composing = Composing::new();
    let state = presence("here");
    for _ in 0..8 {
        let long = (HeaderName::Expires, "86400");
        let (status, headers, is_changed) = put(&mut composing, &[EVENT, long], Some(&state));
        assert_eq!((status, is_changed), (200, true));
        let expires = headers.iter().find(|h| h.name == Expires::NAME);
        assert_eq!(expires.unwrap().value, "3600");
    }
    assert_eq!(put(&mut composing, &[EVENT], Some(&state)).0, 503);
    let until = Moment::from_millis(3_600_000);
    assert_eq!(composing.compositor.next_expiry(), Some(until));
    let count = |c: &Composing, now| c.compositor.bodies(now, ALICE, "presence").count();
    assert_eq!(count(&composing, Moment::from_millis(3_599_999)), 8);
    assert_eq!(count(&composing, until), 0);
    let early = Moment::from_millis(3_599_999);
    assert_eq!(composing.compositor.expire(early), []);
    assert_eq!(composing.compositor.expire(until).len(), 1);
}
