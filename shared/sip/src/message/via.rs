use super::uri::{Host, Params};
use crate::Text;

/// A transport protocol (RFC 3261 §20.42, RFC 7118 §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams: the transaction layer retransmits.
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream over TLS.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// Any other token.
    Other(Text),
}

impl Transport {
    /// The token as it stands in Via.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(token) => token,
        }
    }

    /// Whether the transport itself delivers or fails, so that nothing is retransmitted.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// One hop (RFC 3261 §20.42).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Via {
    /// The protocol after `SIP/2.0/`.
    pub transport: Transport,
    /// Who sent it.
    pub host: Host,
    /// Its port, if written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and others.
    pub params: Params,
}

impl Via {
    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }
}
