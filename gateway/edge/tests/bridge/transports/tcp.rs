//! Connections, and whose they are.

use sidetone_sip::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{OverTcp, Stream, accept, answers, listen, options, registers};
use crate::support::{Gateway, register, says_when_to_come, upstream};

#[tokio::test]
async fn tcp_carries_both_ways_and_the_pbx_may_connect_itself() {
    let OverTcp {
        addr,
        gateway,
        mut browser,
        mut stream,
        contact,
        ..
    } = OverTcp::start().await;
    // Over the connection of the phone, in two pieces and behind a keep-alive.
    let bytes = options(&contact, addr, "TCP").to_bytes();
    stream.stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    stream.stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.stream.write_all(&bytes[..40]).await.unwrap();
    stream.stream.write_all(&bytes[40..]).await.unwrap();
    answers(&mut browser, &mut stream).await;
    // Over one that the PBX opens to where the Contact says.
    let gw = gateway.bridge.local_addr();
    let mut opened = Stream::new(TcpStream::connect(gw).await.unwrap());
    let mut again = options(&contact, addr, "TCP");
    again.headers.via[0].params.set("branch", Some("z9hG4bKq2"));
    opened.send(again).await;
    answers(&mut browser, &mut opened).await;
}

#[tokio::test]
async fn a_connection_that_breaks_sends_its_phone_to_register_anew() {
    let OverTcp {
        listener,
        gateway,
        mut browser,
        stream,
        ..
    } = OverTcp::start().await;
    drop(stream);
    browser.closed().await;
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let mut stream = Stream::new(accept(&listener).await);
    registers(&mut again, &mut stream, "TCP").await;
}

#[tokio::test]
async fn a_pbx_that_takes_no_connection_is_unavailable() {
    let (listener, addr) = listen().await;
    drop(listener);
    let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let answer = browser.response(503).await;
    says_when_to_come(&answer);
}

#[tokio::test]
async fn a_phone_that_comes_back_keeps_its_connection() {
    let OverTcp {
        listener,
        addr,
        gateway,
        mut browser,
        mut stream,
        ..
    } = OverTcp::start().await;
    // The old socket is not known to be gone, or is.
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let contact = registers(&mut again, &mut stream, "TCP").await;
    browser.closed().await;
    stream.send(options(&contact, addr, "TCP")).await;
    answers(&mut again, &mut stream).await;
    // When the connection breaks it is the phone's task of now that hears of it.
    drop(stream);
    again.closed().await;
    let mut third = gateway.browser().await;
    third.send(&register("one", 3)).await;
    let mut stream = Stream::new(accept(&listener).await);
    let contact = registers(&mut third, &mut stream, "TCP").await;
    // The connection that the new socket made has outlived the handing over.
    let mut asks = options(&contact, addr, "TCP");
    asks.headers.via[0].params.set("branch", Some("z9hG4bKq3"));
    stream.send(asks).await;
    third.request(Method::Options).await;
    drop(stream);
    third.closed().await;
}
