use sidetone_sip::Method;
use sidetone_sip::message::CSeq;

use super::*;
use crate::directory::TenantId;

const NOW: Moment = Moment::from_millis(1_000_000);
const FLOW: FlowId = FlowId(1);

fn aor() -> AddressOfRecord {
    AddressOfRecord {
        tenant: TenantId::new("demo"),
        number: "101".into(),
    }
}

fn address(uri: &str) -> Address {
    Address::new(Uri::parse(uri).unwrap())
}

/// A contact `user` with `+sip.instance`, if any, and `expires`, if any.
fn contact(user: &str, instance: Option<&str>, expires: Option<u32>) -> Address {
    let mut contact = address(&format!("sip:{user}@phone.invalid;transport=ws"));
    if let Some(instance) = instance {
        contact
            .params
            .set("+sip.instance", Some(&format!("\"<urn:uuid:{instance}>\"")));
    }
    if let Some(expires) = expires {
        contact.params.set("expires", Some(&expires.to_string()));
    }
    contact
}

fn headers(call_id: &str, cseq: u32, contact: Contacts) -> Headers {
    let of_101 = address("sip:101@demo.local");
    let cseq = CSeq {
        number: cseq,
        method: Method::Register,
    };
    let mut headers = Headers::new(of_101.clone(), of_101, call_id.into(), cseq);
    headers.contact = contact;
    headers
}

fn one(call_id: &str, cseq: u32, contact: Address) -> Headers {
    headers(call_id, cseq, Contacts::one(contact))
}

fn star(call_id: &str, cseq: u32, expires: Option<u32>) -> Headers {
    let mut headers = headers(call_id, cseq, Contacts::Star);
    if let Some(seconds) = expires {
        headers.push(&Expires(seconds));
    }
    headers
}

/// The users registered and the seconds left of each.
fn listed(registrar: &Registrar, now: Moment) -> Vec<(String, u32)> {
    let seconds = |c: &Address| c.params.value("expires").unwrap().parse().unwrap();
    let contacts = registrar.contacts(now, &aor());
    contacts
        .iter()
        .map(|c| (c.uri.user().unwrap().into_owned(), seconds(c)))
        .collect()
}

fn register(registrar: &mut Registrar, headers: &Headers) -> Result<(), RegisterError> {
    registrar.register(NOW, &aor(), FLOW, headers)
}

#[test]
fn contacts_add_up_and_expire() {
    let mut registrar = Registrar::default();
    register(&mut registrar, &one("a", 1, contact("one", None, Some(60)))).unwrap();
    register(
        &mut registrar,
        &one("b", 1, contact("two", None, Some(600))),
    )
    .unwrap();
    assert_eq!(
        listed(&registrar, NOW),
        [("one".into(), 60), ("two".into(), 600)]
    );
    assert_eq!(registrar.next_expiry(), Some(NOW + Duration::from_secs(60)));
    let later = NOW + Duration::from_secs(60);
    assert_eq!(listed(&registrar, later), [("two".into(), 540)]);
    registrar.expire(later);
    assert_eq!(
        registrar.next_expiry(),
        Some(NOW + Duration::from_secs(600))
    );
    registrar.expire(NOW + Duration::from_secs(600));
    assert_eq!((registrar.registered(), registrar.next_expiry()), (0, None));
}

#[test]
fn a_renewed_contact_is_looked_at_when_it_would_have_expired_and_stays() {
    let mut registrar = Registrar::default();
    register(&mut registrar, &one("a", 1, contact("one", None, Some(60)))).unwrap();
    register(
        &mut registrar,
        &one("a", 2, contact("one", None, Some(600))),
    )
    .unwrap();
    let first = NOW + Duration::from_secs(60);
    assert_eq!(registrar.next_expiry(), Some(first));
    registrar.expire(first);
    assert_eq!(listed(&registrar, first), [("one".into(), 540)]);
    let second = NOW + Duration::from_secs(600);
    assert_eq!(registrar.next_expiry(), Some(second));
}

#[test]
fn expiry_is_the_contacts_then_the_headers_then_ours_and_is_bounded() {
    let table = [
        (Some(120), Some(600), Ok(120)),
        (None, Some(600), Ok(600)),
        (None, None, Ok(3600)),
        (Some(86_400), None, Ok(3600)),
        (Some(60), None, Ok(60)),
        (Some(59), None, Err(RegisterError::TooBrief)),
        (None, Some(1), Err(RegisterError::TooBrief)),
    ];
    for (of_contact, of_header, expected) in table {
        let mut registrar = Registrar::default();
        let mut headers = one("a", 1, contact("one", None, of_contact));
        if let Some(seconds) = of_header {
            headers.push(&Expires(seconds));
        }
        let granted = register(&mut registrar, &headers).map(|()| listed(&registrar, NOW)[0].1);
        assert_eq!(granted, expected, "{of_contact:?} {of_header:?}");
    }
}

