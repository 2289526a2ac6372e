//! Where an account is registered (RFC 3261 §10.2.3).

use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    AccountId, CommandError, Event, Method, NoResponse, Origin, OutgoingId, OutgoingRequest,
    Response, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{S, asking, is_registered_for, registered, remove, respond, state};
use crate::harness::{A, Pair, account, uri};
use crate::registrar::{PASSWORD, Registrar};

fn query(pair: &mut Pair, id: AccountId) -> OutgoingId {
    pair.command(A, |a, now| a.query_contacts(now, id))
}

fn outcome(pair: &mut Pair, asked: OutgoingId) -> Result<Box<Response>, NoResponse> {
    match pair.event(A) {
        Event::RequestAnswered { id, outcome } if id == asked => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_asked_without_changing_anything() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    let registration = pair.last_request(&Method::Register).clone();
    let asked = query(&mut pair, id);
    registrar.serve(&mut pair);
    // With the nonce that is still good.
    pair.sent(&["A REGISTER", "B 200 REGISTER"]);
    let headers = &pair.last_request(&Method::Register).headers;
    assert!(headers.contact.list().is_empty() && !headers.contact.is_star());
    assert_eq!(headers.raw(&HeaderName::Expires).next(), None);
    assert_eq!(headers.to, registration.headers.to);
    assert_eq!(headers.from.uri, registration.headers.from.uri);
    assert_ne!(headers.call_id, registration.headers.call_id);
    assert_eq!(headers.cseq.number, 1);
    let response = outcome(&mut pair, asked).unwrap();
    let contacts = response.headers.contact.list().iter();
    let contacts: Vec<String> = contacts.map(ToString::to_string).collect();
    let own = account(PASSWORD).contact.uri;
    assert_eq!(contacts, [format!("<{own}>;expires=600")]);
    assert_eq!(registrar.granted, [600]);
    pair.no_events();

    // A stale nonce is replaced on the way.
    registrar.restart();
    let asked = query(&mut pair, id);
    registrar.serve(&mut pair);
    let again = [
        "A REGISTER",
        "B 401 REGISTER",
        "A REGISTER",
        "B 200 REGISTER",
    ];
    pair.sent(&again);
    assert_eq!(outcome(&mut pair, asked).unwrap().status, Status::OK);
    remove(registrar, pair, id);
}

#[test]
fn it_is_told_as_it_is_answered() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    let asked = query(&mut pair, id);
    respond(&mut pair, 404, &[]);
    assert_eq!(outcome(&mut pair, asked).unwrap().status, Status::NOT_FOUND);
    let asked = query(&mut pair, id);
    pair.run(S(33));
    assert_eq!(outcome(&mut pair, asked), Err(NoResponse::TimedOut));
    // Neither of it is a failure of the registration.
    pair.no_events();
    pair.sent(&["A REGISTER", "A REGISTER"]);
    pair.flow_down();
    let asked = pair.try_command(A, |a, now| a.query_contacts(now, id));
    assert_eq!(asked, Err(CommandError::NoFlow));
    state(&mut pair, id);
    pair.command(A, |a, now| a.remove_account(now, id));
    state(&mut pair, id);
    let asked = pair.try_command(A, |a, now| a.query_contacts(now, id));
    assert_eq!(asked, Err(CommandError::Gone));
    pair.no_events();
    pair.finish();
}

#[test]
fn a_registration_is_no_request_like_any_other() {
    let (mut registrar, mut pair) = Registrar::new();
    let id = registered(&mut registrar, &mut pair);
    // Its Contact would be the one for peers, and its To whatever is the target.
    let request = |method| OutgoingRequest {
        origin: Origin::Account(id),
        method,
        target: uri("sip:102@demo.test"),
        headers: Vec::new(),
        body: None,
    };
    let before = pair.last_request(&Method::Register).clone();
    for method in [
        Method::Register,
        Method::Invite,
        Method::Ack,
        Method::Cancel,
    ] {
        let asked = pair.try_command(A, |a, now| a.request(now, request(method)));
        assert_eq!(asked, Err(CommandError::WrongState));
    }
    assert_eq!(*pair.last_request(&Method::Register), before);
    pair.sent(&[]);
    remove(registrar, pair, id);
}
