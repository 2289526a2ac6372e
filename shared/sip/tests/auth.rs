//! Digest authentication: published vectors, reading and printing, and the verifier.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use sidetone_sip::auth::{
    Algorithm, Authenticator, Authorization, Challenge, Credentials, Known, QopOptions, Question,
    Refused, Secret, Verdict, WwwAuthenticate, answer, challenges, credentials, ha1, next_nonce,
    strongest,
};
use sidetone_sip::message::{HeaderName, TypedHeader};
use sidetone_sip::{Address, Headers, Method, Moment, SeededTokens, Text, Uri};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn challenge(line: &str) -> Challenge {
    WwwAuthenticate::parse(&Text::from(line)).unwrap().0
}

fn headers() -> Headers {
    let address = Address::new(Uri::parse("sip:alice@example.org").unwrap());
    let cseq = sidetone_sip::message::CSeq {
        number: 1,
        method: Method::Register,
    };
    Headers::new(address.clone(), address, "call".into(), cseq)
}

fn get() -> Method {
    Method::Other("GET".into())
}

#[test]
fn rfc_7616_section_3_9_1() {
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        // The same question with the third algorithm; this response is OpenSSL's.
        (
            "SHA-512-256",
            "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0",
        ),
    ] {
        let challenge = challenge(&format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        ));
        let credentials = answer(
            &challenge,
            "Mufasa",
            &Secret::new("Circle of Life"),
            &get(),
            "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            1,
        )
        .unwrap();
        assert_eq!(credentials.response, response);
        assert_eq!(credentials.opaque, challenge.opaque);
    }
}

/// As corrected by erratum 4897: the RFC's own response is made with another hash.
#[test]
fn rfc_7616_section_3_9_2() {
    let challenge = challenge(
        "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
         nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
         opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8",
    );
    let credentials = answer(
        &challenge,
        "J\u{e4}s\u{f8}n Doe",
        &Secret::new("Secret, or not?"),
        &get(),
        "/doe.json",
        "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        1,
    )
    .unwrap();
    assert_eq!(
        credentials.response,
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    );
}

/// The question of RFC 7616 §3.9.1 with a body to protect; these responses are OpenSSL's.
#[test]
fn auth_int_protects_the_body() {
    for (algorithm, response) in [
        ("MD5", "d1b8e2ac3f6782372de4bf3d8735b406"),
        (
            "SHA-256",
            "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563",
        ),
        (
            "SHA-512-256",
            "5e69357dfa951887c95e88aae45b1f7f834aeba94f85648b86d532e82afdb589",
        ),
    ] {
        let challenge = challenge(&format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\""
        ));
        let question = Question::new(
            &challenge,
            "Mufasa",
            &get(),
            "/dir/index.html",
            b"v=0\r\n",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            1,
        )
        .unwrap();
        assert_eq!(question.response(&Secret::new("Circle of Life")), response);
    }
}

#[test]
fn a_changed_body_is_noticed() {
    let mut desk = Desk::new();
    let mut challenge = desk.challenge(0, Algorithm::Sha256);
    challenge.qop = Some(QopOptions {
        auth: false,
        auth_int: true,
    });
    for (count, body, verdict) in [
        (1, "body", granted("101")),
        (2, "bodY", Verdict::Refused(Refused::WrongSecret)),
    ] {
        let (method, uri) = (Method::Register, "sip:demo.local");
        let question =
            Question::new(&challenge, "101", &method, uri, body.as_bytes(), "c", count).unwrap();
        let response = question.response(&Secret::new("demo-101"));
        assert_eq!(desk.verify(1, &question.credentials(response)), verdict);
    }
}

