use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sidetone_edge::{
    AnchorConfig, AnchorError, Anchored, Boxed, MediaAnchor, MediaMode, Rewritten, Step,
    UpstreamConfig,
};
use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::{Address, Method, Request, Response, Status, Uri};
use tokio::sync::mpsc;

use crate::support::{Browser, Gateway, Pbx, dialog_of, pbx_request, soon};

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

    async fn told_nothing_more(&mut self) {
        self.browser.hears_nothing_more(&mut self.gateway).await;
        assert_eq!(self.told.try_recv().ok(), None);
    }

    /// The PBX's response with a description.
    async fn answers(&self, request: &Request, status: u16, tag: &str, sdp: &str) {
        let status = Status::new(status).unwrap();
        let mut response = Response::to(request, status, Some(tag));
        describe(&mut response, sdp);
        let contact = Uri::parse(&format!("sip:pbx@{}", self.pbx.addr())).unwrap();
        response.headers.contact = Contacts::one(Address::new(contact));
        let gw = self.gateway.bridge.local_addr();
        self.pbx.send_to(response, gw).await;
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

    async fn pbx_sends(&self, request: Request) {
        let gw = self.gateway.bridge.local_addr();
        self.pbx.send_to(request, gw).await;
    }
}

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

#[tokio::test]
async fn descriptions_are_rewritten_both_ways_from_ringing_to_the_end() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, gw) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&asked.body), "browser offers: offer\r\n");
    world.told(&["anchored", "browser offers"]).await;
    // Two branches ring with sound, one answers, and says so twice.
    for tag in ["other", "callee"] {
        world.answers(&asked, 183, tag, "early").await;
        let early = world.browser.response(183).await;
        assert_eq!(body(&early.body), format!("pbx answers {tag}: early"));
    }
    world
        .told(&["pbx answers other", "pbx answers callee"])
        .await;
    let mut dialog = None;
    for _ in 0..2 {
        world.answers(&asked, 200, "callee", "early").await;
        let answer = world.browser.response(200).await;
        assert_eq!(body(&answer.body), "pbx answers callee: early");
        dialog = Some(dialog_of(&answer));
        world.told(&["confirmed callee"]).await;
    }
    let dialog = dialog.unwrap();
    world.browser.send(&within("ACK", 1, &dialog, "")).await;
    world.pbx.request(Method::Ack).await;
    // Hold by UPDATE of the browser.
    world
        .browser
        .send(&within("UPDATE", 2, &dialog, "hold"))
        .await;
    let (update, _) = world.pbx.request(Method::Update).await;
    assert_eq!(body(&update.body), "browser offers: hold\r\n");
    world.answers(&update, 200, "callee", "held").await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), "pbx answers callee: held");
    // A new way of the browser is not the PBX's concern, and neither is its ACK.
    world
        .browser
        .send(&within("INVITE", 3, &dialog, "restart"))
        .await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), "here\r\n");
    world.browser.send(&within("ACK", 3, &dialog, "")).await;
    world.browser.send(&within("BYE", 4, &dialog, "")).await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    world.pbx.respond(&bye, 200, "callee", gw).await;
    world.browser.response(200).await;
    let expected = [
        "browser offers",
        "pbx answers callee",
        "browser offers",
        "closed",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_call_of_the_pbx_is_anchored_and_one_without_an_offer_is_answered_by_its_ack() {
    let mut world = World::start(MediaMode::Relay).await;
    world.pbx_sends(world.incoming("INVITE", 1, "", "")).await;
    let rings = world.browser.request(Method::Invite).await;
    assert!(rings.body.is_empty());
    world.browser_answers(&rings, "offer").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser offers: offer");
    world
        .pbx_sends(world.incoming("ACK", 1, ";tag=here", "answer"))
        .await;
    let ack = world.browser.request(Method::Ack).await;
    assert_eq!(body(&ack.body), "pbx answers far: answer");
    world
        .pbx_sends(world.incoming("INVITE", 2, ";tag=here", "again"))
        .await;
    let again = world.browser.request(Method::Invite).await;
    assert_eq!(body(&again.body), "pbx offers: again");
    world.browser_answers(&again, "yes").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser answers: yes");
    world
        .pbx_sends(world.incoming("ACK", 2, ";tag=here", ""))
        .await;
    world.browser.request(Method::Ack).await;
    world
        .pbx_sends(world.incoming("BYE", 3, ";tag=here", ""))
        .await;
    let bye = world.browser.request(Method::Bye).await;
    world
        .browser
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    world.pbx.response(200).await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers far",
        "pbx offers",
        "browser answers",
        "closed",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_call_that_fails_gives_its_anchor_back_and_the_next_attempt_has_its_own() {
    let mut world = World::start(MediaMode::Relay).await;
    for (number, status) in [(1, 407), (2, 486)] {
        world.browser.send(&invite(number, "", "offer")).await;
        let (asked, gw) = world.pbx.request(Method::Invite).await;
        world.pbx.respond(&asked, status, "callee", gw).await;
        world.browser.response(status).await;
        world.pbx.request(Method::Ack).await;
        let ack = invite(number, "", "").replace("INVITE", "ACK");
        world.browser.send(&ack).await;
        world.told(&["anchored", "browser offers", "closed"]).await;
    }
    world.told_nothing_more().await;
}

#[tokio::test]
async fn an_offer_that_is_useless_is_refused_and_a_useless_answer_ends_the_call() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "useless")).await;
    world.browser.response(488).await;
    world
        .browser
        .send(&invite(1, "", "").replace("INVITE", "ACK"))
        .await;
    world.told(&["anchored", "browser offers", "closed"]).await;
    world.browser.send(&invite(2, "", "offer")).await;
    let (asked, gw) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 183, "callee", "useless").await;
    let early = world.browser.response(183).await;
    assert!(early.body.is_empty());
    world.answers(&asked, 200, "callee", "useless").await;
    world.browser.response(488).await;
    world
        .browser
        .send(&invite(2, "", "").replace("INVITE", "ACK"))
        .await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 2);
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 3);
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.uri.to_string(), format!("sip:pbx@{}", world.pbx.addr()));
    world.pbx.respond(&bye, 200, "callee", gw).await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers callee",
        "pbx answers callee",
    ];
    world.told(&expected).await;
    world.told(&["closed"]).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_pbx_that_speaks_web_rtc_keeps_its_own_sound() {
    let mut world = World::start(MediaMode::Auto).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&asked.body), "offer\r\n");
    let direct = "v=0\r\na=fingerprint:sha-256 00\r\n";
    world.answers(&asked, 200, "callee", direct).await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), direct);
    world
        .pbx_sends(world.incoming("INVITE", 1, "", direct))
        .await;
    let rings = world.browser.request(Method::Invite).await;
    assert_eq!(body(&rings.body), direct);
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_pbx_that_refuses_web_rtc_is_offered_the_call_anew_and_remembered() {
    let mut world = World::start(MediaMode::Auto).await;
    world.browser.send(&invite(7, "", "offer")).await;
    let (asked, gw) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&asked.body), "offer\r\n");
    world.pbx.respond(&asked, 488, "refusing", gw).await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.via, asked.headers.via);
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&again.body), "browser offers: offer\r\n");
    assert_eq!(again.headers.call_id, asked.headers.call_id);
    assert_eq!(again.headers.from, asked.headers.from);
    assert_eq!(again.headers.cseq.number, 8);
    assert_ne!(again.headers.via[0].branch(), asked.headers.via[0].branch());
    world.pbx.respond(&again, 180, "callee", gw).await;
    let ringing = world.browser.response(180).await;
    assert_eq!(ringing.headers.cseq.number, 7);
    world.answers(&again, 200, "callee", "answer").await;
    let answer = world.browser.response(200).await;
    assert_eq!(answer.headers.cseq.number, 7);
    assert_eq!(body(&answer.body), "pbx answers callee: answer");
    let dialog = dialog_of(&answer);
    // What the browser counts, the PBX counts one further.
    world.browser.send(&within("ACK", 7, &dialog, "")).await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 8);
    world.browser.send(&within("BYE", 8, &dialog, "")).await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 9);
    world.pbx.respond(&bye, 200, "callee", gw).await;
    let ended = world.browser.response(200).await;
    assert_eq!(ended.headers.cseq.number, 8);
    // The next call knows it from the start.
    let next = invite(1, "", "offer").replace("Call-ID: call", "Call-ID: next");
    world.browser.send(&next).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&asked.body), "browser offers: offer\r\n");
    assert_eq!(asked.headers.cseq.number, 1);
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers callee",
        "confirmed callee",
        "closed",
        "anchored",
        "browser offers",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn an_answer_without_a_fingerprint_is_offered_anew_within_the_call() {
    let mut world = World::start(MediaMode::Auto).await;
    world.browser.send(&invite(7, "", "offer")).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 200, "callee", "plain").await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 7);
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(again.headers.to.tag(), Some("callee"));
    assert_eq!(again.headers.cseq.number, 8);
    assert_eq!(
        again.uri.to_string(),
        format!("sip:pbx@{}", world.pbx.addr())
    );
    assert_eq!(body(&again.body), "browser offers: offer\r\n");
    world.answers(&again, 200, "callee", "answer").await;
    let answer = world.browser.response(200).await;
    assert_eq!(answer.headers.cseq.number, 7);
    assert_eq!(body(&answer.body), "pbx answers callee: answer");
    world
        .browser
        .send(&within("ACK", 7, &dialog_of(&answer), ""))
        .await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 8);
    world
        .told(&["anchored", "browser offers", "pbx answers callee"])
        .await;
    world.told(&["confirmed callee"]).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn an_offer_without_a_fingerprint_is_anchored() {
    let mut world = World::start(MediaMode::Auto).await;
    world
        .pbx_sends(world.incoming("INVITE", 1, "", "plain"))
        .await;
    let rings = world.browser.request(Method::Invite).await;
    assert_eq!(body(&rings.body), "pbx offers: plain");
    world.told(&["anchored", "pbx offers"]).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_restarted_gateway_anchors_a_call_again_when_its_browser_offers() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 200, "callee", "answer").await;
    let dialog = dialog_of(&world.browser.response(200).await);
    let upstream = UpstreamConfig {
        media: MediaMode::Relay,
        ..world.pbx.upstream()
    };
    let (tell, told) = mpsc::unbounded_channel();
    world.gateway.kill().await;
    world.told = told;
    world.gateway = Gateway::anchored(upstream, Arc::new(Engine(tell, Arc::default()))).await;
    world.browser = world.gateway.browser().await;
    world
        .browser
        .send(&within("INVITE", 2, &dialog, "back"))
        .await;
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&again.body), "browser offers: back\r\n");
    world.told(&["anchored", "browser offers"]).await;
}

