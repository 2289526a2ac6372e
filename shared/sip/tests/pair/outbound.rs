//! Registration over client-initiated flows (RFC 5626), and its temporary GRUU (RFC 5627).

use std::time::Duration;

use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::{
    Account, AccountId, Event, Input, Invite, Message, Method, Origin, RegistrationState, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::given::{call, leave, refused, supported};
use crate::harness::{A, FLOW, Pair, account};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, respond, state};

const S: fn(u64) -> Duration = Duration::from_secs;

pub(crate) fn outbound() -> Account {
    let mut account = account(PASSWORD);
    let instance = Some("\"<urn:uuid:1>\"");
    account.contact.params.set("+sip.instance", instance);
    account.contact.params.set("reg-id", Some("1"));
    account
}

const OUTBOUND: (HeaderName, &str) = (HeaderName::Require, "outbound");

fn registered(headers: &[(HeaderName, &str)]) -> (Pair, AccountId) {
    let (mut pair, id) = asking(outbound());
    respond(&mut pair, 200, headers);
    is_registered_for(&mut pair, id, 600);
    (pair, id)
}

/// Answers the last REGISTER with these parameters of the Contact.
fn grant(pair: &mut Pair, id: AccountId, params: &[(&str, &str)]) {
    let request = pair.last_request(&Method::Register).clone();
    let mut response = pair.response(&request, 200, "r");
    let mut contact = request.headers.contact.first().unwrap().clone();
    for (name, value) in params {
        contact.params.set(name, Some(&format!("\"{value}\"")));
    }
    response.headers.contact = Contacts::one(contact);
    response.headers.push_raw(OUTBOUND.0, OUTBOUND.1);
    pair.deliver(A, &Message::Response(response));
    is_registered_for(pair, id, 600);
}

