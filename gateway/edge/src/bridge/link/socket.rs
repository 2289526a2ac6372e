//! The UDP socket of all phones.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::UdpSocket;

use super::LONGEST;
use crate::bridge::post;
use crate::bridge::shared::Shared;

/// Answers to many phones at once must find room: each that is lost is half a second of waiting.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The UDP socket of all phones.
pub(crate) struct Socket {
    socket: UdpSocket,
    is_v6: bool,
}

impl Socket {
    pub(crate) async fn bind(listen: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(listen).await?;
        // As much as the system allows; it may be less.
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        // Before it is known that it can send, it doesn't: the first datagram would be lost.
        socket.writable().await?;
        Ok(Self {
            socket,
            is_v6: listen.is_ipv6(),
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether it sends to IPv6 addresses.
    pub(crate) const fn is_v6(&self) -> bool {
        self.is_v6
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
