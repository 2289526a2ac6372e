//! What happens when something is used up: who comes is told so, and who is there notices nothing.

use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::{Address, Method, Response, Status, Uri};
use tokio::net::UdpSocket;
use tokio_tungstenite::connect_async;

use crate::support::Running;
use crate::upstream::{ANSWER, Browser, OFFER, asked, hear, say, upstream};

fn invite(call: &str) -> String {
    format!(
        "INVITE sip:202@office.example SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bK{call}
        From: <sip:201@office.example>;tag=caller
        To: <sip:202@office.example>
        Call-ID: {call}
        CSeq: 1 INVITE
        Contact: <sip:x1@b.invalid;transport=ws>
        Content-Type: application/sdp"
    )
}

/// The PBX takes the call; answers the route of what follows.
async fn answered(pbx: &UdpSocket, browser: &mut Browser) -> String {
    let (request, gateway) = asked(pbx, Method::Invite).await;
    let mut ok = Response::to(&request, Status::OK, Some("callee"));
    let contact = format!("sip:pbx@{}", pbx.local_addr().unwrap());
    ok.headers.contact = Contacts::one(Address::new(Uri::parse(&contact).unwrap()));
    let sdp = "application/sdp";
    ok.headers.push_raw(HeaderName::ContentType, sdp);
    ok.body = ANSWER.as_bytes().to_vec();
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    let answer = hear(browser, 200).await;
    answer.headers.record_route[0].to_string()
}

/// The first of two ports that were free a moment ago.
async fn free_pair() -> u16 {
    loop {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = one.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port ^ 1)).await.is_ok() {
            return port & !1;
        }
    }
}

#[tokio::test]
async fn a_call_without_free_ports_is_refused_for_now_and_the_others_go_on() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut office = upstream(&pbx);
    // It asks for passwords itself.
    office.guests = true;
    let port = free_pair().await;
    let running = Running::start(|config| {
        config.upstreams = vec![office];
        config.bridge.listen = "127.0.0.1:0".parse().ok();
        config.media.relay_ports = port..=port + 1;
    })
    .await;
    let (mut browser, _) = connect_async(running.handshake()).await.unwrap();
    say(&mut browser, &invite("first"), OFFER).await;
    let route = answered(&pbx, &mut browser).await;
    say(&mut browser, &invite("second"), OFFER).await;
    let refused = hear(&mut browser, 503).await;
    assert_eq!(&*refused.headers.call_id, "second");
    assert_eq!(refused.headers.raw(&HeaderName::RetryAfter).count(), 1);
    assert_eq!(running.gateway.media().counters().relays, 1);
    let bye = format!(
        "BYE sip:pbx@{} SIP/2.0
        Via: SIP/2.0/WS b.invalid;branch=z9hG4bKbye
        Route: {route}
        From: <sip:201@office.example>;tag=caller
        To: <sip:202@office.example>;tag=callee
        Call-ID: first
        CSeq: 2 BYE",
        pbx.local_addr().unwrap()
    );
    say(&mut browser, &bye, "").await;
    let (request, gateway) = asked(&pbx, Method::Bye).await;
    assert_eq!(&*request.headers.call_id, "first");
    let ok = Response::to(&request, Status::OK, None);
    pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
    hear(&mut browser, 200).await;
}

#[cfg(unix)]
#[tokio::test]
async fn without_file_descriptors_those_who_are_there_are_served_and_others_wait() {
    use std::io::{BufRead, BufReader, Lines};
    use std::process::{ChildStderr, ChildStdout, Command, Stdio};

    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    use crate::sip::assert_served;
    use crate::support::PATIENCE;

    struct Killed(std::process::Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 64; exec \"$0\" serve --demo --listen 127.0.0.1:0",
        ])
        .arg(env!("CARGO_BIN_EXE_sidetone"))
        .env("SIDETONE_MEDIA_LISTEN", "127.0.0.1:0")
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said: Lines<BufReader<ChildStdout>> =
        BufReader::new(child.stdout.take().unwrap()).lines();
    let mut log: Lines<BufReader<ChildStderr>> =
        BufReader::new(child.stderr.take().unwrap()).lines();
    let _child = Killed(child);
    let port = said.find_map(|line| {
        let line = line.unwrap();
        let (_, rest) = line.split_once("http://localhost:")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        rest[..digits.unwrap_or(rest.len())].parse::<u16>().ok()
    });
    let port = port.unwrap();
    let handshake = || {
        let url = format!("ws://127.0.0.1:{port}/sip");
        let mut request = url.into_client_request().unwrap();
        let sip = "sip".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", sip);
        request
    };
    let (mut there, _) = connect_async(handshake()).await.unwrap();
    assert_served(&mut there).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    let full = tokio::task::spawn_blocking(move || {
        let full = log.any(|line| line.unwrap().contains("no connection can be accepted"));
        // The log must not wait for a reader.
        std::thread::spawn(move || log.for_each(drop));
        full
    });
    assert!(tokio::time::timeout(PATIENCE, full).await.unwrap().unwrap());
    assert_served(&mut there).await;
    drop(crowd);
    let (mut late, _) = tokio::time::timeout(PATIENCE, connect_async(handshake()))
        .await
        .expect("nobody is let in any more")
        .unwrap();
    assert_served(&mut late).await;
    assert_served(&mut there).await;
}
