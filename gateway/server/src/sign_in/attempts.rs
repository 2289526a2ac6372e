//! How often a password may be tried.
//!
//! Three allowances, each refilled over time (a generic cell rate): one name from one address, all
//! names from one address, one name from everywhere. A right password gives back what it took.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Allowances that are remembered; beyond, those that are fullest are forgotten.
const REMEMBERED: usize = 8192;

/// So many at once, and one more after each such time.
struct Allowance {
    burst: u32,
    every: Duration,
}

const OF_BOTH: Allowance = Allowance {
    burst: 5,
    every: Duration::from_secs(30),
};
const OF_ADDRESS: Allowance = Allowance {
    burst: 30,
    every: Duration::from_secs(5),
};
/// Wide, so that somebody can hardly be locked out by others.
const OF_NAME: Allowance = Allowance {
    burst: 100,
    every: Duration::from_secs(5),
};

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Address(IpAddr),
    Name(String),
}

/// What was tried lately.
#[derive(Default)]
pub(super) struct Attempts {
    /// When each allowance is full again.
    full_at: HashMap<Key, Instant>,
}

impl Attempts {
    /// Takes one attempt, or answers how long to wait for the next.
    pub(super) fn take(
        &mut self,
        now: Instant,
        name: &str,
        address: IpAddr,
    ) -> Result<(), Duration> {
        let keys = keys(name, address);
        let wait = keys.iter().map(|(key, allowance)| {
            let left = self.spent(now, key);
            left.saturating_sub(allowance.every * (allowance.burst - 1))
        });
        let wait = wait.max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        self.forget(now);
        for (key, allowance) in keys {
            let full_at = now + self.spent(now, &key) + allowance.every;
            self.full_at.insert(key, full_at);
        }
        Ok(())
    }

    /// The password was right: what the attempt took is given back, and the person starts afresh
    /// here.
    pub(super) fn forgive(&mut self, now: Instant, name: &str, address: IpAddr) {
        let [(both, _), others @ ..] = keys(name, address);
        self.full_at.remove(&both);
        for (key, allowance) in others {
            let spent = self.spent(now, &key).saturating_sub(allowance.every);
            self.full_at.insert(key, now + spent);
        }
    }

    fn spent(&self, now: Instant, key: &Key) -> Duration {
        let full_at = self.full_at.get(key);
        full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn forget(&mut self, now: Instant) {
        if self.full_at.len() < REMEMBERED {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        while self.full_at.len() >= REMEMBERED {
            let fullest = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
            let Some(key) = fullest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.full_at.remove(&key);
        }
    }
}

fn keys(name: &str, address: IpAddr) -> [(Key, Allowance); 3] {
    [
        (Key::Both(name.to_owned(), address), OF_BOTH),
        (Key::Address(address), OF_ADDRESS),
        (Key::Name(name.to_owned()), OF_NAME),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_name_may_be_tried_five_times_from_one_address() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.take(now, "ann", address(1)), Ok(()));
        }
        let wait = Duration::from_secs(30);
        assert_eq!(attempts.take(now, "ann", address(1)), Err(wait));
        // Refused attempts cost nothing, and others are not concerned.
        assert_eq!(attempts.take(now, "ann", address(1)), Err(wait));
        assert_eq!(attempts.take(now, "ann", address(2)), Ok(()));
        assert_eq!(attempts.take(now, "ben", address(1)), Ok(()));
        assert_eq!(attempts.take(now + wait, "ann", address(1)), Ok(()));
        assert_eq!(attempts.take(now + wait, "ann", address(1)), Err(wait));
    }

    #[test]
    fn one_address_may_not_try_every_name() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for number in 0..30 {
            let name = format!("name {number}");
            assert_eq!(attempts.take(now, &name, address(1)), Ok(()));
        }
        let wait = Duration::from_secs(5);
        assert_eq!(attempts.take(now, "ann", address(1)), Err(wait));
        assert_eq!(attempts.take(now, "ann", address(2)), Ok(()));
        assert_eq!(attempts.take(now + wait, "ann", address(1)), Ok(()));
    }

    #[test]
    fn a_name_may_not_be_tried_from_everywhere() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for last in 0..100 {
            assert_eq!(attempts.take(now, "ann", address(last)), Ok(()));
        }
        let wait = Duration::from_secs(5);
        assert_eq!(attempts.take(now, "ann", address(100)), Err(wait));
        assert_eq!(attempts.take(now, "ben", address(100)), Ok(()));
    }

    #[test]
    fn a_right_password_takes_nothing() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for _ in 0..200 {
            assert_eq!(attempts.take(now, "ann", address(1)), Ok(()));
            attempts.forgive(now, "ann", address(1));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for number in 0..20_000_u32 {
            let address = IpAddr::from((u128::from(number) << 64).to_be_bytes());
            let _ = attempts.take(now, "ann", address);
            let _ = attempts.take(now, &number.to_string(), address);
            assert!(attempts.full_at.len() <= REMEMBERED + 2);
        }
    }
}
