//! What the network and the machine may do to a PBX's phones.

use std::time::{Duration, Instant};

use sidetone_edge::{
    AnchorConfig, AnchorError, Anchored, Boxed, MediaAnchor, MediaMode, UpstreamConfig,
};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Request, Response, Status};

use crate::calls::{INVITE, incoming};
use crate::returns::serve;
use crate::support::{Browser, Gateway, Pbx, granted, register, says_when_to_come, soon, upstream};
use crate::transports::{OverTcp, Stream, accept, registers};

/// The next response is a 503 that says when to come again.
async fn unavailable(browser: &mut Browser) -> Response {
    let answer = browser.response(503).await;
    says_when_to_come(&answer);
    answer
}

#[tokio::test]
async fn a_name_that_dns_does_not_know_is_unavailable() {
    let gateway = Gateway::start(upstream("sip:pbx.invalid;transport=udp")).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    unavailable(&mut browser).await;
    assert!(!gateway.bridge.figures()[0].is_reachable);
}

#[tokio::test]
async fn a_pbx_of_another_kind_of_address_is_unavailable_at_once() {
    let gateway = Gateway::start(upstream("sip:[::1]:5060;transport=udp")).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    unavailable(&mut browser).await;
    assert!(!gateway.bridge.figures()[0].is_reachable);
}

/// A media engine whose ports are all in use.
struct Exhausted;

impl MediaAnchor for Exhausted {
    fn anchor(&self, _: AnchorConfig) -> Boxed<'_, Result<Box<dyn Anchored>, AnchorError>> {
        let error = AnchorError {
            status: Status::SERVICE_UNAVAILABLE,
            why: "no ports".to_owned(),
        };
        Box::pin(async { Err(error) })
    }
}

#[tokio::test]
async fn a_call_for_which_there_are_no_ports_is_told_to_come_later_on_either_side() {
    let mut pbx = Pbx::start().await;
    let config = UpstreamConfig {
        media: MediaMode::Relay,
        ..pbx.upstream()
    };
    let mut gateway = Gateway::anchored(config, std::sync::Arc::new(Exhausted)).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await.uri.to_string();
    browser.send(INVITE).await;
    unavailable(&mut browser).await;
    let gw = gateway.bridge.local_addr();
    let mut invite = incoming(&pbx, &contact);
    let sdp = "application/sdp";
    invite.headers.push_raw(HeaderName::ContentType, sdp);
    invite.body = b"v=0\r\n".to_vec();
    pbx.send_to(invite, gw).await;
    let refused = pbx.response(503).await;
    says_when_to_come(&refused);
    browser.hears_nothing_more(&mut gateway).await;
}

fn long_message(number: u32) -> String {
    let body = "x".repeat(60_000);
    format!(
        "MESSAGE sip:202@office.example SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bKlong{number}
         From: <sip:201@office.example>;tag=caller
         To: <sip:202@office.example>
         Call-ID: long{number}
         CSeq: 1 MESSAGE
         Content-Type: text/plain

         {body}"
    )
}

#[tokio::test]
async fn a_pbx_that_stops_reading_is_left_and_what_was_asked_is_answered() {
    let OverTcp {
        listener,
        gateway,
        mut browser,
        stream,
        ..
    } = OverTcp::start().await;
    // More than any buffer holds; the socket is open and takes it, but nobody reads.
    let begun = Instant::now();
    let refused = browser.flood((0..400).map(long_message)).await;
    assert_eq!(refused.status, Status::SERVICE_UNAVAILABLE);
    says_when_to_come(&refused);
    // Long before the transactions would time out (32 s, RFC 3261 §17.1.2.2).
    assert!(begun.elapsed() < Duration::from_secs(15));
    browser.closed().await;
    drop(stream);
    // A phone that comes back is served over another connection.
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let mut stream = Stream::new(accept(&listener).await);
    registers(&mut again, &mut stream, "TCP").await;
}

/// Plays a PBX that grants everything, until `count` phones have registered.
async fn grants(pbx: &mut Pbx, count: usize) {
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < count {
        let (asked, from): (Request, _) = pbx.request(Method::Register).await;
        pbx.send_to(granted(&asked), from).await;
        seen.insert(asked.headers.call_id.to_string());
    }
}

#[tokio::test]
async fn phones_are_sent_to_register_anew_within_four_seconds_and_not_all_at_once() {
    const PHONES: usize = 24;
    let mut pbx = Pbx::start().await;
    let config = UpstreamConfig {
        keep_alive: Duration::from_millis(100),
        ..pbx.upstream()
    };
    let gateway = Gateway::start(config).await;
    let mut browsers = Vec::new();
    for number in 0..PHONES {
        let mut browser = gateway.browser().await;
        browser.send(&register(&format!("phone{number}"), 1)).await;
        grants(&mut pbx, 1).await;
        browser.response(200).await;
        browsers.push(browser);
    }
    // It has answered before, so that its silence means something.
    serve(&pbx, |asked| asked.method == Method::Options).await;
    let addr = pbx.addr();
    drop(pbx);
    let missed = async {
        while gateway.bridge.figures()[0].is_reachable {
            tokio::task::yield_now().await;
        }
    };
    soon("that it is missed", missed).await;
    let socket = tokio::net::UdpSocket::bind(addr).await.unwrap();
    let mut pbx = Pbx { socket };
    let begun = Instant::now();
    let (closed, mut times) = tokio::sync::mpsc::unbounded_channel();
    for mut browser in browsers {
        let closed = closed.clone();
        tokio::spawn(async move {
            browser.closed().await;
            closed.send(begun.elapsed()).unwrap();
        });
    }
    drop(closed);
    let mut all = Vec::new();
    while all.len() < PHONES {
        tokio::select! {
            time = times.recv() => all.push(time.unwrap()),
            // Only the gateway's own questions come, which are answered.
            message = pbx.receive() => panic!("{message:?}"),
        }
    }
    // A phone then waits for half a second at most and registers: five seconds in all.
    let last = *all.last().unwrap();
    assert!(last < Duration::from_secs(4), "{last:?}");
    let spread = last - all[0];
    assert!(spread > Duration::from_millis(500), "all at once: {all:?}");
}
