//! When an account is registered again.

use std::time::Duration;

use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Account, CommandError, Message, Method, NoResponse, RegistrationFailure, RegistrationState,
    Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{S, asking, forget, is_registered_for, leave, registered, remove, respond, state};
use crate::harness::{A, account};
use crate::registrar::{PASSWORD, Registrar};

#[test]
fn a_longer_expiry_is_asked_for_when_told() {
    let (mut pair, id) = asking(Account {
        expires: 30,
        ..account(PASSWORD)
    });
    respond(&mut pair, 423, &[(HeaderName::MinExpires, "120")]);
    pair.sent(&["A REGISTER"]);
    let expires = pair
        .last_request(&Method::Register)
        .headers
        .raw(&HeaderName::Expires);
    assert_eq!(expires.map(|e| e.as_str()).collect::<Vec<_>>(), ["120"]);
    // No better offer: that is a refusal, not a loop.
    respond(&mut pair, 423, &[(HeaderName::MinExpires, "120")]);
    pair.sent(&[]);
    let RegistrationState::Failed {
        cause,
        retry_in: Some(_),
    } = state(&mut pair, id)
    else {
        panic!("not failed");
    };
    let expected = Status::INTERVAL_TOO_BRIEF;
    assert!(matches!(cause, RegistrationFailure::Refused { status, .. } if status == expected));
    forget(pair, id);
}

#[test]
fn what_the_registrar_grants_counts() {
    let (mut pair, id) = asking(account(PASSWORD));
    let request = pair.last_request(&Method::Register).clone();
    let mut response = pair.response(&request, 200, "r");
    let mut other = crate::harness::address("sip:other@a.invalid");
    other.params.set("expires", Some("3600"));
    let mut ours = account(PASSWORD).contact;
    ours.params.set("expires", Some("90"));
    response.headers.contact = sidetone_sip::message::Contacts::List(vec![other, ours]);
    response.headers.push_raw(HeaderName::Expires, "500");
    pair.deliver(A, &Message::Response(response));
    is_registered_for(&mut pair, id, 90);
    // Half of it, which is later than a minute before its end.
    pair.run(Duration::from_millis(44_999));
    pair.sent(&[]);
    pair.run(Duration::from_millis(1));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[(HeaderName::Expires, "500")]);
    is_registered_for(&mut pair, id, 500);
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn failures_are_tried_again_ever_more_rarely() {
    let (mut pair, id) = asking(account(PASSWORD));
    for longest in [60, 120, 240, 480, 960, 1800, 1800] {
        pair.run(S(32));
        let RegistrationState::Failed {
            cause,
            retry_in: Some(retry_in),
        } = state(&mut pair, id)
        else {
            panic!("not failed");
        };
        assert_eq!(cause, RegistrationFailure::NoAnswer(NoResponse::TimedOut));
        assert!(
            retry_in >= S(longest) / 2 && retry_in <= S(longest),
            "{retry_in:?}"
        );
        pair.run(retry_in - Duration::from_millis(1));
        pair.sent(&[]);
        pair.run(Duration::from_millis(1));
        assert_eq!(state(&mut pair, id), RegistrationState::Registering);
        pair.sent(&["A REGISTER"]);
    }
    // A success makes it patient again.
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.run(S(540));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 500, &[]);
    let RegistrationState::Failed {
        retry_in: Some(retry_in),
        ..
    } = state(&mut pair, id)
    else {
        panic!("not failed");
    };
    assert!(retry_in >= S(30) && retry_in <= S(60));
    forget(pair, id);
}

#[test]
fn retry_after_is_honoured() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(
        &mut pair,
        503,
        &[(HeaderName::RetryAfter, "90 (in maintenance)")],
    );
    let RegistrationState::Failed { retry_in, .. } = state(&mut pair, id) else {
        panic!("not failed");
    };
    assert_eq!(retry_in, Some(S(90)));
    pair.run(S(89));
    pair.sent(&[]);
    pair.run(S(1));
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    respond(&mut pair, 403, &[]);
    state(&mut pair, id);
    forget(pair, id);
}

#[test]
fn a_new_flow_is_no_reason_to_come_before_retry_after() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 503, &[(HeaderName::RetryAfter, "90")]);
    state(&mut pair, id);
    pair.run(S(30));
    pair.flow_down();
    pair.flow_up();
    pair.run(S(59));
    pair.sent(&[]);
    pair.no_events();
    pair.run(S(1));
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);

    // The user may.
    respond(&mut pair, 503, &[(HeaderName::RetryAfter, "90")]);
    state(&mut pair, id);
    pair.command(A, |a, now| a.refresh_account(now, id));
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    leave(pair, id);
}

#[test]
fn it_registers_at_once_when_the_flow_comes_back() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    pair.flow_down();
    let down = RegistrationState::Failed {
        cause: RegistrationFailure::NoAnswer(NoResponse::FlowDown),
        retry_in: None,
    };
    assert_eq!(state(&mut pair, id), down);
    let refused = pair.try_command(A, |a, now| a.refresh_account(now, id));
    assert_eq!(refused, Err(CommandError::NoFlow));
    pair.run(S(700));
    pair.sent(&[]);
    pair.flow_up();
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER", "B 200 REGISTER"]);
    remove(registrar, pair, id);
}

#[test]
fn an_account_added_while_the_flow_is_down_registers_later() {
    let (mut registrar, mut pair) = Registrar::new();
    pair.flow_down();
    let id = pair.command(A, |a, now| a.add_account(now, account(PASSWORD)));
    pair.run(S(60));
    pair.no_events();
    pair.flow_up();
    registrar.serve(&mut pair);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    is_registered_for(&mut pair, id, 600);
    remove(registrar, pair, id);
}

#[test]
fn removal_waits_for_the_answer_on_its_way() {
    let (mut pair, id) = asking(account(PASSWORD));
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.sent(&[]);
    pair.no_events();
    respond(&mut pair, 200, &[]);
    pair.sent(&["A REGISTER"]);
    let expires = pair
        .last_request(&Method::Register)
        .headers
        .raw(&HeaderName::Expires);
    assert_eq!(expires.map(|e| e.as_str()).collect::<Vec<_>>(), ["0"]);
    pair.no_events();
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}
