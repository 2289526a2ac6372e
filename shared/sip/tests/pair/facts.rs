//! What calls say of themselves: who asks, who vouches, how to ring and to answer.

use std::time::Duration;

use sidetone_sip::message::{
    AlertInfo, AnswerMode, CallInfo, HeaderName, PAssertedIdentity, PPreferredIdentity,
    PrivAnswerMode, Privacy, RawHeader, TypedHeader,
};
use sidetone_sip::{
    AutoAnswer, CallFacts, Event, Invite, Message, Method, Origin, OutgoingRequest,
    RegistrationState, SessionEvent, Status, Subscribe,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Pair, account, address, uri};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, respond, state};

fn raw((name, value): &(&str, &str)) -> RawHeader {
    RawHeader {
        name: HeaderName::from(*name),
        value: (*value).into(),
    }
}

/// Header lines: names and values.
type Lines<'a> = &'a [(&'a str, &'a str)];

/// What B is told of a call with these headers.
fn facts(lines: Lines) -> CallFacts {
    let mut pair = Pair::ws();
    let invite = Invite {
        headers: lines.iter().map(raw).collect(),
        ..pair.invitation()
    };
    pair.command(A, |a, now| a.invite(now, invite));
    pair.settle();
    match pair.event(B) {
        Event::Session {
            event: SessionEvent::Incoming { facts, .. },
            ..
        } => *facts,
        other => panic!("{other:?}"),
    }
}

fn auto_answer(lines: Lines) -> Option<AutoAnswer> {
    facts(lines).auto_answer
}

const fn after(seconds: u64) -> Option<AutoAnswer> {
    Some(AutoAnswer {
        after: Duration::from_secs(seconds),
        is_required: false,
        is_privileged: false,
    })
}

#[test]
fn an_ordinary_call_says_nothing() {
    assert_eq!(facts(&[]), CallFacts::default());
}

#[test]
fn who_calls_as_the_network_knows_it() {
    let told = facts(&[
        ("P-Asserted-Identity", "<sip:101@a.test>, <tel:+4930101>"),
        ("Privacy", "id;critical"),
        ("Referred-By", "<sip:104@a.test>"),
    ]);
    let asserted = [address("sip:101@a.test"), address("tel:+4930101")];
    assert_eq!(told.asserted, asserted);
    assert!(told.is_private);
    assert_eq!(told.referred_by, Some(address("sip:104@a.test")));
    let two_lines = facts(&[
        ("P-Asserted-Identity", "<sip:101@a.test>"),
        ("P-Asserted-Identity", "<tel:+4930101>"),
        ("Privacy", "none"),
    ]);
    assert_eq!(two_lines.asserted, asserted);
    assert!(!two_lines.is_private);
    let broken = facts(&[("P-Asserted-Identity", "<sip:101"), ("Privacy", ";;")]);
    assert_eq!(broken, CallFacts::default());
}

#[test]
fn nobody_in_particular_is_private() {
    let mut pair = Pair::ws();
    let mut invite = pair.invitation();
    let Origin::Explicit { from, .. } = &mut invite.origin else {
        panic!("{invite:?}");
    };
    *from = address("sip:anonymous@Anonymous.Invalid");
    pair.command(A, |a, now| a.invite(now, invite));
    pair.settle();
    match pair.event(B) {
        Event::Session {
            event: SessionEvent::Incoming { facts, .. },
            ..
        } => assert!(facts.is_private),
        other => panic!("{other:?}"),
    }
}

#[test]
fn how_to_ring() {
    let told = facts(&[
        ("Alert-Info", "<urn:alert:source:internal>;x=y"),
        ("Call-Info", "<https://a.test/p.png>;purpose=icon"),
    ]);
    let [alert] = &told.alerts[..] else {
        panic!("{told:?}");
    };
    assert_eq!(alert.uri, uri("urn:alert:source:internal"));
    assert_eq!(alert.params.value("x"), Some("y"));
    let [info] = &told.infos[..] else {
        panic!("{told:?}");
    };
    assert_eq!(info.uri, uri("https://a.test/p.png"));
    assert_eq!(info.params.value("purpose"), Some("icon"));
    assert_eq!(told.auto_answer, None);
}

