//! Between a browser and any PBX.
//!
//! A browser's WebSocket becomes a *flow*; an [`Upstream`] is where its SIP goes. The edge knows
//! neither the embedded switch nor a media engine: the server wires them in.
//!
//! # What a client may do
//!
//! - It asks for the subprotocol `sip` (RFC 7118 §4.1) and gets it, or an answer in words.
//! - A second subprotocol `ticket.…` names the person whose flow it is: the one place for it that a
//!   page can write to and that no proxy logs, as it does an address. A bad ticket opens nothing.
//! - A browser must come from this host or from a configured origin. A client without an Origin
//!   is not a browser and carries nobody's cookies; digest authentication is what protects there.
//! - Text and binary messages are the same bytes to us (RFC 7118 §5): one message, one SIP
//!   message. Towards the client, what is valid UTF-8 goes as text, anything else as binary.
//! - It answers pings, reads what it is sent, and keeps to the size of messages; a client that
//!   doesn't is closed, and no other one notices.

mod admission;
mod bridge;
mod door;
mod edge;
mod handshake;
mod origin;
mod socket;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use futures_channel::mpsc as futures_mpsc;
use sidetone_sip::{FlowId, Response};
use tokio::sync::mpsc;

pub use bridge::*;
pub use edge::Edge;
pub use origin::{Origin, OriginError, may_connect};

/// What is known of a flow when it opens.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// Unique for the life of the process.
    pub id: FlowId,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Whether it came over TLS (Via says WSS then, else WS).
    pub secure: bool,
    /// Whose it is, if it came with a ticket; else who follows it, if somebody does.
    pub person: Option<Arc<dyn Person>>,
}

/// Who is told what upstreams say over a flow: somebody who has signed in at the gateway, or nobody
/// that is known by name yet.
pub trait Person: fmt::Debug + Send + Sync + 'static {
    /// An upstream (`None`: the embedded switch) has answered a request over a flow of this person,
    /// and the browser is about to hear it.
    fn on_response(&self, upstream: Option<&str>, response: &Response);
}

/// Knows whose tickets are.
pub trait TicketOffice: Send + Sync + 'static {
    /// Takes a ticket in; it is good once.
    fn redeem(&self, ticket: &str) -> Option<Admitted>;

    /// A flow is opened without a ticket by a request with these headers. `None`: nobody follows it.
    fn visit(&self, _peer: Peer, _headers: &HeaderMap) -> Option<Visit> {
        None
    }
}

/// Who came with a ticket.
pub struct Admitted {
    /// Whose flow it is.
    pub person: Arc<dyn Person>,
    /// Is over when they have signed out, and their flow with it.
    pub stay: Boxed<'static, ()>,
}

/// A flow that came without a ticket, and is followed.
pub struct Visit {
    /// Who follows it.
    pub person: Arc<dyn Person>,
    /// What the browser shows from now on (`Set-Cookie`), unless it does so already.
    pub cookie: Option<HeaderValue>,
}

/// Where SIP goes: the embedded switch, or a PBX.
pub trait Upstream: Send + Sync + 'static {
    /// A flow opened. What its client says is delivered to what is returned; the flow is gone when
    /// that is dropped.
    ///
    /// The upstream writes whole messages into `outbound`, a bounded queue: a full one
    /// (`try_send` fails) means that the browser doesn't read, and dropping `outbound` closes the
    /// flow's socket.
    fn open(&self, flow: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound>;
}

/// An upstream's end of a flow: what the client says goes in here, one WebSocket message at a time.
pub trait Inbound: Send + Sync {
    /// Whether there is room for a message; while there is none, the flow's socket isn't read.
    ///
    /// # Errors
    /// [`Gone`], if the upstream has closed the flow.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>>;

    /// Takes a message, for which there is room.
    ///
    /// # Errors
    /// [`Gone`], if the upstream has closed the flow.
    fn deliver(&mut self, message: Vec<u8>) -> Result<(), Gone>;
}

/// The upstream has closed the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream has closed the flow")]
pub struct Gone;

/// A bounded queue, which some task of the upstream works off.
impl Inbound for futures_mpsc::Sender<Vec<u8>> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        futures_mpsc::Sender::poll_ready(self, context).map_err(|_| Gone)
    }

    fn deliver(&mut self, message: Vec<u8>) -> Result<(), Gone> {
        self.start_send(message).map_err(|_| Gone)
    }
}

/// The other end of an HTTP connection. Who accepts connections puts it into the extensions of
/// each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub remote: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
}

impl Peer {
    /// One without TLS.
    #[must_use]
    pub const fn plain(remote: SocketAddr) -> Self {
        let secure = false;
        Self { remote, secure }
    }

    /// Its address, or with IPv6 the /64 that one machine has to itself.
    #[must_use]
    pub fn household(&self) -> IpAddr {
        admission::household(self.remote.ip())
    }

    /// One with TLS.
    #[must_use]
    pub const fn encrypted(remote: SocketAddr) -> Self {
        let secure = true;
        Self { remote, secure }
    }
}

/// What a flow, and all flows together, may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message from a client, in bytes.
    pub message: usize,
    /// Messages waiting for a client before it counts as not reading.
    pub queue: usize,
    /// How often a client is pinged.
    pub ping_interval: Duration,
    /// How long a client may stay silent after a ping.
    pub pong_timeout: Duration,
    /// How long one message may take to leave.
    pub send_timeout: Duration,
    /// Flows of all clients.
    pub flows: usize,
    /// Flows of one address (of one /64 with IPv6).
    pub flows_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            queue: 64,
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(10),
            flows: 4096,
            flows_per_address: 256,
        }
    }
}
