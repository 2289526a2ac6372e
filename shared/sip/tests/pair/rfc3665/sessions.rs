//! Session establishment (§3).

use std::time::Duration;

use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{
    Account, AccountId, Answer, Body, Config, EndedBy, Event, Invite, Method, Origin, Redirection,
    RegistrationState, SessionEvent, SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{Weather, ended, finish, incoming, play, told, told_of, weathers};
use crate::harness::{A, B, Pair, Side, account, config};
use crate::proxies::{Chain, Proxy};
use crate::registrar::PASSWORD;

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
