//! The bridge between browsers and PBXs: a session border for phones.
//!
//! ```text
//!  WebSocket ⇄ phone (a task: transactions on both sides) ⇄ links: UDP socket, connections ⇄ PBX
//!                 ⇅                        ▲
//!               switch                    post   what comes from PBXs finds its phone
//! ```
//!
//! To a PBX each registration is an ordinary phone at the gateway's address. Via, Contact and
//! Record-Route are ours on either side; Call-ID, tags and CSeq are those of the ends, so that
//! transfers, pick-ups and subscriptions mean the same on both sides. Nothing is forwarded as it
//! came: messages are read, judged and printed anew.
//!
//! Where a message belongs stands in authenticated tokens in the messages themselves: in the Contact
//! that a PBX sees, and in the Record-Route that a browser sees. A gateway that was restarted knows
//! no calls, but routes them.
//!
//! # Who may do what
//!
//! - The PBX checks passwords. A flow may speak for the accounts that it has registered, and for no
//!   other; within a dialog the token in its route shows that it is the flow's own.
//! - Whoever registers as the same device of the same account takes over its calls.

mod anchor;
mod binding;
mod border;
mod check;
mod config;
mod figures;
mod framing;
mod link;
mod locate;
mod pbx;
mod phone;
mod phones;
mod post;
mod seat;
mod shared;
mod token;
mod trust;
mod watch;
mod whereabouts;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use anchor::*;
pub use check::Finding;
pub use config::*;
pub use figures::{CallKind, Caller, SoundPath, UpstreamFigures};
pub use token::TokenKey;

use self::link::Socket;
use self::pbx::Pbx;
use self::phone::Phone;
use self::phones::Phones;
use self::seat::Seat;
use self::shared::Shared;
use crate::{FlowInfo, Inbound, Upstream};

/// Messages of one browser that may wait.
const FLOW_QUEUE: usize = 16;

/// Why there is no bridge.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// No socket towards PBXs.
    #[error("PBXs can't be listened to on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// An upstream can't be used.
    #[error("the upstream {name} can't be used: {source}")]
    Upstream {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// The bridge; where upstreams are configured it stands before the switch. Cloning gives another
/// handle.
#[derive(Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
    local: SocketAddr,
}

impl Bridge {
    /// Opens the sockets towards PBXs. What is for no upstream goes to `switch`. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`BridgeError`].
    pub async fn start(
        config: BridgeConfig,
        key: TokenKey,
        switch: Arc<dyn Upstream>,
        anchor: Option<Arc<dyn MediaAnchor>>,
    ) -> Result<Self, BridgeError> {
        let address = config.listen;
        let listening = |source| BridgeError::Listen { address, source };
        let mut pbxs = Vec::new();
        for upstream in config.upstreams {
            let name = upstream.name.clone();
            let pbx = Pbx::new(upstream);
            pbxs.push(Arc::new(
                pbx.map_err(|source| BridgeError::Upstream { name, source })?,
            ));
        }
        let (socket, listener) = bind(address).await.map_err(listening)?;
        let local = socket.local_addr().map_err(listening)?;
        let socket = Arc::new(socket);
        let shared = Arc::new(Shared {
            key,
            phones: Phones::default(),
            pbxs,
            switch,
            anchor,
            socket: Arc::clone(&socket),
            port: local.port(),
            advertise: config.advertise,
            linger: config.linger,
            ring_grace: config.ring_grace,
            started: Instant::now(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared.spawn(socket.receive(Arc::clone(&shared)));
        shared.spawn(link::accept(listener, Arc::clone(&shared)));
        for pbx in &shared.pbxs {
            shared.spawn(watch::watch(Arc::clone(pbx), Arc::clone(&shared)));
        }
        Ok(Self { shared, local })
    }

    /// Where PBXs reach the gateway.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What each upstream has seen.
    #[must_use]
    pub fn figures(&self) -> Vec<UpstreamFigures> {
        self.shared.pbxs.iter().map(|pbx| pbx.figures()).collect()
    }

    /// Tells PBXs that phones are gone, closes all connections and gives the port back.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Upstream for Bridge {
    fn open(&self, info: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        // It is small while nothing waits, as tokio's are not.
        let (sender, inbound) = futures_channel::mpsc::channel(FLOW_QUEUE);
        let seat = Seat {
            info,
            inbound,
            outbound,
            switch: None,
            bindings: Vec::new(),
            unserved: Vec::new(),
        };
        Phone::start(Arc::clone(&self.shared), seat);
        Box::new(sender)
    }
}

/// The same port for UDP and TCP; any that is free for both if it is 0.
async fn bind(address: SocketAddr) -> io::Result<(Socket, TcpListener)> {
    let mut attempts = 16;
    loop {
        let listener = TcpListener::bind(address).await?;
        let port = listener.local_addr()?.port();
        match Socket::bind(SocketAddr::new(address.ip(), port)).await {
            Err(error) if address.port() == 0 && attempts > 0 => {
                tracing::debug!(port, %error, "a port is free for TCP only");
                attempts -= 1;
            }
            bound => return Ok((bound?, listener)),
        }
    }
}

/// Random bits; a machine without any has worse troubles than a repeated name.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}
