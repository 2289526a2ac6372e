//! Calls through the whole gateway, over real WebSockets.

#![allow(clippy::unwrap_used, reason = "tests")]

mod acts;
mod phone;

use std::net::SocketAddr;

use futures_util::SinkExt;
use phone::{Heard, Phone, audio, open};
use sidetone::{Config, Gateway, config};
use sidetone_sip::{Body, Status};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message as Frame;

/// A gateway of its own for each test.
async fn gateway() -> (Gateway, SocketAddr, TempDir) {
    let data = TempDir::new().unwrap();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let default = Config::default();
    let config = Config {
        listen: any_port,
        data: data.path().to_owned(),
        media: config::Media {
            listen: Some(any_port),
            ..default.media.clone()
        },
        switch: config::Switch::demo(),
        ..default
    };
    let gateway = Gateway::start(config).await.unwrap();
    let address = gateway.addr();
    (gateway, address, data)
}

fn ended(status: Option<u16>, reason: Option<&str>) -> Heard {
    Heard::Ended {
        status,
        reasons: reason.map(str::to_owned).into_iter().collect(),
    }
}

fn incoming(from: &str, offer: &str) -> impl Fn(Heard) {
    let (from, body) = (format!("{from};tag="), audio(offer).bytes);
    move |heard| match heard {
        Heard::Incoming {
            from: seen,
            body: seen_body,
        } => {
            assert!(seen.starts_with(&from), "{seen}");
            assert_eq!(seen_body, body);
        }
        other => panic!("{other:?}"),
    }
}

/// Two phones in a call, and its sessions.
async fn talk(at: SocketAddr) -> (Phone, Phone, [sidetone_sip::SessionId; 2]) {
    let mut alice = Phone::sign_in(at, "101").await;
    let mut bob = Phone::sign_in(at, "102").await;
    let out = alice.call("102", audio("offer")).await;
    incoming("\"Alice\" <sip:101@demo.local>", "offer")(bob.hear().await);
    bob.ring().await;
    assert_eq!(alice.hear().await, Heard::Progress(180));
    bob.answer("answer").await;
    assert_eq!(alice.hear().await, Heard::Accepted(audio("answer").bytes));
    assert_eq!(bob.hear().await, Heard::Confirmed);
    let into = bob.incoming.unwrap();
    (alice, bob, [out, into])
}

#[tokio::test]
async fn a_right_and_a_wrong_password() {
    let (gateway, at, _data) = gateway().await;
    let _alice = Phone::sign_in(at, "101").await;
    let mut mallory = Phone::new(at, "102", "guess").await;
    assert_eq!(
        mallory.hear().await,
        Heard::NotRegistered("WrongCredentials".into())
    );
    assert_eq!(gateway.switch().snapshot().registered, 1);
}

#[tokio::test]
async fn a_call_and_its_end_from_either_side() {
    let (gateway, at, _data) = gateway().await;
    for caller_hangs_up in [true, false] {
        let (mut alice, mut bob, [out, into]) = talk(at).await;
        let (by, session, to) = match caller_hangs_up {
            true => (&mut alice, out, &mut bob),
            false => (&mut bob, into, &mut alice),
        };
        by.hang_up(session).await;
        assert_eq!(to.hear().await, ended(None, None));
        alice.hears_nothing_more().await;
        bob.hears_nothing_more().await;
        drop((alice, bob));
        assert!(
            gateway
                .switch()
                .wait_until(|s| s.flows == 0 && s.registered == 0)
                .await
        );
    }
}

#[tokio::test]
async fn answered_on_another_phone() {
    let (_gateway, at, _data) = gateway().await;
    let mut alice = Phone::sign_in(at, "101").await;
    let (mut desk, mut mobile) = (
        Phone::sign_in(at, "102").await,
        Phone::sign_in(at, "102").await,
    );
    alice.call("102", audio("offer")).await;
    for phone in [&mut desk, &mut mobile] {
        incoming("\"Alice\" <sip:101@demo.local>", "offer")(phone.hear().await);
        phone.ring().await;
    }
    assert_eq!(alice.hear().await, Heard::Progress(180));
    mobile.answer("mobile").await;
    assert_eq!(alice.hear().await, Heard::Accepted(audio("mobile").bytes));
    assert_eq!(mobile.hear().await, Heard::Confirmed);
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(desk.hear().await, ended(None, Some(elsewhere)));
    for phone in [&mut alice, &mut desk, &mut mobile] {
        phone.hears_nothing_more().await;
    }
}

#[tokio::test]
async fn refusals_tell_why() {
    let (_gateway, at, _data) = gateway().await;
    let mut alice = Phone::sign_in(at, "101").await;
    let video = Body::sdp("v=0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    let table = [
        ("102", audio("offer"), 480),
        ("199", audio("offer"), 404),
        ("101", audio("offer"), 486),
        ("600", video, 488),
    ];
    for (number, body, status) in table {
        alice.call(number, body).await;
        assert_eq!(alice.hear().await, ended(Some(status), None), "{number}");
    }
    let mut bob = Phone::sign_in(at, "102").await;
    for status in [Status::BUSY_HERE, Status::DECLINE] {
        alice.call("102", audio("offer")).await;
        incoming("\"Alice\" <sip:101@demo.local>", "offer")(bob.hear().await);
        bob.reject(status).await;
        assert_eq!(alice.hear().await, ended(Some(status.code()), None));
    }
}

