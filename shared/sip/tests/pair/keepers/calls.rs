//! Calls whose requests wait for the keeper, up to the last farewell.

use std::time::Duration;

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{AccountId, EndedBy, Invite, Method, Origin, SessionEvent, SessionId, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{PROXY, challenged, forget, is_gone, is_registered_again, refuse, registered, unlock};
use crate::harness::{A, Pair};
use crate::registrar::PASSWORD;
use crate::registration::state;

const S: fn(u64) -> Duration = Duration::from_secs;

fn call(pair: &mut Pair, id: AccountId) -> SessionId {
    let invite = Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    };
    pair.command(A, |a, now| a.invite(now, invite))
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
