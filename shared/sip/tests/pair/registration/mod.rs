//! Registration and digest.

mod contacts;
mod credentials;
mod timing;

use std::time::Duration;

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Account, AccountId, CommandError, Event, Message, Method, RegistrationFailure,
    RegistrationState, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Pair, account};
use crate::registrar::{PASSWORD, Registrar};

const S: fn(u64) -> Duration = Duration::from_secs;

pub(crate) fn state(pair: &mut Pair, expected: AccountId) -> RegistrationState {
    match pair.event(A) {
        Event::Registration { account, state } if account == expected => state,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_registered_for(pair: &mut Pair, account: AccountId, seconds: u64) {
    let registered = RegistrationState::Registered {
        expires: S(seconds),
    };
    assert_eq!(state(pair, account), registered);
}

/// An account that the registrar granted.
fn registered(registrar: &mut Registrar, pair: &mut Pair) -> AccountId {
    let id = pair.command(A, |a, now| a.add_account(now, account(PASSWORD)));
    registrar.serve(pair);
    pair.sent(&[
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 200 REGISTER",
    ]);
    assert_eq!(state(pair, id), RegistrationState::Registering);
    is_registered_for(pair, id, 600);
    pair.no_events();
    id
}

#[test]
fn an_account_is_registered_refreshed_and_removed() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    let first = pair.last_request(&Method::Register).clone();

    // A minute before the expiry, with the nonce that is still good.
    pair.run(S(539));
    pair.sent(&[]);
    pair.run(S(1));
    registrar.serve(&mut pair);
    pair.sent(&["A REGISTER", "B 200 REGISTER"]);
    is_registered_for(&mut pair, id, 600);
    let again = pair.last_request(&Method::Register).clone();
    assert_eq!(again.headers.call_id, first.headers.call_id);
    assert_eq!(again.headers.cseq.number, first.headers.cseq.number + 1);
    let count = |request: &sidetone_sip::Request| {
        let all = auth::credentials(&request.headers, &HeaderName::Authorization);
        assert_eq!(all.len(), 1);
        (
            all[0].nonce.clone(),
            all[0].protection.as_ref().unwrap().count,
        )
    };
    assert_eq!(count(&first).1, 1);
    assert_eq!(count(&again), (count(&first).0, 2));

    pair.command(A, |a, now| a.remove_account(now, id));
    registrar.serve(&mut pair);
    pair.sent(&["A REGISTER", "B 200 REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    assert_eq!(registrar.granted, [600, 600, 0]);
    let gone = pair.try_command(A, |a, now| a.refresh_account(now, id));
    assert_eq!(gone, Err(CommandError::Gone));
    pair.finish();
}

#[test]
fn a_stale_nonce_is_replaced_without_a_word() {
    let (mut registrar, mut pair) = Registrar::with_nonces_for(S(60));
    let id = registered(&mut registrar, &mut pair);
    pair.run(S(540));
    registrar.serve(&mut pair);
    pair.sent(&[
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 200 REGISTER",
    ]);
    let challenge = pair.last_response(401, &Method::Register);
    assert!(auth::challenges(&challenge.headers, &HeaderName::WwwAuthenticate)[0].stale);
    is_registered_for(&mut pair, id, 600);
    remove(registrar, pair, id);
}

#[test]
fn a_registrar_that_forgot_its_nonces_is_answered_again() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    registrar.restart();
    pair.run(S(540));
    registrar.serve(&mut pair);
    pair.sent(&[
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 200 REGISTER",
    ]);
    is_registered_for(&mut pair, id, 600);
    remove(registrar, pair, id);
}

fn remove(mut registrar: Registrar, mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    assert_eq!(registrar.granted.last(), Some(&0));
    pair.trace();
    pair.finish();
}

#[test]
fn a_wrong_password_is_tried_once_and_then_it_is_over() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = pair.command(A, |a, now| a.add_account(now, account("wrong")));
    registrar.serve(&mut pair);
    pair.sent(&[
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 401 REGISTER",
    ]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    let failed = RegistrationState::Failed {
        cause: RegistrationFailure::WrongCredentials,
        retry_in: None,
    };
    assert_eq!(state(&mut pair, id), failed);
    pair.run(S(7200));
    pair.flow_down();
    pair.flow_up();
    pair.settle();
    pair.sent(&[]);
    pair.no_events();

    // Told to try again, it does, and again only once.
    pair.command(A, |a, now| a.refresh_account(now, id));
    registrar.serve(&mut pair);
    pair.sent(&[
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 401 REGISTER",
    ]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    assert_eq!(state(&mut pair, id), failed);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// An account whose registrar is played by the test; its first REGISTER is sent.
pub(crate) fn asking(asked: Account) -> (Pair, AccountId) {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.add_account(now, asked));
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    pair.sent(&["A REGISTER"]);
    (pair, id)
}

/// Answers the last REGISTER with this status and these headers.
pub(crate) fn respond(pair: &mut Pair, status: u16, headers: &[(HeaderName, &str)]) {
    let request = pair.last_request(&Method::Register).clone();
    let mut response = pair.response(&request, status, "r");
    response.headers.contact = request.headers.contact;
    for (name, value) in headers {
        response.headers.push_raw(name.clone(), *value);
    }
    pair.deliver(A, &Message::Response(response));
}

/// Removes an account that is not registered.
fn forget(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// Unregisters from the registrar that the test plays.
pub(crate) fn leave(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.sent(&["A REGISTER"]);
    pair.finish();
}

#[test]
fn secrets_do_not_show() {
    let secret = Secret::new(PASSWORD);
    assert!(!format!("{:?}", account(PASSWORD)).contains(PASSWORD));
    assert_eq!(secret.reveal(), PASSWORD);
}

#[test]
fn a_request_nobody_answers_in_time_is_gone() {
    let (_, mut pair) = Registrar::new();
    let id = pair.command(A, |a, now| a.add_account(now, account(PASSWORD)));
    pair.settle();
    let Event::RequestReceived { id: request, .. } = pair.event(B) else {
        panic!("no request")
    };
    pair.run(S(40));
    let answer = sidetone_sip::Answer {
        status: Status::OK,
        contacts: Vec::new(),
        headers: Vec::new(),
        body: None,
    };
    let gone = pair.try_command(B, |b, now| b.respond(now, request, answer));
    assert_eq!(gone, Err(CommandError::Gone));
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    assert!(matches!(
        state(&mut pair, id),
        RegistrationState::Failed { .. }
    ));
    forget(pair, id);
}
