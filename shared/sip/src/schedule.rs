//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Moment;
use crate::table::Table;

/// Timers named by `K`, each running at most once, fired in the order of their moments.
#[derive(Debug)]
pub(crate) struct Schedule<K> {
    moments: Table<K, Moment>,
    /// All that run, and some that were stopped or moved since; never one of those on top.
    queue: BinaryHeap<Reverse<(Moment, K)>>,
}

/// Entries of stopped timers that are not worth a clean-up.
const SLACK: usize = 64;

impl<K: Copy + Ord> Schedule<K> {
    pub(crate) fn new() -> Self {
        Self {
            moments: Table::new(),
            queue: BinaryHeap::new(),
        }
    }

    /// Starts `key`, or moves it if it runs.
    pub(crate) fn start(&mut self, key: K, at: Moment) {
        self.moments.insert(key, at);
        self.queue.push(Reverse((at, key)));
        self.clean();
    }

    pub(crate) fn stop(&mut self, key: K) {
        if self.moments.remove(&key).is_some() {
            self.clean();
        }
    }

    /// The moment of the next timer.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next timer if its moment has come.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<K> {
        let Reverse((at, key)) = *self.queue.peek()?;
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
        self.moments.is_empty()
    }

    /// Leaves a running timer on top, and memory in proportion to what runs.
    fn clean(&mut self) {
        let moments = &self.moments;
        let runs = |Reverse((at, key)): &Reverse<(Moment, K)>| moments.get(key) == Some(at);
        if self.queue.len() > 2 * moments.len() + SLACK {
            self.queue.clear();
            for (key, at) in moments.iter() {
                self.queue.push(Reverse((*at, *key)));
            }
        }
        while self.queue.peek().is_some_and(|top| !runs(top)) {
            self.queue.pop();
        }
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

    #[test]
    fn memory_follows_what_runs() {
        let mut schedule = Schedule::new();
        schedule.start('z', at(1));
        for millis in 2..10_000 {
            schedule.start('a', at(millis));
        }
        assert!(schedule.queue.len() <= 2 * 2 + SLACK + 1);
        assert_eq!(schedule.pop_due(at(10_000)), Some('z'));
        assert_eq!(schedule.pop_due(at(9_998)), None);
        assert_eq!(schedule.pop_due(at(9_999)), Some('a'));
        assert_eq!(schedule.next(), None);
    }
}
