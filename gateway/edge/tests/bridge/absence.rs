//! Who calls a phone that has just gone.

use std::time::Duration;

use sidetone_sip::{Message, Method, Request, Response, Status};

use crate::calls::incoming;
use crate::support::{Browser, Gateway, Pbx, granted, pbx_request, register, response};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(50);
/// Long enough to call meanwhile.
const BRIEF: Duration = Duration::from_millis(1500);

/// A gateway, and the Contact of a phone that it knows to have gone.
async fn absent(pbx: &mut Pbx, ring_grace: Duration) -> (Gateway, String) {
    let gateway = Gateway::lingering(pbx.upstream(), ring_grace).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(pbx, "one").await.uri.to_string();
    drop(browser);
    // What is asked before the gateway knows waits for the browser.
    for number in 1.. {
        let dialog = format!(
            "From: <sip:202@office.example>;tag=far
             To: <sip:201@office.example>
             Call-ID: question
             CSeq: {number} OPTIONS"
        );
        let branch = format!("question{number}");
        let question = pbx_request(pbx, "OPTIONS", &contact, &branch, &dialog);
        pbx.send_to(question, gateway.bridge.local_addr()).await;
        let answer = tokio::time::timeout(Duration::from_millis(100), pbx.receive()).await;
        if let Ok((answer, _)) = answer {
            assert_eq!(response(answer).status, Status::TEMPORARILY_UNAVAILABLE);
            break;
        }
    }
    (gateway, contact)
}

/// The phone on a new socket.
async fn comes_back(gateway: &Gateway, pbx: &mut Pbx) -> Browser {
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 2)).await;
    let (request, from) = loop {
        match pbx.receive().await {
            (Message::Request(request), from) => break (request, from),
            (Message::Response(trying), _) => assert_eq!(trying.status, Status::TRYING),
        }
    };
    assert_eq!(request.method, Method::Register);
    pbx.send_to(granted(&request), from).await;
    browser
}

/// What the PBX asks of the browser next, but for the questions that waited for it.
async fn next_request(browser: &mut Browser) -> Request {
    loop {
        match browser.receive().await {
            Message::Request(request) if request.method == Method::Options => {}
            Message::Request(request) => return request,
            Message::Response(answer) => {
                assert_eq!(answer.headers.cseq.method, Method::Register);
                assert_eq!(answer.status, Status::OK);
            }
        }
    }
}

async fn answers(browser: &mut Browser, pbx: &mut Pbx) {
    let invite = next_request(browser).await;
    assert_eq!(invite.method, Method::Invite);
    let ok = Response::to(&invite, Status::OK, Some("here"));
    browser.send_message(ok).await;
    let answer = pbx.response(200).await;
    assert_eq!(answer.headers.cseq.method, Method::Invite);
}

#[tokio::test]
async fn a_call_waits_for_a_phone_that_is_on_its_way_back() {
    let mut pbx = Pbx::start().await;
    let (gateway, contact) = absent(&mut pbx, LONG).await;
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite, gateway.bridge.local_addr()).await;
    let mut browser = comes_back(&gateway, &mut pbx).await;
    answers(&mut browser, &mut pbx).await;
}

#[tokio::test]
async fn a_call_does_not_wait_long() {
    let mut pbx = Pbx::start().await;
    let (gateway, contact) = absent(&mut pbx, BRIEF).await;
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite, gateway.bridge.local_addr()).await;
    let answer = pbx.response(480).await;
    assert_eq!(answer.headers.cseq.method, Method::Invite);
}

#[tokio::test]
async fn a_call_that_waits_ends_with_its_caller() {
    let mut pbx = Pbx::start().await;
    let (gateway, contact) = absent(&mut pbx, LONG).await;
    let gw = gateway.bridge.local_addr();
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite.clone(), gw).await;
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.headers.cseq.method = Method::Cancel;
    cancel.headers.contact = Default::default();
    pbx.send_to(cancel, gw).await;
    let answer = pbx.response(200).await;
    assert_eq!(answer.headers.cseq.method, Method::Cancel);
    pbx.response(487).await;
    // It is not told of it.
    let mut browser = comes_back(&gateway, &mut pbx).await;
    let dialog = "From: <sip:202@office.example>;tag=far
         To: <sip:201@office.example>;tag=near
         Call-ID: another
         CSeq: 1 INFO";
    let next = pbx_request(&pbx, "INFO", &contact, "next", dialog);
    pbx.send_to(next, gw).await;
    assert_eq!(next_request(&mut browser).await.method, Method::Info);
}

#[tokio::test]
async fn a_call_waits_for_the_phones_of_a_gateway_that_was_restarted() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await.uri.to_string();
    let listen = gateway.kill().await;
    let gateway = Gateway::start_at(listen, pbx.upstream()).await;
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite.clone(), listen).await;
    // Nothing is said to that.
    let mut browser = comes_back(&gateway, &mut pbx).await;
    browser.response(200).await;
    pbx.send_to(invite, listen).await;
    answers(&mut browser, &mut pbx).await;
}

/// A phone that rings, and where its PBX finds it.
async fn ringing(pbx: &mut Pbx, ring_grace: Duration) -> (Gateway, Browser) {
    let gateway = Gateway::lingering(pbx.upstream(), ring_grace).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(pbx, "one").await.uri.to_string();
    let invite = incoming(pbx, &contact);
    pbx.send_to(invite, gateway.bridge.local_addr()).await;
    let invite = next_request(&mut browser).await;
    let rings = Response::to(&invite, Status::RINGING, Some("here"));
    browser.send_message(rings).await;
    pbx.response(180).await;
    (gateway, browser)
}

#[tokio::test]
async fn a_phone_that_rings_hears_on_its_return_that_the_call_is_still_there() {
    let mut pbx = Pbx::start().await;
    let (gateway, browser) = ringing(&mut pbx, LONG).await;
    drop(browser);
    let mut browser = comes_back(&gateway, &mut pbx).await;
    answers(&mut browser, &mut pbx).await;
}

#[tokio::test]
async fn a_call_does_not_ring_long_where_nobody_is() {
    let mut pbx = Pbx::start().await;
    let (_gateway, browser) = ringing(&mut pbx, BRIEF).await;
    drop(browser);
    let answer = pbx.response(480).await;
    assert_eq!(answer.headers.cseq.method, Method::Invite);
}
