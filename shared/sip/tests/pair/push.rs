//! Push parameters of a registration (RFC 8599).

use std::time::Duration;

use sidetone_sip::message::{HeaderName, Headers, TypedHeader};
use sidetone_sip::push::{Push, PushService};
use sidetone_sip::{Account, Address, CommandError, Method, RegistrationState};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::given::{call, leave, refused};
use crate::harness::{A, Pair, account, address};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, respond, state};

const S: fn(u64) -> Duration = Duration::from_secs;
const URL: &str = "https://push.test/s?id=1&k=\u{fc}";
const CAPS: &str =
    r#"*;+sip.pns="webpush";+sip.vapid="BKey=";+sip.pnsreg="130";+sip.pnspurr="p/1", *;+x"#;

fn web_push(prid: &str) -> Push {
    Push {
        provider: "webpush".into(),
        param: None,
        prid: Some(prid.into()),
        wakes_itself: true,
    }
}

fn with_push() -> Account {
    let mut account = account(PASSWORD);
    web_push(URL).write(&mut account.contact);
    account
}

fn shown(pair: &Pair) -> Address {
    let headers = &pair.last_request(&Method::Register).headers;
    headers.contact.first().unwrap().clone()
}

#[test]
fn it_is_written_and_read() {
    let mut contact = address("sip:c0ffee@a.invalid;transport=ws");
    assert_eq!(Push::of(&contact), None);
    web_push(URL).write(&mut contact);
    assert_eq!(
        contact.uri.to_string(),
        "sip:c0ffee@a.invalid;transport=ws;pn-provider=webpush;\
         pn-prid=https%3A%2F%2Fpush.test%2Fs%3Fid%3D1%26k%3D%C3%BC"
    );
    assert!(contact.params.has("+sip.pnsreg"));
    assert_eq!(Push::of(&contact), Some(web_push(URL)));
    let asks = Push {
        provider: "".into(),
        param: Some("a b".into()),
        prid: None,
        wakes_itself: false,
    };
    asks.write(&mut contact);
    assert_eq!(
        contact.uri.to_string(),
        "sip:c0ffee@a.invalid;transport=ws;pn-provider;pn-param=a%20b"
    );
    assert!(contact.params.is_empty());
    assert_eq!(Push::of(&contact), Some(asks));
}

#[test]
fn what_the_network_says_is_read_and_written() {
    let says = |value: &str| {
        let at = address("sip:a@a.test");
        let cseq = sidetone_sip::message::CSeq {
            number: 1,
            method: Method::Register,
        };
        let mut headers = Headers::new(at.clone(), at, "c".into(), cseq);
        headers.push_raw(HeaderName::FeatureCaps, value);
        PushService::all(&headers)
    };
    let services = says(CAPS);
    let expected = PushService {
        provider: "webpush".into(),
        vapid: Some("BKey=".into()),
        refresh_before: Some(S(130)),
        purr: Some("p/1".into()),
    };
    assert_eq!(services, [expected]);
    let written = services[0].to_caps().to_string();
    assert_eq!(written, CAPS.strip_suffix(", *;+x").unwrap());
    assert_eq!(says(&written), services);
    for other in [
        "",
        "*",
        "*;+sip.instance",
        "+sip.pns=\"apns\"",
        "x;+sip.pns=\"apns\"",
    ] {
        assert_eq!(says(other), [], "{other}");
    }
    let caps = sidetone_sip::message::FeatureCaps::parse(&"*;+a, *".into()).unwrap();
    assert_eq!(caps.to_string(), "*;+a, *");
}

#[test]
fn only_the_registrar_learns_how_the_phone_is_woken() {
    let (mut pair, id) = asking(with_push());
    assert_eq!(Push::of(&shown(&pair)), Some(web_push(URL)));
    respond(&mut pair, 200, &[(HeaderName::FeatureCaps, CAPS)]);
    is_registered_for(&mut pair, id, 600);
    let push = &pair.agent(A).binding(id).unwrap().push;
    assert_eq!(push[0].vapid.as_deref(), Some("BKey="));

    // Requests within long-lived dialogs are to wake it, too.
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:c0ffee@a.invalid;pn-purr=p%2F1");
    refused(&mut pair, caller);

    // It refreshes as early as the network wants.
    pair.run(S(600 - 130) - Duration::from_millis(1));
    pair.sent(&[]);
    pair.run(Duration::from_millis(1));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    let (caller, _, contact) = call(&mut pair, id);
    assert_eq!(contact, "sip:c0ffee@a.invalid");
    refused(&mut pair, caller);

    // RFC 8599 §4.1.2: leaving ends the push, for it doesn't say where any more.
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.sent(&["A REGISTER"]);
    assert_eq!(Push::of(&shown(&pair)).unwrap().prid, None);
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

#[test]
fn a_network_without_the_service_gets_a_registration_without_it() {
    let (mut pair, id) = asking(with_push());
    let others = (HeaderName::FeatureCaps, r#"*;+sip.pns="apns""#);
    respond(&mut pair, 555, &[others]);
    pair.sent(&["A REGISTER"]);
    assert_eq!(shown(&pair), account(PASSWORD).contact);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    assert_eq!(pair.agent(A).binding(id).unwrap().push, []);
    leave(pair, id);
}

#[test]
fn an_answer_that_wants_an_endless_refresh_is_not_followed() {
    let (mut pair, id) = asking(with_push());
    let before = (
        HeaderName::FeatureCaps,
        r#"*;+sip.pns="webpush";+sip.pnsreg="600""#,
    );
    respond(&mut pair, 200, &[before]);
    is_registered_for(&mut pair, id, 600);
    pair.run(S(149));
    pair.sent(&[]);
    pair.run(S(1));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    leave(pair, id);
}

#[test]
fn a_subscription_that_comes_later_is_told_when_it_is_there() {
    let (mut pair, id) = asking(account(PASSWORD));
    let first = web_push("https://push.test/1");
    pair.command(A, |a, now| a.set_push(now, id, Some(&first)));
    pair.sent(&[]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    assert_eq!(Push::of(&shown(&pair)), Some(first));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&[]);

    let second = web_push("https://push.test/2");
    pair.command(A, |a, now| a.set_push(now, id, Some(&second)));
    pair.sent(&["A REGISTER"]);
    assert_eq!(Push::of(&shown(&pair)), Some(second));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);

    pair.command(A, |a, now| a.set_push(now, id, None));
    pair.sent(&["A REGISTER"]);
    assert_eq!(shown(&pair), account(PASSWORD).contact);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.command(A, |a, now| a.remove_account(now, id));
    let gone = pair.try_command(A, |a, now| a.set_push(now, id, None));
    assert_eq!(gone, Err(CommandError::Gone));
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.sent(&["A REGISTER"]);
    pair.finish();
}
