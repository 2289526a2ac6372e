//! What a secret answers, and what it doesn't.

use std::time::{Duration, Instant};

use sidetone_api as api;
use sidetone_sip::auth::{Challenge, Question, Secret, WwwAuthenticate};
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{Message, Method, Response};

use super::challenges::{Keeper, Unanswered};
use crate::config::Account;

const ADDRESS: &str = "201@office.example";

fn account(realm: Option<&str>) -> Account {
    Account {
        upstream: Some("office".into()),
        user: "201".into(),
        domain: "office.example".into(),
        secret: Secret::new("correct horse"),
        realm: realm.map(str::to_owned),
        person: "ann".into(),
        label: "Office".into(),
    }
}

fn keeper(realm: Option<&str>) -> Keeper {
    Keeper::new([account(realm)].into_iter())
}

/// A response with these header lines.
fn response(status: &str, method: &str, from: &str, lines: &[&str]) -> Response {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bK1\r\nFrom: <sip:{from}>;tag=1\r\n\
         To: <sip:{from}>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match read_frame(text.as_bytes(), &Limits::default()) {
        Incoming::Message(Message::Response(response)) => response,
        other => panic!("no response: {other:?}"),
    }
}

fn digest(realm: &str, nonce: &str) -> String {
    format!(
        r#"WWW-Authenticate: Digest realm="{realm}", nonce="{nonce}", algorithm=SHA-256, qop="auth""#
    )
}

fn challenged(method: &str, realm: &str, nonce: &str) -> Response {
    response(
        "401 Unauthorized",
        method,
        ADDRESS,
        &[&digest(realm, nonce)],
    )
}

fn question(method: &str, realm: &str, nonce: &str) -> api::Question {
    api::Question {
        realm: realm.into(),
        nonce: nonce.into(),
        algorithm: "SHA-256".into(),
        method: method.into(),
        uri: "sip:office.example".into(),
        qop: Some("auth".into()),
        cnonce: Some("c1".into()),
        count: Some(1),
        body_hash: None,
    }
}

#[test]
fn what_the_upstream_asks_is_answered_once() {
    let (keeper, now) = (keeper(None), Instant::now());
    let asked = challenged("REGISTER", "pbx", "n1");
    keeper.handle_response(now, Some("office"), &asked);
    let own = question("REGISTER", "pbx", "n1");
    let answer = keeper.answer(now, ADDRESS, &own).unwrap();
    // As an agent that had the secret would have answered.
    let challenge: Challenge = asked.headers.typed::<WwwAuthenticate>().unwrap().unwrap().0;
    let expected = Question::new(
        &challenge,
        "201",
        &Method::Register,
        "sip:office.example",
        &[],
        "c1",
        1,
    );
    let expected = expected.unwrap().response(&Secret::new("correct horse"));
    assert_eq!(answer, expected);
    let again = keeper.answer(now, ADDRESS, &own);
    assert_eq!(again, Err(Unanswered::Repeated));
    // With the next count it is another question, a few times.
    let next = |count| api::Question {
        count: Some(count),
        cnonce: Some(format!("c{count}")),
        ..own.clone()
    };
    for count in 2..=4 {
        assert!(keeper.answer(now, ADDRESS, &next(count)).is_ok(), "{count}");
    }
    let more = keeper.answer(now, ADDRESS, &next(5));
    assert_eq!(more, Err(Unanswered::Repeated));
}