fn reconnect_in(pair: &mut Pair) -> Duration {
    match pair.event(A) {
        Event::FlowFailed { flow, reconnect_in } if flow == FLOW => reconnect_in,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_registrar_that_keeps_the_flow_is_believed() {
    let (mut pair, id) = registered(&[OUTBOUND]);
    assert_eq!(supported(&pair), ["path", "gruu", "outbound"]);
    let register = pair.last_request(&Method::Register);
    assert_eq!(register.headers.contact.first().unwrap().reg_id(), Some(1));
    assert!(pair.agent(A).binding(id).unwrap().is_outbound);
    // Dialogs stay on the flow.
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:c0ffee@a.invalid;ob");
    refused(&mut pair, caller);
    leave(pair, id);
}

#[test]
fn a_registrar_that_does_not_say_so_does_not_keep_the_flow() {
    let (mut pair, id) = registered(&[]);
    assert!(!pair.agent(A).binding(id).unwrap().is_outbound);
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:c0ffee@a.invalid");
    refused(&mut pair, caller);
    leave(pair, id);
}

#[test]
fn a_first_hop_without_outbound_gets_an_ordinary_registration() {
    let (mut pair, id) = asking(outbound());
    respond(&mut pair, 439, &[]);
    pair.sent(&["A REGISTER"]);
    assert_eq!(supported(&pair), ["path", "gruu"]);
    let register = pair.last_request(&Method::Register);
    assert_eq!(register.headers.contact.first().unwrap().reg_id(), None);
    // Said again, it is a refusal.
    respond(&mut pair, 439, &[]);
    pair.sent(&[]);
    let failed = state(&mut pair, id);
    let RegistrationState::Failed { retry_in, .. } = failed else {
        panic!("{failed:?}");
    };
    pair.run(retry_in.unwrap());
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    // It is no outbound registration any more.
    pair.flow_down();
    state(&mut pair, id);
    pair.no_events();
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_flow_that_failed_elsewhere_is_an_ordinary_refusal() {
    let (mut pair, id) = registered(&[OUTBOUND]);
    let (caller, ..) = call(&mut pair, id);
    pair.answer(&Method::Invite, 430, "b");
    assert_eq!(pair.ended(A, caller).status, Some(Status::FLOW_FAILED));
    pair.sent(&["A ACK"]);
    pair.command(A, |a, now| a.refresh_account(now, id));
    respond(&mut pair, 430, &[]);
    let failed = state(&mut pair, id);
    let retries = matches!(
        failed,
        RegistrationState::Failed {
            retry_in: Some(_),
            ..
        }
    );
    assert!(retries, "{failed:?}");
    pair.sent(&["A REGISTER"]);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_flow_is_kept_alive_as_the_registrar_wants() {
    let (mut pair, id) = registered(&[OUTBOUND, (HeaderName::FlowTimer, "120")]);
    let binding = pair.agent(A).binding(id).unwrap();
    assert_eq!(binding.flow_timer, Some(S(120)));
    for _ in 0..3 {
        pair.run(S(96) - Duration::from_millis(1));
        pair.sent(&[]);
        let pinged = (0..=24).any(|_| {
            pair.run(S(1));
            pair.trace() == ["A ping"]
        });
        assert!(pinged);
        pair.receive(A, "\n");
    }
    // A pong that is missed for ten seconds means that the flow is dead.
    pair.run(S(130));
    assert_eq!(pair.event(A), Event::FlowSilent { flow: FLOW });
    pair.sent(&["A ping"]);
    pair.flow_down();
    state(&mut pair, id);
    assert_eq!(reconnect_in(&mut pair), Duration::ZERO);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_flow_that_never_proves_good_is_formed_ever_more_rarely() {
    let timer = (HeaderName::FlowTimer, "120");
    let (mut pair, id) = registered(&[OUTBOUND, timer.clone()]);
    for longest in [60, 120, 240, 480, 960, 1800, 1800] {
        pair.flow_down();
        let failed = state(&mut pair, id);
        let waits = matches!(failed, RegistrationState::Failed { retry_in: None, .. });
        assert!(waits, "{failed:?}");
        let wait = reconnect_in(&mut pair);
        assert!(wait >= S(longest) / 2 && wait <= S(longest), "{wait:?}");
        pair.run(wait);
        pair.sent(&[]);
        pair.flow_up();
        pair.sent(&["A REGISTER"]);
        assert_eq!(state(&mut pair, id), RegistrationState::Registering);
        respond(&mut pair, 200, &[OUTBOUND, timer.clone()]);
        is_registered_for(&mut pair, id, 600);
    }
    // Once a sign of life has come, it is formed again at once.
    pair.receive(A, "\n");
    pair.flow_down();
    state(&mut pair, id);
    assert_eq!(reconnect_in(&mut pair), Duration::ZERO);
    pair.flow_up();
    pair.sent(&["A REGISTER"]);
    assert_eq!(state(&mut pair, id), RegistrationState::Registering);
    // A REGISTER that the flow takes along is a failure, too.
    pair.flow_down();
    state(&mut pair, id);
    let wait = reconnect_in(&mut pair);
    assert!(wait >= S(30) && wait <= S(60), "{wait:?}");
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_temporary_gruu_does_not_tell_who_calls() {
    let (mut pair, id) = asking(outbound());
    for temporary in ["sip:tgruu.1@demo.test;gr", "sip:tgruu.2@demo.test;gr"] {
        let public = "sip:101@demo.test;gr=urn:uuid:1";
        grant(
            &mut pair,
            id,
            &[("pub-gruu", public), ("temp-gruu", temporary)],
        );
        let invite = Invite {
            origin: Origin::Anonymous(id),
            ..pair.invitation()
        };
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        let headers = &pair.last_request(&Method::Invite).headers;
        let contact = headers.contact.first().unwrap();
        assert_eq!(contact.uri.to_string(), temporary);
        assert_eq!(
            headers.from.uri.to_string(),
            "sip:anonymous@anonymous.invalid"
        );
        assert_eq!(headers.from.display_name.as_deref(), Some("Anonymous"));
        pair.sent(&["A INVITE"]);
        refused(&mut pair, caller);
        // Without a reason to hide, the public one is told.
        let (caller, _, contact) = call(&mut pair, id);
        assert_eq!(contact, public);
        refused(&mut pair, caller);
        pair.command(A, |a, now| a.refresh_account(now, id));
        pair.sent(&["A REGISTER"]);
    }
    grant(&mut pair, id, &[]);
    assert_eq!(pair.agent(A).binding(id).unwrap().temporary_gruu, None);
    leave(pair, id);
}

#[test]
fn an_anonymous_call_takes_the_service_route_too() {
    let route = (HeaderName::ServiceRoute, "<sip:one.test;lr>");
    let (mut pair, id) = registered(&[OUTBOUND, route]);
    let invite = Invite {
        origin: Origin::Anonymous(id),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let headers = &pair.last_request(&Method::Invite).headers;
    assert_eq!(headers.route.len(), 1);
    pair.sent(&["A INVITE"]);
    refused(&mut pair, caller);
    leave(pair, id);
}

#[test]
fn a_sign_of_life_ahead_of_the_grant_proves_nothing() {
    let (mut pair, id) = asking(outbound());
    pair.input(
        A,
        Input::Received {
            flow: FLOW,
            bytes: b"\r\n".to_vec(),
        },
    );
    respond(&mut pair, 200, &[OUTBOUND, (HeaderName::FlowTimer, "120")]);
    is_registered_for(&mut pair, id, 600);
    pair.flow_down();
    state(&mut pair, id);
    assert!(reconnect_in(&mut pair) >= S(30));
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}
