//! Ways to PBXs: a shared UDP socket, and connections.
//!
//! A connection belongs to the phone that opened it; one task reads and writes it. Connections that
//! PBXs open to us belong to nobody: what comes over them is handed to the phone it is for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use sidetone_sip::FlowId;
use sidetone_sip::message::Host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message as WsMessage};

use super::config::Protocol;
use super::framing::{Frame, Framer};
use super::phones::Input;
use super::post::{self, Source};
use super::shared::Shared;

/// How long a connection may take to be made, TLS and WebSocket included.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a connection on which nothing is said is kept alive (RFC 5626 §4.4.1).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a connection that a PBX opened may be silent.
const IDLE: Duration = Duration::from_secs(600);
/// Messages that may wait to be written.
const QUEUE: usize = 64;
/// Longest message from a PBX.
pub(crate) const LONGEST: usize = 64 * 1024;

static LAST: AtomicU64 = AtomicU64::new(0);

/// One of the places where a PBX may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) protocol: Protocol,
    pub(crate) addr: SocketAddr,
    /// Whose certificate is expected there, and the host that a WebSocket asks for.
    pub(crate) name: Host,
    pub(crate) path: Arc<str>,
}

/// A way to a peer. Cloning gives another handle; a connection ends with the last one.
#[derive(Clone)]
pub(crate) struct Link {
    /// How the transactions know it.
    pub(crate) flow: FlowId,
    pub(crate) protocol: Protocol,
    pub(crate) peer: SocketAddr,
    /// What the peer is told to send to.
    pub(crate) local: SocketAddr,
    sending: Sending,
    /// Who is told when a connection of ours ends.
    owner: Option<Owner>,
}

type Owner = Arc<Mutex<mpsc::Sender<Input>>>;

#[derive(Clone)]
enum Sending {
    Datagrams(Arc<Socket>),
    Stream(mpsc::Sender<Vec<u8>>),
}

/// The link is gone, or its peer does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkDown;

impl Link {
    fn new(shared: &Shared, protocol: Protocol, peer: SocketAddr, sending: Sending) -> Self {
        Self {
            flow: FlowId(LAST.fetch_add(1, Ordering::Relaxed) + 1),
            protocol,
            peer,
            local: shared.own_address(peer),
            sending,
            owner: None,
        }
    }

    pub(crate) fn datagrams(shared: &Shared, peer: SocketAddr) -> Self {
        let sending = Sending::Datagrams(Arc::clone(&shared.socket));
        Self::new(shared, Protocol::Udp, peer, sending)
    }

    /// A connection to `hop`, usable at once: what is sent waits until it is made. Its owner is
    /// told by [`Input::LinkDown`] when it ends or can't be made.
    pub(crate) fn connect(
        shared: &Arc<Shared>,
        tls: Option<TlsConnector>,
        hop: &Hop,
        owner: mpsc::Sender<Input>,
    ) -> Self {
        let (sender, outbound) = mpsc::channel(QUEUE);
        let sending = Sending::Stream(sender.clone());
        let owner: Owner = Arc::new(Mutex::new(owner));
        let link = Self {
            owner: Some(Arc::clone(&owner)),
            ..Self::new(shared, hop.protocol, hop.addr, sending)
        };
        let (flow, local) = (link.flow, link.local);
        let (hop, shared) = (hop.clone(), Arc::clone(shared));
        // The task must not keep itself alive.
        let weak = sender.downgrade();
        drop(sender);
        let spawner = Arc::clone(&shared);
        spawner.spawn(async move {
            let end = dial(&shared, tls, &hop, outbound, weak, (flow, local)).await;
            tracing::debug!(peer = %hop.addr, protocol = %hop.protocol, end, "connection ended");
            let owner = owner.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // An owner that is gone needs no telling.
            let _ = owner.send(Input::LinkDown(flow)).await;
        });
        link
    }

    /// From now on it is `task` that is told of its end.
    pub(crate) fn belong_to(&self, task: &mpsc::Sender<Input>) {
        if let Some(owner) = &self.owner {
            *owner.lock().unwrap_or_else(PoisonError::into_inner) = task.clone();
        }
    }

    pub(crate) fn is_connection(&self) -> bool {
        matches!(self.sending, Sending::Stream(_))
    }

    pub(crate) fn is_open(&self) -> bool {
        match &self.sending {
            Sending::Datagrams(_) => true,
            Sending::Stream(sender) => !sender.is_closed(),
        }
    }

    pub(crate) fn send(&self, bytes: Vec<u8>) -> Result<(), LinkDown> {
        match &self.sending {
            Sending::Datagrams(socket) => {
                socket.send(self.peer, &bytes);
                Ok(())
            }
            Sending::Stream(sender) => sender.try_send(bytes).map_err(|_| LinkDown),
        }
    }
}

/// The UDP socket of all phones.
pub(crate) struct Socket {
    socket: UdpSocket,
    is_v6: bool,
}