#[test]
fn a_call_may_want_to_be_answered_by_itself() {
    let plain = AutoAnswer {
        after: Duration::ZERO,
        is_required: false,
        is_privileged: false,
    };
    let required = AutoAnswer {
        is_required: true,
        ..plain
    };
    let privileged = AutoAnswer {
        is_privileged: true,
        ..plain
    };
    let table: &[(Lines, Option<AutoAnswer>)] = &[
        (&[("Answer-Mode", "Auto")], Some(plain)),
        (&[("answer-mode", "auto;require")], Some(required)),
        (&[("Priv-Answer-Mode", "Auto")], Some(privileged)),
        (&[("Answer-Mode", "Manual")], None),
        (&[("Answer-Mode", "Perhaps")], None),
        (&[("Answer-Mode", "")], None),
        (&[("Call-Info", "<sip:a.test>;answer-after=0")], after(0)),
        (&[("Call-Info", ";answer-after=2")], after(2)),
        (&[("Call-Info", "<sip:a>;answer-after=301")], None),
        (&[("Call-Info", "<sip:a>;answer-after=x")], None),
        (
            &[("Alert-Info", "<http://a>;info=alert-autoanswer")],
            after(0),
        ),
        (&[("Alert-Info", "info=alert-autoanswer")], after(0)),
        (&[("Alert-Info", "Auto Answer")], after(0)),
        (&[("Alert-Info", "Ring Answer")], None),
        // What the RFC says goes before what was usual.
        (
            &[
                ("Answer-Mode", "Manual"),
                ("Call-Info", "<sip:a>;answer-after=0"),
            ],
            None,
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(auto_answer(lines), *expected, "{lines:?}");
    }
}

fn reads_back<T: TypedHeader + PartialEq + std::fmt::Debug>(text: &str, printed: &str) {
    let header = T::parse(&text.into()).unwrap();
    assert_eq!(header.to_string(), printed);
    assert_eq!(T::parse(&printed.into()), Ok(header));
}

#[test]
fn headers_of_identity_and_answering_read_and_print() {
    let two = "\"A\" <sip:a@b>, <tel:+49>";
    reads_back::<PAssertedIdentity>("\"A\"<sip:a@b>,<tel:+49>", two);
    reads_back::<PPreferredIdentity>(two, two);
    reads_back::<AlertInfo>(
        "<urn:alert:service:call-waiting>",
        "<urn:alert:service:call-waiting>",
    );
    reads_back::<CallInfo>("<http://a/b> ;purpose=card", "<http://a/b>;purpose=card");
    reads_back::<Privacy>("id ; user,critical", "id;user;critical");
    reads_back::<AnswerMode>("Auto ; require", "Auto;require");
    reads_back::<PrivAnswerMode>("Manual", "Manual");
    assert!(Privacy::parse(&"id;".into()).is_err());
    assert!(AnswerMode::parse(&"Au to".into()).is_err());
    assert!(Privacy::id().hides_user());
}

#[test]
fn an_account_can_call_without_telling_who_it_is() {
    let mut account = account(PASSWORD);
    let instance = Some("\"<urn:uuid:1>\"");
    account.contact.params.set("+sip.instance", instance);
    let (mut pair, id) = asking(account);
    let register = pair.last_request(&Method::Register).clone();
    let mut granted = pair.response(&register, 200, "r");
    let mut contact = register.headers.contact.first().unwrap().clone();
    let gruu = "\"sip:101@demo.test;gr=urn:uuid:1\"";
    contact.params.set("pub-gruu", Some(gruu));
    granted.headers.contact = sidetone_sip::message::Contacts::one(contact);
    let route = HeaderName::ServiceRoute;
    granted.headers.push_raw(route, "<sip:one.test;lr>");
    pair.deliver(A, &Message::Response(granted));
    is_registered_for(&mut pair, id, 600);

    let origin = Origin::Anonymous(id);
    let invite = Invite {
        origin: origin.clone(),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.answer(&Method::Invite, 404, "b");
    assert_eq!(pair.ended(A, caller).status, Some(Status::NOT_FOUND));
    let options = OutgoingRequest {
        origin: origin.clone(),
        method: Method::Options,
        target: uri("sip:102@b.test"),
        headers: Vec::new(),
        body: None,
    };
    pair.command(A, |a, now| a.request(now, options));
    pair.answer(&Method::Options, 200, "b");
    assert!(matches!(pair.event(A), Event::RequestAnswered { .. }));
    let wish = Subscribe {
        origin,
        target: uri("sip:102@b.test"),
        to: address("sip:102@b.test"),
        packages: vec![sidetone_sip::Package {
            name: "dialog".into(),
            accept: "application/dialog-info+xml".into(),
        }],
        headers: Vec::new(),
        expires: 600,
    };
    let subscription = pair.command(A, |a, now| a.subscribe(now, wish));
    pair.answer(&Method::Subscribe, 403, "b");
    assert!(matches!(
        pair.event(A),
        Event::Subscription { subscription: s, .. } if s == subscription
    ));
    for method in [Method::Invite, Method::Options, Method::Subscribe] {
        let headers = &pair.last_request(&method).headers;
        let from = headers.from.uri.to_string();
        assert_eq!(from, "sip:anonymous@anonymous.invalid", "{method}");
        let name = headers.from.display_name.as_deref();
        assert_eq!(name, Some("Anonymous"));
        assert_eq!(headers.typed(), Ok(Some(Privacy::id())));
        let preferred = PPreferredIdentity(vec![address("sip:101@demo.test")]);
        assert_eq!(headers.typed(), Ok(Some(preferred)));
        // The public GRUU says who it is.
        let contact = headers.contact.first().unwrap().uri.to_string();
        assert_eq!(contact, "sip:c0ffee@a.invalid");
        assert_eq!(headers.route, [address("sip:one.test;lr")]);
    }
    pair.command(A, |a, now| a.remove_account(now, id));
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.trace();
    pair.finish();
}