#[tokio::test]
async fn a_caller_gives_up() {
    let (_gateway, at, _data) = gateway().await;
    let (mut alice, mut bob) = (
        Phone::sign_in(at, "101").await,
        Phone::sign_in(at, "102").await,
    );
    let session = alice.call("102", audio("offer")).await;
    incoming("\"Alice\" <sip:101@demo.local>", "offer")(bob.hear().await);
    bob.ring().await;
    assert_eq!(alice.hear().await, Heard::Progress(180));
    alice.hang_up(session).await;
    assert_eq!(bob.hear().await, ended(None, None));
    bob.hears_nothing_more().await;
}

#[tokio::test]
async fn a_call_outlives_its_socket() {
    let (gateway, at, _data) = gateway().await;
    for cut_one_hangs_up in [true, false] {
        let (mut alice, mut bob, [out, into]) = talk(at).await;
        bob.cut().await;
        assert!(
            gateway
                .switch()
                .wait_until(|s| s.registered == 1 && s.up == 1)
                .await
        );
        alice.hears_nothing_more().await;
        bob.reconnect(at).await;
        let (by, session, to) = match cut_one_hangs_up {
            true => (&mut bob, into, &mut alice),
            false => (&mut alice, out, &mut bob),
        };
        by.hang_up(session).await;
        assert_eq!(to.hear().await, ended(None, None));
        drop((alice, bob));
        assert!(
            gateway
                .switch()
                .wait_until(|s| s.flows == 0 && s.up == 0)
                .await
        );
    }
}

#[tokio::test]
async fn a_bad_client_disturbs_nobody() {
    let (gateway, at, _data) = gateway().await;
    let (mut alice, mut bob, [out, _]) = talk(at).await;
    let frames = [
        Frame::text("hello"),
        Frame::text(""),
        Frame::binary(vec![0xff_u8, 0x00, 0xfe]),
        Frame::text("INVITE sip:102@demo.local SIP/2.0\r\n\r\n"),
        Frame::text("x".repeat(1_000_000)),
    ];
    for frame in frames {
        let mut bad = open(at).await;
        // The gateway may close while we still send.
        let _ = bad.send(frame).await;
        drop(bad);
    }
    // This one sends on and on, and reads nothing.
    let mut deaf = open(at).await;
    let options = "OPTIONS sip:demo.local SIP/2.0\r\nVia: SIP/2.0/WS deaf.invalid;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@demo.local>;tag=1\r\nTo: <sip:demo.local>\r\nCall-ID: 1\r\n\
        CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    for _ in 0..200 {
        let _ = deaf.feed(Frame::text(options)).await;
    }
    let _ = deaf.flush().await;
    alice.hears_nothing_more().await;
    alice.hang_up(out).await;
    assert_eq!(bob.hear().await, ended(None, None));
    drop((alice, bob, deaf));
    assert!(gateway.switch().wait_until(|s| s.flows == 0).await);
}

/// What Chromium offers, shortened to one codec.
const OFFER: &str = "v=0\r\n\
    o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:x7Kq\r\n\
    a=ice-pwd:n1Yl0Jw9yPq2Zr8sVt5uXa3b\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=sendrecv\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\n";

#[tokio::test]
async fn the_echo_answers_with_media_of_the_gateway() {
    let (gateway, at, _data) = gateway().await;
    let mut alice = Phone::sign_in(at, "101").await;
    let session = alice.call("600", Body::sdp(OFFER)).await;
    let Heard::Accepted(answer) = alice.hear().await else {
        panic!("no answer")
    };
    let answer = String::from_utf8(answer).unwrap();
    for line in [
        "m=audio ",
        "a=setup:passive",
        "a=fingerprint:sha-256 ",
        "a=candidate:",
        "a=mid:0",
    ] {
        assert!(
            answer.lines().any(|l| l.starts_with(line)),
            "{line} is missing:\n{answer}"
        );
    }
    alice.hang_up(session).await;
    alice.hears_nothing_more().await;
    assert!(gateway.switch().wait_until(|s| s.up == 0).await);
}

#[tokio::test]
async fn a_shutdown_ends_calls_and_closes_sockets() {
    let (gateway, at, _data) = gateway().await;
    let (mut alice, mut bob, _) = talk(at).await;
    let why = "SIP;cause=503;text=\"The gateway restarts\"";
    let phones = async {
        for phone in [&mut alice, &mut bob] {
            assert_eq!(phone.hear().await, ended(None, Some(why)));
            assert_eq!(phone.hear().await, Heard::Closed);
        }
    };
    tokio::join!(gateway.shutdown(), phones);
    assert!(tokio::net::TcpStream::connect(at).await.is_err());
}
