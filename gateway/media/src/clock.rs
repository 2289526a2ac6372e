//! The time of day for RTCP, read once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// From the first day of NTP, 1 January 1900, to that of Unix.
const NTP_TO_UNIX: Duration = Duration::from_secs(2_208_988_800);

/// Turns an [`Instant`] into NTP time (RFC 3550 §4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    epoch: Instant,
    since_1900: Duration,
}

impl WallClock {
    /// Ties `now` to the system's time of day.
    pub(crate) fn new(now: Instant) -> Self {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            epoch: now,
            since_1900: since_1970 + NTP_TO_UNIX,
        }
    }

    /// Seconds since 1900 in 32.32 fixed point.
    pub(crate) fn ntp(&self, at: Instant) -> u64 {
        let since = self.since_1900 + at.saturating_duration_since(self.epoch);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        (since.as_secs() << 32) | fraction
    }
}
