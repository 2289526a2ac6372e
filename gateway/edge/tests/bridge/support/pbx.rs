//! A PBX that the test plays, by UDP.

use std::net::SocketAddr;

use sidetone_edge::UpstreamConfig;
use sidetone_sip::message::{Address, Contacts, HeaderName};
use sidetone_sip::{Message, Method, Request, Response, Status, Uri};
use tokio::net::UdpSocket;

use super::{parse, request, request_of, response, soon, upstream};

/// A PBX that speaks UDP.
pub(crate) struct Pbx {
    pub(crate) socket: UdpSocket,
}

impl Pbx {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn upstream(&self) -> UpstreamConfig {
        upstream(&format!("sip:{};transport=udp", self.addr()))
    }

    /// The next message that is not an OPTIONS of the gateway's own, which is answered.
    pub(crate) async fn receive(&mut self) -> (Message, SocketAddr) {
        let mut buffer = vec![0; 65536];
        loop {
            let received = soon("a message to the PBX", self.socket.recv_from(&mut buffer));
            let (length, from) = received.await.unwrap();
            let message = parse(&buffer[..length]);
            match keep_alive_answer(&message) {
                Some(answer) => self.send_to(answer, from).await,
                None => return (message, from),
            }
        }
    }

    pub(crate) async fn request(&mut self, method: Method) -> (Request, SocketAddr) {
        let (message, from) = self.receive().await;
        let request = request(message);
        assert_eq!(request.method, method, "{request:?}");
        (request, from)
    }

    /// The next response; when a 100 comes depends on how fast the machine is.
    pub(crate) async fn response(&mut self, status: u16) -> Response {
        loop {
            let response = response(self.receive().await.0);
            if response.status != Status::TRYING {
                assert_eq!(response.status.code(), status, "{response:?}");
                return response;
            }
        }
    }

    pub(crate) async fn send_to(&self, message: impl Into<Message>, to: SocketAddr) {
        let bytes = message.into().to_bytes();
        self.socket.send_to(&bytes, to).await.unwrap();
    }

    pub(crate) async fn respond(
        &self,
        request: &Request,
        status: u16,
        tag: &str,
        to: SocketAddr,
    ) -> Response {
        let status = Status::new(status).unwrap();
        let mut response = Response::to(request, status, Some(tag));
        if !status.is_final() || status.is_success() {
            let contact = format!("sip:pbx@{}", self.addr());
            let contact = Address::new(Uri::parse(&contact).unwrap());
            response.headers.contact = Contacts::one(contact);
        }
        self.send_to(response.clone(), to).await;
        response
    }
}

/// What a registrar says that takes a registration as it is.
pub(crate) fn granted(request: &Request) -> Response {
    let mut ok = Response::to(request, Status::OK, Some("registrar"));
    ok.headers.contact = request.headers.contact.clone();
    ok.headers.push_raw(HeaderName::Expires, "600");
    ok
}

/// The gateway asks whether the PBX is alive, by an OPTIONS from nobody in particular.
pub(crate) fn keep_alive_answer(message: &Message) -> Option<Response> {
    match message {
        Message::Request(request)
            if request.method == Method::Options && request.headers.from.uri.user().is_none() =>
        {
            Some(Response::to(request, Status::OK, Some("alive")))
        }
        _ => None,
    }
}

/// A request of the PBX over UDP.
pub(crate) fn pbx_request(pbx: &Pbx, method: &str, uri: &str, branch: &str, rest: &str) -> Request {
    request_of(&format!(
        "{method} {uri} SIP/2.0
         Via: SIP/2.0/UDP {addr};branch=z9hG4bK{branch};rport
         Max-Forwards: 70
         Contact: <sip:pbx@{addr}>
         {rest}",
        addr = pbx.addr(),
        rest = rest.trim_start(),
    ))
}