#[test]
fn what_was_not_asked_is_not_answered() {
    let (keeper, now) = (keeper(None), Instant::now());
    keeper.handle_response(now, Some("office"), &challenged("REGISTER", "pbx", "n1"));
    let own = question("REGISTER", "pbx", "n1");
    for other in [
        question("REGISTER", "pbx", "n2"),
        question("REGISTER", "other", "n1"),
        question("INVITE", "pbx", "n1"),
        api::Question {
            algorithm: "MD5".into(),
            ..own.clone()
        },
        api::Question {
            qop: None,
            cnonce: None,
            count: None,
            ..own.clone()
        },
    ] {
        let answer = keeper.answer(now, ADDRESS, &other);
        assert_eq!(answer, Err(Unanswered::NotAsked), "{other:?}");
    }
    let nobody = keeper.answer(now, "202@office.example", &own);
    assert_eq!(nobody, Err(Unanswered::NoAccount));
    let late = now + Duration::from_secs(64);
    assert_eq!(
        keeper.answer(late, ADDRESS, &own),
        Err(Unanswered::NotAsked)
    );
}

#[test]
fn another_upstream_or_another_account_asks_in_vain() {
    let (keeper, now) = (keeper(Some("pbx")), Instant::now());
    let asked = challenged("REGISTER", "pbx", "n1");
    keeper.handle_response(now, Some("branch"), &asked);
    keeper.handle_response(now, None, &asked);
    for from in ["202@office.example", "201@branch.example"] {
        let other = response(
            "401 Unauthorized",
            "REGISTER",
            from,
            &[&digest("pbx", "n1")],
        );
        keeper.handle_response(now, Some("office"), &other);
    }
    let answer = keeper.answer(now, ADDRESS, &question("REGISTER", "pbx", "n1"));
    assert_eq!(answer, Err(Unanswered::NotAsked));
}

#[test]
fn a_foreign_realm_gets_no_digest() {
    let now = Instant::now();
    // Configured: not even to register.
    let bound = keeper(Some("pbx"));
    bound.handle_response(now, Some("office"), &challenged("REGISTER", "evil", "n1"));
    let answer = bound.answer(now, ADDRESS, &question("REGISTER", "evil", "n1"));
    assert_eq!(answer, Err(Unanswered::NotAsked));
    // Learnt from the registrar; nobody who is called teaches another one.
    let learning = keeper(None);
    learning.handle_response(now, Some("office"), &challenged("INVITE", "evil", "n0"));
    learning.handle_response(now, Some("office"), &challenged("REGISTER", "pbx", "n1"));
    learning.handle_response(now, Some("office"), &challenged("INVITE", "evil", "n2"));
    for nonce in ["n0", "n2"] {
        let answer = learning.answer(now, ADDRESS, &question("INVITE", "evil", nonce));
        assert_eq!(answer, Err(Unanswered::NotAsked), "{nonce}");
    }
    learning.handle_response(now, Some("office"), &challenged("INVITE", "pbx", "n3"));
    assert!(
        learning
            .answer(now, ADDRESS, &question("INVITE", "pbx", "n3"))
            .is_ok()
    );
    // Once it has worked, the realm stays what it is.
    learning.handle_response(
        now,
        Some("office"),
        &response("200 OK", "REGISTER", ADDRESS, &[]),
    );
    learning.handle_response(now, Some("office"), &challenged("REGISTER", "evil", "n4"));
    let answer = learning.answer(now, ADDRESS, &question("REGISTER", "evil", "n4"));
    assert_eq!(answer, Err(Unanswered::NotAsked));
}

#[test]
fn several_hops_may_ask_for_their_own() {
    let (keeper, now) = (keeper(None), Instant::now());
    let proxy = digest("proxy", "p1").replace("WWW-", "Proxy-");
    let proxy = response(
        "407 Proxy Authentication Required",
        "REGISTER",
        ADDRESS,
        &[&proxy],
    );
    keeper.handle_response(now, Some("office"), &proxy);
    assert!(
        keeper
            .answer(now, ADDRESS, &question("REGISTER", "proxy", "p1"))
            .is_ok()
    );
    keeper.handle_response(now, Some("office"), &challenged("REGISTER", "pbx", "n1"));
    let both = api::Question {
        count: Some(2),
        ..question("REGISTER", "proxy", "p1")
    };
    assert!(keeper.answer(now, ADDRESS, &both).is_ok());
    assert!(
        keeper
            .answer(now, ADDRESS, &question("REGISTER", "pbx", "n1"))
            .is_ok()
    );
}

