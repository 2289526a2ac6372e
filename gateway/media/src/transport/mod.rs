//! From UDP datagrams to authentic RTP and back: ICE-lite, DTLS, SRTP.

use std::net::SocketAddr;

pub(crate) mod browser;
pub(crate) mod candidates;
pub(crate) mod demux;
pub(crate) mod dtls;
pub(crate) mod ice;
pub(crate) mod srtp;

/// How a browser is reached: its address, and what carries packets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Path {
    Udp(SocketAddr),
    /// A stream that the browser has opened (RFC 6544).
    Tcp(SocketAddr),
}

impl Path {
    pub(crate) fn address(self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp(address) => address,
        }
    }
}
