//! Between a browser and any PBX.
//!
//! A browser's WebSocket becomes a *flow*; an [`Upstream`] is where its SIP goes. The edge knows
//! neither the embedded switch nor a media engine: the server wires them in.

use std::net::SocketAddr;

use sidetone_sip::FlowId;
use tokio::sync::mpsc;

/// What is known of a flow when it opens.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// Unique for the life of the process.
    pub id: FlowId,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Whether it came over TLS (Via says WSS then, else WS).
    pub secure: bool,
}

/// Where SIP goes: the embedded switch, or a PBX.
pub trait Upstream: Send + Sync + 'static {
    /// A flow opened. Each WebSocket message is sent into the returned bounded queue; when the
    /// queue is full, the flow's socket waits. The flow is gone when the sender is dropped.
    ///
    /// The upstream writes whole messages into `outbound`, a bounded queue: a full one
    /// (`try_send` fails) means that the browser doesn't read, and dropping `outbound` closes the
    /// flow's socket.
    fn open(&self, flow: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> mpsc::Sender<Vec<u8>>;
}