#[test]
fn no_weaker_algorithm_is_answered() {
    let (keeper, now) = (keeper(None), Instant::now());
    let strong = digest("pbx", "n1");
    let weak = strong.replace("SHA-256", "MD5");
    let asked = response("401 Unauthorized", "REGISTER", ADDRESS, &[&weak, &strong]);
    keeper.handle_response(now, Some("office"), &asked);
    let own = question("REGISTER", "pbx", "n1");
    let weaker = api::Question {
        algorithm: "MD5".into(),
        ..own.clone()
    };
    assert_eq!(
        keeper.answer(now, ADDRESS, &weaker),
        Err(Unanswered::NotAsked)
    );
    assert!(keeper.answer(now, ADDRESS, &own).is_ok());
}

#[test]
fn without_a_count_there_is_one_answer_for_each_challenge() {
    let (keeper, now) = (keeper(None), Instant::now());
    let old = r#"WWW-Authenticate: Digest realm="pbx", nonce="n1""#;
    let asked = response("401 Unauthorized", "REGISTER", ADDRESS, &[old]);
    let own = api::Question {
        algorithm: "MD5".into(),
        qop: None,
        cnonce: None,
        count: None,
        ..question("REGISTER", "pbx", "n1")
    };
    // Some proxies give the same nonce to all who ask within a second.
    for _ in 0..2 {
        keeper.handle_response(now, Some("office"), &asked);
        assert!(keeper.answer(now, ADDRESS, &own).is_ok());
    }
    assert_eq!(keeper.answer(now, ADDRESS, &own), Err(Unanswered::Repeated));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let (keeper, now) = (keeper(None), Instant::now());
    keeper.handle_response(now, Some("office"), &challenged("REGISTER", "pbx", "n1"));
    let own = question("REGISTER", "pbx", "n1");
    let some = |text: &str| Some(text.to_owned());
    for odd in [
        api::Question {
            algorithm: "sha".into(),
            ..own.clone()
        },
        api::Question {
            qop: some("auth-conf"),
            ..own.clone()
        },
        api::Question {
            qop: None,
            ..own.clone()
        },
        api::Question {
            cnonce: None,
            ..own.clone()
        },
        api::Question {
            cnonce: some(""),
            ..own.clone()
        },
        // It could move the borders between what is hashed.
        api::Question {
            cnonce: some("c:auth:d"),
            ..own.clone()
        },
        api::Question {
            count: Some(0),
            ..own.clone()
        },
        api::Question {
            body_hash: some("00"),
            ..own.clone()
        },
        api::Question {
            qop: some("auth-int"),
            ..own.clone()
        },
        api::Question {
            uri: "sip:a\r\nb".into(),
            ..own.clone()
        },
    ] {
        let answer = keeper.answer(now, ADDRESS, &odd);
        assert_eq!(answer, Err(Unanswered::Malformed), "{odd:?}");
    }
    assert!(keeper.answer(now, ADDRESS, &own).is_ok());
}

#[test]
fn what_is_remembered_is_bounded() {
    let (keeper, now) = (keeper(Some("pbx")), Instant::now());
    for number in 0..100 {
        let asked = challenged("INVITE", "pbx", &format!("n{number}"));
        keeper.handle_response(now, Some("office"), &asked);
    }
    let ask = |nonce| keeper.answer(now, ADDRESS, &question("INVITE", "pbx", nonce));
    assert_eq!(ask("n35"), Err(Unanswered::NotAsked));
    assert!(ask("n36").is_ok() && ask("n99").is_ok());
}

#[test]
fn nothing_of_it_shows_the_secret() {
    let keeper = keeper(None);
    assert_eq!(format!("{keeper:?}"), "Keeper(…)");
    let accounts = keeper.accounts();
    assert_eq!(accounts[0].address, ADDRESS);
    assert!(!format!("{accounts:?} {:?}", account(None)).contains("horse"));
}
