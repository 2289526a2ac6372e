//! Accounts whose secret is kept elsewhere: the application answers their challenges.

use std::time::Duration;

use sidetone_sip::auth::{self, Question, Secret, ha1};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Account, AccountId, ChallengeId, CommandError, CredentialSource, EndedBy, Event, Invite,
    Message, Method, NoResponse, Origin, OutgoingRequest, Package, RegistrationFailure,
    RegistrationState, SessionEvent, Status, Subscribe, SubscriptionEnd, SubscriptionEvent,
    UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, Pair, account, address, config, uri};
use crate::registrar::{PASSWORD, Registrar};
use crate::registration::{asking, is_registered_for, respond, state};

const S: fn(u64) -> Duration = Duration::from_secs;

const HOME: &str = r#"Digest realm="home", nonce="h1", qop="auth", algorithm=SHA-256"#;
const PROXY: &str = r#"Digest realm="proxy", nonce="p1", qop="auth-int", algorithm=SHA-512-256"#;

fn kept() -> Account {
    Account {
        credentials: CredentialSource::Application,
        ..account("")
    }
}

fn challenged(pair: &mut Pair, expected: AccountId) -> (ChallengeId, Question) {
    match pair.event(A) {
        Event::Challenged {
            challenge,
            account,
            question,
        } if account == expected => (challenge, *question),
        other => panic!("{other:?}"),
    }
}

/// Answers the next challenge as the keeper of the secret does.
fn unlock(pair: &mut Pair, id: AccountId) -> Question {
    let (challenge, question) = challenged(pair, id);
    let response = question.response(&Secret::new(PASSWORD));
    pair.command(A, |a, now| {
        a.answer_challenge(now, challenge, Some(response))
    });
    question
}

fn is_gone(pair: &mut Pair, challenge: ChallengeId) {
    let late = pair.try_command(A, |a, now| {
        a.answer_challenge(now, challenge, Some("0".into()))
    });
    assert_eq!(late, Err(CommandError::Gone));
}

/// An account that its registrar, played by the test, has challenged.
fn challenged_at_home() -> (Pair, AccountId) {
    let (mut pair, id) = asking(kept());
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    (pair, id)
}

/// A registered account.
fn registered() -> (Pair, AccountId) {
    let (mut pair, id) = challenged_at_home();
    pair.sent(&[]);
    unlock(&mut pair, id);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    (pair, id)
}

/// The next REGISTER is granted at once.
fn is_registered_again(pair: &mut Pair, id: AccountId) {
    assert_eq!(state(pair, id), RegistrationState::Registering);
    respond(pair, 200, &[]);
    is_registered_for(pair, id, 600);
}

fn forget(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// An account that isn't registered goes without a word.
fn forget_unregistered(mut pair: Pair, id: AccountId) {
    pair.sent(&[]);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// Answers the last request of this method.
fn refuse(pair: &mut Pair, method: &Method, status: u16, header: (HeaderName, &str)) {
    let request = pair.last_request(method).clone();
    let mut response = pair.response(&request, status, "p");
    response.headers.push_raw(header.0, header.1);
    pair.deliver(A, &Message::Response(response));
}

fn call(pair: &mut Pair, id: AccountId) -> sidetone_sip::SessionId {
    let invite = Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    };
    pair.command(A, |a, now| a.invite(now, invite))
}

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
fn a_call_that_waits_for_its_keeper_can_be_given_up() {
    let (mut pair, id) = registered();
    let caller = call(&mut pair, id);
    let proxy = (HeaderName::ProxyAuthenticate, PROXY);
    refuse(&mut pair, &Method::Invite, 407, proxy.clone());
    pair.sent(&["A INVITE", "A ACK"]);
    let (challenge, question) = challenged(&mut pair, id);
    assert!(question.body_hash.is_some());
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    is_gone(&mut pair, challenge);
    pair.sent(&[]);

    // And one that nobody gives up is given up for its user.
    let caller = call(&mut pair, id);
    refuse(&mut pair, &Method::Invite, 407, proxy.clone());
    challenged(&mut pair, id);
    pair.run(S(32));
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    pair.sent(&["A INVITE", "A ACK"]);

    // A refusal tells why.
    let caller = call(&mut pair, id);
    refuse(&mut pair, &Method::Invite, 407, proxy);
    let (challenge, _) = challenged(&mut pair, id);
    pair.command(A, |a, now| a.answer_challenge(now, challenge, None));
    let ended = pair.ended(A, caller);
    let expected = Some(Status::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!((ended.by, ended.status), (EndedBy::Refused, expected));
    pair.sent(&["A INVITE", "A ACK"]);
    forget(pair, id);
}

#[test]
fn a_call_is_set_up_and_torn_down_with_the_keepers_help() {
    let (mut pair, id) = registered();
    let caller = call(&mut pair, id);
    let proxy = (HeaderName::ProxyAuthenticate, PROXY);
    refuse(&mut pair, &Method::Invite, 407, proxy);
    unlock(&mut pair, id);
    pair.answer(&Method::Invite, 200, "b");
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    let invite = pair.last_request(&Method::Invite).clone();
    let ack = pair.last_request(&Method::Ack);
    for request in [&invite, ack] {
        let shown = auth::credentials(&request.headers, &HeaderName::ProxyAuthorization);
        assert_eq!((shown.len(), shown[0].nonce.as_str()), (1, "p1"));
    }
    pair.sent(&["A INVITE", "A ACK", "A INVITE", "A ACK"]);

    // The session is over for its user, but the BYE still has to be said.
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    let fresh = PROXY.replace("p1", "p2");
    let fresh = (HeaderName::ProxyAuthenticate, fresh.as_str());
    refuse(&mut pair, &Method::Bye, 407, fresh);
    let question = unlock(&mut pair, id);
    assert_eq!(question.method, Method::Bye);
    pair.sent(&["A BYE", "A BYE"]);
    pair.answer(&Method::Bye, 200, "b");
    forget(pair, id);
}

#[test]
fn a_farewell_that_waits_for_its_keeper_outlives_the_flow() {
    let (mut pair, id) = registered();
    let caller = call(&mut pair, id);
    pair.answer(&Method::Invite, 200, "b");
    pair.session_event(A, caller);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    let proxy = (HeaderName::ProxyAuthenticate, PROXY);
    refuse(&mut pair, &Method::Bye, 407, proxy);
    let (challenge, question) = challenged(&mut pair, id);
    pair.sent(&["A INVITE", "A ACK", "A BYE"]);
    pair.flow_down();
    state(&mut pair, id);
    pair.no_events();
    // The answer comes while there is no flow: the BYE goes out when there is one.
    let response = question.response(&Secret::new(PASSWORD));
    pair.command(A, |a, now| {
        a.answer_challenge(now, challenge, Some(response))
    });
    pair.sent(&[]);
    pair.run(S(10));
    pair.flow_up();
    pair.sent(&["A BYE", "A REGISTER"]);
    let bye = pair.last_request(&Method::Bye);
    let shown = auth::credentials(&bye.headers, &HeaderName::ProxyAuthorization);
    assert_eq!((shown.len(), shown[0].nonce.as_str()), (1, "p1"));
    pair.answer(&Method::Bye, 200, "b");
    is_registered_again(&mut pair, id);
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
    pair.run(S(32));
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
