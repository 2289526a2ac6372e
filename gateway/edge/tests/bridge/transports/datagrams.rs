//! Datagrams, and what is too large for one.

use sidetone_sip::{Method, Response, Status};
use tokio::net::TcpListener;

use super::{Stream, accept};
use crate::support::{Gateway, Pbx, pbx_request, request};

fn large() -> String {
    let body = "x".repeat(1500);
    format!(
        "MESSAGE sip:202@office.example SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bKlarge
         From: <sip:201@office.example>;tag=caller
         To: <sip:202@office.example>
         Call-ID: large
         CSeq: 1 MESSAGE
         Content-Type: text/plain

         {body}"
    )
}

#[tokio::test]
async fn what_is_too_large_for_a_datagram_goes_over_a_connection() {
    let (mut pbx, listener) = loop {
        // The port may be free for datagrams only.
        let pbx = Pbx::start().await;
        if let Ok(listener) = TcpListener::bind(pbx.addr()).await {
            break (pbx, listener);
        }
    };
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    browser.send(&large()).await;
    let mut stream = Stream::new(accept(&listener).await);
    let message = request(stream.receive().await);
    assert_eq!(message.method, Method::Message);
    assert_eq!(message.headers.via[0].transport.as_str(), "TCP");
    stream
        .send(Response::to(&message, Status::OK, Some("x")))
        .await;
    browser.response(200).await;
}

#[tokio::test]
async fn a_pbx_without_connections_gets_large_datagrams() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    for branch in ["large", "larger"] {
        browser.send(&large().replace("large", branch)).await;
        let (message, gw) = pbx.request(Method::Message).await;
        assert_eq!(message.body.len(), 1502);
        pbx.respond(&message, 200, "x", gw).await;
        browser.response(200).await;
    }
}

#[tokio::test]
async fn a_pbx_without_rport_is_answered_at_the_port_of_its_via() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await.uri.to_string();
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut message = pbx_request(
        &pbx,
        "MESSAGE",
        &contact,
        "m",
        "From: <sip:202@office.example>;tag=m
         To: <sip:201@office.example>
         Call-ID: message
         CSeq: 1 MESSAGE",
    );
    message.headers.via[0].params.remove("rport");
    let gw = gateway.bridge.local_addr();
    other.send_to(&message.to_bytes(), gw).await.unwrap();
    let heard = browser.request(Method::Message).await;
    browser
        .send_message(Response::to(&heard, Status::OK, Some("m")))
        .await;
    pbx.response(200).await;
}
