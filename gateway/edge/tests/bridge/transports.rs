use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sidetone_edge::UpstreamConfig;
use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::{Message, Method, Request, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server;

use crate::support::{
    Browser, Gateway, Pbx, keep_alive_answer, parse, pbx_request, register, request, soon, upstream,
};

/// A PBX's end of a byte stream, as simple as a test needs it.
struct Stream<S> {
    stream: S,
    bytes: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    fn new(stream: S) -> Self {
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

fn granted(request: &Request) -> Response {
    let mut ok = Response::to(request, Status::OK, Some("registrar"));
    ok.headers.contact = request.headers.contact.clone();
    ok.headers.push_raw(HeaderName::Expires, "600");
    ok
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// The next connection that is not just the gateway asking whether the PBX is alive.
async fn accept(listener: &TcpListener) -> TcpStream {
    soon("a connection", listener.accept()).await.unwrap().0
}

/// Waits for the REGISTER on whichever connection it comes, and answers it.
async fn registers<S: AsyncRead + AsyncWrite + Unpin>(
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

#[tokio::test]
async fn tcp_carries_both_ways_and_the_pbx_may_connect_itself() {
    let (listener, addr) = listen().await;
    let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let mut stream = Stream::new(accept(&listener).await);
    let contact = registers(&mut browser, &mut stream, "TCP").await;
    // Over the connection of the phone, in two pieces and behind a keep-alive.
    let bytes = options(&contact, addr, "TCP").to_bytes();
    stream.stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    stream.stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.stream.write_all(&bytes[..40]).await.unwrap();
    stream.stream.write_all(&bytes[40..]).await.unwrap();
    let asked = browser.request(Method::Options).await;
    browser
        .send_message(Response::to(&asked, Status::OK, Some("b")))
        .await;
    assert_eq!(&*stream.receive().await.headers().call_id, "qualify");
    // Over one that the PBX opens to where the Contact says.
    let gw = gateway.bridge.local_addr();
    let mut opened = Stream::new(TcpStream::connect(gw).await.unwrap());
    let mut again = options(&contact, addr, "TCP");
    again.headers.via[0].params.set("branch", Some("z9hG4bKq2"));
    opened.send(again).await;
    let asked = browser.request(Method::Options).await;
    browser
        .send_message(Response::to(&asked, Status::OK, Some("b")))
        .await;
    assert_eq!(&*opened.receive().await.headers().call_id, "qualify");
}

#[tokio::test]
async fn a_connection_that_breaks_sends_its_phone_to_register_anew() {
    let (listener, addr) = listen().await;
    let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let mut stream = Stream::new(accept(&listener).await);
    registers(&mut browser, &mut stream, "TCP").await;
    drop(stream);
    browser.closed().await;
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let mut stream = Stream::new(accept(&listener).await);
    registers(&mut again, &mut stream, "TCP").await;
}

#[tokio::test]
async fn a_pbx_that_takes_no_connection_is_unavailable() {
    let (listener, addr) = listen().await;
    drop(listener);
    let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let answer = browser.response(503).await;
    assert_eq!(answer.headers.raw(&HeaderName::RetryAfter).count(), 1);
}

#[tokio::test]
async fn a_phone_that_comes_back_keeps_its_connection() {
    let (listener, addr) = listen().await;
    let gateway = Gateway::start(upstream(&format!("sip:{addr};transport=tcp"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let mut stream = Stream::new(accept(&listener).await);
    registers(&mut browser, &mut stream, "TCP").await;
    // The old socket is not known to be gone, or is.
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let contact = registers(&mut again, &mut stream, "TCP").await;
    browser.closed().await;
    stream.send(options(&contact, addr, "TCP")).await;
    let asked = again.request(Method::Options).await;
    again
        .send_message(Response::to(&asked, Status::OK, Some("b")))
        .await;
    assert_eq!(&*stream.receive().await.headers().call_id, "qualify");
    // When the connection breaks it is the phone's task of now that hears of it.
    drop(stream);
    again.closed().await;
    let mut third = gateway.browser().await;
    third.send(&register("one", 3)).await;
    let mut stream = Stream::new(accept(&listener).await);
    let contact = registers(&mut third, &mut stream, "TCP").await;
    // The connection that the new socket made has outlived the handing over.
    let mut asks = options(&contact, addr, "TCP");
    asks.headers.via[0].params.set("branch", Some("z9hG4bKq3"));
    stream.send(asks).await;
    third.request(Method::Options).await;
    drop(stream);
    third.closed().await;
}

fn large() -> String {
    let body = "x".repeat(1500);
    format!(
        "MESSAGE sip:202@office.example SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bKlarge
         From: <sip:201@office.example>;tag=caller
         To: <sip:202@office.example>
         Call-ID: large
         CSeq: 1 MESSAGE
         Content-Type: text/plain

         {body}"
    )
}

#[tokio::test]
async fn what_is_too_large_for_a_datagram_goes_over_a_connection() {
    let mut pbx = Pbx::start().await;
    let listener = TcpListener::bind(pbx.addr()).await.unwrap();
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    browser.send(&large()).await;
    let mut stream = Stream::new(accept(&listener).await);
    let message = request(stream.receive().await);
    assert_eq!(message.method, Method::Message);
    assert_eq!(message.headers.via[0].transport.as_str(), "TCP");
    stream
        .send(Response::to(&message, Status::OK, Some("x")))
        .await;
    browser.response(200).await;
}

#[tokio::test]
async fn a_pbx_without_connections_gets_large_datagrams() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    for branch in ["large", "larger"] {
        browser.send(&large().replace("large", branch)).await;
        let (message, gw) = pbx.request(Method::Message).await;
        assert_eq!(message.body.len(), 1502);
        pbx.respond(&message, 200, "x", gw).await;
        browser.response(200).await;
    }
}

pub(crate) struct Authority {
    pem: String,
    pub(crate) acceptor: tokio_rustls::TlsAcceptor,
}

/// An authority, and a certificate of it for `name`.
pub(crate) fn authority(name: &str) -> Authority {
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let signing = rcgen::KeyPair::generate().unwrap();
    let own = params.self_signed(&signing).unwrap();
    let issuer = rcgen::Issuer::new(params, signing);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    Authority {
        pem: own.pem(),
        acceptor: acceptor(certificate.der().clone(), &key),
    }
}

/// A certificate that signs itself, and is for nobody in particular.
fn self_signed() -> Authority {
    let mut params = rcgen::CertificateParams::new(["pbx".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        pem: certificate.pem(),
        acceptor: acceptor(certificate.der().clone(), &key),
    }
}

fn acceptor(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &rcgen::KeyPair,
) -> tokio_rustls::TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    Arc::new(config).into()
}

pub(crate) fn trusting(
    uri: &str,
    authority: &Authority,
    folder: &tempfile::TempDir,
) -> UpstreamConfig {
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    UpstreamConfig {
        tls_ca: Some(file),
        ..upstream(uri)
    }
}

#[tokio::test]
async fn tls_verifies_the_pbx_by_its_own_authority() {
    let (listener, addr) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let ours = authority("127.0.0.1");
    let uri = format!("sip:{addr};transport=tls");
    let gateway = Gateway::start(trusting(&uri, &ours, &folder)).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let stream = ours.acceptor.accept(accept(&listener).await).await.unwrap();
    let mut stream = Stream::new(stream);
    let contact = registers(&mut browser, &mut stream, "TLS").await;
    stream.send(options(&contact, addr, "TLS")).await;
    browser.request(Method::Options).await;
}

#[tokio::test]
async fn tls_believes_the_very_certificate_that_is_named() {
    let (listener, addr) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let pbx = self_signed();
    let uri = format!("sip:{addr};transport=tls");
    let gateway = Gateway::start(trusting(&uri, &pbx, &folder)).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let stream = pbx.acceptor.accept(accept(&listener).await).await.unwrap();
    registers(&mut browser, &mut Stream::new(stream), "TLS").await;
}

#[tokio::test]
async fn tls_refuses_whom_it_does_not_know() {
    for (ours, theirs) in [("127.0.0.1", "127.0.0.1"), ("pbx.example", "")] {
        let (listener, addr) = listen().await;
        let folder = tempfile::tempdir().unwrap();
        let ours = authority(ours);
        let uri = format!("sip:{addr};transport=tls");
        let gateway = Gateway::start(trusting(&uri, &ours, &folder)).await;
        // An impostor of the same name, or the right authority with another name.
        let impostor = match theirs {
            "" => ours,
            name => authority(name),
        };
        let mut browser = gateway.browser().await;
        browser.send(&register("one", 1)).await;
        let shaken = impostor.acceptor.accept(accept(&listener).await).await;
        if let Ok(stream) = shaken {
            let mut stream = stream;
            let mut rest = Vec::new();
            // Whatever was refused, not a byte of SIP came.
            let _ = stream.read_to_end(&mut rest).await;
            assert!(rest.is_empty());
        }
        browser.response(503).await;
    }
}

#[tokio::test]
async fn a_missing_authority_is_named() {
    let config = UpstreamConfig {
        tls_ca: Some("/nonexistent/ca.pem".into()),
        ..upstream("sips:pbx.example")
    };
    let config = sidetone_edge::BridgeConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: None,
        linger: sidetone_edge::BridgeConfig::LINGER,
        upstreams: vec![config],
    };
    let key = sidetone_edge::TokenKey::new(&[1; 32]);
    let (heard, _switch) = tokio::sync::mpsc::unbounded_channel();
    let switch = Arc::new(crate::support::Switch::new(heard));
    let Err(error) = sidetone_edge::Bridge::start(config, key, switch, None).await else {
        panic!("it started");
    };
    let words = error.to_string();
    assert!(words.contains("office"), "{words}");
    assert!(words.contains("/nonexistent/ca.pem"), "{words}");
}

#[tokio::test]
async fn a_websocket_carries_both_ways() {
    let (listener, addr) = listen().await;
    let gateway = Gateway::start(upstream(&format!("ws://{addr}/asterisk/ws"))).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the callback's type is not ours")]
    let callback = |request: &server::Request, mut response: server::Response| {
        path = request.uri().path().to_owned();
        assert_eq!(request.headers()["sec-websocket-protocol"], "sip");
        let sip = "sip".parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", sip);
        Ok(response)
    };
    let stream = accept(&listener).await;
    let opened = tokio_tungstenite::accept_hdr_async(stream, callback).await;
    let mut socket = opened.unwrap();
    assert_eq!(path, "/asterisk/ws");
    let frame = soon("a frame", socket.next()).await.unwrap().unwrap();
    let asked = request(parse(frame.to_text().unwrap().as_bytes()));
    assert_eq!(asked.headers.via[0].transport.as_str(), "WS");
    let mut ok = granted(&asked);
    let contact = asked.headers.contact.first().unwrap().uri.to_string();
    ok.headers.contact = Contacts::one(asked.headers.contact.first().unwrap().clone());
    let text = String::from_utf8(ok.to_bytes()).unwrap();
    socket.send(Frame::text(text)).await.unwrap();
    browser.response(200).await;
    let bytes = options(&contact, addr, "WS").to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    socket.send(Frame::text(text)).await.unwrap();
    browser.request(Method::Options).await;
}

#[tokio::test]
async fn a_pbx_without_rport_is_answered_at_the_port_of_its_via() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await.uri.to_string();
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut message = pbx_request(
        &pbx,
        "MESSAGE",
        &contact,
        "m",
        "From: <sip:202@office.example>;tag=m
         To: <sip:201@office.example>
         Call-ID: message
         CSeq: 1 MESSAGE",
    );
    message.headers.via[0].params.remove("rport");
    let gw = gateway.bridge.local_addr();
    other.send_to(&message.to_bytes(), gw).await.unwrap();
    let heard = browser.request(Method::Message).await;
    browser
        .send_message(Response::to(&heard, Status::OK, Some("m")))
        .await;
    pbx.response(200).await;
}
