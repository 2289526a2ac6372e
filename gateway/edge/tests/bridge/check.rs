use sidetone_edge::{Bridge, BridgeConfig, Finding, UpstreamConfig};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};
use tokio::net::{TcpListener, UdpSocket};

use crate::support::{parse, request, soon, upstream};

async fn check(upstream: UpstreamConfig) -> Finding {
    let config = BridgeConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: None,
        linger: BridgeConfig::LINGER,
        ring_grace: BridgeConfig::RING_GRACE,
        upstreams: vec![upstream],
    };
    let checked = soon("the check", Bridge::check(&config)).await;
    let mut findings = checked.unwrap();
    assert_eq!(findings.len(), 1);
    findings.remove(0)
}

#[tokio::test]
async fn a_pbx_that_answers_is_described() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let asked = request(parse(&buffer[..length]));
        assert_eq!(asked.method, Method::Options);
        let mut answer = Response::to(&asked, Status::NOT_FOUND, Some("x"));
        answer.headers.push_raw(HeaderName::Server, "Example PBX 1");
        socket.send_to(&answer.to_bytes(), from).await.unwrap();
    });
    let finding = check(upstream(&format!("sip:{addr};transport=udp"))).await;
    answering.await.unwrap();
    assert!(finding.reached);
    let words = finding.to_string();
    let expected = format!(
        "Upstream office: reached\n  {addr} by udp: answers OPTIONS with 404 Not Found \
         (Example PBX 1) after "
    );
    assert!(words.starts_with(&expected), "{words}");
}

#[tokio::test]
async fn a_pbx_that_is_not_there_is_told_with_what_may_help() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    for (uri, expected) in [
        (
            "sip:pbx.invalid".to_owned(),
            "DNS knows no address of pbx.invalid. Is `upstream.uri` right?",
        ),
        (
            format!("sip:{closed};transport=tcp"),
            "refuses the connection. Is the port right, and does the PBX listen there?",
        ),
        (
            format!("sip:{closed};transport=udp"),
            "nothing answers. Is the port right, and does a firewall let UDP pass both ways?",
        ),
        (
            "sip:[::1]:5060;transport=udp".to_owned(),
            "[::1] is reached by IPv6 only, and `bridge.listen` is an IPv4 address; [::] is both. \
             Is `upstream.uri` right?",
        ),
    ] {
        let finding = check(upstream(&uri)).await;
        assert!(!finding.reached);
        assert_eq!(finding.words.len(), 1);
        assert!(finding.words[0].ends_with(expected), "{finding}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_with_what_may_help() {
    let folder = tempfile::tempdir().unwrap();
    for (name, trusted, expected) in [
        (
            "127.0.0.1",
            false,
            "its certificate is of an authority that is not trusted: name its file with \
             `upstream.tls_ca`.",
        ),
        (
            "pbx.example",
            true,
            "its certificate is not for 127.0.0.1: write the name that it is for into \
             `upstream.uri`.",
        ),
    ] {
        let theirs = crate::transports::tls::authority(name);
        let others = crate::transports::tls::authority("127.0.0.1");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = theirs.acceptor.clone();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.is_ok()
        });
        let uri = format!("sip:{addr};transport=tls");
        let trusted = if trusted { &theirs } else { &others };
        let finding = check(crate::transports::tls::trusting(&uri, trusted, &folder)).await;
        assert!(!finding.reached);
        assert!(finding.words[0].ends_with(expected), "{finding}");
        assert!(!soon("the handshake", serving).await.unwrap());
    }
}

#[tokio::test]
async fn a_websocket_of_another_path_is_told() {
    use axum::routing::get;
    let router = axum::Router::new().route("/ws", get(|| async { "no" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let finding = check(upstream(&format!("ws://{addr}/elsewhere"))).await;
    assert!(!finding.reached);
    let expected = "refuses the WebSocket with HTTP 404. Is the path /elsewhere right?";
    assert!(finding.words[0].ends_with(expected), "{finding}");
    serving.abort();
}
