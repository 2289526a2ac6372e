//! A PBX behind a WebSocket.

use futures_util::{SinkExt, StreamExt};
use sidetone_sip::Method;
use sidetone_sip::message::Contacts;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server;

use super::{accept, listen, options};
use crate::support::{Gateway, granted, parse, register, request, soon, upstream};

#[tokio::test]
async fn a_websocket_carries_both_ways() {
    let (listener, addr) = listen().await;
    let gateway = Gateway::start(upstream(&format!("ws://{addr}/asterisk/ws"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the callback's type is not ours")]
    let callback = |request: &server::Request, mut response: server::Response| {
        path = request.uri().path().to_owned();
        assert_eq!(request.headers()["sec-websocket-protocol"], "sip");
        let sip = "sip".parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", sip);
        Ok(response)
    };
    let stream = accept(&listener).await;
    let opened = tokio_tungstenite::accept_hdr_async(stream, callback).await;
    let mut socket = opened.unwrap();
    assert_eq!(path, "/asterisk/ws");
    let frame = soon("a frame", socket.next()).await.unwrap().unwrap();
    let asked = request(parse(frame.to_text().unwrap().as_bytes()));
    assert_eq!(asked.headers.via[0].transport.as_str(), "WS");
    let mut ok = granted(&asked);
    let contact = asked.headers.contact.first().unwrap().uri.to_string();
    ok.headers.contact = Contacts::one(asked.headers.contact.first().unwrap().clone());
    let text = String::from_utf8(ok.to_bytes()).unwrap();
    socket.send(Frame::text(text)).await.unwrap();
    browser.response(200).await;
    let bytes = options(&contact, addr, "WS").to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    socket.send(Frame::text(text)).await.unwrap();
    browser.request(Method::Options).await;
}
