//! A connection: bytes both ways, and messages.

use std::io;
use std::net::IpAddr;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use sidetone_sip::message::Host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message as WsMessage};

use super::{Hop, LONGEST};
use crate::bridge::config::Protocol;
use crate::bridge::framing::{Frame, Framer};

/// How long the other end may leave unacknowledged what it was sent (RFC 5482).
#[cfg(target_os = "linux")]
const UNHEARD: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens a connection.
pub(crate) async fn open(tls: Option<TlsConnector>, hop: &Hop) -> io::Result<Io> {
    let stream = TcpStream::connect(hop.addr).await?;
    stream.set_nodelay(true)?;
    give_up_when_unheard(&stream)?;
    let stream: Box<dyn Stream> = if hop.protocol.is_secure() {
        let connector = tls.ok_or_else(|| io::Error::other("there is no TLS"))?;
        let name = match &hop.name {
            Host::Name(name) => ServerName::try_from(name.to_string()).map_err(io::Error::other)?,
            Host::V4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::V6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        Box::new(connector.connect(name, stream).await?)
    } else {
        Box::new(stream)
    };
    match hop.protocol {
        Protocol::Udp | Protocol::Tcp | Protocol::Tls => {
            Ok(Io::Stream(stream, Framer::new(LONGEST)))
        }
        Protocol::Ws | Protocol::Wss => {
            let url = format!(
                "{}://{}:{}{}",
                hop.protocol,
                hop.name,
                hop.addr.port(),
                hop.path
            );
            let mut request = url.into_client_request().map_err(io::Error::other)?;
            let subprotocol = axum::http::HeaderValue::from_static("sip");
            request
                .headers_mut()
                .insert("sec-websocket-protocol", subprotocol);
            let config = WebSocketConfig::default()
                .read_buffer_size(4096)
                .write_buffer_size(0)
                .max_message_size(Some(LONGEST))
                .max_frame_size(Some(LONGEST));
            let opened =
                tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
            let (socket, _) = opened.map_err(io::Error::other)?;
            Ok(Io::WebSocket(Box::new(socket)))
        }
    }
}

/// A connection whose other end is gone without a word ends when something was sent in vain, not
/// after a quarter of an hour.
fn give_up_when_unheard(stream: &TcpStream) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNHEARD))?;
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
    Ok(())
}

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that is made.
pub(crate) enum Io {
    Stream(Box<dyn Stream>, Framer),
    WebSocket(Box<tokio_tungstenite::WebSocketStream<Box<dyn Stream>>>),
}

impl Io {
    /// The next message or sign of life; an error says why there are no more.
    pub(super) async fn receive(&mut self) -> Result<Frame, &'static str> {
        match self {
            Self::Stream(stream, framer) => {
                let mut buffer = [0; 4096];
                loop {
                    match framer.next() {
                        Ok(Some(frame)) => return Ok(frame),
                        Ok(None) => {}
                        Err(_) => return Err("its messages could not be parted"),
                    }
                    match stream.read(&mut buffer).await {
                        Ok(0) => return Err("the peer closed it"),
                        Ok(length) => framer.push(&buffer[..length]),
                        Err(_) => return Err("it broke"),
                    }
                }
            }
            Self::WebSocket(socket) => loop {
                match socket.next().await {
                    Some(Ok(WsMessage::Text(text))) => {
                        return Ok(Frame::Message(Bytes::from(text).into()));
                    }
                    Some(Ok(WsMessage::Binary(bytes))) => return Ok(Frame::Message(bytes.into())),
                    Some(Ok(WsMessage::Pong(_))) => return Ok(Frame::Pong),
                    Some(Ok(WsMessage::Close(_))) | None => return Err("the peer closed it"),
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return Err("it broke"),
                }
            },
        }
    }

    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), &'static str> {
        let sent = match self {
            Self::Stream(stream, _) => stream.write_all(&bytes).await.is_ok(),
            Self::WebSocket(socket) => {
                let message = match String::from_utf8(bytes) {
                    Ok(text) => WsMessage::text(text),
                    Err(other) => WsMessage::binary(other.into_bytes()),
                };
                socket.send(message).await.is_ok()
            }
        };
        sent.then_some(()).ok_or("it broke")
    }

    pub(super) async fn keep_alive(&mut self) -> Result<(), &'static str> {
        match self {
            Self::Stream(..) => self.send(b"\r\n\r\n".to_vec()).await,
            Self::WebSocket(socket) => {
                let ping = WsMessage::Ping(Bytes::new());
                socket.send(ping).await.map_err(|_| "it broke")
            }
        }
    }
}