#[tokio::test]
async fn sound_outlives_the_socket_and_a_silent_call_is_ended() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 200, "callee", "answer").await;
    let dialog = dialog_of(&world.browser.response(200).await);
    world
        .browser
        .send(&within("UPDATE", 5, &dialog, "more"))
        .await;
    let (update, _) = world.pbx.request(Method::Update).await;
    world.answers(&update, 200, "callee", "fine").await;
    world.browser.response(200).await;
    let mut expected = vec![
        "anchored",
        "browser offers",
        "pbx answers callee",
        "confirmed callee",
        "browser offers",
        "pbx answers callee",
    ];
    world.told(&expected).await;
    world.browser = world.gateway.browser().await;
    // Nobody comes back, but the sound goes on; then it falls silent.
    expected = vec!["asked whether it is heard"];
    world.told(&expected).await;
    world.told(&expected).await;
    world.heard.store(false, Ordering::Relaxed);
    let (bye, gw) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 6);
    assert_eq!(bye.headers.from.tag(), Some("caller"));
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.uri.to_string(), dialog.0);
    world.pbx.respond(&bye, 200, "callee", gw).await;
    loop {
        let told = soon("the end", world.told.recv()).await.unwrap();
        if told == "closed" {
            break;
        }
        assert_eq!(told, expected[0]);
    }
}

#[tokio::test]
async fn a_silent_call_of_the_pbx_is_ended_too() {
    let mut world = World::start(MediaMode::Relay).await;
    world
        .pbx_sends(world.incoming("INVITE", 9, "", "offer"))
        .await;
    let rings = world.browser.request(Method::Invite).await;
    world.browser_answers(&rings, "answer").await;
    world.pbx.response(200).await;
    world
        .pbx_sends(world.incoming("ACK", 9, ";tag=here", ""))
        .await;
    world.browser.request(Method::Ack).await;
    world.heard.store(false, Ordering::Relaxed);
    world.browser = world.gateway.browser().await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 1);
    assert_eq!(bye.headers.from.tag(), Some("here"));
    assert_eq!(bye.headers.to.tag(), Some("far"));
    assert_eq!(bye.uri.to_string(), format!("sip:pbx@{}", world.pbx.addr()));
}
