//! Registrations that wait for the keeper: who asks, how often, and what if nothing is answered.

use std::time::Duration;

use sidetone_sip::auth::{self, Secret, ha1};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, NoResponse, RegistrationFailure, RegistrationState, Status, UserAgent};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{
    HOME, PROXY, challenged, challenged_at_home, forget, forget_unregistered, is_gone,
    is_registered_again, kept, unlock,
};
use crate::harness::{A, config};
use crate::registrar::{PASSWORD, Registrar};
use crate::registration::{asking, is_registered_for, respond, state};

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn a_registrar_is_answered_by_the_keeper_each_time_it_asks() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = pair.command(A, |a, now| a.add_account(now, kept()));
    for _ in 0..2 {
        registrar.serve(&mut pair);
        pair.sent(&["A REGISTER", "B 401 REGISTER"]);
        if registrar.granted.is_empty() {
            assert_eq!(state(&mut pair, id), RegistrationState::Registering);
        }
        let question = unlock(&mut pair, id);
        assert_eq!(question.method, Method::Register);
        assert_eq!(
            (&*question.username, &*question.uri),
            ("101", "sip:demo.test")
        );
        assert_eq!(question.challenge.realm, "demo.test");
        registrar.serve(&mut pair);
        pair.sent(&["A REGISTER", "B 200 REGISTER"]);
        is_registered_for(&mut pair, id, 600);
        pair.run(S(600 - 60));
    }
    assert_eq!(registrar.granted, [600, 600]);
    registrar.serve(&mut pair);
    unlock(&mut pair, id);
    registrar.serve(&mut pair);
    is_registered_for(&mut pair, id, 600);
    pair.command(A, |a, now| a.remove_account(now, id));
    registrar.serve(&mut pair);
    unlock(&mut pair, id);
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    assert_eq!(registrar.granted.last(), Some(&0));
    pair.trace();
    pair.finish();
}

#[test]
fn an_agent_for_calls_asks_if_it_is_told_to() {
    let (mut registrar, mut pair) = Registrar::new();
    pair.rebuild_as(A, UserAgent::for_calls, config("a"));
    let id = pair.command(A, |a, now| a.add_account(now, kept()));
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    let failed = state(&mut pair, id);
    assert!(
        matches!(failed, RegistrationState::Failed { .. }),
        "{failed:?}"
    );
    pair.no_events();
    let (mut registrar, mut pair) = Registrar::new();
    let told = |config, tokens| {
        let mut agent = UserAgent::for_calls(config, tokens);
        agent.ask_for_responses();
        agent
    };
    pair.rebuild_as(A, told, config("a"));
    let id = pair.command(A, |a, now| a.add_account(now, kept()));
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    unlock(&mut pair, id);
    registrar.serve(&mut pair);
    is_registered_for(&mut pair, id, 600);
    assert_eq!(registrar.granted, [600]);
}

