//! The timers of RFC 3261 §17 table 4, as updated by RFC 6026.

use std::time::Duration;

/// Round-trip estimates of RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Round-trip time estimate.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

impl Default for Timers {
    /// 500 ms, 4 s and 5 s.
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64·T1: how long anything is tried.
    pub(crate) const fn patience(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// A timer of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction time-out.
    B,
    /// Wait for retransmitted responses to INVITE.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction time-out.
    F,
    /// INVITE response retransmission.
    G,
    /// Wait for the ACK.
    H,
    /// Wait for retransmitted ACKs.
    I,
    /// Wait for retransmitted non-INVITE requests.
    J,
    /// Wait for retransmitted non-INVITE responses.
    K,
    /// Wait for retransmitted INVITEs after a 2xx (RFC 6026 §7.1).
    L,
    /// Wait for retransmitted and forked 2xx responses (RFC 6026 §7.2).
    M,
    /// 200 ms without an answer of the user to INVITE: send 100 (RFC 3261 §17.2.1).
    Trying,
    /// A non-INVITE request that nobody answered in time; a later answer would not be awaited
    /// any more (RFC 4320 §4.2).
    Unanswered,
}

impl Timer {
    pub(crate) const ALL: [Self; 14] = [
        Self::A,
        Self::B,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::H,
        Self::I,
        Self::J,
        Self::K,
        Self::L,
        Self::M,
        Self::Trying,
        Self::Unanswered,
    ];
}

/// What the timers of one transaction depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) timers: Timers,
    pub(crate) reliable: bool,
}

impl Clock {
    /// The (first) duration of `timer`; zero where a reliable transport needs no such wait.
    pub(crate) fn duration(self, timer: Timer) -> Duration {
        let Timers { t1, t4, .. } = self.timers;
        let unless_reliable = |duration| {
            if self.reliable {
                Duration::ZERO
            } else {
                duration
            }
        };
        match timer {
            Timer::A | Timer::E | Timer::G => t1,
            Timer::D => unless_reliable(self.timers.patience().max(Duration::from_secs(32))),
            Timer::I | Timer::K => unless_reliable(t4),
            Timer::Trying => Duration::from_millis(200),
            // J too, where RFC 3261 allows zero on reliable transports: a connection that broke
            // and came back repeats what was not answered, and that must not be done twice.
            Timer::B | Timer::F | Timer::H | Timer::J | Timer::L | Timer::M | Timer::Unanswered => {
                self.timers.patience()
            }
        }
    }

    /// The interval after `interval` for timers E and G.
    pub(crate) fn backed_off(self, interval: Duration) -> Duration {
        (interval * 2).min(self.timers.t2)
    }
}
