//! People, their sessions and tickets, and accounts whose secrets stay in the gateway.

use futures_util::StreamExt;
use serde_json::{Value, json};
use sidetone::config::{Account, Config};
use sidetone_sip::auth::{Challenge, Question, Secret, strongest};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};
use tokio::net::UdpSocket;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use crate::sip::assert_served;
use crate::support::{Answer, PATIENCE, Running, with_people};
use crate::upstream::{Browser, asked, hear, say, upstream};

async fn start(change: impl FnOnce(&mut Config)) -> Running {
    Running::start(|config| {
        with_people(config);
        change(config);
    })
    .await
}

async fn sign_in(running: &Running, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password});
    running.send("POST /api/v1/session", &body).await
}

/// `Cookie: …`, as a browser shows what it was given.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("no cookie");
    format!("Cookie: {}", set.split(';').next().unwrap())
}

pub(crate) async fn cookie_of(running: &Running, name: &str) -> String {
    let answer = sign_in(running, name, &format!("{name}-demo")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    cookie(&answer)
}

async fn ticket(running: &Running, cookie: &str) -> String {
    let head = format!("POST /api/v1/session/ticket\n{cookie}");
    let answer = running.send(&head, &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

/// Opens the SIP socket with a ticket; the status, if it is refused.
async fn connect(running: &Running, ticket: &str) -> Result<Browser, u16> {
    let mut request = running.handshake();
    let protocols = format!("sip, ticket.{ticket}").parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocols);
    match connect_async(request).await {
        Ok((browser, answer)) => {
            assert_eq!(answer.headers()["sec-websocket-protocol"], "sip");
            Ok(browser)
        }
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn ask(running: &Running, cookie: &str, account: &str, question: &Value) -> Answer {
    let head = format!("POST /api/v1/accounts/{account}/response\n{cookie}");
    running.send(&head, question).await
}

#[tokio::test]
async fn somebody_signs_in_and_out() {
    let running = start(|_| {}).await;
    let about = running.ask("GET /api/v1/about").await.json();
    assert_eq!(about["people"], true);
    let nobody = running.ask("GET /api/v1/session").await;
    assert_eq!((nobody.status, nobody.text()), (200, "null"));
    let answer = sign_in(&running, "alice", "alice-demo").await;
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let alice = json!({
        "person": "alice",
        "accounts": [{"address": "101@demo.local", "label": "Alice"}],
    });
    assert_eq!(answer.json(), alice);
    let cookie = cookie(&answer);
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.json(), alice);
    let given = ticket(&running, &cookie).await;
    let out = running
        .ask(&format!("DELETE /api/v1/session\n{cookie}"))
        .await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.text(), "null");
    // What was given in the session's name is over with it.
    assert_eq!(connect(&running, &given).await.err(), Some(403));
    let head = format!("POST /api/v1/session/ticket\n{cookie}");
    assert_eq!(running.send(&head, &json!({})).await.status, 401);
}

#[tokio::test]
async fn a_remembered_session_is_kept_and_over_https_secure() {
    let running = start(|_| {}).await;
    let body = json!({"name": "alice", "password": "alice-demo", "remember": true});
    let head = "POST /api/v1/session\nOrigin: https://gateway.test";
    let answer = running.send(head, &body).await;
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-sidetone="), "{set}");
    assert!(set.contains("; Secure; Max-Age=2592000"), "{set}");
    let cookie = cookie(&answer);
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.json()["person"], "alice");
    // It is given anew, for another month.
    assert_eq!(who.header("set-cookie"), Some(set));
}

#[tokio::test]
async fn a_gateway_without_people_says_so() {
    let running = Running::start(|_| {}).await;
    let about = running.ask("GET /api/v1/about").await.json();
    assert_eq!(about["people"], false);
    assert_eq!(sign_in(&running, "alice", "alice-demo").await.status, 401);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same_and_are_counted() {
    let running = start(|_| {}).await;
    let wrong = sign_in(&running, "alice", "bob-demo").await;
    let unknown = sign_in(&running, "mallory", "bob-demo").await;
    assert_eq!((wrong.status, wrong.text()), (401, unknown.text()));
    assert_eq!(wrong.header("set-cookie"), None);
    for _ in 0..4 {
        assert_eq!(sign_in(&running, "alice", "x").await.status, 401);
    }
    // Now even the right one has to wait.
    let refused = sign_in(&running, "alice", "alice-demo").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    assert_eq!(refused.header("set-cookie"), None);
    assert_eq!(sign_in(&running, "bob", "bob-demo").await.status, 200);
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let running = start(|_| {}).await;
    let cookie = cookie_of(&running, "alice").await;
    let question = "POST /api/v1/accounts/101@demo.local/response";
    for head in [
        "POST /api/v1/session",
        "DELETE /api/v1/session",
        "POST /api/v1/session/ticket",
        question,
    ] {
        for origin in ["https://evil.example", "null"] {
            let head = format!("{head}\nOrigin: {origin}\n{cookie}");
            let answer = running.send(&head, &json!({})).await;
            assert_eq!(answer.status, 403, "{head}");
            assert!(answer.json()["error"].as_str().unwrap().contains("origin"));
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    let own = format!("POST /api/v1/session/ticket\nOrigin: http://gateway.test\n{cookie}");
    assert_eq!(running.send(&own, &json!({})).await.status, 200);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let running = start(|_| {}).await;
    let form = "POST /api/v1/session\nContent-Type: application/x-www-form-urlencoded";
    for (answer, status) in [
        (
            running
                .send("POST /api/v1/session", &json!({"name": "alice"}))
                .await,
            422,
        ),
        (running.ask(form).await, 415),
        (running.ask("PUT /api/v1/session").await, 405),
        (running.ask("GET /api/v1/session/ticket").await, 405),
        (sign_in(&running, &"x".repeat(20_000), "y").await, 413),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn a_ticket_opens_the_socket_once() {
    let running = start(|_| {}).await;
    let cookie = cookie_of(&running, "alice").await;
    let ticket = ticket(&running, &cookie).await;
    let browser = connect(&running, &ticket).await;
    assert!(browser.is_ok());
    assert_eq!(connect(&running, &ticket).await.err(), Some(403));
    assert_eq!(connect(&running, "made-up").await.err(), Some(403));
    // Whoever has a password of the PBX needs none.
    assert!(connect_async(running.handshake()).await.is_ok());
}

/// The question that a challenge puts, as a browser asks it.
pub(crate) fn question(challenge: &Challenge, method: &str, uri: &str) -> Value {
    json!({
        "realm": &*challenge.realm,
        "nonce": &*challenge.nonce,
        "algorithm": challenge.algorithm.unwrap().as_str(),
        "method": method,
        "uri": uri,
        "qop": "auth",
        "cnonce": "c1",
        "count": 1,
    })
}

pub(crate) fn challenge_of(response: &Response) -> Challenge {
    let all = sidetone_sip::auth::challenges(&response.headers, &HeaderName::WwwAuthenticate);
    strongest(&all).unwrap().clone()
}

pub(crate) fn register(user: &str, domain: &str, number: u32, authorization: &str) -> String {
    format!(
        "REGISTER sip:{domain} SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKr{number}
        Max-Forwards: 70
        From: <sip:{user}@{domain}>;tag=r
        To: <sip:{user}@{domain}>
        Call-ID: register-{user}
        CSeq: {number} REGISTER
        Contact: <sip:x1@b.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\"
        Expires: 600{authorization}"
    )
}

/// The header with a `response` that somebody else computed.
pub(crate) fn authorization(
    challenge: &Challenge,
    user: &str,
    method: &Method,
    uri: &str,
    response: &str,
) -> String {
    let question = Question::new(challenge, user, method, uri, &[], "c1", 1).unwrap();
    format!("\nAuthorization: {}", question.credentials(response.into()))
}

#[tokio::test]
async fn a_phone_registers_at_the_switch_with_a_secret_it_never_sees() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let bob = cookie_of(&running, "bob").await;
    let ticket = ticket(&running, &alice).await;
    let mut browser = connect(&running, &ticket).await.unwrap();
    say(&mut browser, &register("101", "demo.local", 1, ""), "").await;
    let challenge = challenge_of(&hear(&mut browser, 401).await);
    assert_eq!(challenge.realm, "demo.local");
    let asked = question(&challenge, "REGISTER", "sip:demo.local");
    let of_alice = "101@demo.local";
    for (cookie, account, status) in [
        ("X-Nobody: 1", of_alice, 401),
        // Nobody answers for somebody else, and another's connection was asked nothing.
        (&*bob, of_alice, 404),
        (&*bob, "102@demo.local", 403),
        (&*alice, "102@demo.local", 404),
    ] {
        let answer = ask(&running, cookie, account, &asked).await;
        assert_eq!(answer.status, status, "{account}: {}", answer.text());
    }
    let answer = ask(&running, &alice, of_alice, &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let fields = answer.json();
    assert_eq!(fields.as_object().unwrap().len(), 1);
    let response = fields["response"].as_str().unwrap();
    let header = authorization(
        &challenge,
        "101",
        &Method::Register,
        "sip:demo.local",
        response,
    );
    say(&mut browser, &register("101", "demo.local", 2, &header), "").await;
    hear(&mut browser, 200).await;
    let again = ask(&running, &alice, of_alice, &asked).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn a_challenge_over_a_connection_without_a_ticket_is_not_answered() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let (mut browser, _) = connect_async(running.handshake()).await.unwrap();
    say(&mut browser, &register("101", "demo.local", 1, ""), "").await;
    let challenge = challenge_of(&hear(&mut browser, 401).await);
    let asked = question(&challenge, "REGISTER", "sip:demo.local");
    let answer = ask(&running, &alice, "101@demo.local", &asked).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn signing_out_closes_the_connections_of_the_session_and_no_others() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let elsewhere = cookie_of(&running, "alice").await;
    let mut tabs = Vec::new();
    for cookie in [&alice, &alice, &elsewhere] {
        let ticket = ticket(&running, cookie).await;
        tabs.push(connect(&running, &ticket).await.unwrap());
    }
    let out = format!("DELETE /api/v1/session\n{alice}");
    assert_eq!(running.ask(&out).await.status, 204);
    let mut other = tabs.pop().unwrap();
    for tab in &mut tabs {
        let frame = tokio::time::timeout(PATIENCE, tab.next()).await;
        let frame = frame.expect("nothing came").unwrap().unwrap();
        let Frame::Close(Some(close)) = frame else {
            panic!("no close: {frame:?}");
        };
        assert_eq!(u16::from(close.code), 3000);
        assert_eq!(close.reason.as_str(), "the person has signed out");
    }
    assert_served(&mut other).await;
}

/// A PBX that challenges a REGISTER.
async fn challenge(pbx: &UdpSocket, method: Method, realm: &str, nonce: &str) {
    let (request, gateway) = asked(pbx, method).await;
    let mut refusal = Response::to(&request, Status::UNAUTHORIZED, Some("registrar"));
    let challenge =
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
    refusal
        .headers
        .push_raw(HeaderName::WwwAuthenticate, challenge);
    pbx.send_to(&refusal.to_bytes(), gateway).await.unwrap();
}

async fn accept(pbx: &UdpSocket) -> String {
    let (request, gateway) = asked(pbx, Method::Register).await;
    let mut ok = Response::to(&request, Status::OK, Some("registrar"));
    ok.headers.contact = request.headers.contact.clone();
    ok.headers.push_raw(HeaderName::Expires, "600");
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    let shown = sidetone_sip::auth::credentials(&request.headers, &HeaderName::Authorization);
    shown
        .first()
        .map(|shown| shown.response.to_string())
        .unwrap_or_default()
}

/// 201 of a PBX, for alice.
fn office_account() -> Account {
    Account {
        upstream: Some("office".into()),
        user: "201".into(),
        domain: "office.example".into(),
        secret: Secret::new("correct horse"),
        realm: None,
        person: "alice".into(),
        label: "Office".into(),
    }
}

#[tokio::test]
async fn a_phone_registers_at_a_pbx_and_strangers_get_nothing() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let office = upstream(&pbx);
    let running = start(|config| {
        config.accounts = vec![office_account()];
        config.upstreams = vec![office];
        config.bridge.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let (address, uri) = ("201@office.example", "sip:office.example");
    let alice = cookie_of(&running, "alice").await;
    let ticket = ticket(&running, &alice).await;
    let mut browser = connect(&running, &ticket).await.unwrap();
    let (told, ()) = tokio::join!(
        async {
            say(&mut browser, &register("201", "office.example", 1, ""), "").await;
            hear(&mut browser, 401).await
        },
        challenge(&pbx, Method::Register, "asterisk", "n1"),
    );
    let told = challenge_of(&told);
    let asked = question(&told, "REGISTER", uri);
    let mut invented = asked.clone();
    invented["nonce"] = json!("n2");
    let answer = ask(&running, &alice, address, &invented).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let answer = ask(&running, &alice, address, &asked).await;
    let response = answer.json()["response"].as_str().unwrap().to_owned();
    let header = authorization(&told, "201", &Method::Register, uri, &response);
    let (_, shown) = tokio::join!(
        async {
            say(
                &mut browser,
                &register("201", "office.example", 2, &header),
                "",
            )
            .await;
            hear(&mut browser, 200).await
        },
        accept(&pbx),
    );
    let expected = Question::new(&told, "201", &Method::Register, uri, &[], "c1", 1).unwrap();
    assert_eq!(
        shown,
        expected.response(&Secret::new("correct horse")).to_string()
    );
    // Somebody who is called asks in another realm, by way of the PBX.
    let message = "MESSAGE sip:evil@office.example SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKm
        From: <sip:201@office.example>;tag=m
        To: <sip:evil@office.example>
        Call-ID: message
        CSeq: 1 MESSAGE";
    let (told, ()) = tokio::join!(
        async {
            say(&mut browser, message, "").await;
            hear(&mut browser, 401).await
        },
        challenge(&pbx, Method::Message, "evil", "n3"),
    );
    let foreign = question(&challenge_of(&told), "MESSAGE", "sip:evil@office.example");
    let answer = ask(&running, &alice, address, &foreign).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.json()["response"].is_null());
}

/// The browser of 201 asks; the PBX wants to see the password first, then does it.
async fn granted(
    running: &Running,
    pbx: &UdpSocket,
    browser: &mut Browser,
    cookie: &str,
    nonce: &str,
    request: impl Fn(u32, &str) -> String,
    number: u32,
) {
    let uri = "sip:office.example";
    let (told, ()) = tokio::join!(
        async {
            say(browser, &request(number, ""), "").await;
            hear(browser, 401).await
        },
        challenge(pbx, Method::Register, "asterisk", nonce),
    );
    let told = challenge_of(&told);
    let asked = question(&told, "REGISTER", uri);
    let answer = ask(running, cookie, "201@office.example", &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let response = answer.json()["response"].as_str().unwrap().to_owned();
    let header = authorization(&told, "201", &Method::Register, uri, &response);
    let (_, shown) = tokio::join!(
        async {
            say(browser, &request(number + 1, &header), "").await;
            hear(browser, 200).await
        },
        accept(pbx),
    );
    assert_eq!(shown, response);
}

#[tokio::test]
async fn a_phone_can_unregister_before_its_person_is_out() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let office = upstream(&pbx);
    let running = start(|config| {
        config.accounts = vec![office_account()];
        config.upstreams = vec![office];
        config.bridge.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let alice = cookie_of(&running, "alice").await;
    let ticket = ticket(&running, &alice).await;
    let mut browser = connect(&running, &ticket).await.unwrap();
    let comes = |number, header: &str| register("201", "office.example", number, header);
    let leaves = |number, header: &str| comes(number, header).replace("Expires: 600", "Expires: 0");
    granted(&running, &pbx, &mut browser, &alice, "n1", comes, 1).await;
    granted(&running, &pbx, &mut browser, &alice, "n2", leaves, 3).await;
    // What was asked just before is not answered any more.
    let (told, ()) = tokio::join!(
        async {
            say(&mut browser, &leaves(5, ""), "").await;
            hear(&mut browser, 401).await
        },
        challenge(&pbx, Method::Register, "asterisk", "n3"),
    );
    let out = format!("DELETE /api/v1/session\n{alice}");
    assert_eq!(running.ask(&out).await.status, 204);
    let asked = question(&challenge_of(&told), "REGISTER", "sip:office.example");
    let answer = ask(&running, &alice, "201@office.example", &asked).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
}
