//! What the engine counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of the engine's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Legs that exist now.
    pub legs: u64,
    /// Relayed calls that exist now.
    pub relays: u64,
    /// Addresses now tied to a leg or relay.
    pub addresses: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Received datagrams that belong to no call: an unknown source or user name.
    pub unknown: u64,
    /// Received datagrams that are no STUN, DTLS, RTP or RTCP at all, or broken.
    pub malformed: u64,
    /// Received datagrams whose STUN, SRTP or SRTCP protection did not verify.
    pub unauthentic: u64,
    /// Datagrams the system did not take.
    pub unsent: u64,
}

/// The living counters behind [`Counters`]; written by the engine alone.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) legs: AtomicU64,
    pub(crate) relays: AtomicU64,
    pub(crate) addresses: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) unauthentic: AtomicU64,
    pub(crate) unsent: AtomicU64,
}

/// Why a received datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    Unknown,
    Malformed,
    Unauthentic,
}

impl Tally {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.store(counter.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn on_dropped(&self, why: Dropped) {
        Self::count(match why {
            Dropped::Unknown => &self.unknown,
            Dropped::Malformed => &self.malformed,
            Dropped::Unauthentic => &self.unauthentic,
        });
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            legs: self.legs.load(Relaxed),
            relays: self.relays.load(Relaxed),
            addresses: self.addresses.load(Relaxed),
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            unauthentic: self.unauthentic.load(Relaxed),
            unsent: self.unsent.load(Relaxed),
        }
    }
}
