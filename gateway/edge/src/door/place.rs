//! Places for calls that have begun and have not been answered anything.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// As many keep a processor busy; more of them only push each other out of its cache. Where the PBX is
/// slow, thirty a second may still begin.
const EACH_PROCESSOR: usize = 6;
/// How long a call has its place: whatever is forwarded is answered 100 before (RFC 3261 §17.2.1). What
/// can't be read is answered nothing, and must not keep others out.
pub(super) const STAY: Duration = Duration::from_millis(300);

pub(super) struct Places {
    free: Semaphore,
    taken: Mutex<Taken>,
}

/// Who came when, in that order.
#[derive(Default)]
struct Taken {
    since: BTreeMap<u64, Instant>,
    next: u64,
}

/// One of them, given back when it is dropped.
pub(super) struct Place<'a> {
    places: &'a Places,
    number: u64,
}

/// How many there are.
pub(super) fn most_calls() -> usize {
    EACH_PROCESSOR * available_parallelism().map_or(1, NonZero::get)
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            free: Semaphore::new(most_calls()),
            taken: Mutex::default(),
        }
    }

    /// One that is free now.
    pub(super) fn try_take(&self) -> Option<Place<'_>> {
        self.free.try_acquire().ok()?.forget();
        Some(self.seat())
    }

    /// The next that gets free; who came first is served first.
    pub(super) async fn take(&self) -> Option<Place<'_>> {
        self.free.acquire().await.ok()?.forget();
        Some(self.seat())
    }

    fn seat(&self) -> Place<'_> {
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        taken.since.insert(number, Instant::now());
        Place {
            places: self,
            number,
        }
    }

    /// Takes the places away from those that have had them too long.
    pub(super) fn reclaim(&self, now: Instant) {
        let mut taken = self.taken();
        while let Some(first) = taken.since.first_entry()
            && *first.get() + STAY <= now
        {
            first.remove();
            self.free.add_permits(1);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }
}

impl Place<'_> {
    /// Whether it has not been taken away.
    pub(super) fn is_held(&self) -> bool {
        self.places.taken().since.contains_key(&self.number)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.places.taken().since.remove(&self.number).is_some() {
            self.places.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_given_back_once() {
        let places = Places::new();
        let most = most_calls();
        let first = places.try_take().unwrap();
        tokio::time::advance(STAY / 2).await;
        let second = places.take().await.unwrap();
        places.reclaim(Instant::now());
        assert_eq!(places.free(), most - 2);
        tokio::time::advance(STAY / 2).await;
        places.reclaim(Instant::now());
        assert!(!first.is_held() && second.is_held());
        assert_eq!(places.free(), most - 1);
        drop(first);
        assert_eq!(places.free(), most - 1, "it was");
        drop(second);
        assert_eq!(places.free(), most);
    }
}
