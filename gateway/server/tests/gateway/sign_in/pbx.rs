//! Phones of a PBX that asks for passwords, which the gateway keeps.

use serde_json::{Value, json};
use sidetone::config::Account;
use sidetone_sip::auth::{Challenge, Question, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};
use tokio::net::UdpSocket;

use super::{
    ask, authorization, challenge_of, connect, cookie_of, question, register, start, ticket,
};
use crate::support::{Answer, Running};
use crate::upstream::{Browser, asked, hear, say, upstream};

const URI: &str = "sip:office.example";

/// A PBX wants to see a password first.
pub(crate) async fn challenge(pbx: &UdpSocket, method: Method, realm: &str, nonce: &str) {
    let (request, gateway) = asked(pbx, method).await;
    let mut refusal = Response::to(&request, Status::UNAUTHORIZED, Some("registrar"));
    let challenge =
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
    refusal
        .headers
        .push_raw(HeaderName::WwwAuthenticate, challenge);
    pbx.send_to(&refusal.to_bytes(), gateway).await.unwrap();
}

/// The REGISTER of 201; `authorization` is empty or a header.
fn comes(number: u32, authorization: &str) -> String {
    register("201", "office.example", number, authorization)
}

fn leaves(number: u32, authorization: &str) -> String {
    comes(number, authorization).replace("Expires: 600", "Expires: 0")
}

/// A gateway before a PBX, where alice has 201, and her browser.
struct Office {
    pbx: UdpSocket,
    running: Running,
    cookie: String,
    browser: Browser,
}

impl Office {
    async fn start() -> Self {
        let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let office = upstream(&pbx);
        let account = Account {
            upstream: Some("office".into()),
            user: "201".into(),
            domain: "office.example".into(),
            secret: Secret::new("correct horse"),
            realm: None,
            person: "alice".into(),
            label: "Office".into(),
        };
        let running = start(|config| {
            config.accounts = vec![account];
            config.upstreams = vec![office];
            config.bridge.listen = "127.0.0.1:0".parse().ok();
        })
        .await;
        let cookie = cookie_of(&running, "alice").await;
        let ticket = ticket(&running, &cookie).await;
        let browser = connect(&running, &ticket).await.unwrap();
        Self {
            pbx,
            running,
            cookie,
            browser,
        }
    }

    /// The challenge that the browser is told when it asks for this.
    async fn challenged(
        &mut self,
        request: &str,
        method: Method,
        realm: &str,
        nonce: &str,
    ) -> Challenge {
        let told = async {
            say(&mut self.browser, request, "").await;
            hear(&mut self.browser, 401).await
        };
        let (told, ()) = tokio::join!(told, challenge(&self.pbx, method, realm, nonce));
        challenge_of(&told)
    }

    /// What the gateway answers for 201.
    async fn ask(&self, question: &Value) -> Answer {
        ask(&self.running, &self.cookie, "201@office.example", question).await
    }

    /// The gateway's response to a challenge of a REGISTER.
    async fn response(&self, challenge: &Challenge) -> String {
        let answer = self.ask(&question(challenge, "REGISTER", URI)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["response"].as_str().unwrap().to_owned()
    }

    /// The PBX grants a REGISTER; answers the response that it was shown.
    async fn granted(&mut self, request: &str) -> String {
        let granted = async {
            say(&mut self.browser, request, "").await;
            hear(&mut self.browser, 200).await
        };
        tokio::join!(granted, accept(&self.pbx)).1
    }

    /// The browser asks; the PBX wants to see the password first, then does it.
    async fn granted_at_last(
        &mut self,
        request: impl Fn(u32, &str) -> String,
        number: u32,
        nonce: &str,
    ) {
        let first = request(number, "");
        let told = self
            .challenged(&first, Method::Register, "asterisk", nonce)
            .await;
        let response = self.response(&told).await;
        let header = authorization(&told, "201", &Method::Register, URI, &response);
        let shown = self.granted(&request(number + 1, &header)).await;
        assert_eq!(shown, response);
    }
}

/// A PBX grants a REGISTER; answers the response that it was shown.
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

#[tokio::test]
async fn a_phone_registers_at_a_pbx_and_strangers_get_nothing() {
    let mut office = Office::start().await;
    let told = office
        .challenged(&comes(1, ""), Method::Register, "asterisk", "n1")
        .await;
    let mut invented = question(&told, "REGISTER", URI);
    invented["nonce"] = json!("n2");
    let answer = office.ask(&invented).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let response = office.response(&told).await;
    let header = authorization(&told, "201", &Method::Register, URI, &response);
    let shown = office.granted(&comes(2, &header)).await;
    let expected = Question::new(&told, "201", &Method::Register, URI, &[], "c1", 1).unwrap();
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
    let told = office
        .challenged(message, Method::Message, "evil", "n3")
        .await;
    let foreign = question(&told, "MESSAGE", "sip:evil@office.example");
    let answer = office.ask(&foreign).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.json()["response"].is_null());
}

#[tokio::test]
async fn a_phone_can_unregister_before_its_person_is_out() {
    let mut office = Office::start().await;
    office.granted_at_last(comes, 1, "n1").await;
    office.granted_at_last(leaves, 3, "n2").await;
    // What was asked just before is not answered any more.
    let told = office
        .challenged(&leaves(5, ""), Method::Register, "asterisk", "n3")
        .await;
    let out = format!("DELETE /api/v1/session\n{}", office.cookie);
    assert_eq!(office.running.ask(&out).await.status, 204);
    let answer = office.ask(&question(&told, "REGISTER", URI)).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
}
