//! Who is answered, with which nonce, and who is not.

use sidetone_sip::auth::{self, Credentials};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Event, Message, Method, Origin, OutgoingRequest, RegistrationFailure, RegistrationState, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, Pair, account, uri};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, leave, respond, state};

const HOME: &str = r#"Digest realm="home", nonce="h1", qop="auth", algorithm=SHA-512-256"#;
const PROXY: &str = r#"Digest realm="proxy", nonce="p1", qop="auth", algorithm=SHA-256"#;

fn shown(pair: &Pair, method: &Method, name: &HeaderName) -> Vec<Credentials> {
    auth::credentials(&pair.last_request(method).headers, name)
}

fn nonces(pair: &Pair, name: &HeaderName) -> Vec<(String, u32)> {
    let shown = shown(pair, &Method::Register, name).into_iter();
    let used = |c: Credentials| (c.nonce.to_string(), c.protection.unwrap().count);
    shown.map(used).collect()
}

/// A message of the account to somebody, answered with this status and header.
fn message(pair: &mut Pair, id: sidetone_sip::AccountId) {
    let request = OutgoingRequest {
        origin: Origin::Account(id),
        method: Method::Message,
        target: uri("sip:102@demo.test"),
        headers: Vec::new(),
        body: None,
    };
    pair.command(A, |a, now| a.request(now, request));
}

fn answer(pair: &mut Pair, status: u16, headers: &[(HeaderName, &str)]) {
    let request = pair.last_request(&Method::Message).clone();
    let mut response = pair.response(&request, status, "m");
    for (name, value) in headers {
        response.headers.push_raw(name.clone(), *value);
    }
    pair.deliver(A, &Message::Response(response));
}

fn answered(pair: &mut Pair) -> Status {
    match pair.event(A) {
        Event::RequestAnswered { outcome, .. } => outcome.unwrap().status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_chain_of_proxies_and_a_registrar_each_get_their_answer() {
    let (mut pair, id) = asking(account(PASSWORD));
    let outer = PROXY.replace("proxy", "outer").replace("p1", "o1");
    // Two proxies challenge with one response, then the registrar does.
    let both = [
        (HeaderName::ProxyAuthenticate, PROXY),
        (HeaderName::ProxyAuthenticate, &outer),
    ];
    respond(&mut pair, 407, &both);
    let to_proxies = nonces(&pair, &HeaderName::ProxyAuthorization);
    assert_eq!(to_proxies, [("p1".into(), 1), ("o1".into(), 1)]);
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    let to_proxies = nonces(&pair, &HeaderName::ProxyAuthorization);
    assert_eq!(to_proxies, [("p1".into(), 2), ("o1".into(), 2)]);
    let to_registrar = nonces(&pair, &HeaderName::Authorization);
    assert_eq!(to_registrar, [("h1".into(), 1)]);
    let realms = shown(&pair, &Method::Register, &HeaderName::ProxyAuthorization);
    assert_eq!(realms[0].realm, "proxy");
    assert_eq!(realms[1].realm, "outer");
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER", "A REGISTER"]);
    leave(pair, id);
}

#[test]
fn the_next_nonce_is_taken_and_counted_from_one() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    let next = (HeaderName::AuthenticationInfo, "nextnonce=\"h2\", qop=auth");
    respond(&mut pair, 200, &[next]);
    is_registered_for(&mut pair, id, 600);
    for count in [1, 2] {
        pair.command(A, |a, now| a.refresh_account(now, id));
        let used = nonces(&pair, &HeaderName::Authorization);
        assert_eq!(used, [("h2".into(), count)]);
        respond(&mut pair, 200, &[]);
        is_registered_for(&mut pair, id, 600);
    }
    pair.sent(&["A REGISTER", "A REGISTER", "A REGISTER"]);
    leave(pair, id);
}

#[test]
fn the_next_nonce_of_a_proxy_is_taken() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 407, &[(HeaderName::ProxyAuthenticate, PROXY)]);
    let name = HeaderName::from("proxy-authentication-info");
    respond(&mut pair, 200, &[(name, "nextnonce=\"p2\"")]);
    is_registered_for(&mut pair, id, 600);
    pair.command(A, |a, now| a.refresh_account(now, id));
    let used = nonces(&pair, &HeaderName::ProxyAuthorization);
    assert_eq!(used, [("p2".into(), 1)]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER", "A REGISTER"]);
    leave(pair, id);
}

#[test]
fn a_repeated_challenge_gets_no_answer_even_if_it_says_stale() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    pair.sent(&["A REGISTER"]);
    let stale = format!("{HOME}, stale=true");
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, &stale)]);
    pair.sent(&[]);
    let failed = RegistrationState::Failed {
        cause: RegistrationFailure::WrongCredentials,
        retry_in: None,
    };
    assert_eq!(state(&mut pair, id), failed);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_fresh_proof_that_has_become_stale_is_given_anew() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    let next = format!("{}, stale=true", HOME.replace("h1", "h2"));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, &next)]);
    let used = nonces(&pair, &HeaderName::Authorization);
    assert_eq!(used, [("h2".into(), 1)]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER", "A REGISTER"]);
    leave(pair, id);
}

#[test]
fn a_strangers_challenge_gets_no_answer() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);

    message(&mut pair, id);
    let foreign = HOME.replace("home", "elsewhere");
    answer(&mut pair, 401, &[(HeaderName::WwwAuthenticate, &foreign)]);
    pair.sent(&["A MESSAGE"]);
    assert_eq!(answered(&mut pair), Status::UNAUTHORIZED);

    // The registrar's own realm is answered, and so is a proxy on the way.
    message(&mut pair, id);
    answer(&mut pair, 407, &[(HeaderName::ProxyAuthenticate, PROXY)]);
    let fresh = HOME.replace("h1", "h3");
    answer(&mut pair, 401, &[(HeaderName::WwwAuthenticate, &fresh)]);
    let home = shown(&pair, &Method::Message, &HeaderName::Authorization);
    assert_eq!((home.len(), home[0].nonce.as_str()), (1, "h3"));
    answer(&mut pair, 200, &[]);
    assert_eq!(answered(&mut pair), Status::OK);
    pair.sent(&["A MESSAGE", "A MESSAGE", "A MESSAGE"]);
    leave(pair, id);
}
