//! Registration and digest.

use std::time::Duration;

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{
    Account, AccountId, Body, CommandError, EndedBy, Event, Invite, Message, Method, NoResponse,
    Origin, OutgoingRequest, RegistrationFailure, RegistrationState, SessionEvent, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Pair, account, uri};
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

const CHALLENGE: &str = r#"Digest realm="pbx.test", nonce="abc", qop="auth", algorithm=SHA-256"#;

/// A registered account that calls, and its INVITE answered by a challenge.
fn challenged_call() -> (Pair, AccountId, sidetone_sip::SessionId) {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    let invite = Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    challenge(&mut pair, &Method::Invite, CHALLENGE);
    pair.sent(&["A INVITE", "A ACK", "A INVITE"]);
    (pair, id, caller)
}

fn challenge(pair: &mut Pair, method: &Method, challenge: &str) {
    let request = pair.last_request(method).clone();
    let mut response = pair.response(&request, 407, "proxy");
    response
        .headers
        .push_raw(HeaderName::ProxyAuthenticate, challenge);
    pair.deliver(A, &Message::Response(response));
}

#[test]
fn a_challenged_call_goes_on_with_credentials_to_the_end() {
    let (mut pair, id, caller) = challenged_call();
    let invite = pair.last_request(&Method::Invite).clone();
    let shown = auth::credentials(&invite.headers, &HeaderName::ProxyAuthorization);
    assert_eq!(
        (shown[0].username.as_str(), shown[0].nonce.as_str()),
        ("101", "abc")
    );
    assert_eq!(invite.headers.cseq.number, 2);
    pair.no_events();

    pair.answer(&Method::Invite, 200, "b");
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::Accepted { .. }
    ));
    let ack = pair.last_request(&Method::Ack);
    assert_eq!(
        auth::credentials(&ack.headers, &HeaderName::ProxyAuthorization),
        shown
    );
    assert_eq!(ack.headers.cseq.number, 2);

    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    challenge(&mut pair, &Method::Bye, &CHALLENGE.replace("abc", "def"));
    let bye = pair.last_request(&Method::Bye);
    assert_eq!(bye.headers.cseq.number, 4);
    assert_eq!(
        auth::credentials(&bye.headers, &HeaderName::ProxyAuthorization).len(),
        1
    );
    pair.answer(&Method::Bye, 200, "b");
    pair.sent(&["A ACK", "A BYE", "A BYE"]);
    leave(pair, id);
}

#[test]
fn a_call_whose_credentials_are_refused_ends() {
    let (mut pair, id, caller) = challenged_call();
    challenge(&mut pair, &Method::Invite, CHALLENGE);
    pair.sent(&["A ACK"]);
    let ended = pair.ended(A, caller);
    assert_eq!(ended.by, EndedBy::WrongCredentials);
    assert_eq!(ended.status, Some(Status::PROXY_AUTHENTICATION_REQUIRED));
    leave(pair, id);
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
fn a_message_outside_of_sessions_is_authenticated_and_answered() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    let message = |origin| OutgoingRequest {
        origin,
        method: Method::Message,
        target: uri("sip:102@demo.test"),
        headers: vec![RawHeader {
            name: HeaderName::Subject,
            value: "hello".into(),
        }],
        body: Some(Body {
            content_type: "text/plain".into(),
            bytes: b"Hi".to_vec(),
        }),
    };
    let sent = pair.command(A, |a, now| a.request(now, message(Origin::Account(id))));
    registrar.serve(&mut pair);
    pair.sent(&["A MESSAGE", "B 401 MESSAGE", "A MESSAGE", "B 200 MESSAGE"]);
    match pair.event(A) {
        Event::RequestAnswered {
            id,
            outcome: Ok(response),
        } => {
            assert_eq!((id, response.status), (sent, Status::OK));
        }
        other => panic!("{other:?}"),
    }

    let from = account(PASSWORD).address_of_record;
    let contact = account(PASSWORD).contact;
    let origin = Origin::Explicit {
        flow: FLOW,
        from,
        contact,
    };
    let sent = pair.command(A, |a, now| a.request(now, message(origin)));
    registrar.serve(&mut pair);
    pair.sent(&["A MESSAGE", "B 401 MESSAGE"]);
    match pair.event(A) {
        Event::RequestAnswered {
            id,
            outcome: Ok(response),
        } => {
            assert_eq!((id, response.status), (sent, Status::UNAUTHORIZED));
        }
        other => panic!("{other:?}"),
    }
    remove(registrar, pair, id);
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
