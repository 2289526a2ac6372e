//! What all phones use.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::anchor::MediaAnchor;
use super::config::Protocol;
use super::link::{Hop, Socket};
use super::pbx::Pbx;
use super::phones::Phones;
use super::token::{TokenKey, UpstreamId};
use crate::Upstream;

pub(crate) struct Shared {
    pub(crate) key: TokenKey,
    pub(crate) phones: Phones,
    pub(crate) pbxs: Vec<Arc<Pbx>>,
    pub(crate) switch: Arc<dyn Upstream>,
    pub(crate) anchor: Option<Arc<dyn MediaAnchor>>,
    pub(crate) socket: Arc<Socket>,
    /// Where PBXs reach the gateway.
    pub(crate) port: u16,
    /// What they are told instead of the address that we send from.
    pub(crate) advertise: Option<IpAddr>,
    pub(crate) linger: Duration,
    pub(crate) ring_grace: Duration,
    pub(crate) started: Instant,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    /// Runs a task until the bridge closes.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            closing.run_until_cancelled(task).await;
        });
    }

    /// Whether phones may still be on their way back after a restart.
    pub(crate) fn has_just_begun(&self) -> bool {
        self.started.elapsed() < self.ring_grace
    }

    pub(crate) fn pbx(&self, id: UpstreamId) -> Option<&Arc<Pbx>> {
        self.pbxs.iter().find(|pbx| pbx.id == id)
    }

    pub(crate) fn pbx_of_domain(&self, domain: &str) -> Option<&Arc<Pbx>> {
        let mut pbxs = self.pbxs.iter();
        pbxs.find(|pbx| pbx.config.domain.eq_ignore_ascii_case(domain))
    }

    /// Whether an upstream is at this address.
    pub(crate) fn is_known(&self, address: IpAddr) -> bool {
        self.pbxs.iter().any(|pbx| pbx.is_at(address))
    }

    /// Whether there is a way to `hop`. Connections need none of our own sockets.
    pub(crate) fn reaches(&self, hop: &Hop) -> bool {
        hop.protocol != Protocol::Udp || hop.addr.is_ipv4() || self.socket.is_v6()
    }

    /// What `peer` is told to send to.
    pub(crate) fn own_address(&self, peer: SocketAddr) -> SocketAddr {
        let ip = self.advertise.or_else(|| super::link::local_towards(peer));
        let any = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        SocketAddr::new(ip.unwrap_or(any), self.port)
    }
}
