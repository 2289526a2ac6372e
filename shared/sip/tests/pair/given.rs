//! What a registrar gives with a registration: a way for requests, a public address.

use sidetone_sip::message::{HeaderName, Supported};
use sidetone_sip::{
    AccountId, Address, Invite, Message, Method, Origin, RegistrationState, SessionEvent,
    SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, Pair, account, uri};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, respond, state};

const ROUTE: &str = "<sip:one.test;lr>, <sip:two.test;lr>";
const GRUU: &str = "\"sip:101@demo.test;gr=urn:uuid:1\"";

fn with_instance() -> sidetone_sip::Account {
    let mut account = account(PASSWORD);
    let instance = Some("\"<urn:uuid:1>\"");
    account.contact.params.set("+sip.instance", instance);
    account
}

pub(crate) fn supported(pair: &Pair) -> Vec<String> {
    let headers = &pair.last_request(&Method::Register).headers;
    let supported = headers.typed::<Supported>().unwrap().unwrap();
    supported.0.iter().map(ToString::to_string).collect()
}

/// Answers the last REGISTER with the GRUU, if any, and these headers.
fn grant(pair: &mut Pair, gruu: Option<&str>, headers: &[(HeaderName, &str)]) {
    let request = pair.last_request(&Method::Register).clone();
    let mut response = pair.response(&request, 200, "r");
    let mut contact: Address = request.headers.contact.first().unwrap().clone();
    if let Some(gruu) = gruu {
        contact.params.set("pub-gruu", Some(gruu));
    }
    response.headers.contact = sidetone_sip::message::Contacts::one(contact);
    for (name, value) in headers {
        response.headers.push_raw(name.clone(), *value);
    }
    pair.deliver(A, &Message::Response(response));
}

/// The account calls somebody; the Route and the Contact of its INVITE.
pub(crate) fn call(pair: &mut Pair, id: AccountId) -> (SessionId, Vec<String>, String) {
    let invite = Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.sent(&["A INVITE"]);
    let headers = &pair.last_request(&Method::Invite).headers;
    let route = headers.route.iter().map(|route| route.uri.to_string());
    let contact = headers.contact.first().unwrap().uri.to_string();
    (caller, route.collect(), contact)
}

pub(crate) fn refused(pair: &mut Pair, caller: SessionId) {
    pair.answer(&Method::Invite, 404, "b");
    assert_eq!(pair.ended(A, caller).status, Some(Status::NOT_FOUND));
    pair.sent(&["A ACK"]);
}

pub(crate) fn leave(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    assert!(
        pair.last_request(&Method::Register)
            .headers
            .route
            .is_empty()
    );
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.sent(&["A REGISTER"]);
    pair.finish();
}

#[test]
fn requests_outside_of_dialogs_take_the_service_route() {
    let (mut pair, id) = asking(account(PASSWORD));
    assert_eq!(supported(&pair), ["path"]);
    grant(&mut pair, None, &[(HeaderName::ServiceRoute, ROUTE)]);
    is_registered_for(&mut pair, id, 600);

    let (caller, route, _) = call(&mut pair, id);
    assert_eq!(route, ["sip:one.test;lr", "sip:two.test;lr"]);
    pair.answer(&Method::Invite, 200, "b");
    let event = pair.session_event(A, caller);
    assert!(matches!(event, SessionEvent::Accepted { .. }));
    // The dialog has the route that its Record-Route says: none.
    assert_eq!(pair.last_request(&Method::Ack).headers.route, []);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.ended(A, caller);
    assert_eq!(pair.last_request(&Method::Bye).headers.route, []);
    pair.answer(&Method::Bye, 200, "b");
    pair.sent(&["A ACK", "A BYE"]);

    // A registration without one takes it back, one that can't be read is none.
    for headers in [
        &[][..],
        &[(HeaderName::ServiceRoute, "<sip:one.test;lr>, ?")],
    ] {
        pair.command(A, |a, now| a.refresh_account(now, id));
        pair.sent(&["A REGISTER"]);
        grant(&mut pair, None, headers);
        is_registered_for(&mut pair, id, 600);
        let (caller, route, _) = call(&mut pair, id);
        assert_eq!(route, Vec::<String>::new());
        refused(&mut pair, caller);
    }
    leave(pair, id);
}

#[test]
fn the_granted_gruu_is_what_peers_are_told() {
    let (mut pair, id) = asking(with_instance());
    assert_eq!(supported(&pair), ["path", "gruu"]);
    grant(&mut pair, Some(GRUU), &[]);
    is_registered_for(&mut pair, id, 600);
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:101@demo.test;gr=urn:uuid:1");
    refused(&mut pair, caller);

    // What is registered stays the contact itself.
    pair.command(A, |a, now| a.refresh_account(now, id));
    pair.sent(&["A REGISTER"]);
    let headers = &pair.last_request(&Method::Register).headers;
    assert_eq!(
        headers.contact.first().unwrap().uri,
        uri("sip:c0ffee@a.invalid")
    );
    grant(&mut pair, None, &[]);
    is_registered_for(&mut pair, id, 600);
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:c0ffee@a.invalid");
    refused(&mut pair, caller);
    leave(pair, id);
}
