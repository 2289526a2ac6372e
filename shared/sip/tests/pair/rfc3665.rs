//! The call flows of RFC 3665, registration (§2) and session establishment (§3), in all weathers.
//! After each nothing is left over: no transaction, no timer, no dialog.
//!
//! Not among them is the query for the list of contacts (§2.3), which no phone of ours makes. The
//! application-level gateway of §3.5 is to both ends what a proxy is.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::message::{HeaderName, RawHeader, Transport};
use sidetone_sip::{
    Account, AccountId, Answer, Body, Config, EndedBy, Event, Invite, Method, Origin, Redirection,
    RegistrationFailure, RegistrationState, SeededTokens, SessionEvent, SessionId, Status,
    TokenSource,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Link, Pair, Side, account, config};
use crate::proxies::{Chain, Proxy};
use crate::registrar::{PASSWORD, Registrar};

/// What becomes of messages.
#[derive(Clone, Copy, Debug)]
struct Weather {
    seed: u64,
    /// Of a hundred, how many are lost.
    loss: u64,
    /// Of a hundred, how many arrive twice.
    duplication: u64,
    /// Milliseconds on the way.
    delay: u64,
    /// Up to so many more, so that messages overtake each other.
    jitter: u64,
}

const FAIR: Weather = Weather {
    seed: 0,
    loss: 0,
    duplication: 0,
    delay: 10,
    jitter: 0,
};

/// So often in a row a message can be lost without its transaction coming to nothing, which is
/// another story.
const MOST_LOSSES: u8 = 3;

impl Weather {
    fn link(self) -> Link {
        let mut link = Link::lossy(self.seed, 0, self.duplication);
        link.transport = Transport::Udp;
        link.delay = Duration::from_millis(self.delay);
        link.jitter = self.jitter;
        let mut luck = SeededTokens::new(self.seed);
        let mut in_a_row: BTreeMap<String, u8> = BTreeMap::new();
        link.swallow = Box::new(move |line| {
            let lost = in_a_row.entry(line.to_owned()).or_default();
            let is_lost = luck.bits() % 100 < self.loss && *lost < MOST_LOSSES;
            *lost = if is_lost { *lost + 1 } else { 0 };
            is_lost
        });
        link
    }
}

fn weathers() -> Vec<Weather> {
    let mut all = vec![FAIR];
    for (loss, delay) in [
        (0, 10),
        (0, 400),
        (10, 10),
        (10, 200),
        (20, 10),
        (30, 10),
        (30, 200),
    ] {
        all.extend((0..10).map(|seed| Weather {
            seed: 100 * loss + delay + seed,
            loss,
            duplication: 20,
            delay,
            jitter: 300,
        }));
    }
    all
}

fn play(script: fn(Weather)) {
    weathers().into_iter().for_each(script);
}

/// Longer than any transaction: what has not happened then never will.
const PATIENCE: u32 = 1000;

/// Waits for what a side is told next, less what the weather decides on.
#[track_caller]
fn told(pair: &mut Pair, side: Side) -> Event {
    for _ in 0..PATIENCE {
        while let Some(event) = pair.next_event(side) {
            let is_weather = matches!(
                event,
                Event::Session {
                    event: SessionEvent::Progress { .. },
                    ..
                } | Event::Registration {
                    state: RegistrationState::Registering,
                    ..
                }
            );
            if !is_weather {
                return event;
            }
        }
        pair.settle();
    }
    panic!("{side:?} is told nothing");
}

#[track_caller]
fn told_of(pair: &mut Pair, side: Side, expected: SessionId) -> SessionEvent {
    match told(pair, side) {
        Event::Session { session, event } if session == expected => event,
        other => panic!("{side:?} has {other:?}"),
    }
}

