//! What is known of a relayed call.

use std::time::Duration;

/// A relayed call, as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayStats {
    /// What the browser sends.
    pub from_browser: StreamStats,
    /// What the PBX sends.
    pub from_pbx: StreamStats,
}

/// One direction of a relayed call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// Packets received from the sender.
    pub packets: u64,
    /// The payload within, in bytes.
    pub octets: u64,
    /// Packets that the sender sent and that never came.
    pub lost: u64,
    /// The jitter of their arrival (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// From here to the sender and back; `None` before its first report.
    pub round_trip: Option<Duration>,
    /// The codec of the last sound, as SDP calls it.
    pub codec: Option<&'static str>,
    /// What that sound was turned into, where the sides share no codec.
    pub converted_to: Option<&'static str>,
    /// Packets passed on to the other side.
    pub forwarded: u64,
    /// Packets of the wrong source, without authenticity, or that mean nothing.
    pub rejected: u64,
}
