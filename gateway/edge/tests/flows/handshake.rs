use sidetone_edge::Limits;

use crate::support::{Running, assert_alive};

#[tokio::test]
async fn the_subprotocol_is_sip() {
    let mut running = Running::start(Limits::default()).await;
    for offered in ["sip", "chat, sip"] {
        let mut request = running.request();
        let value = offered.parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", value);
        let (mut client, response) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
        let mut flow = running.next_flow().await;
        assert_alive(&mut client, &mut flow).await;
    }
    for offered in [None, Some("chat"), Some("SIP"), Some("sip2")] {
        let mut request = running.request();
        request.headers_mut().remove("sec-websocket-protocol");
        if let Some(offered) = offered {
            let value = offered.parse().unwrap();
            request
                .headers_mut()
                .insert("sec-websocket-protocol", value);
        }
        let (status, words) = running.refused(request).await;
        assert_eq!(status, 400, "{offered:?}");
        assert!(words.contains("Sec-WebSocket-Protocol: sip"), "{words}");
    }
    running.no_other_flow();
}

#[tokio::test]
async fn pages_of_foreign_origins_are_refused() {
    let mut running = Running::start(Limits::default()).await;
    let own = format!("http://{}", running.addr);
    for (origin, is_welcome) in [
        (own.as_str(), true),
        ("https://phone.example", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let mut request = running.request();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        if is_welcome {
            tokio_tungstenite::connect_async(request).await.unwrap();
            running.next_flow().await;
        } else {
            let (status, words) = running.refused(request).await;
            assert_eq!(status, 403, "{origin}");
            assert!(words.contains("`origins`"), "{words}");
        }
    }
    running.no_other_flow();
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so() {
    let mut running = Running::start(Limits::default()).await;
    let upgrade = "Host: x\nUpgrade: websocket\nConnection: upgrade";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for (head, status, part) in [
        (
            "GET /sip HTTP/1.1\nHost: x".to_owned(),
            "426",
            "upgrade: websocket",
        ),
        (
            format!(
                "GET /sip HTTP/1.1\n{upgrade}\n{key}\nSec-WebSocket-Version: 8\nSec-WebSocket-Protocol: sip"
            ),
            "426",
            "sec-websocket-version: 13",
        ),
        (
            format!(
                "GET /sip HTTP/1.1\n{upgrade}\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: sip"
            ),
            "400",
            "Sec-WebSocket-Key",
        ),
        (
            format!(
                "POST /sip HTTP/1.1\n{upgrade}\n{key}\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: sip\nContent-Length: 0"
            ),
            "405",
            "allow: GET",
        ),
    ] {
        let answer = running.raw(&head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}\n{answer}"
        );
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
    running.no_other_flow();
}

#[tokio::test]
async fn one_address_has_only_so_many_flows() {
    let mut running = Running::start(Limits {
        flows_per_address: 2,
        ..Limits::default()
    })
    .await;
    let (first, mut first_flow) = running.connect().await;
    let (mut second, mut second_flow) = running.connect().await;
    assert_ne!(first_flow.info.id, second_flow.info.id);
    let (status, words) = running.refused(running.request()).await;
    assert_eq!(status, 429);
    assert!(words.contains("`sip.flows_per_address`"), "{words}");
    assert_alive(&mut second, &mut second_flow).await;
    drop(first);
    first_flow.has_ended().await;
    while running.edge.flows() == 2 {
        tokio::task::yield_now().await;
    }
    let (_third, third_flow) = running.connect().await;
    assert_ne!(third_flow.info.id, first_flow.info.id);
}

#[tokio::test]
async fn all_addresses_have_only_so_many_flows() {
    let mut running = Running::start(Limits {
        flows: 1,
        ..Limits::default()
    })
    .await;
    let (mut first, mut flow) = running.connect().await;
    let (status, words) = running.refused(running.request()).await;
    assert_eq!(status, 503);
    assert!(words.contains("Try again later"), "{words}");
    assert_alive(&mut first, &mut flow).await;
}
