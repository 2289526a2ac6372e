//! How long to wait before the connection is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// In a call: it may be without sound until the connection is back. So many times the first wait;
/// browsers slow down who knocks much more often.
const QUICK: u32 = 6;
const LONGEST_IN_CALL: Duration = Duration::from_secs(1);

/// Waits of 0.5 s · 2ⁿ, at most 30 s, each shortened by up to half at random: when a gateway
/// comes back, its phones must not all knock in the same instant. The few that are in a call knock
/// on: 0.5 s, later 1 s, shortened alike.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` lies in 0 … 1.
    pub fn wait(&mut self, in_call: bool, random: f64) -> Duration {
        let whole = match (in_call, self.failures) {
            (true, ..QUICK) => FIRST,
            (true, _) => LONGEST_IN_CALL,
            (false, failures) => LONGEST.min(FIRST * 2u32.saturating_pow(failures.min(10))),
        };
        self.failures += 1;
        whole.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }

    /// It worked: the next wait is a short one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_thirty_seconds() {
        let mut backoff = Backoff::default();
        let mut wait = || backoff.wait(false, 0.0).as_millis();
        let waits: Vec<u128> = (0..9).map(|_| wait()).collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        backoff.reset();
        assert_eq!(backoff.wait(false, 0.0).as_millis(), 500);
    }

    #[test]
    fn in_a_call_they_stay_short() {
        let mut backoff = Backoff::default();
        let mut wait = || backoff.wait(true, 0.0).as_millis();
        let waits: Vec<u128> = (0..8).map(|_| wait()).collect();
        assert_eq!(waits, [500, 500, 500, 500, 500, 500, 1000, 1000]);
        // The call has ended meanwhile.
        assert_eq!(backoff.wait(false, 0.0).as_millis(), 30_000);
        assert_eq!(backoff.wait(true, 0.0).as_millis(), 1000);
    }

    #[test]
    fn chance_shortens_a_wait_by_half_at_most() {
        assert_eq!(Backoff::default().wait(false, 1.0).as_millis(), 250);
        assert_eq!(Backoff::default().wait(false, 0.5).as_millis(), 375);
        assert_eq!(Backoff::default().wait(true, 7.0).as_millis(), 250);
    }
}
