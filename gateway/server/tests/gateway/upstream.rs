//! A PBX without WebRTC, played by the test, and a browser's socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sidetone_edge::{MediaMode, UpstreamConfig};
use sidetone_sip::message::{Contacts, HeaderName, Incoming, Limits, read_frame};
use sidetone_sip::{Address, Message, Method, Request, Response, Status, Uri};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{PATIENCE, Running};

pub(crate) type Browser = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn parse(bytes: &[u8]) -> Message {
    match read_frame(bytes, &Limits::default()) {
        Incoming::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// A response as it came.
pub(crate) fn response(bytes: &[u8]) -> Response {
    match parse(bytes) {
        Message::Response(response) => response,
        Message::Request(request) => panic!("a request: {request:?}"),
    }
}

pub(crate) async fn say(browser: &mut Browser, head: &str, body: &str) {
    let lines = head
        .lines()
        .map(|line| format!("{}\r\n", line.trim_start()));
    let head: String = lines.collect();
    let length = body.len();
    let text = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    browser.send(Frame::text(text)).await.unwrap();
}

pub(crate) async fn hear(browser: &mut Browser, status: u16) -> Response {
    loop {
        let frame = tokio::time::timeout(PATIENCE, browser.next()).await;
        let frame = frame.expect("nothing came").unwrap().unwrap();
        let Frame::Text(text) = frame else { continue };
        match parse(text.as_bytes()) {
            Message::Response(response) if response.status == Status::TRYING => {}
            Message::Response(response) => {
                assert_eq!(response.status.code(), status, "{text}");
                return response;
            }
            Message::Request(request) => panic!("a request: {request:?}"),
        }
    }
}

/// The next request of this method; the gateway's own questions are left unanswered.
pub(crate) async fn asked(pbx: &UdpSocket, method: Method) -> (Request, std::net::SocketAddr) {
    let mut buffer = vec![0; 65536];
    loop {
        let received = tokio::time::timeout(PATIENCE, pbx.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("nothing came").unwrap();
        match parse(&buffer[..length]) {
            Message::Request(request) if request.method == Method::Options => {}
            Message::Request(request) => {
                assert_eq!(request.method, method);
                return (request, from);
            }
            Message::Response(response) => panic!("a response: {response:?}"),
        }
    }
}

pub(crate) const OFFER: &str = "v=0\r\n\
    o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    m=audio 53711 UDP/TLS/RTP/SAVPF 111 0 8 126\r\n\
    c=IN IP4 127.0.0.1\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:1 1 udp 2113937151 127.0.0.1 53711 typ host generation 0\r\n\
    a=ice-ufrag:EsAw\r\n\
    a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n\
    a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:\
7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=sendrecv\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:126 telephone-event/8000\r\n";

pub(crate) const ANSWER: &str = "v=0\r\n\
    o=pbx 1 1 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    c=IN IP4 127.0.0.1\r\n\
    t=0 0\r\n\
    m=audio 16000 RTP/AVP 8\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=sendrecv\r\n";

pub(crate) fn upstream(pbx: &UdpSocket) -> UpstreamConfig {
    let addr = pbx.local_addr().unwrap();
    let target = format!("sip:{addr};transport=udp").parse().unwrap();
    UpstreamConfig {
        media: MediaMode::Relay,
        keep_alive: Duration::ZERO,
        ..UpstreamConfig::new("office", "office.example", target)
    }
}

/// A gateway before `pbx`, and a browser's socket there.
async fn running(pbx: &UdpSocket) -> (Running, Browser) {
    let office = upstream(pbx);
    let running = Running::start(|config| {
        config.upstreams = vec![office];
        config.bridge.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let (browser, _) = connect_async(running.handshake()).await.unwrap();
    (running, browser)
}

#[tokio::test]
async fn a_browser_calls_through_a_pbx_that_knows_no_web_rtc() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (running, mut browser) = running(&pbx).await;
    let register = "REGISTER sip:office.example SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKr
        From: <sip:201@office.example>;tag=r
        To: <sip:201@office.example>
        Call-ID: register
        CSeq: 1 REGISTER
        Contact: <sip:x1@b.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\"
        Expires: 600";
    say(&mut browser, register, "").await;
    let (request, gateway) = asked(&pbx, Method::Register).await;
    let mut ok = Response::to(&request, Status::OK, Some("registrar"));
    ok.headers.contact = request.headers.contact.clone();
    ok.headers.push_raw(HeaderName::Expires, "600");
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    hear(&mut browser, 200).await;
    let invite = "INVITE sip:202@office.example SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKi
        From: <sip:201@office.example>;tag=caller
        To: <sip:202@office.example>
        Call-ID: call
        CSeq: 1 INVITE
        Contact: <sip:x1@b.invalid;transport=ws>
        Content-Type: application/sdp";
    say(&mut browser, invite, OFFER).await;
    let (request, gateway) = asked(&pbx, Method::Invite).await;
    let offer = String::from_utf8(request.body.clone()).unwrap();
    assert!(offer.contains(" RTP/AVP "), "{offer}");
    for foreign in ["fingerprint", "ice-", "candidate", "rtcp-mux"] {
        assert!(!offer.contains(foreign), "{offer}");
    }
    let port = offer.lines().find_map(|line| line.strip_prefix("m=audio "));
    let port: u16 = port.unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((20_000..=29_999).contains(&port));
    let mut ok = Response::to(&request, Status::OK, Some("callee"));
    let contact = format!("sip:pbx@{}", pbx.local_addr().unwrap());
    ok.headers.contact = Contacts::one(Address::new(Uri::parse(&contact).unwrap()));
    ok.headers
        .push_raw(HeaderName::ContentType, "application/sdp");
    ok.body = ANSWER.as_bytes().to_vec();
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    let answer = hear(&mut browser, 200).await;
    let sdp = String::from_utf8(answer.body).unwrap();
    for native in [
        "UDP/TLS/RTP/SAVPF",
        "a=fingerprint:",
        "a=ice-ufrag:",
        "a=rtcp-mux",
    ] {
        assert!(sdp.contains(native), "{sdp}");
    }
    let route = &answer.headers.record_route[0];
    let bye = format!(
        "BYE {contact} SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKb
        Route: {route}
        From: <sip:201@office.example>;tag=caller
        To: <sip:202@office.example>;tag=callee
        Call-ID: call
        CSeq: 2 BYE"
    );
    say(&mut browser, &bye, "").await;
    let (request, gateway) = asked(&pbx, Method::Bye).await;
    let ok = Response::to(&request, Status::OK, None);
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    let ended = hear(&mut browser, 200).await;
    let name = HeaderName::from("Media-Statistics");
    let told = ended.headers.raw(&name);
    let told: Vec<&str> = told.map(|value| &**value).collect();
    let silence = "codec=none;packets=0;lost=0;jitter=0.0";
    let expected = ["browser", "pbx"].map(|from| format!("relay;from={from};{silence}"));
    assert_eq!(told, expected);
    // The port is free again.
    loop {
        if UdpSocket::bind(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let page = running.ask("GET /metrics").await;
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let direction = r#"direction="from_pbx",codec="none""#;
    for line in [
        "sidetone_flows 1".to_owned(),
        r#"sidetone_upstream_reachable{upstream="office"} 1"#.to_owned(),
        r#"sidetone_calls_answered_total{upstream="office",caller="browser",path="relay"} 1"#
            .into(),
        r#"sidetone_calls_answered_total{upstream="office",caller="pbx",path="relay"} 0"#.into(),
        "sidetone_relayed_calls 0".to_owned(),
        format!(r#"sidetone_rtp_packets_total{{upstream="office",{direction}}} 0"#),
        r#"sidetone_relayed_call_seconds_count{upstream="office"} 1"#.to_owned(),
        r#"sidetone_media_datagrams_total{kind="received"} 0"#.to_owned(),
    ] {
        assert!(
            page.text().lines().any(|l| l == line),
            "no {line} in {}",
            page.text()
        );
    }
    assert!(page.text().ends_with("# EOF\n"));
    for personal in ["sip:", "@", "office.example"] {
        assert!(!page.text().contains(personal), "{}", page.text());
    }
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn what_is_for_no_upstream_is_the_switchs() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (_running, mut browser) = running(&pbx).await;
    let options = "OPTIONS sip:demo.local SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKo
        From: <sip:101@demo.local>;tag=o
        To: <sip:demo.local>
        Call-ID: options
        CSeq: 1 OPTIONS";
    say(&mut browser, options, "").await;
    hear(&mut browser, 200).await;
}

#[tokio::test]
async fn without_people_of_its_own_the_app_signs_in_at_the_upstream() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (has_people, expected) in [(true, "demo.local"), (false, "office.example")] {
        let office = upstream(&pbx);
        let running = Running::start(|config| {
            config.upstreams = vec![office];
            config.bridge.listen = "127.0.0.1:0".parse().ok();
            if !has_people {
                config.switch.extensions.clear();
            }
        })
        .await;
        let answer = running.ask("GET /api/v1/about").await;
        let about: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(about["domain"], expected);
    }
}

#[tokio::test]
async fn a_taken_port_for_pbxs_says_what_to_do() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = crate::support::demo(&dir);
    config.upstreams = vec![upstream(&pbx)];
    config.bridge.listen = pbx.local_addr().ok();
    let Err(error) = sidetone::Gateway::start(config).await else {
        panic!("it started");
    };
    let words = error.to_string();
    assert!(words.contains("`bridge.listen`"), "{words}");
}
