//! People, their sessions and tickets, and accounts whose secrets stay in the gateway.

mod pbx;
mod sessions;
mod switch;

use serde_json::{Value, json};
use sidetone::config::Config;
use sidetone_sip::auth::{Challenge, Question, strongest};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

pub(crate) use self::pbx::challenge;
use crate::support::{Answer, Running, with_people};
use crate::upstream::Browser;

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
