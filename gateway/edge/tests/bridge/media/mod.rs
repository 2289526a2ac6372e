//! Calls whose sound the gateway carries.

mod auto;
mod end;
mod rewriting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetone_edge::{
    AnchorConfig, AnchorError, Anchored, Boxed, MediaAnchor, MediaMode, MediaStatistics, Rewritten,
    Step, StreamStatistics, UpstreamConfig,
};
use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::{Address, Message, Request, Response, Status, Uri};
use tokio::sync::mpsc;

use crate::support::{Browser, Gateway, Pbx, dialog_of, pbx_request, request_of, soon};

/// A media engine that says what was asked of it.
struct Engine(mpsc::UnboundedSender<String>, Arc<AtomicBool>);

struct Anchor(mpsc::UnboundedSender<String>, Arc<AtomicBool>);

impl MediaAnchor for Engine {
    fn anchor(&self, _: AnchorConfig) -> Boxed<'_, Result<Box<dyn Anchored>, AnchorError>> {
        let (told, heard) = (self.0.clone(), Arc::clone(&self.1));
        Box::pin(async move {
            told.send("anchored".to_owned()).unwrap();
            Ok(Box::new(Anchor(told, heard)) as Box<dyn Anchored>)
        })
    }
}

fn name(step: Step<'_>) -> String {
    match step {
        Step::OfferFromBrowser => "browser offers".to_owned(),
        Step::AnswerFromPbx { branch } => format!("pbx answers {branch}"),
        Step::OfferFromPbx => "pbx offers".to_owned(),
        Step::AnswerFromBrowser => "browser answers".to_owned(),
    }
}

impl Anchored for Anchor {
    fn rewrite<'a>(
        &'a self,
        step: Step<'a>,
        sdp: &'a str,
    ) -> Boxed<'a, Result<Rewritten, AnchorError>> {
        let step = name(step);
        self.0.send(step.clone()).unwrap();
        let rewritten = match sdp {
            sdp if sdp.contains("useless") => Err(AnchorError {
                status: Status::NOT_ACCEPTABLE_HERE,
                why: "useless".to_owned(),
            }),
            sdp if sdp.contains("restart") => Ok(Rewritten::Answer("here\r\n".to_owned())),
            sdp => Ok(Rewritten::Pass(format!("{step}: {sdp}"))),
        };
        Box::pin(async move { rewritten })
    }

    fn confirm<'a>(&'a self, branch: &'a str) -> Boxed<'a, ()> {
        self.0.send(format!("confirmed {branch}")).unwrap();
        Box::pin(async {})
    }

    fn statistics(&self) -> Boxed<'_, Option<MediaStatistics>> {
        let from_browser = StreamStatistics {
            codec: Some("opus"),
            converted_to: Some("PCMU"),
            packets: 1500,
            lost: 3,
            jitter: Duration::from_micros(2_260),
            round_trip: Some(Duration::from_millis(40)),
        };
        let from_pbx = StreamStatistics::default();
        let statistics = MediaStatistics {
            from_browser,
            from_pbx,
        };
        Box::pin(async move { Some(statistics) })
    }

    fn is_heard(&self) -> bool {
        let _ = self.0.send("asked whether it is heard".to_owned());
        self.1.load(Ordering::Relaxed)
    }

    fn close(self: Box<Self>) {
        // The test may have ended.
        let _ = self.0.send("closed".to_owned());
    }
}

struct World {
    pbx: Pbx,
    gateway: Gateway,
    browser: Browser,
    contact: String,
    told: mpsc::UnboundedReceiver<String>,
    /// Whether the browser sends sound.
    heard: Arc<AtomicBool>,
}

impl World {
    async fn start(media: MediaMode) -> Self {
        let mut pbx = Pbx::start().await;
        let (tell, told) = mpsc::unbounded_channel();
        let heard = Arc::new(AtomicBool::new(true));
        let upstream = UpstreamConfig {
            media,
            ..pbx.upstream()
        };
        let engine = Engine(tell, Arc::clone(&heard));
        let gateway = Gateway::anchored(upstream, Arc::new(engine)).await;
        let mut browser = gateway.browser().await;
        let contact = browser.register(&mut pbx, "one").await.uri.to_string();
        Self {
            pbx,
            gateway,
            browser,
            contact,
            told,
            heard,
        }
    }

    async fn told(&mut self, expected: &[&str]) {
        for expected in expected {
            let told = soon(expected, self.told.recv()).await.unwrap();
            assert_eq!(told, *expected);
        }
    }

