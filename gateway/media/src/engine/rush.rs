//! Whether packets come so often that they are let gather, so that a busy thread wakes for several.
//! That was cheaper as long as each wait set up a timer. Now the pause is the one that does, and costs
//! more than the wakings it saves; the longest delays have yet to be measured without it.
//!
//! ```text
//!        two packets or more in the time to gather, for a whole window
//! calm ────────────────────────────────────────────────────────────────▶ rush
//!   ▲                                                                      │
//!   └───────────────────────────fewer──────────────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

/// From one waking to the next; no ear notices it.
const GATHER: Duration = Duration::from_micros(60);
/// Calls are steadier than that; what comes at once and then no more is no rush.
const WINDOW: Duration = Duration::from_millis(10);

pub(super) struct Rush {
    is_on: bool,
    /// Where the window begins, and how many packets had come by then.
    since: Instant,
    received: u64,
}

impl Rush {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            is_on: false,
            since: now,
            received: 0,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Until when to let packets gather, when the thread has woken at `now` and `received` packets
    /// have come in all.
    pub(super) fn pause_until(&mut self, now: Instant, received: u64) -> Option<Instant> {
        let window = now.saturating_duration_since(self.since);
        if window >= WINDOW {
            let packets = u32::try_from(received - self.received).unwrap_or(u32::MAX);
            self.is_on = GATHER.saturating_mul(packets) >= 2 * window;
            (self.since, self.received) = (now, received);
        }
        self.is_on.then(|| now + GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it pauses after each of `windows` of so many packets.
    fn pauses(windows: &[u64]) -> Vec<bool> {
        let start = Instant::now();
        let mut rush = Rush::new(start);
        let (mut now, mut received) = (start, 0);
        let pauses = windows.iter().map(|packets| {
            now += WINDOW;
            received += packets;
            rush.pause_until(now, received).is_some()
        });
        pauses.collect()
    }

    #[test]
    fn packets_gather_while_they_come_often() {
        let expected = [false, false, true, true, false, false];
        assert_eq!(pauses(&[0, 333, 334, 5000, 333, 0]), expected);
    }

    #[test]
    fn many_at_once_and_then_none_are_no_rush() {
        let start = Instant::now();
        let mut rush = Rush::new(start);
        for burst in 1..10 {
            let now = start + burst * Duration::from_millis(20);
            assert_eq!(rush.pause_until(now, u64::from(burst) * 100), None);
            let soon = now + Duration::from_micros(300);
            let received = u64::from(burst) * 100 + 50;
            assert_eq!(rush.pause_until(soon, received), None);
        }
    }

    #[test]
    fn a_pause_of_days_counts_once() {
        let start = Instant::now();
        let mut rush = Rush::new(start);
        let later = start + Duration::from_secs(1_000_000);
        assert_eq!(rush.pause_until(later, 5_000_000_000), None);
        let soon = later + WINDOW;
        let until = rush.pause_until(soon, 5_000_000_400);
        assert_eq!(until, Some(soon + GATHER));
    }
}