#[test]
fn a_query_changes_nothing() {
    let mut registrar = Registrar::default();
    register(&mut registrar, &headers("a", 1, Contacts::default())).unwrap();
    assert_eq!(registrar.registered(), 0);
    register(&mut registrar, &one("a", 2, contact("one", None, Some(60)))).unwrap();
    register(&mut registrar, &headers("a", 3, Contacts::default())).unwrap();
    assert_eq!(listed(&registrar, NOW), [("one".into(), 60)]);
}

#[test]
fn zero_removes_one_and_star_removes_all() {
    let mut registrar = Registrar::default();
    for user in ["one", "two", "three"] {
        register(&mut registrar, &one(user, 1, contact(user, None, Some(60)))).unwrap();
    }
    register(
        &mut registrar,
        &one("one", 2, contact("one", None, Some(0))),
    )
    .unwrap();
    assert_eq!(
        listed(&registrar, NOW),
        [("two".into(), 60), ("three".into(), 60)]
    );
    for expires in [None, Some(60)] {
        let misused = register(&mut registrar, &star("z", 1, expires));
        assert_eq!(misused, Err(RegisterError::StarMisused));
    }
    assert_eq!(registrar.contacts(NOW, &aor()).len(), 2);
    register(&mut registrar, &star("z", 2, Some(0))).unwrap();
    assert_eq!(listed(&registrar, NOW), []);
}

#[test]
fn an_old_request_changes_nothing() {
    let mut registrar = Registrar::default();
    register(&mut registrar, &one("a", 5, contact("one", None, Some(60)))).unwrap();
    for cseq in [4, 5] {
        let old = register(
            &mut registrar,
            &one("a", cseq, contact("one", None, Some(0))),
        );
        assert_eq!(old, Err(RegisterError::OutOfOrder));
        assert_eq!(
            register(&mut registrar, &star("a", cseq, Some(0))),
            Err(RegisterError::OutOfOrder)
        );
    }
    // All of a request or nothing.
    let both = vec![
        contact("two", None, Some(60)),
        contact("one", None, Some(0)),
    ];
    let mixed = register(&mut registrar, &headers("a", 4, Contacts::List(both)));
    assert_eq!(mixed, Err(RegisterError::OutOfOrder));
    assert_eq!(listed(&registrar, NOW), [("one".into(), 60)]);
    // Another Call-ID is another phone's, or the same after a restart.
    register(
        &mut registrar,
        &one("b", 1, contact("one", None, Some(600))),
    )
    .unwrap();
    assert_eq!(listed(&registrar, NOW), [("one".into(), 600)]);
}

#[test]
fn an_instance_has_one_contact() {
    let mut registrar = Registrar::default();
    register(
        &mut registrar,
        &one("a", 1, contact("before", Some("1"), Some(60))),
    )
    .unwrap();
    register(
        &mut registrar,
        &one("b", 1, contact("other", Some("2"), Some(60))),
    )
    .unwrap();
    let reloaded = one("c", 1, contact("after", Some("1"), Some(90)));
    registrar
        .register(NOW, &aor(), FlowId(2), &reloaded)
        .unwrap();
    assert_eq!(
        listed(&registrar, NOW),
        [("after".into(), 90), ("other".into(), 60)]
    );
    let flows: Vec<FlowId> = registrar.bindings(NOW, &aor()).map(|b| b.flow).collect();
    assert_eq!(flows, [FlowId(2), FLOW]);
}

#[test]
fn an_extension_has_so_many_phones_and_no_more() {
    let limits = RegistrarLimits {
        contacts: 2,
        ..RegistrarLimits::default()
    };
    let mut registrar = Registrar::new(limits);
    for user in ["one", "two"] {
        register(&mut registrar, &one(user, 1, contact(user, None, Some(60)))).unwrap();
    }
    let third = register(
        &mut registrar,
        &one("three", 1, contact("three", None, Some(60))),
    );
    assert_eq!(third, Err(RegisterError::TooMany));
    register(
        &mut registrar,
        &one("two", 2, contact("two", None, Some(90))),
    )
    .unwrap();
    assert_eq!(
        listed(&registrar, NOW),
        [("one".into(), 60), ("two".into(), 90)]
    );
}

#[test]
fn contacts_go_with_their_flow() {
    let mut registrar = Registrar::default();
    register(&mut registrar, &one("a", 1, contact("one", None, Some(60)))).unwrap();
    let elsewhere = one("b", 1, contact("two", None, Some(60)));
    registrar
        .register(NOW, &aor(), FlowId(2), &elsewhere)
        .unwrap();
    registrar.remove_flow(&aor(), FLOW);
    assert_eq!(listed(&registrar, NOW), [("two".into(), 60)]);
    registrar.remove_flow(&aor(), FlowId(2));
    assert_eq!(registrar.registered(), 0);
}

#[test]
fn only_sip_addresses_are_contacts() {
    let mut registrar = Registrar::default();
    let tel = register(&mut registrar, &one("a", 1, address("tel:101")));
    assert_eq!(tel, Err(RegisterError::Malformed));
    let mut unreadable = one("a", 2, contact("one", None, None));
    unreadable.push_raw(sidetone_sip::message::HeaderName::Expires, "soon");
    assert_eq!(
        register(&mut registrar, &unreadable),
        Err(RegisterError::Malformed)
    );
    assert_eq!(registrar.registered(), 0);
}
