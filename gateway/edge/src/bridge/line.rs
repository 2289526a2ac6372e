//! The line before the media engine, which serves one after the other: how long who joins it now
//! would wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How many of those that have been served what is known of one is taken from.
const MEMORY: u64 = 16;

#[derive(Default)]
pub(crate) struct Line {
    waiting: AtomicU64,
    /// Nanoseconds that one takes, as a moving average.
    pace: AtomicU64,
}

/// Somebody in the line, until dropped.
pub(crate) struct Place<'a> {
    line: &'a Line,
    /// It and who came before.
    number: u64,
    since: Instant,
}

impl Line {
    pub(crate) fn join(&self) -> Place<'_> {
        Place {
            line: self,
            number: self.waiting.fetch_add(1, Relaxed) + 1,
            since: Instant::now(),
        }
    }

    /// How long who joins now would wait.
    pub(crate) fn wait(&self) -> Duration {
        let pace = self.pace.load(Relaxed);
        Duration::from_nanos(self.waiting.load(Relaxed).saturating_mul(pace))
    }

    /// Somebody was served, as the `number`th in the line, after `took`.
    fn note_served(&self, number: u64, took: Duration) {
        let one = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / number;
        let learn = |pace: u64| Some(pace - pace / MEMORY + one / MEMORY);
        // Never refused.
        let _ = self.pace.fetch_update(Relaxed, Relaxed, learn);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.waiting.fetch_sub(1, Relaxed);
        self.line.note_served(self.number, self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_that_of_all_who_came_before() {
        let line = Line::default();
        let places = [line.join(), line.join(), line.join()];
        assert_eq!(places.each_ref().map(|place| place.number), [1, 2, 3]);
        assert_eq!(line.wait(), Duration::ZERO, "nobody has been served yet");
        for _ in 0..200 {
            line.note_served(3, Duration::from_millis(30));
        }
        let wait = line.wait();
        let expected = Duration::from_millis(29)..=Duration::from_millis(30);
        assert!(expected.contains(&wait), "{wait:?}");
        drop(places);
        assert_eq!(line.wait(), Duration::ZERO);
    }

    #[test]
    fn one_that_was_slow_does_not_make_a_slow_line() {
        let line = Line::default();
        for _ in 0..200 {
            line.note_served(1, Duration::from_millis(1));
        }
        line.note_served(1, Duration::from_millis(17));
        let _place = line.join();
        let wait = line.wait();
        let expected = Duration::from_millis(1)..=Duration::from_millis(2);
        assert!(expected.contains(&wait), "{wait:?}");
    }
}
