//! What is due when.

use std::collections::{BTreeMap, BTreeSet};

use crate::Moment;

/// Timers named by `K`, each running at most once, fired in the order of their moments.
#[derive(Debug)]
pub(crate) struct Schedule<K> {
    moments: BTreeMap<K, Moment>,
    queue: BTreeSet<(Moment, K)>,
}

impl<K: Copy + Ord> Schedule<K> {
    pub(crate) const fn new() -> Self {
        Self {
            moments: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    /// Starts `key`, or moves it if it runs.
    pub(crate) fn start(&mut self, key: K, at: Moment) {
        self.stop(key);
        self.moments.insert(key, at);
        self.queue.insert((at, key));
    }

    pub(crate) fn stop(&mut self, key: K) {
        if let Some(at) = self.moments.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// The moment of the next timer.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes the next timer if its moment has come.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<K> {
        let (at, key) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.stop(key);
        Some(key)
    }

    /// What runs.
    pub(crate) fn names(&self) -> impl Iterator<Item = &K> {
        self.moments.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn fires_in_order_of_moments_and_only_when_due() {
        let mut schedule = Schedule::new();
        schedule.start('b', at(20));
        schedule.start('a', at(30));
        assert_eq!(schedule.next(), Some(at(20)));
        assert_eq!(schedule.pop_due(at(19)), None);
        assert_eq!(schedule.pop_due(at(30)), Some('b'));
        assert_eq!(schedule.pop_due(at(30)), Some('a'));
        assert_eq!(schedule.pop_due(at(99)), None);
        assert!(schedule.is_empty());
    }

    #[test]
    fn restarting_moves_a_timer_and_stopping_removes_it() {
        let mut schedule = Schedule::new();
        schedule.start('a', at(10));
        schedule.start('a', at(50));
        assert_eq!(schedule.pop_due(at(49)), None);
        schedule.stop('a');
        assert!(schedule.is_empty());
        assert_eq!(schedule.next(), None);
    }
}