#[test]
fn the_next_nonce_is_read() {
    let mut headers = headers();
    let name = HeaderName::AuthenticationInfo;
    assert_eq!(next_nonce(&headers, &name), None);
    headers.push_raw(name.clone(), "qop=auth, rspauth=\"0\"");
    assert_eq!(next_nonce(&headers, &name), None);
    headers.push_raw(
        name.clone(),
        "cnonce=\"c\" , NextNonce = \"a, \\\"b\" ,nc=00000001",
    );
    assert_eq!(next_nonce(&headers, &name), Some("a, \"b".into()));
    headers.push_raw(name.clone(), "nextnonce=\"another\"");
    assert_eq!(next_nonce(&headers, &name), None, "it could be either");
}

#[test]
fn rfc_2617_with_and_without_qop() {
    let line = "Digest realm=\"testrealm@host.com\", \
                nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    for (qop, response) in [
        (
            ", qop=\"auth,auth-int\"",
            "6629fae49393a05397450978507c4ef1",
        ),
        ("", "670fd8c2df070c60b045671b8b24ff02"),
    ] {
        let challenge = challenge(&format!("{line}{qop}"));
        let secret = Secret::new("Circle Of Life");
        let uri = "/dir/index.html";
        let credentials =
            answer(&challenge, "Mufasa", &secret, &get(), uri, "0a4f113b", 1).unwrap();
        assert_eq!(credentials.response, response);
        assert_eq!(credentials.protection.is_some(), !qop.is_empty());
    }
}

#[test]
fn the_strongest_known_challenge_is_chosen() {
    let mut headers = headers();
    let name = HeaderName::WwwAuthenticate;
    headers.push_raw(
        name.clone(),
        "NoOneKnowsThis opaque-data=here, Digest realm=\"a, \\\"b\", nonce=\"1\", algorithm=MD5, \
         qop=\"auth\", Digest realm=\"a\", nonce=\"2\", algorithm=SHA-3",
    );
    headers.push_raw(name.clone(), "Basic realm=\"c\"");
    headers.push_raw(
        name.clone(),
        "digest Realm = \"a\" , NONCE=\"3\", algorithm=sha-256, stale=TRUE, qop=auth",
    );
    headers.push_raw(
        name.clone(),
        "Digest realm=\"a\", nonce=\"4\", algorithm=SHA-256, qop=\"auth-int\"",
    );
    headers.push_raw(
        name.clone(),
        "Digest realm=\"a\", nonce=\"5\", algorithm=SHA-256, qop=\"auth-new\"",
    );
    let all = challenges(&headers, &name);
    let nonces: Vec<&str> = all.iter().map(|c| c.nonce.as_str()).collect();
    assert_eq!(nonces, ["1", "2", "3", "4", "5"]);
    assert_eq!(all[0].realm, "a, \"b");
    assert_eq!(all[1].algorithm, None);
    let best = strongest(&all).unwrap();
    assert_eq!((best.nonce.as_str(), best.stale), ("3", true));
    assert_eq!(strongest(&all[..2]).unwrap().nonce, "1");
    assert_eq!(strongest(&all[1..2]), None);
    assert_eq!(strongest(&all[3..4]).unwrap().nonce, "4");
    assert_eq!(strongest(&all[4..5]), None);
    headers.push_raw(
        name.clone(),
        "Digest realm=\"a\", nonce=\"6\", algorithm=SHA-512-256",
    );
    let all = challenges(&headers, &name);
    assert_eq!(strongest(&all).unwrap().nonce, "6");
}