#[track_caller]
fn incoming(pair: &mut Pair) -> SessionId {
    match told(pair, B) {
        Event::Session {
            session,
            event: SessionEvent::Incoming { .. },
        } => session,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ended(pair: &mut Pair, side: Side, session: SessionId) -> (EndedBy, Option<Status>) {
    match told_of(pair, side, session) {
        SessionEvent::Ended(ended) => (ended.by, ended.status),
        other => panic!("{side:?} has {other:?}"),
    }
}

/// All is over: repetitions die away, and nothing is left.
#[track_caller]
fn finish(mut pair: Pair) {
    pair.run(Duration::from_secs(100));
    pair.trace();
    pair.finish();
}

// Registration

/// A registrar, and A in this weather.
fn registrar(weather: Weather) -> (Registrar, Pair) {
    let (registrar, mut pair) = Registrar::new();
    pair.flow_down();
    pair.link = weather.link();
    pair.flow_up();
    (registrar, pair)
}

/// The next state of A's registration.
#[track_caller]
fn state(registrar: &mut Registrar, pair: &mut Pair) -> RegistrationState {
    for _ in 0..PATIENCE {
        registrar.serve(pair);
        while let Some(event) = pair.next_event(A) {
            match event {
                Event::Registration { state, .. } if state != RegistrationState::Registering => {
                    return state;
                }
                Event::Registration { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    panic!("nothing is told of the registration");
}

const REGISTERED: RegistrationState = RegistrationState::Registered {
    expires: Duration::from_secs(600),
};

fn registered(weather: Weather) -> (Registrar, Pair, AccountId) {
    let (mut registrar, mut pair) = registrar(weather);
    let id = pair.command(A, |a, now| a.add_account(now, account(PASSWORD)));
    assert_eq!(state(&mut registrar, &mut pair), REGISTERED, "{weather:?}");
    assert_eq!(registrar.granted, [600]);
    (registrar, pair, id)
}

/// §2.4.
fn cancel(mut registrar: Registrar, mut pair: Pair, id: AccountId) {
    registrar.granted.clear();
    pair.command(A, |a, now| a.remove_account(now, id));
    let gone = state(&mut registrar, &mut pair);
    assert_eq!(gone, RegistrationState::Unregistered);
    assert_eq!(registrar.granted, [0]);
    finish(pair);
}

#[test]
fn registration_and_its_cancellation() {
    play(|weather| {
        let (registrar, pair, id) = registered(weather);
        cancel(registrar, pair, id);
    });
}

#[test]
fn update_of_a_registration() {
    play(|weather| {
        let (mut registrar, mut pair, id) = registered(weather);
        pair.command(A, |a, now| a.refresh_account(now, id));
        assert_eq!(state(&mut registrar, &mut pair), REGISTERED);
        assert_eq!(registrar.granted, [600, 600]);
        cancel(registrar, pair, id);
    });
}

#[test]
fn unsuccessful_registration() {
    play(|weather| {
        let (mut registrar, mut pair) = registrar(weather);
        let id = pair.command(A, |a, now| a.add_account(now, account("guessed")));
        let failed = RegistrationState::Failed {
            cause: RegistrationFailure::WrongCredentials,
            retry_in: None,
        };
        assert_eq!(state(&mut registrar, &mut pair), failed, "{weather:?}");
        pair.command(A, |a, now| a.remove_account(now, id));
        let gone = state(&mut registrar, &mut pair);
        assert_eq!(gone, RegistrationState::Unregistered);
        assert!(registrar.granted.is_empty());
        finish(pair);
    });
}

// Sessions

fn direct(weather: Weather) -> Pair {
    Pair::on(weather.link())
}

/// A has an account that B took without a question, and calls go through these proxies.
fn through(weather: Weather, proxies: Vec<Proxy>) -> (Pair, AccountId) {
    let b = Config {
        accepts: vec![Method::Register],
        ..config("b")
    };
    let mut pair = Pair::with(weather.link(), config("a"), b);
    pair.link.proxies = Chain(proxies);
    let id = pair.command(A, |a, now| {
        a.add_account(
            now,
            Account {
                expires: 3600,
                ..account(PASSWORD)
            },
        )
    });
    grant(&mut pair);
    assert!(matches!(told(&mut pair, A), Event::Registration { .. }));
    (pair, id)
}

/// B takes what A registers or unregisters.
fn grant(pair: &mut Pair) {
    let Event::RequestReceived { id, request, .. } = told(pair, B) else {
        panic!("no REGISTER");
    };
    let expires = request.headers.raw(&HeaderName::Expires).next().cloned();
    let answer = Answer {
        status: Status::OK,
        contacts: request.headers.contact.list().to_vec(),
        headers: vec![RawHeader {
            name: HeaderName::Expires,
            value: expires.unwrap_or_default(),
        }],
        body: None,
    };
    pair.command(B, |b, now| b.respond(now, id, answer));
}

/// The account goes, too.
fn finish_account(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    grant(&mut pair);
    assert!(matches!(
        told(&mut pair, A),
        Event::Registration {
            state: RegistrationState::Unregistered,
            ..
        }
    ));
    finish(pair);
}

fn dial(pair: &mut Pair, invite: Invite) -> SessionId {
    pair.command(A, |a, now| a.invite(now, invite))
}

/// A calls B, where it rings.
fn ring(pair: &mut Pair, invite: Invite) -> (SessionId, SessionId) {
    let caller = dial(pair, invite);
    let callee = incoming(pair);
    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    (caller, callee)
}

/// B answers, both ends hear of it.
fn answer(pair: &mut Pair, caller: SessionId, callee: SessionId) {
    pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
    match told_of(pair, A, caller) {
        SessionEvent::Accepted { body, .. } => assert_eq!(body, Some(Body::sdp("answer"))),
        other => panic!("{other:?}"),
    }
    assert_eq!(told_of(pair, B, callee), SessionEvent::Confirmed);
}

/// `side` hangs up.
fn hang_up(pair: &mut Pair, side: Side, caller: SessionId, callee: SessionId) {
    let ends = [(A, caller), (B, callee)];
    let own = ends.iter().find(|(end, _)| *end == side).unwrap().1;
    pair.command(side, |agent, now| agent.end(now, own, None));
    for (end, session) in ends {
        let by = if end == side {
            EndedBy::Local
        } else {
            EndedBy::RemoteBye
        };
        assert_eq!(ended(pair, end, session), (by, None));
    }
}

fn whole_call(pair: &mut Pair, invite: Invite, who_ends: Side) {
    let (caller, callee) = ring(pair, invite);
    answer(pair, caller, callee);
    hang_up(pair, who_ends, caller, callee);
}

#[test]
fn success_between_two() {
    play(|weather| {
        let mut pair = direct(weather);
        let invite = pair.invitation();
        whole_call(&mut pair, invite, B);
        finish(pair);
    });
}

fn invite_of(pair: &Pair, id: AccountId) -> Invite {
    Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    }
}

fn success_through(proxies: fn() -> Vec<Proxy>) {
    for weather in weathers() {
        for who_ends in [A, B] {
            let (mut pair, id) = through(weather, proxies());
            let invite = invite_of(&pair, id);
            whole_call(&mut pair, invite, who_ends);
            finish_account(pair, id);
        }
    }
}

#[test]
fn success_through_two_proxies() {
    success_through(|| vec![Proxy::guarded("p1.test"), Proxy::open("p2.test")]);
}

#[test]
fn success_with_two_proxies_that_ask() {
    success_through(|| vec![Proxy::guarded("p1.test"), Proxy::guarded("p2.test")]);
}

#[test]
fn success_after_a_proxy_failed() {
    play(|weather| {
        let (mut pair, id) = through(weather, vec![Proxy::failing("p1.test", 1)]);
        let invite = invite_of(&pair, id);
        let first = dial(&mut pair, invite.clone());
        let failed = (EndedBy::Refused, Some(Status::SERVICE_UNAVAILABLE));
        assert_eq!(ended(&mut pair, A, first), failed);
        whole_call(&mut pair, invite, B);
        finish_account(pair, id);
    });
}

#[test]
fn success_by_a_redirect() {
    play(|weather| {
        let a = Config {
            redirection: Redirection::Follow { most: 3 },
            ..config("a")
        };
        let mut pair = Pair::with(weather.link(), a, config("b"));
        let invite = pair.invitation();
        let caller = dial(&mut pair, invite);
        let asked = incoming(&mut pair);
        let elsewhere = RawHeader {
            name: HeaderName::Contact,
            value: "<sip:102@elsewhere.test>".into(),
        };
        let moved = Status::MOVED_TEMPORARILY;
        pair.command(B, |b, now| b.reject(now, asked, moved, vec![elsewhere]));
        let redirected = (EndedBy::Local, Some(moved));
        assert_eq!(ended(&mut pair, B, asked), redirected);
        let callee = incoming(&mut pair);
        let target = &pair.last_request(&Method::Invite).uri;
        assert_eq!(target.to_string(), "sip:102@elsewhere.test");
        answer(&mut pair, caller, callee);
        hang_up(&mut pair, A, caller, callee);
        finish(pair);
    });
}

#[test]
fn session_with_a_reinvite() {
    play(|weather| {
        let mut pair = direct(weather);
        let invite = pair.invitation();
        let (caller, callee) = ring(&mut pair, invite);
        answer(&mut pair, caller, callee);
        let offer = || Body::sdp("another address");
        pair.command(B, |b, now| b.offer(now, callee, offer()));
        let offered = SessionEvent::Offer {
            body: Some(offer()),
        };
        assert_eq!(told_of(&mut pair, A, caller), offered);
        pair.command(A, |a, now| a.answer_offer(now, caller, Body::sdp("answer")));
        let answered = SessionEvent::OfferAnswered {
            body: Some(Body::sdp("answer")),
        };
        assert_eq!(told_of(&mut pair, B, callee), answered);
        hang_up(&mut pair, A, caller, callee);
        finish(pair);
    });
}

#[test]
fn no_answer() {
    play(|weather| {
        let (mut pair, id) = through(weather, two_open());
        let invite = invite_of(&pair, id);
        let (caller, callee) = ring(&mut pair, invite);
        pair.run(Duration::from_secs(10));
        pair.command(A, |a, now| a.end(now, caller, None));
        assert_eq!(ended(&mut pair, A, caller), (EndedBy::Local, None));
        assert_eq!(ended(&mut pair, B, callee).0, EndedBy::RemoteCancel);
        finish_account(pair, id);
    });
}

fn two_open() -> Vec<Proxy> {
    vec![Proxy::open("p1.test"), Proxy::open("p2.test")]
}

/// §3.9 and §3.11.
#[test]
fn busy_or_unavailable() {
    for status in [Status::BUSY_HERE, Status::TEMPORARILY_UNAVAILABLE] {
        for weather in weathers() {
            let (mut pair, id) = through(weather, two_open());
            let invite = invite_of(&pair, id);
            let caller = dial(&mut pair, invite);
            let callee = incoming(&mut pair);
            pair.command(B, |b, now| b.reject(now, callee, status, Vec::new()));
            assert_eq!(ended(&mut pair, B, callee), (EndedBy::Local, Some(status)));
            let refused = (EndedBy::Refused, Some(status));
            assert_eq!(ended(&mut pair, A, caller), refused);
            finish_account(pair, id);
        }
    }
}

#[test]
fn no_response() {
    play(|weather| {
        let mut pair = direct(weather);
        pair.link.swallow = Box::new(|line| line == "A INVITE");
        let invite = pair.invitation();
        let caller = dial(&mut pair, invite);
        assert_eq!(ended(&mut pair, A, caller).0, EndedBy::TimedOut);
        finish(pair);
    });
}