    /// It is told this and nothing more.
    async fn told_last(&mut self, expected: &[&str]) {
        self.told(expected).await;
        self.told_nothing_more().await;
    }

    async fn told_nothing_more(&mut self) {
        self.browser.hears_nothing_more(&mut self.gateway).await;
        assert_eq!(self.told.try_recv().ok(), None);
    }

    /// The browser calls and is answered; the dialog of the call.
    async fn called(&mut self) -> (String, Vec<String>) {
        let asked = self.browser_asks(&invite(1, "", "offer")).await;
        self.answers(&asked, 200, "callee", "answer").await;
        dialog_of(&self.browser.response(200).await)
    }

    /// A request of the browser, as the PBX gets it.
    async fn browser_asks(&mut self, written: &str) -> Request {
        self.browser.send(written).await;
        let method = request_of(written).method;
        self.pbx.request(method).await.0
    }

    /// A request of the PBX, as the browser gets it.
    async fn pbx_asks(&mut self, request: Request) -> Request {
        let method = request.method.clone();
        self.pbx_sends(request).await;
        self.browser.request(method).await
    }

    /// The PBX's response without a description.
    async fn responds(&self, request: &Request, status: u16, tag: &str) {
        let gw = self.gateway.bridge.local_addr();
        self.pbx.respond(request, status, tag, gw).await;
    }

    /// The PBX's response with a description.
    async fn answers(&self, request: &Request, status: u16, tag: &str, sdp: &str) {
        let status = Status::new(status).unwrap();
        let mut response = Response::to(request, status, Some(tag));
        describe(&mut response, sdp);
        let contact = Uri::parse(&format!("sip:pbx@{}", self.pbx.addr())).unwrap();
        response.headers.contact = Contacts::one(Address::new(contact));
        self.pbx_sends(response).await;
    }

    /// The browser's response with a description.
    async fn browser_answers(&mut self, request: &Request, sdp: &str) {
        let mut response = Response::to(request, Status::OK, Some("here"));
        describe(&mut response, sdp);
        let contact = Uri::parse("sip:x1@b.invalid;transport=ws").unwrap();
        response.headers.contact = Contacts::one(Address::new(contact));
        self.browser.send_message(response).await;
    }

    fn incoming(&self, method: &str, number: u32, to: &str, body: &str) -> Request {
        let mut request = pbx_request(
            &self.pbx,
            method,
            &self.contact,
            &format!("{method}{number}"),
            &format!(
                "From: <sip:202@office.example>;tag=far
                 To: <sip:201@office.example>{to}
                 Call-ID: incoming
                 CSeq: {number} {method}"
            ),
        );
        if !body.is_empty() {
            request
                .headers
                .push_raw(HeaderName::ContentType, "application/sdp");
            request.body = body.as_bytes().to_vec();
        }
        request
    }

    async fn pbx_sends(&self, message: impl Into<Message>) {
        let gw = self.gateway.bridge.local_addr();
        self.pbx.send_to(message, gw).await;
    }
}

/// What the browser is told of a call of this engine.
const TOLD: [&str; 2] = [
    "relay;from=browser;codec=opus;converted-to=PCMU;packets=1500;lost=3;jitter=2.3;round-trip=40.0",
    "relay;from=pbx;codec=none;packets=0;lost=0;jitter=0.0",
];

fn describe(response: &mut Response, sdp: &str) {
    response
        .headers
        .push_raw(HeaderName::ContentType, "application/sdp");
    response.body = sdp.as_bytes().to_vec();
}

fn body(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn invite(number: u32, more: &str, body: &str) -> String {
    let body = match body {
        "" => String::new(),
        sdp => format!("\nContent-Type: application/sdp\n\n{sdp}"),
    };
    format!(
        "INVITE sip:202@office.example SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bKinvite{number}
         From: <sip:201@office.example>;tag=caller
         To: <sip:202@office.example>
         Call-ID: call
         CSeq: {number} INVITE
         Contact: <sip:x1@b.invalid;transport=ws>{more}{body}"
    )
}

fn within(method: &str, number: u32, (uri, routes): &(String, Vec<String>), body: &str) -> String {
    invite(number, "", body)
        .replace("INVITE sip:202@office.example", &format!("{method} {uri}"))
        .replace(&format!("{number} INVITE"), &format!("{number} {method}"))
        .replace("z9hG4bKinvite", &format!("z9hG4bK{method}"))
        .replace(
            "To: <sip:202@office.example>",
            "To: <sip:202@office.example>;tag=callee",
        )
        .replace("Call-ID:", &format!("Route: {}\nCall-ID:", routes[0]))
}
