use std::sync::Arc;

use rtc_stun::attributes::{ATTR_ERROR_CODE, ATTR_ICE_CONTROLLING, AttrType};
use rtc_stun::message::{Getter, TransactionId};

use super::*;

struct Fixture {
    crypto: Arc<dyn RTCCryptoProvider>,
    agent: LiteAgent,
}

impl Fixture {
    fn new() -> Self {
        let crypto = rtc_crypto::default_provider().unwrap();
        let agent = LiteAgent::new(Credentials::random(&*crypto).unwrap());
        Self { crypto, agent }
    }

    /// A check as a browser writes it.
    fn check(&self, to: &Credentials, attributes: &[AttrType]) -> Vec<u8> {
        check(&*self.crypto, to, attributes)
    }

    fn handle(&mut self, from: &str, datagram: &[u8]) -> Option<Bytes> {
        let mut check = Check::parse(datagram).unwrap();
        let from = Path::Udp(from.parse().unwrap());
        self.agent.handle_check(from, &mut check, &*self.crypto)
    }

    fn remote(&self) -> Option<String> {
        self.agent.remote().map(|path| path.address().to_string())
    }
}

pub(crate) fn check(
    crypto: &dyn RTCCryptoProvider,
    to: &Credentials,
    attributes: &[AttrType],
) -> Vec<u8> {
    let mut request = Message::new();
    request.typ = BINDING_REQUEST;
    request.transaction_id = TransactionId::new();
    request.write_header();
    request.add(ATTR_USERNAME, format!("{}:them", to.ufrag).as_bytes());
    for attribute in attributes {
        request.add(
            *attribute,
            if *attribute == ATTR_USE_CANDIDATE {
                &[]
            } else {
                &[7; 8]
            },
        );
    }
    MessageIntegrity::new_raw_integrity_with_provider(to.pwd.as_bytes(), crypto.crypto())
        .add_to(&mut request)
        .unwrap();
    FINGERPRINT.add_to(&mut request).unwrap();
    request.raw
}

fn decoded(response: &Bytes) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(response).unwrap();
    message
}

#[test]
fn an_authentic_check_is_answered_with_the_address_it_came_from() {
    let mut fixture = Fixture::new();
    let credentials = fixture.agent.credentials().clone();
    let request = fixture.check(&credentials, &[ATTR_ICE_CONTROLLING]);
    let response = fixture.handle("[::ffff:192.0.2.1]:5000", &request).unwrap();
    let mut response = decoded(&response);
    assert_eq!(response.typ, BINDING_SUCCESS);
    assert_eq!(response.transaction_id.0, request[8..20]);
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&response).unwrap();
    assert_eq!(
        (mapped.ip.to_string(), mapped.port),
        ("192.0.2.1".to_owned(), 5000)
    );
    FINGERPRINT.check(&response).unwrap();
    let key = credentials.pwd.as_bytes();
    MessageIntegrity::check(&mut response, key, fixture.crypto.crypto()).unwrap();
}

#[test]
fn a_wrong_password_or_name_is_not_answered() {
    let mut fixture = Fixture::new();
    let mut wrong = fixture.agent.credentials().clone();
    wrong.pwd.push('x');
    let request = fixture.check(&wrong, &[ATTR_USE_CANDIDATE]);
    assert_eq!(fixture.handle("192.0.2.1:5000", &request), None);
    let mut wrong = fixture.agent.credentials().clone();
    wrong.ufrag.push('x');
    let request = fixture.check(&wrong, &[ATTR_USE_CANDIDATE]);
    assert_eq!(fixture.handle("192.0.2.1:5000", &request), None);
    assert_eq!(fixture.remote(), None);
}

#[test]
fn the_last_nominated_address_is_the_one_to_send_to() {
    let mut fixture = Fixture::new();
    let credentials = fixture.agent.credentials().clone();
    let plain = fixture.check(&credentials, &[]);
    let nominating = fixture.check(&credentials, &[ATTR_USE_CANDIDATE]);
    let steps = [
        ("192.0.2.1:1", &plain, "192.0.2.1:1"),
        ("192.0.2.2:2", &plain, "192.0.2.2:2"),
        ("192.0.2.1:1", &nominating, "192.0.2.1:1"),
        ("192.0.2.2:2", &plain, "192.0.2.1:1"),
        ("192.0.2.3:3", &nominating, "192.0.2.3:3"),
    ];
    for (from, request, remote) in steps {
        fixture.handle(from, request).unwrap();
        assert_eq!(fixture.remote().as_deref(), Some(remote));
    }
}

