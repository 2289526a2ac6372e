//! How many new requests are let in at once.

use std::time::Duration;

/// How long tasks may wait for a processor.
pub(super) const TARGET: Duration = Duration::from_millis(100);
/// New requests in any tick.
const LEAST: u32 = 32;
/// New requests in a tick of a door that is open to everybody.
pub(super) const MOST: u32 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) granted: u32,
    /// It was late the last time.
    was_late: bool,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self {
            granted: MOST,
            was_late: false,
        }
    }

    /// `used` were let in, and after that the task that counts them woke this much too late.
    pub(super) fn on_tick(&mut self, used: u32, late: Duration) {
        let is_late = late > TARGET;
        let counts = self.granted < MOST || self.was_late;
        self.was_late = is_late;
        let next = match is_late {
            true if counts => f64::from(used) * (TARGET.as_secs_f64() / late.as_secs_f64()),
            true => return,
            false => f64::from(self.granted) * 1.125,
        };
        self.granted = (next as u32).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_how_late_it_is() {
        let mut budget = Budget::new();
        for late in [Duration::ZERO, TARGET * 4, TARGET, TARGET * 4] {
            budget.on_tick(1_000, late);
            assert_eq!(budget.granted, MOST, "once is not enough");
        }
        budget.on_tick(1_000, TARGET * 4);
        assert_eq!(budget.granted, 250);
        budget.on_tick(250, TARGET / 2);
        assert_eq!(budget.granted, 281);
        budget.on_tick(281, TARGET * 2);
        assert_eq!(budget.granted, 140);
        budget.on_tick(0, TARGET * 2);
        assert_eq!(budget.granted, LEAST);
        let mut ticks = 0;
        while budget.granted < MOST {
            budget.on_tick(0, Duration::ZERO);
            ticks += 1;
            assert!(ticks < 200, "it never opens");
        }
    }
}
