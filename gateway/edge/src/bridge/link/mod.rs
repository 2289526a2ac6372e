//! Ways to PBXs: a shared UDP socket, and connections.
//!
//! A connection belongs to the phone that opened it; one task reads and writes it. Connections that
//! PBXs open to us belong to nobody: what comes over them is handed to the phone it is for.

mod carry;
mod connection;
mod socket;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sidetone_sip::FlowId;
use sidetone_sip::message::Host;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

pub(crate) use carry::accept;
pub(crate) use connection::open;
pub(crate) use socket::{Socket, local_towards};

use super::config::Protocol;
use super::phones::Input;
use super::shared::Shared;

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
            let end = carry::dial(&shared, tls, &hop, outbound, weak, (flow, local)).await;
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