#[test]
fn what_follows_the_integrity_does_not_nominate() {
    let mut fixture = Fixture::new();
    let credentials = fixture.agent.credentials().clone();
    let first = fixture.check(&credentials, &[ATTR_USE_CANDIDATE]);
    fixture.handle("192.0.2.1:1", &first).unwrap();
    let mut forged = Message::new();
    forged
        .unmarshal_binary(&fixture.check(&credentials, &[]))
        .unwrap();
    forged.add(ATTR_USE_CANDIDATE, &[]);
    fixture.handle("203.0.113.9:9", &forged.raw).unwrap();
    assert_eq!(fixture.remote().as_deref(), Some("192.0.2.1:1"));
}

#[test]
fn a_peer_that_would_be_controlled_is_told_so() {
    let mut fixture = Fixture::new();
    let credentials = fixture.agent.credentials().clone();
    let request = fixture.check(&credentials, &[ATTR_ICE_CONTROLLED]);
    let response = decoded(&fixture.handle("192.0.2.1:1", &request).unwrap());
    assert_eq!(response.typ, BINDING_ERROR);
    assert_eq!(response.get(ATTR_ERROR_CODE).unwrap()[2..4], [4, 87]);
    assert_eq!(fixture.remote(), None);
}

#[test]
fn after_a_restart_the_old_path_serves_until_the_new_one_is_used() {
    let mut fixture = Fixture::new();
    let old = fixture.agent.credentials().clone();
    let old_check = fixture.check(&old, &[ATTR_USE_CANDIDATE]);
    fixture.handle("192.0.2.1:1", &old_check).unwrap();
    let new = Credentials::random(&*fixture.crypto).unwrap();
    fixture.agent.restart(new.clone());
    assert_eq!(fixture.agent.ufrags().count(), 2);
    fixture.handle("192.0.2.1:1", &old_check).unwrap();
    assert_eq!(fixture.remote().as_deref(), Some("192.0.2.1:1"));
    let new_check = fixture.check(&new, &[]);
    fixture.handle("198.51.100.7:7", &new_check).unwrap();
    assert_eq!(fixture.remote().as_deref(), Some("198.51.100.7:7"));
    assert_eq!(fixture.agent.ufrags().collect::<Vec<_>>(), [&new.ufrag]);
    assert_eq!(fixture.handle("192.0.2.1:1", &old_check), None);
}

#[test]
fn broken_checks_are_refused_without_panic() {
    let fixture = Fixture::new();
    let credentials = fixture.agent.credentials().clone();
    let whole = fixture.check(&credentials, &[ATTR_USE_CANDIDATE, ATTR_ICE_CONTROLLING]);
    for length in 0..whole.len() {
        assert!(Check::parse(&whole[..length]).is_none(), "cut to {length}");
    }
    let mut agent = fixture.agent;
    let from = Path::Udp("192.0.2.1:1".parse().unwrap());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut broken = whole.clone();
            broken[at] ^= 1 << bit;
            let check = Check::parse(&broken);
            let answer = check.and_then(|mut c| agent.handle_check(from, &mut c, &*fixture.crypto));
            // Only what lies behind the integrity may differ.
            assert!(
                answer.is_none() || at >= whole.len() - 8,
                "byte {at} bit {bit}"
            );
        }
    }
}

#[test]
fn credentials_are_as_long_as_they_must_be_and_differ() {
    let fixture = Fixture::new();
    let one = Credentials::random(&*fixture.crypto).unwrap();
    let other = Credentials::random(&*fixture.crypto).unwrap();
    assert_ne!(one, other);
    // RFC 8839 §5.4.
    assert!(one.ufrag.len() >= 4 && one.pwd.len() >= 22);
}
