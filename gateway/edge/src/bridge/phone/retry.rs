//! When to ask again for what couldn't be done (RFC 3261 §21.5.4): soon, but not all at once.

use std::time::Duration;

use sidetone_sip::message::RetryAfter;

/// With so many phones those without their PBX ask less often.
const MANY: usize = 1000;

/// A PBX that is back is to know every phone within five seconds, and it takes over one until that is
/// noticed: what is left is two. `random` tells phones apart.
pub(super) fn retry_after(phones: usize, random: u64) -> RetryAfter {
    let least = if phones < MANY { 1 } else { 2 };
    RetryAfter(Duration::from_secs(least + random % 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(phones: usize) -> [u64; 3] {
        [0, 1, u64::MAX].map(|random| retry_after(phones, random).0.as_secs())
    }

    #[test]
    fn few_phones_are_to_come_back_within_two_seconds() {
        assert_eq!(seconds(1), [1, 2, 2]);
        assert_eq!(seconds(999), [1, 2, 2]);
    }

    #[test]
    fn many_phones_are_given_a_second_more() {
        assert_eq!(seconds(1000), [2, 3, 3]);
    }
}
