//! How long to wait before the connection is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits of 0.5 s · 2ⁿ, at most 30 s, each shortened by up to half at random: when a gateway
/// comes back, its phones must not all knock in the same instant.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` lies in 0 … 1.
    pub fn wait(&mut self, random: f64) -> Duration {
        let whole = LONGEST.min(FIRST * 2u32.saturating_pow(self.failures.min(10)));
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
        let waits: Vec<u128> = (0..9).map(|_| backoff.wait(0.0).as_millis()).collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        backoff.reset();
        assert_eq!(backoff.wait(0.0).as_millis(), 500);
    }

    #[test]
    fn chance_shortens_a_wait_by_half_at_most() {
        assert_eq!(Backoff::default().wait(1.0).as_millis(), 250);
        assert_eq!(Backoff::default().wait(0.5).as_millis(), 375);
        assert_eq!(Backoff::default().wait(7.0).as_millis(), 250);
    }
}