#[test]
fn printing_and_reading_are_inverse() {
    let challenge = challenge(
        "Digest realm=\"q\\\"uo\\\\te\", nonce=\"n\", opaque=\"\", stale=true, algorithm=SHA-256, \
         qop=\"auth\"",
    );
    let printed = Text::from(challenge.to_string());
    assert_eq!(WwwAuthenticate::parse(&printed).unwrap().0, challenge);

    let secret = Secret::new("x");
    let uri = "sip:example.org";
    let made = answer(
        &challenge,
        "a\"b",
        &secret,
        &Method::Register,
        uri,
        "c",
        0x1f,
    )
    .unwrap();
    let printed = Text::from(made.to_string());
    assert_eq!(Authorization::parse(&printed).unwrap().0, made);
    assert!(printed.contains("nc=0000001f"));
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[test]
fn credentials_of_other_schemes_and_halves_are_skipped() {
    for line in [
        "NoOneKnowsThisScheme opaque-data=here",
        "Digest username=\"a\"",
        "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\", qop=auth",
        "Digest username=\"a\", username=\"b\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"",
        "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\", qop=auth-int, nc=1",
        "",
        ",,,=",
    ] {
        let mut headers = headers();
        headers.push_raw(HeaderName::Authorization, line);
        assert_eq!(
            credentials(&headers, &HeaderName::Authorization),
            [],
            "{line}"
        );
        assert!(Authorization::parse(&line.into()).is_err(), "{line}");
    }
}

const LIFETIME: Duration = Duration::from_secs(300);

struct Desk {
    authenticator: Authenticator,
    tokens: SeededTokens,
}

impl Desk {
    fn new() -> Self {
        let mut tokens = SeededTokens::new(7);
        Self {
            authenticator: Authenticator::new("demo.local", LIFETIME, &mut tokens),
            tokens,
        }
    }

    fn challenge(&mut self, at: u64, algorithm: Algorithm) -> Challenge {
        let now = Moment::from_millis(at);
        let both = self.authenticator.challenges(now, &mut self.tokens, false);
        assert_eq!(both[0].algorithm, Some(Algorithm::Sha256));
        assert_eq!(both[1].algorithm, Some(Algorithm::Md5));
        both.into_iter()
            .find(|c| c.algorithm == Some(algorithm))
            .unwrap()
    }

    fn verify(&mut self, at: u64, credentials: &Credentials) -> Verdict {
        let now = Moment::from_millis(at);
        let method = Method::Register;
        self.authenticator
            .verify(now, credentials, &method, b"body", |user| match user {
                "101" => Some(Known::Password(Secret::new("demo-101"))),
                "102" => Some(Known::Ha1 {
                    md5: None,
                    sha512_256: None,
                    sha256: Some(Secret::new(ha1(
                        Algorithm::Sha256,
                        "102",
                        "demo.local",
                        "demo-102",
                    ))),
                }),
                _ => None,
            })
    }
}

fn reply(challenge: &Challenge, user: &str, password: &str, count: u32) -> Credentials {
    let secret = Secret::new(password);
    let uri = "sip:demo.local";
    answer(challenge, user, &secret, &Method::Register, uri, "c", count).unwrap()
}

fn granted(user: &str) -> Verdict {
    Verdict::Granted {
        username: user.into(),
    }
}

#[test]
fn a_right_answer_is_granted_once_per_count() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut desk = Desk::new();
        let challenge = desk.challenge(1000, algorithm);
        let first = reply(&challenge, "101", "demo-101", 1);
        assert_eq!(desk.verify(2000, &first), granted("101"));
        assert_eq!(desk.verify(2001, &first), Verdict::Stale);
        let third = reply(&challenge, "101", "demo-101", 3);
        assert_eq!(desk.verify(2002, &third), granted("101"));
        let second = reply(&challenge, "101", "demo-101", 2);
        assert_eq!(desk.verify(2003, &second), Verdict::Stale);
    }
}

#[test]
fn an_old_nonce_is_stale_only_with_the_right_secret() {
    let mut desk = Desk::new();
    let challenge = desk.challenge(1000, Algorithm::Sha256);
    let right = reply(&challenge, "101", "demo-101", 1);
    let wrong = reply(&challenge, "101", "demo-102", 1);
    let late = 1000 + 300_001;
    assert_eq!(desk.verify(late, &right), Verdict::Stale);
    assert_eq!(
        desk.verify(late, &wrong),
        Verdict::Refused(Refused::WrongSecret)
    );
    let fresh = desk.challenge(late, Algorithm::Sha256);
    let again = reply(&fresh, "101", "demo-101", 1);
    assert_eq!(desk.verify(late + 1, &again), granted("101"));
}

