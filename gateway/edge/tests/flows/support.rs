use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use futures_util::{SinkExt, StreamExt};
use sidetone_edge::{Edge, FlowInfo, Inbound, Limits, Peer, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// What is not there by then will never be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The upstream's end of one flow.
pub(crate) struct Flow {
    pub(crate) info: FlowInfo,
    pub(crate) outbound: mpsc::Sender<Vec<u8>>,
    pub(crate) inbound: futures_channel::mpsc::Receiver<Vec<u8>>,
}

impl Flow {
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        let received = tokio::time::timeout(PATIENCE, self.inbound.next());
        received.await.expect("nothing came and nothing ended")
    }

    pub(crate) async fn has_ended(&mut self) {
        assert_eq!(self.receive().await, None);
    }
}

struct Recorder {
    flows: mpsc::UnboundedSender<Flow>,
    inbound: usize,
}

impl Upstream for Recorder {
    fn open(&self, info: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        let (sender, inbound) = futures_channel::mpsc::channel(self.inbound);
        let flow = Flow {
            info,
            outbound,
            inbound,
        };
        let sent = self.flows.send(flow);
        assert!(sent.is_ok(), "the test waits for flows");
        Box::new(sender)
    }
}

/// An edge that listens, and the flows that it opened.
pub(crate) struct Running {
    pub(crate) edge: Edge,
    pub(crate) addr: SocketAddr,
    flows: mpsc::UnboundedReceiver<Flow>,
}

impl Running {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::start_with_inbound(limits, 16).await
    }

    /// `inbound` messages may wait for the upstream.
    pub(crate) async fn start_with_inbound(limits: Limits, inbound: usize) -> Self {
        let (sender, flows) = mpsc::unbounded_channel();
        let recorder = Recorder {
            flows: sender,
            inbound,
        };
        let origins = vec!["https://phone.example".parse().unwrap()];
        let edge = Edge::new(Arc::new(recorder), origins, limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let peer = Peer::plain("192.0.2.1:5060".parse().unwrap());
        let router = edge.router("/sip").layer(Extension(peer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { edge, addr, flows }
    }

    pub(crate) fn request(&self) -> Request {
        let mut request = format!("ws://{}/sip", self.addr)
            .into_client_request()
            .unwrap();
        let sip = "sip".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", sip);
        request
    }

    pub(crate) async fn connect(&mut self) -> (Client, Flow) {
        let (client, _) = tokio_tungstenite::connect_async(self.request())
            .await
            .unwrap();
        (client, self.next_flow().await)
    }

    pub(crate) async fn next_flow(&mut self) -> Flow {
        let flow = tokio::time::timeout(PATIENCE, self.flows.recv());
        flow.await.expect("no flow opened").unwrap()
    }

    pub(crate) fn no_other_flow(&mut self) {
        assert!(self.flows.try_recv().is_err());
    }

    /// Status and words of a refused handshake.
    pub(crate) async fn refused(&self, request: Request) -> (u16, String) {
        match tokio_tungstenite::connect_async(request).await {
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (response.status().as_u16(), String::from_utf8(body).unwrap())
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// The answer to a request written by hand.
    pub(crate) async fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!(
            "{}\r\nConnection: close\r\n\r\n",
            head.trim().replace('\n', "\r\n")
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// The next text or binary message.
pub(crate) async fn next_message(client: &mut Client) -> Message {
    loop {
        let message = tokio::time::timeout(PATIENCE, client.next());
        match message.await.expect("no message came").unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

/// Reads to the end; the code with which the gateway closed.
pub(crate) async fn close_code(client: &mut Client) -> CloseCode {
    match next_message(client).await {
        Message::Close(Some(frame)) => {
            assert!(!frame.reason.is_empty());
            while let Some(Ok(_)) = client.next().await {}
            frame.code
        }
        other => panic!("not closed: {other:?}"),
    }
}

/// Both directions of a flow work.
pub(crate) async fn assert_alive(client: &mut Client, flow: &mut Flow) {
    client.send(Message::text("are you there")).await.unwrap();
    assert_eq!(flow.receive().await.as_deref(), Some(&b"are you there"[..]));
    flow.outbound.send(b"I am".to_vec()).await.unwrap();
    assert_eq!(next_message(client).await, Message::text("I am"));
}
