//! The ways to a PBX.

mod datagrams;
mod tcp;
pub(crate) mod tls;
mod websocket;

use std::net::SocketAddr;

use sidetone_sip::{Message, Method, Request, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Browser, Gateway, granted, keep_alive_answer, parse, register, request, soon, upstream,
};

/// A PBX's end of a byte stream, as simple as a test needs it.
pub(crate) struct Stream<S> {
    stream: S,
    bytes: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(crate) fn new(stream: S) -> Self {
        let bytes = Vec::new();
        Self { stream, bytes }
    }

    async fn receive(&mut self) -> Message {
        loop {
            if let Some(message) = self.take() {
                match keep_alive_answer(&message) {
                    Some(answer) => self.send(answer).await,
                    None => return message,
                }
                continue;
            }
            let mut buffer = [0; 4096];
            let read = soon("bytes for the PBX", self.stream.read(&mut buffer)).await;
            let length = read.unwrap();
            assert!(length > 0, "the gateway hung up");
            self.bytes.extend_from_slice(&buffer[..length]);
        }
    }

    fn take(&mut self) -> Option<Message> {
        let head = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.bytes[..head]).into_owned();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .unwrap();
        let end = head + length.parse::<usize>().unwrap();
        if self.bytes.len() < end {
            return None;
        }
        let message = parse(&self.bytes[..end]);
        self.bytes.drain(..end);
        Some(message)
    }

    async fn send(&mut self, message: impl Into<Message>) {
        let bytes = message.into().to_bytes();
        self.stream.write_all(&bytes).await.unwrap();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// The next connection that is not just the gateway asking whether the PBX is alive.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    soon("a connection", listener.accept()).await.unwrap().0
}

/// Waits for the REGISTER on whichever connection it comes, and answers it.
pub(crate) async fn registers<S: AsyncRead + AsyncWrite + Unpin>(
    browser: &mut Browser,
    stream: &mut Stream<S>,
    transport: &str,
) -> String {
    let asked = request(stream.receive().await);
    assert_eq!(asked.method, Method::Register);
    assert_eq!(asked.headers.via[0].transport.as_str(), transport);
    assert!(!asked.headers.via[0].params.has("rport"));
    stream.send(granted(&asked)).await;
    browser.response(200).await;
    let contact = asked.headers.contact.first().unwrap().uri.clone();
    let named = contact.as_sip().unwrap().params.value("transport");
    assert_eq!(named, Some(transport.to_ascii_lowercase().as_str()));
    contact.to_string()
}

fn options(contact: &str, from: SocketAddr, transport: &str) -> Request {
    crate::support::request_of(&format!(
        "OPTIONS {contact} SIP/2.0
         Via: SIP/2.0/{transport} {from};branch=z9hG4bKqualify
         From: <sip:pbx@office.example>;tag=q
         To: <{contact}>
         Call-ID: qualify
         CSeq: 1 OPTIONS"
    ))
}

/// A phone that is registered over TCP.
pub(crate) struct OverTcp {
    pub(crate) listener: TcpListener,
    addr: SocketAddr,
    pub(crate) gateway: Gateway,
    pub(crate) browser: Browser,
    pub(crate) stream: Stream<TcpStream>,
    contact: String,
}

impl OverTcp {
    pub(crate) async fn start() -> Self {
        let (listener, addr) = listen().await;
        let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
        let mut browser = gateway.browser().await;
        browser.send(&register("one", 1)).await;
        let mut stream = Stream::new(accept(&listener).await);
        let contact = registers(&mut browser, &mut stream, "TCP").await;
        Self {
            listener,
            addr,
            gateway,
            browser,
            stream,
            contact,
        }
    }
}

/// The phone is asked, answers, and the PBX hears it.
async fn answers(browser: &mut Browser, stream: &mut Stream<TcpStream>) {
    let asked = browser.request(Method::Options).await;
    let answer = Response::to(&asked, Status::OK, Some("b"));
    browser.send_message(answer).await;
    assert_eq!(&*stream.receive().await.headers().call_id, "qualify");
}
