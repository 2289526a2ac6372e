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

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_log_on_a_full_disk_stops_nobody() {
    use std::fs::OpenOptions;

    use tokio::net::TcpStream;

    use crate::program::{sidetone, stop};
    use crate::support::{PATIENCE, ask};

    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let dir = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nothing it says can be read.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let mut child = sidetone(dir.path())
        .args(["serve", "--demo", "--listen", &addr.to_string()])
        .env("SIDETONE_MEDIA_LISTEN", "127.0.0.1:0")
        .env("SIDETONE_LOG_FILTER", "debug")
        .stdout(full())
        .stderr(full())
        .spawn()
        .unwrap();
    let connected = async {
        loop {
            if let Ok(stream) = TcpStream::connect(addr).await {
                return stream;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?}");
            tokio::task::yield_now().await;
        }
    };
    let stream = tokio::time::timeout(PATIENCE, connected).await.unwrap();
    let ready = ask(stream, "GET /readyz").await;
    assert_eq!(ready.text(), "ready\n");
    stop(&mut child);
}

#[cfg(unix)]
mod files {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStderr};

    use tokio::net::TcpStream;
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::handshake::client::Request;

    use crate::program::{serve_demo, sidetone_within};
    use crate::sip::assert_served;
    use crate::support::PATIENCE;

    /// The program with a limit of open files, killed in the end.
    struct Limited {
        child: Child,
        log: Option<BufReader<ChildStderr>>,
        port: u16,
        _dir: tempfile::TempDir,
    }

    impl Limited {
        fn start(ulimit: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut child = serve_demo(sidetone_within(ulimit, dir.path()));
            let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
            let port = said.find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once("http://localhost:")?;
                let digits = rest.find(|c: char| !c.is_ascii_digit());
                rest[..digits.unwrap_or(rest.len())].parse::<u16>().ok()
            });
            Self {
                log: child.stderr.take().map(BufReader::new),
                child,
                port: port.unwrap(),
                _dir: dir,
            }
        }

        fn handshake(&self) -> Request {
            let url = format!("ws://127.0.0.1:{}/sip", self.port);
            let mut request = url.into_client_request().unwrap();
            let sip = "sip".parse().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", sip);
            request
        }

        async fn crowd(&self) -> Vec<TcpStream> {
            let mut crowd = Vec::new();
            for _ in 0..100 {
                let one = TcpStream::connect(("127.0.0.1", self.port)).await;
                crowd.push(one.unwrap());
            }
            crowd
        }

        /// Waits until the log says this.
        async fn logs(&mut self, words: &'static str) {
            let mut log = self.log.take().expect("the log is read once").lines();
            let found = tokio::task::spawn_blocking(move || {
                let found = log.any(|line| line.unwrap().contains(words));
                // The log must not wait for a reader.
                std::thread::spawn(move || log.for_each(drop));
                found
            });
            assert!(
                tokio::time::timeout(PATIENCE, found)
                    .await
                    .unwrap()
                    .unwrap()
            );
        }
    }

    impl Drop for Limited {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[tokio::test]
    async fn without_any_left_those_who_are_there_are_served_and_others_wait() {
        let mut limited = Limited::start("-n 64");
        let (mut there, _) = connect_async(limited.handshake()).await.unwrap();
        assert_served(&mut there).await;
        let crowd = limited.crowd().await;
        limited.logs("no connection can be accepted").await;
        assert_served(&mut there).await;
        drop(crowd);
        let (mut late, _) = tokio::time::timeout(PATIENCE, connect_async(limited.handshake()))
            .await
            .expect("nobody is let in any more")
            .unwrap();
        assert_served(&mut late).await;
        assert_served(&mut there).await;
    }

    #[tokio::test]
    async fn a_limit_that_may_be_raised_stops_nobody() {
        let mut limited = Limited::start("-Sn 64");
        limited.logs(" instead of 64").await;
        let _crowd = limited.crowd().await;
        let (mut late, _) = tokio::time::timeout(PATIENCE, connect_async(limited.handshake()))
            .await
            .expect("nobody is let in any more")
            .unwrap();
        assert_served(&mut late).await;
    }
}
