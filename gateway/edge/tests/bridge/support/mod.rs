//! What all of these tests stand on: the gateway, a browser's socket, the PBX, and messages written by
//! hand.

mod pbx;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use futures_util::{SinkExt, StreamExt};
use sidetone_edge::{
    Bridge, BridgeConfig, Edge, FlowInfo, Inbound, Limits, MediaAnchor, MediaMode, Peer, TokenKey,
    Upstream, UpstreamConfig,
};
use sidetone_sip::message::{self, HeaderName, Incoming, read_frame};
use sidetone_sip::{Message, Method, Request, Response, Status};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) use self::pbx::{Pbx, granted, keep_alive_answer, pbx_request};

/// What is not there by then will never be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// A message written by hand: lines parted by `\n`, indented as one likes, without Content-Length.
pub(crate) fn text(written: &str) -> String {
    let (head, body) = written
        .trim_start()
        .split_once("\n\n")
        .unwrap_or((written.trim_start(), ""));
    let mut text: String = head
        .lines()
        .map(str::trim_start)
        .map(|line| format!("{line}\r\n"))
        .collect();
    let body: String = body
        .lines()
        .map(|line| format!("{}\r\n", line.trim_start()))
        .collect();
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

pub(crate) fn parse(bytes: &[u8]) -> Message {
    match read_frame(bytes, &message::Limits::default()) {
        Incoming::Message(message) => message,
        other => panic!("no message: {other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

pub(crate) fn request_of(written: &str) -> Request {
    request(parse(text(written).as_bytes()))
}

pub(crate) fn request(message: Message) -> Request {
    match message {
        Message::Request(request) => request,
        Message::Response(response) => panic!("a response: {response:?}"),
    }
}

pub(crate) fn response(message: Message) -> Response {
    match message {
        Message::Response(response) => response,
        Message::Request(request) => panic!("a request: {request:?}"),
    }
}

/// The embedded switch's place: what reaches it.
pub(crate) struct Switch(mpsc::UnboundedSender<(Vec<u8>, mpsc::Sender<Vec<u8>>)>);

impl Switch {
    pub(crate) const fn new(
        heard: mpsc::UnboundedSender<(Vec<u8>, mpsc::Sender<Vec<u8>>)>,
    ) -> Self {
        Self(heard)
    }
}

impl Upstream for Switch {
    fn open(&self, _: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        let (sender, mut inbound) = futures_channel::mpsc::channel::<Vec<u8>>(16);
        let heard = self.0.clone();
        tokio::spawn(async move {
            while let Some(bytes) = inbound.next().await {
                let _ = heard.send((bytes, outbound.clone()));
            }
        });
        Box::new(sender)
    }
}

/// One whose calls are not carried and that is not asked whether it is alive.
pub(crate) fn upstream(uri: &str) -> UpstreamConfig {
    UpstreamConfig {
        media: MediaMode::Direct,
        keep_alive: Duration::ZERO,
        ..UpstreamConfig::new("office", "office.example", uri.parse().unwrap())
    }
}

/// No test waits long for a phone that does not come back.
const BRIEF: Duration = Duration::from_millis(200);

/// A gateway with one upstream.
pub(crate) struct Gateway {
    pub(crate) bridge: Bridge,
    pub(crate) http: SocketAddr,
    pub(crate) switch: mpsc::UnboundedReceiver<(Vec<u8>, mpsc::Sender<Vec<u8>>)>,
    serving: tokio::task::JoinHandle<()>,
    edge: Edge,
}

impl Gateway {
    pub(crate) async fn start(upstream: UpstreamConfig) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        Self::start_at(any, upstream).await
    }

    pub(crate) async fn start_at(listen: SocketAddr, upstream: UpstreamConfig) -> Self {
        Self::start_with(listen, upstream, None, (BRIEF, BridgeConfig::RING_GRACE)).await
    }

    /// One where phones without a socket are kept for a minute, and those who call them wait so long.
    pub(crate) async fn lingering(upstream: UpstreamConfig, ring_grace: Duration) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let patience = (Duration::from_secs(60), ring_grace);
        Self::start_with(any, upstream, None, patience).await
    }

    /// One that carries sound by `anchor`.
    pub(crate) async fn anchored(upstream: UpstreamConfig, anchor: Arc<dyn MediaAnchor>) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        Self::start_with(
            any,
            upstream,
            Some(anchor),
            (BRIEF, BridgeConfig::RING_GRACE),
        )
        .await
    }

    /// PBXs reach it at `listen`.
    async fn start_with(
        listen: SocketAddr,
        upstream: UpstreamConfig,
        anchor: Option<Arc<dyn MediaAnchor>>,
        (linger, ring_grace): (Duration, Duration),
    ) -> Self {
        let config = BridgeConfig {
            listen,
            advertise: None,
            linger,
            ring_grace,
            upstreams: vec![upstream],
        };
        let (heard, switch) = mpsc::unbounded_channel();
        let key = TokenKey::new(&[7; 32]);
        let bridge = Bridge::start(config, key, Arc::new(Switch(heard)), anchor)
            .await
            .unwrap();
        let edge = Edge::new(Arc::new(bridge.clone()), vec![], Limits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let peer = Peer::plain("192.0.2.1:5060".parse().unwrap());
        let router = edge.router("/sip").layer(Extension(peer));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            bridge,
            http,
            switch,
            serving,
            edge,
        }
    }

    /// All is over at once, as if it was killed.
    pub(crate) async fn kill(self) -> SocketAddr {
        let listen = self.bridge.local_addr();
        self.serving.abort();
        let _ = self.serving.await;
        self.edge.shutdown(PATIENCE).await;
        self.bridge.close().await;
        listen
    }

    pub(crate) async fn browser(&self) -> Browser {
        let mut request = format!("ws://{}/sip", self.http)
            .into_client_request()
            .unwrap();
        let sip = "sip".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", sip);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Browser { socket }
    }
}

/// A browser's socket.
pub(crate) struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Browser {
    pub(crate) async fn send(&mut self, written: &str) {
        self.socket.send(Frame::text(text(written))).await.unwrap();
    }

    /// Sends all that it can, and answers the first final response. It reads meanwhile, for what came
    /// before the end of the socket is lost to who looks for it afterwards.
    pub(crate) async fn flood(&mut self, messages: impl Iterator<Item = String>) -> Response {
        let (mut sink, mut stream) = (&mut self.socket).split();
        let sending = async {
            for message in messages {
                if sink.send(Frame::text(text(&message))).await.is_err() {
                    break;
                }
            }
            std::future::pending().await
        };
        let receiving = async {
            loop {
                if let Frame::Text(text) = stream.next().await.expect("open").unwrap() {
                    let response = response(parse(text.as_bytes()));
                    if response.status != Status::TRYING {
                        return response;
                    }
                }
            }
        };
        tokio::select! {
            response = soon("an answer to the flood", receiving) => response,
            never = sending => never,
        }
    }

    pub(crate) async fn send_message(&mut self, message: impl Into<Message>) {
        let bytes = message.into().to_bytes();
        let text = String::from_utf8(bytes).unwrap();
        self.socket.send(Frame::text(text)).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Message {
        loop {
            let frame = soon("a message to the browser", self.socket.next()).await;
            match frame.expect("open").unwrap() {
                Frame::Text(text) => return parse(text.as_bytes()),
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("not text: {other:?}"),
            }
        }
    }

    /// The status of the final response to this request; `None` if it is sent away.
    pub(crate) async fn ask(&mut self, written: &str) -> Option<Status> {
        let asked = request(parse(text(written).as_bytes())).headers.cseq;
        self.socket.send(Frame::text(text(written))).await.ok()?;
        loop {
            match soon("an answer, or the end", self.socket.next()).await {
                Some(Ok(Frame::Text(text))) => {
                    let response = response(parse(text.as_bytes()));
                    if response.status.is_final() && response.headers.cseq == asked {
                        return Some(response.status);
                    }
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    pub(crate) async fn request(&mut self, method: Method) -> Request {
        let request = request(self.receive().await);
        assert_eq!(request.method, method, "{request:?}");
        request
    }

    /// The next response; when a 100 comes depends on how fast the machine is.
    pub(crate) async fn response(&mut self, status: u16) -> Response {
        loop {
            let response = response(self.receive().await);
            if response.status != Status::TRYING {
                assert_eq!(response.status.code(), status, "{response:?}");
                return response;
            }
        }
    }

    /// Registers as 201 on the device `instance`; answers the Contact that the PBX saw.
    pub(crate) async fn register(&mut self, pbx: &mut Pbx, instance: &str) -> message::Address {
        self.send(&register(instance, 1)).await;
        let (request, from) = pbx.request(Method::Register).await;
        let contact = request.headers.contact.first().unwrap().clone();
        pbx.send_to(granted(&request), from).await;
        self.response(200).await;
        contact
    }

    pub(crate) async fn closed(&mut self) {
        loop {
            match soon("the end of the socket", self.socket.next()).await {
                None | Some(Err(_) | Ok(Frame::Close(_))) => return,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Nothing else was sent to it: a question to the switch is answered next.
    pub(crate) async fn hears_nothing_more(&mut self, gateway: &mut Gateway) {
        self.send(
            "OPTIONS sip:elsewhere.example SIP/2.0
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bKquestion
             From: <sip:201@elsewhere.example>;tag=q
             To: <sip:elsewhere.example>
             Call-ID: question
             CSeq: 1 OPTIONS",
        )
        .await;
        let (bytes, outbound) = soon("the question", gateway.switch.recv()).await.unwrap();
        let asked = request(parse(&bytes));
        let answer = Response::to(&asked, Status::OK, Some("switch"));
        outbound.send(answer.to_bytes()).await.unwrap();
        let heard = self.receive().await;
        assert_eq!(&*heard.headers().call_id, "question", "{heard:?}");
    }
}

pub(crate) fn register(instance: &str, number: u32) -> String {
    format!(
        "REGISTER sip:office.example SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bKreg{number}{instance}
         Max-Forwards: 70
         From: <sip:201@office.example>;tag=r{instance}
         To: <sip:201@office.example>
         Call-ID: register-{instance}
         CSeq: {number} REGISTER
         Contact: <sip:x1@b.invalid;transport=ws>;+sip.instance=\"<urn:uuid:{instance}>\";reg-id=1
         Supported: path, outbound, gruu
         Expires: 600"
    )
}

/// For what can't be done now: once, and within two seconds.
pub(crate) fn says_when_to_come(refusal: &Response) {
    let later = refusal.headers.raw(&HeaderName::RetryAfter);
    let later: Vec<u64> = later.map(|seconds| seconds.parse().unwrap()).collect();
    assert!(matches!(later[..], [1 | 2]), "{refusal:?}");
}

/// The URI of a request within a dialog, and its route set in order, as its peer's answer says.
pub(crate) fn dialog_of(answer: &Response) -> (String, Vec<String>) {
    let contact = answer.headers.contact.first().unwrap();
    let routes = answer.headers.record_route.iter().rev();
    (
        contact.uri.to_string(),
        routes.map(ToString::to_string).collect(),
    )
}

/// What a message tells of how its call was.
pub(crate) fn statistics(headers: &sidetone_sip::Headers) -> Vec<String> {
    let name = HeaderName::from("Media-Statistics");
    headers.raw(&name).map(ToString::to_string).collect()
}