#[test]
fn refusals_name_their_reason() {
    let mut desk = Desk::new();
    let challenge = desk.challenge(0, Algorithm::Sha256);
    let right = reply(&challenge, "101", "demo-101", 1);
    let refused = |refused| Verdict::Refused(refused);

    let mut other = right.clone();
    other.realm = "elsewhere".into();
    assert_eq!(desk.verify(1, &other), refused(Refused::OtherRealm));

    let mut other = right.clone();
    other.opaque = Some("made-up".into());
    assert_eq!(desk.verify(1, &other), refused(Refused::ForeignNonce));

    let mut forged = challenge.clone();
    forged.nonce = format!("1{}", &challenge.nonce[1..]).into();
    let other = reply(&forged, "101", "demo-101", 1);
    assert_eq!(desk.verify(1, &other), refused(Refused::ForeignNonce));
    for nonce in [
        "",
        "ä",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "+000000000000001",
    ] {
        forged.nonce = nonce.into();
        let other = reply(&forged, "101", "demo-101", 1);
        assert_eq!(desk.verify(1, &other), refused(Refused::ForeignNonce));
    }

    let other = reply(&challenge, "999", "demo-101", 1);
    assert_eq!(desk.verify(1, &other), refused(Refused::UnknownUser));
    let other = reply(&challenge, "101", "demo-1O1", 1);
    assert_eq!(desk.verify(1, &other), refused(Refused::WrongSecret));
    // None of these spent the nonce.
    assert_eq!(desk.verify(1, &right), granted("101"));
}

#[test]
fn a_stored_hash_serves_only_its_algorithm() {
    let mut desk = Desk::new();
    let strong = desk.challenge(0, Algorithm::Sha256);
    let credentials = reply(&strong, "102", "demo-102", 1);
    assert_eq!(desk.verify(1, &credentials), granted("102"));
    let weak = desk.challenge(0, Algorithm::Md5);
    let credentials = reply(&weak, "102", "demo-102", 1);
    let refused = Verdict::Refused(Refused::UnknownUser);
    assert_eq!(desk.verify(1, &credentials), refused);
}

#[test]
fn without_qop_a_nonce_serves_once() {
    let mut desk = Desk::new();
    let mut challenge = desk.challenge(0, Algorithm::Md5);
    challenge.qop = None;
    let credentials = reply(&challenge, "101", "demo-101", 1);
    assert_eq!(credentials.protection, None);
    assert_eq!(desk.verify(1, &credentials), granted("101"));
    assert_eq!(desk.verify(2, &credentials), Verdict::Stale);
}

#[test]
fn a_forgotten_nonce_is_stale_not_reusable() {
    let mut desk = Desk::new();
    let first = desk.challenge(0, Algorithm::Md5);
    let used = reply(&first, "101", "demo-101", 1);
    assert_eq!(desk.verify(0, &used), granted("101"));
    for at in 1..=4096 {
        let challenge = desk.challenge(at, Algorithm::Md5);
        let credentials = reply(&challenge, "101", "demo-101", 1);
        assert_eq!(desk.verify(at, &credentials), granted("101"));
    }
    assert_eq!(desk.verify(4097, &used), Verdict::Stale);
    let higher = reply(&first, "101", "demo-101", 2);
    assert_eq!(desk.verify(4097, &higher), Verdict::Stale);
}

#[test]
fn another_authenticator_refuses_the_nonce() {
    let mut desk = Desk::new();
    let challenge = desk.challenge(0, Algorithm::Md5);
    let mut other = Desk::new();
    other.authenticator = Authenticator::new("demo.local", LIFETIME, &mut other.tokens);
    let mut credentials = reply(&challenge, "101", "demo-101", 1);
    credentials.opaque = None;
    let refused = Verdict::Refused(Refused::ForeignNonce);
    assert_eq!(other.verify(1, &credentials), refused);
}