impl Socket {
    pub(crate) async fn bind(listen: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind(listen).await?,
            is_v6: listen.is_ipv6(),
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A datagram that the kernel has no room for is lost like any other.
    pub(crate) fn send(&self, peer: SocketAddr, bytes: &[u8]) {
        let to = match peer.ip() {
            IpAddr::V4(v4) if self.is_v6 => {
                SocketAddr::new(v4.to_ipv6_mapped().into(), peer.port())
            }
            _ => peer,
        };
        if let Err(error) = self.socket.try_send_to(bytes, to) {
            tracing::debug!(%peer, %error, "a datagram could not be sent");
        }
    }

    /// Hands all that arrives to whom it is for, until the gateway ends.
    pub(crate) async fn receive(self: Arc<Self>, shared: Arc<Shared>) {
        let mut buffer = vec![0; LONGEST];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => {
                    let peer = SocketAddr::new(from.ip().to_canonical(), from.port());
                    post::handle_datagram(&shared, &buffer[..length], peer);
                }
                // Some systems report what came back for an earlier datagram.
                Err(error) => tracing::debug!(%error, "nothing could be received"),
            }
        }
    }
}

/// The address from which this machine would send to `peer`.
pub(crate) fn local_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a datagram socket sends nothing.
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Takes the connections that PBXs open.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptors: some are given back soon.
                tracing::warn!(%error, "a connection of a PBX could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let peer = SocketAddr::new(from.ip().to_canonical(), from.port());
        if !shared.is_known(peer.ip()) {
            tracing::info!(%peer, "a connection from an address that is no upstream's is refused");
            continue;
        }
        let spawner = Arc::clone(&shared);
        let shared = Arc::clone(&shared);
        spawner.spawn(async move {
            let (sender, outbound) = mpsc::channel(QUEUE);
            let link = Link::new(&shared, Protocol::Tcp, peer, Sending::Stream(sender));
            let io = Io::Stream(Box::new(stream), Framer::new(LONGEST));
            let end = carry(&shared, io, outbound, || Some(link.clone()), true).await;
            tracing::debug!(%peer, end, "a connection of a PBX ended");
        });
    }
}

async fn dial(
    shared: &Arc<Shared>,
    tls: Option<TlsConnector>,
    hop: &Hop,
    outbound: mpsc::Receiver<Vec<u8>>,
    sender: mpsc::WeakSender<Vec<u8>>,
    (flow, local): (FlowId, SocketAddr),
) -> &'static str {
    let io = match timeout(CONNECT, open(tls, hop)).await {
        Ok(Ok(io)) => io,
        Ok(Err(error)) => {
            tracing::info!(peer = %hop.addr, protocol = %hop.protocol, %error, "no connection");
            return "it could not be made";
        }
        Err(_) => {
            tracing::info!(peer = %hop.addr, protocol = %hop.protocol, "no connection in time");
            return "it was not made in time";
        }
    };
    let link = || {
        Some(Link {
            flow,
            protocol: hop.protocol,
            peer: hop.addr,
            local,
            sending: Sending::Stream(sender.upgrade()?),
            owner: None,
        })
    };
    carry(shared, io, outbound, link, false).await
}

/// Opens a connection.
pub(crate) async fn open(tls: Option<TlsConnector>, hop: &Hop) -> io::Result<Io> {
    let stream = TcpStream::connect(hop.addr).await?;
    stream.set_nodelay(true)?;
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
    async fn receive(&mut self) -> Result<Frame, &'static str> {
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

    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), &'static str> {
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

    async fn keep_alive(&mut self) -> Result<(), &'static str> {
        match self {
            Self::Stream(..) => self.send(b"\r\n\r\n".to_vec()).await,
            Self::WebSocket(socket) => {
                let ping = WsMessage::Ping(Bytes::new());
                socket.send(ping).await.map_err(|_| "it broke")
            }
        }
    }
}

/// Carries messages until one side ends it; answers which.
async fn carry(
    shared: &Arc<Shared>,
    mut io: Io,
    mut outbound: mpsc::Receiver<Vec<u8>>,
    link: impl Fn() -> Option<Link>,
    theirs: bool,
) -> &'static str {
    let rest = if theirs { IDLE } else { KEEP_ALIVE };
    let mut wake = Instant::now() + rest;
    loop {
        let step = tokio::select! {
            bytes = outbound.recv() => match bytes {
                Some(bytes) => io.send(bytes).await,
                None => return "it was not needed any more",
            },
            frame = io.receive() => match frame {
                Ok(Frame::Message(bytes)) => {
                    wake = Instant::now() + rest;
                    match link() {
                        Some(link) => {
                            post::handle_message(shared, &bytes, Source::Stream(link)).await;
                            Ok(())
                        }
                        None => return "it was not needed any more",
                    }
                }
                Ok(Frame::Ping) => io.send(b"\r\n".to_vec()).await,
                Ok(Frame::Pong) => Ok(()),
                Err(why) => Err(why),
            },
            () = sleep_until(wake) => {
                wake = Instant::now() + rest;
                if theirs {
                    return "nothing was said";
                }
                io.keep_alive().await
            }
        };
        if let Err(why) = step {
            return why;
        }
    }
}
