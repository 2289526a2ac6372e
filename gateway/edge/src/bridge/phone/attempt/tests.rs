use sidetone_sip::Response;
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{Message, Method};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::bridge::pbx::Reach;
use crate::bridge::{Bridge, BridgeConfig, MediaMode, TokenKey, UpstreamConfig, phone::Status};
use crate::{FlowId, FlowInfo, Inbound, Upstream};

/// What is not there by then will never be.
const NEVER: Duration = Duration::from_secs(20);

struct NoSwitch;

impl Upstream for NoSwitch {
    fn open(&self, _: FlowInfo, _: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        Box::new(futures_channel::mpsc::channel(1).0)
    }
}

/// Two servers of one upstream, the first of which is to be asked first, and a phone.
struct Two {
    first: UdpSocket,
    second: UdpSocket,
    bridge: Bridge,
    phone: Box<dyn Inbound>,
    heard: mpsc::Receiver<Vec<u8>>,
}

impl Two {
    async fn start() -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let (first, second) = (bind().await.unwrap(), bind().await.unwrap());
        let target = "sip:192.0.2.1;transport=udp".parse().unwrap();
        let upstream = UpstreamConfig {
            media: MediaMode::Direct,
            keep_alive: Duration::ZERO,
            ..UpstreamConfig::new("office", "office.example", target)
        };
        let config = BridgeConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            advertise: None,
            linger: BridgeConfig::LINGER,
            ring_grace: BridgeConfig::RING_GRACE,
            upstreams: vec![upstream],
        };
        let key = TokenKey::new(&[1; 32]);
        let bridge = Bridge::start(config, key, Arc::new(NoSwitch), None).await;
        let bridge = bridge.unwrap();
        let pbx = &bridge.shared.pbxs[0];
        let mut reach = pbx.reach.subscribe();
        let located = |reach: &Reach| matches!(reach, Reach::Hops(_));
        let hops = reach.wait_for(located).await.unwrap().clone();
        let Reach::Hops(ranks) = hops else {
            panic!("not located")
        };
        let at = |socket: &UdpSocket| Hop {
            addr: socket.local_addr().unwrap(),
            ..ranks[0][0].1.clone()
        };
        let two = [vec![(0, at(&first))], vec![(0, at(&second))]];
        pbx.reach.send_replace(Reach::Hops(two.into()));
        let (outbound, heard) = mpsc::channel(16);
        let info = FlowInfo {
            id: FlowId(1),
            remote: "192.0.2.9:1".parse().unwrap(),
            secure: false,
            person: None,
        };
        let phone = bridge.open(info, outbound);
        Self {
            first,
            second,
            bridge,
            phone,
            heard,
        }
    }

    async fn register(&mut self) {
        self.register_as(1).await;
    }

    async fn register_as(&mut self, number: u32) {
        let text = format!(
            "REGISTER sip:office.example SIP/2.0\r\n\
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bK{number}\r\n\
             From: <sip:201@office.example>;tag=r\r\nTo: <sip:201@office.example>\r\n\
             Call-ID: one\r\nCSeq: {number} REGISTER\r\n\
             Contact: <sip:x1@b.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
        );
        let ready = std::future::poll_fn(|context| self.phone.poll_ready(context));
        ready.await.unwrap();
        self.phone.deliver(text.into()).unwrap();
    }

    /// The final response that the phone hears.
    async fn response(&mut self) -> Response {
        loop {
            let bytes = timeout(NEVER, self.heard.recv()).await.unwrap().unwrap();
            if let Message::Response(response) = read(&bytes)
                && response.status.is_final()
            {
                return response;
            }
        }
    }
}

fn read(bytes: &[u8]) -> Message {
    match read_frame(bytes, &Limits::default()) {
        Incoming::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// What a server is asked, and by whom.
async fn asked(server: &UdpSocket) -> (Request, std::net::SocketAddr) {
    let mut buffer = [0; 4096];
    let received = timeout(NEVER, server.recv_from(&mut buffer)).await;
    let (length, from) = received.unwrap().unwrap();
    match read(&buffer[..length]) {
        Message::Request(request) => (request, from),
        Message::Response(response) => panic!("a response: {response:?}"),
    }
}

async fn answer(
    server: &UdpSocket,
    status: Status,
    (request, to): (Request, std::net::SocketAddr),
) {
    let response = Response::to(&request, status, Some("pbx"));
    server.send_to(&response.to_bytes(), to).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_is_left_for_the_next_one() {
    let mut two = Two::start().await;
    let begun = Instant::now();
    two.register().await;
    let (request, _) = asked(&two.first).await;
    assert_eq!(request.method, Method::Register);
    let again = asked(&two.second).await;
    assert!(begun.elapsed() >= HOP_PATIENCE);
    assert_eq!(again.0.headers.cseq, request.headers.cseq);
    // Each is a transaction of its own (RFC 3263 §4.3).
    assert_ne!(
        again.0.headers.via[0].branch(),
        request.headers.via[0].branch()
    );
    answer(&two.second, Status::FORBIDDEN, again).await;
    assert_eq!(two.response().await.status, Status::FORBIDDEN);

    // Nobody asks the silent one whether it is back, so the next request is for the other one.
    two.register_as(2).await;
    let next = asked(&two.second).await;
    assert_eq!(next.0.headers.cseq.number, 2);
    answer(&two.second, Status::FORBIDDEN, next).await;
    assert_eq!(two.response().await.status, Status::FORBIDDEN);
    let mut buffer = [0; 4096];
    while let Ok((length, _)) = two.first.try_recv_from(&mut buffer) {
        let Message::Request(repeated) = read(&buffer[..length]) else {
            panic!("a response")
        };
        assert_eq!(repeated.headers.cseq.number, 1);
    }
    two.bridge.close().await;
}

#[tokio::test]
async fn a_server_that_is_at_work_is_waited_for() {
    let mut two = Two::start().await;
    let begun = Instant::now();
    two.register().await;
    let (request, from) = asked(&two.first).await;
    answer(&two.first, Status::TRYING, (request.clone(), from)).await;
    tokio::select! {
        other = asked(&two.second) => panic!("{other:?}"),
        () = tokio::time::sleep_until(begun + HOP_PATIENCE + Duration::from_secs(1)) => {}
    }
    answer(&two.first, Status::FORBIDDEN, (request, from)).await;
    assert_eq!(two.response().await.status, Status::FORBIDDEN);
    two.bridge.close().await;
}
