//! Whether a PBX that is to speak does.
//!
//! ```text
//!            30 s without a packet
//! speaking ────────────────────────▶ silent (told once)
//!     ▲                                 │
//!     └──────────a packet───────────────┘
//! ```

use std::time::{Duration, Instant};

/// As for browsers: whoever sends sound sends at least reports as often.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    heard: Instant,
    is_silent: bool,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            is_silent: false,
        }
    }

    /// A packet has come, or silence counts anew for another reason.
    pub(super) fn on_heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether it has just been found silent. While it is not to speak, its silence means nothing.
    pub(super) fn check(&mut self, now: Instant, is_to_speak: bool) -> bool {
        if !is_to_speak {
            self.on_heard(now);
        }
        let was_silent = self.is_silent;
        self.is_silent = now >= self.heard + SILENCE;
        self.is_silent && !was_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_told_once_until_there_is_sound_again() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let told = |watch: &mut Watch, seconds| watch.check(start + seconds * SECOND, true);
        assert!(!told(&mut watch, 29));
        assert!(told(&mut watch, 30));
        assert!(!told(&mut watch, 31));
        assert!(!told(&mut watch, 90));
        watch.on_heard(start + 91 * SECOND);
        assert!(!told(&mut watch, 92));
        assert!(told(&mut watch, 121));
    }

    #[test]
    fn who_is_on_hold_may_be_silent() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        for seconds in (0..300).step_by(5) {
            assert!(!watch.check(start + seconds * SECOND, false));
        }
        assert!(!watch.check(start + 324 * SECOND, true));
        assert!(watch.check(start + 325 * SECOND, true));
    }
}
