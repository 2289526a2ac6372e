//! The browser of a person whose secrets stay in the gateway: whatever it is told is kept for the search.

use futures_util::StreamExt;
use serde_json::Value;
use sidetone_sip::auth::{Question, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};
use tokio::net::UdpSocket;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{Gateway, Haystack, Planted};
use crate::sign_in::{authorization, challenge, challenge_of, question, register};
use crate::support::{Answer, PATIENCE, ask, send};
use crate::upstream::{Browser, asked, response, say};

/// A browser of the person.
pub(super) struct Visit<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) cookie: String,
    pub(super) found: &'a mut Haystack,
}

impl Visit<'_> {
    pub(super) async fn ask(&mut self, head: &str) -> Answer {
        let cookie = &self.cookie;
        let answer = ask(self.gateway.tcp().await, &format!("{head}\n{cookie}")).await;
        self.found.add(&format!("HTTP {head}"), answer.bytes());
        answer
    }

    pub(super) async fn send(&mut self, head: &str, body: &Value) -> Answer {
        let cookie = &self.cookie;
        let all = format!("{head}\n{cookie}");
        let answer = send(self.gateway.tcp().await, &all, body).await;
        self.found.add(&format!("HTTP {head}"), answer.bytes());
        answer
    }

    /// The next final response, as it came and as it reads.
    async fn hear(&mut self, browser: &mut Browser, status: u16) -> Response {
        loop {
            let frame = tokio::time::timeout(PATIENCE, browser.next()).await;
            let frame = frame.expect("nothing came").unwrap().unwrap();
            let Frame::Text(text) = frame else { continue };
            self.found.add("the WebSocket", text.as_bytes().to_vec());
            let response = response(text.as_bytes());
            if response.status != Status::TRYING {
                assert_eq!(response.status.code(), status, "{text}");
                return response;
            }
        }
    }

    pub(super) async fn register(
        &mut self,
        browser: &mut Browser,
        user: &str,
        domain: &str,
        pbx: Option<&UdpSocket>,
        planted: &Planted<'_>,
    ) {
        say(browser, &register(user, domain, 1, ""), "").await;
        if let Some(pbx) = pbx {
            challenge(pbx, Method::Register, "asterisk", "n1").await;
        }
        let challenge = challenge_of(&self.hear(browser, 401).await);
        let uri = format!("sip:{domain}");
        let head = format!("POST /api/v1/accounts/{user}@{domain}/response");
        let asked_for = question(&challenge, "REGISTER", &uri);
        let answer = self.send(&head, &asked_for).await;
        let response = answer.json()["response"].as_str().unwrap().to_owned();
        let expected = Question::new(&challenge, user, &Method::Register, &uri, &[], "c1", 1);
        let expected = expected.unwrap().response(&Secret::new(planted.secret));
        assert_eq!(
            *response, *expected,
            "the secret that is looked for was not used"
        );
        let header = authorization(&challenge, user, &Method::Register, &uri, &response);
        say(browser, &register(user, domain, 2, &header), "").await;
        if let Some(pbx) = pbx {
            let (request, gateway) = asked(pbx, Method::Register).await;
            let mut ok = Response::to(&request, Status::OK, Some("r"));
            ok.reason = planted.reason.into();
            ok.headers.contact = request.headers.contact.clone();
            ok.headers.push_raw(HeaderName::Expires, "600");
            pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
        }
        self.hear(browser, 200).await;
    }
}
