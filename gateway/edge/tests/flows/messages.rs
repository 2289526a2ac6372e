use futures_util::SinkExt;
use sidetone_edge::Limits;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::support::{Running, assert_alive, close_code, next_message};

#[tokio::test]
async fn text_and_binary_are_the_same_bytes() {
    let mut running = Running::start(Limits::default()).await;
    let (mut client, mut flow) = running.connect().await;
    for bytes in [&b"OPTIONS sip:x SIP/2.0\r\n\r\n"[..], b"\r\n\r\n", b""] {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        client.send(Message::text(text)).await.unwrap();
        assert_eq!(flow.receive().await.as_deref(), Some(bytes));
        client.send(Message::binary(bytes.to_vec())).await.unwrap();
        assert_eq!(flow.receive().await.as_deref(), Some(bytes));
    }
    client
        .send(Message::binary(b"\xff\x00".to_vec()))
        .await
        .unwrap();
    assert_eq!(flow.receive().await.as_deref(), Some(&b"\xff\x00"[..]));
    assert!(flow.inbound.try_recv().is_err());
}

#[tokio::test]
async fn what_is_text_goes_out_as_text() {
    let mut running = Running::start(Limits::default()).await;
    let (mut client, flow) = running.connect().await;
    flow.outbound.send("Zoë".into()).await.unwrap();
    assert_eq!(next_message(&mut client).await, Message::text("Zoë"));
    flow.outbound.send(b"Zo\xeb".to_vec()).await.unwrap();
    let binary = Message::binary(b"Zo\xeb".to_vec());
    assert_eq!(next_message(&mut client).await, binary);
}

#[tokio::test]
async fn the_longest_message_passes_and_a_longer_one_ends_only_its_own_flow() {
    let mut running = Running::start(Limits {
        message: 5000,
        ..Limits::default()
    })
    .await;
    let (mut good, mut good_flow) = running.connect().await;
    let (mut bad, mut bad_flow) = running.connect().await;
    bad.send(Message::text("x".repeat(5000))).await.unwrap();
    assert_eq!(
        bad_flow.receive().await.map(|bytes| bytes.len()),
        Some(5000)
    );
    bad.send(Message::text("x".repeat(5001))).await.unwrap();
    assert_eq!(close_code(&mut bad).await, CloseCode::Size);
    bad_flow.has_ended().await;
    assert_alive(&mut good, &mut good_flow).await;
}

#[tokio::test]
async fn a_flood_behind_an_oversized_message_does_not_hide_the_reason() {
    let mut running = Running::start(Limits {
        message: 5000,
        ..Limits::default()
    })
    .await;
    let (mut client, mut flow) = running.connect().await;
    client
        .send(Message::binary(vec![0; 900_000]))
        .await
        .unwrap();
    assert_eq!(close_code(&mut client).await, CloseCode::Size);
    flow.has_ended().await;
}

#[tokio::test]
async fn a_message_in_fragments_is_limited_as_a_whole() {
    let mut running = Running::start(Limits {
        message: 5000,
        ..Limits::default()
    })
    .await;
    let (mut client, mut flow) = running.connect().await;
    for (code, is_last) in [
        (Data::Text, false),
        (Data::Continue, false),
        (Data::Continue, true),
    ] {
        let frame = Frame::message(vec![b'x'; 2000], OpCode::Data(code), is_last);
        client.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(close_code(&mut client).await, CloseCode::Size);
    flow.has_ended().await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_flow() {
    let mut running = Running::start(Limits::default()).await;
    for (bytes, code, expected) in [
        (&b"\xff"[..], Data::Text, CloseCode::Invalid),
        (b"x", Data::Continue, CloseCode::Protocol),
        (b"x", Data::Reserved(3), CloseCode::Protocol),
    ] {
        let (mut client, mut flow) = running.connect().await;
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(code), true);
        client.send(Message::Frame(frame)).await.unwrap();
        assert_eq!(close_code(&mut client).await, expected);
        flow.has_ended().await;
    }
}

fn request(method: &str) -> String {
    format!(
        "{method} sip:102@example.org SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\n\
         From: <sip:101@example.org>;tag=f\r\nTo: <sip:102@example.org>\r\nCall-ID: c\r\n\
         CSeq: 1 {method}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_call_waits_while_many_have_not_been_answered_anything() {
    let mut running = Running::start(Limits::default()).await;
    let mut calling = Vec::new();
    for _ in 0..16 {
        let (mut client, mut flow) = running.connect().await;
        client.send(Message::text(request("INVITE"))).await.unwrap();
        let heard = flow.receive().await;
        assert_eq!(heard.as_deref(), Some(request("INVITE").as_bytes()));
        calling.push((client, flow));
    }
    let (mut client, mut flow) = running.connect().await;
    for method in ["MESSAGE", "INVITE"] {
        client.send(Message::text(request(method))).await.unwrap();
    }
    let heard = flow.receive().await;
    assert_eq!(heard.as_deref(), Some(request("MESSAGE").as_bytes()));

    // One of them rings, and so the other one may begin.
    let rings = "SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n";
    let (other, other_flow) = &mut calling[7];
    other_flow.outbound.send(rings.into()).await.unwrap();
    assert_eq!(next_message(other).await, Message::text(rings));
    let heard = flow.receive().await;
    assert_eq!(heard.as_deref(), Some(request("INVITE").as_bytes()));
    assert_eq!(running.edge.refused(), 0);
}
