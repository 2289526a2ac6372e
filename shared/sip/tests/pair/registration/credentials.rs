//! Calls and requests that an account's credentials are asked for.

use sidetone_sip::auth;
use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{
    AccountId, Body, EndedBy, Event, Invite, Message, Method, Origin, OutgoingRequest,
    SessionEvent, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{asking, is_registered_for, leave, registered, remove, respond};
use crate::harness::{A, FLOW, Pair, account, uri};
use crate::registrar::{PASSWORD, Registrar};

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