#[test]
fn the_stored_hash_answers_like_the_secret() {
    let (mut pair, id) = asking(kept());
    respond(&mut pair, 407, &[(HeaderName::ProxyAuthenticate, PROXY)]);
    let (challenge, question) = challenged(&mut pair, id);
    let stored = ha1(question.algorithm, "101", "proxy", PASSWORD);
    let response = question.response_of_ha1(&stored);
    assert_eq!(response, question.response(&Secret::new(PASSWORD)));
    assert_eq!(question.body_hash.as_ref().unwrap().len(), 64);
    let taken = response.clone();
    pair.command(A, |a, now| a.answer_challenge(now, challenge, Some(taken)));
    is_gone(&mut pair, challenge);
    let request = pair.last_request(&Method::Register);
    let shown = auth::credentials(&request.headers, &HeaderName::ProxyAuthorization);
    assert_eq!(shown, [question.credentials(response)]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    forget(pair, id);
}

#[test]
fn a_request_goes_out_when_all_its_challenges_are_answered() {
    let (mut pair, id) = asking(kept());
    let outer = PROXY.replace("proxy", "outer");
    let both = [
        (HeaderName::ProxyAuthenticate, PROXY),
        (HeaderName::ProxyAuthenticate, &outer),
    ];
    respond(&mut pair, 407, &both);
    let proxies = [(); 2].map(|()| challenged(&mut pair, id));
    let realms = proxies.each_ref().map(|(_, q)| q.challenge.realm.as_str());
    assert_eq!(realms, ["proxy", "outer"]);
    for (challenge, question) in proxies.into_iter().rev() {
        pair.sent(&[]);
        let response = question.response(&Secret::new(PASSWORD));
        pair.command(A, |a, now| {
            a.answer_challenge(now, challenge, Some(response))
        });
        is_gone(&mut pair, challenge);
    }
    pair.sent(&["A REGISTER"]);
    // Then the registrar asks, too: the proxies' nonces are used a second time.
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    let asked = [(); 3].map(|()| unlock(&mut pair, id));
    let counts = asked.map(|question| question.protection.unwrap().count);
    assert_eq!(counts, [2, 2, 1]);
    let request = pair.last_request(&Method::Register);
    let shown = |name| auth::credentials(&request.headers, &name).len();
    let shown = (
        shown(HeaderName::ProxyAuthorization),
        shown(HeaderName::Authorization),
    );
    assert_eq!(shown, (2, 1));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    forget(pair, id);
}

#[test]
fn a_keeper_that_refuses_ends_the_request() {
    let (mut pair, id) = challenged_at_home();
    let (challenge, _) = challenged(&mut pair, id);
    pair.command(A, |a, now| a.answer_challenge(now, challenge, None));
    let RegistrationState::Failed { cause, retry_in } = state(&mut pair, id) else {
        panic!("not failed");
    };
    let refused = matches!(cause, RegistrationFailure::Refused { status, .. }
        if status == Status::UNAUTHORIZED);
    assert_eq!((refused, retry_in), (true, None));
    is_gone(&mut pair, challenge);
    pair.run(S(7200));
    forget_unregistered(pair, id);
}

#[test]
fn a_keeper_that_says_nothing_is_tried_again_later() {
    let (mut pair, id) = challenged_at_home();
    let (challenge, _) = challenged(&mut pair, id);
    pair.run(S(32) - Duration::from_millis(1));
    pair.no_events();
    pair.run(Duration::from_millis(1));
    let RegistrationState::Failed { cause, retry_in } = state(&mut pair, id) else {
        panic!("not failed");
    };
    assert_eq!(cause, RegistrationFailure::NoAnswer(NoResponse::TimedOut));
    is_gone(&mut pair, challenge);
    pair.sent(&[]);
    pair.run(retry_in.unwrap());
    is_registered_again(&mut pair, id);
    pair.sent(&["A REGISTER"]);
    forget(pair, id);
}

#[test]
fn the_flow_going_down_ends_the_wait() {
    let (mut pair, id) = challenged_at_home();
    let (challenge, _) = challenged(&mut pair, id);
    pair.flow_down();
    let down = RegistrationState::Failed {
        cause: RegistrationFailure::NoAnswer(NoResponse::FlowDown),
        retry_in: None,
    };
    assert_eq!(state(&mut pair, id), down);
    is_gone(&mut pair, challenge);
    pair.flow_up();
    is_registered_again(&mut pair, id);
    pair.sent(&["A REGISTER"]);
    forget(pair, id);
}

#[test]
fn a_wrong_response_is_not_asked_for_again() {
    let (mut pair, id) = challenged_at_home();
    let (challenge, _) = challenged(&mut pair, id);
    pair.command(A, |a, now| {
        a.answer_challenge(now, challenge, Some("00".into()))
    });
    pair.sent(&["A REGISTER"]);
    let again = HOME.replace("h1", "h2");
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, &again)]);
    let failed = RegistrationState::Failed {
        cause: RegistrationFailure::WrongCredentials,
        retry_in: None,
    };
    assert_eq!(state(&mut pair, id), failed);
    forget_unregistered(pair, id);
}
