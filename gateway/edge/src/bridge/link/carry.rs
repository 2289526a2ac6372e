//! The tasks of connections: those that we make, and those that PBXs make to us.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sidetone_sip::FlowId;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::connection::{Io, open};
use super::{Hop, LONGEST, Link, QUEUE, Sending};
use crate::bridge::config::Protocol;
use crate::bridge::framing::{Frame, Framer};
use crate::bridge::post::{self, Source};
use crate::bridge::shared::Shared;

/// How long a connection may take to be made, TLS and WebSocket included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a message may take to leave.
const WRITE: Duration = Duration::from_secs(5);
/// How often a connection on which nothing is said is kept alive (RFC 5626 §4.4.1).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a connection that a PBX opened may be silent.
const IDLE: Duration = Duration::from_secs(600);

/// Takes the connections that PBXs open.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptors: nothing tells when some are given back, and the connection
                // stays ready to be taken.
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

pub(super) async fn dial(
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
                Some(bytes) => match timeout(WRITE, io.send(bytes)).await {
                    Ok(sent) => sent,
                    Err(_) => Err("the peer does not read"),
                },
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
