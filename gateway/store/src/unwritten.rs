//! What found no room on the disk.
//!
//! Nobody is kept out for a full disk: sessions that can't be written are kept in memory, and written
//! by whichever write is the first to succeed again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Session;

/// Changes that are kept, at most.
const MOST: usize = 4096;

/// Tenant and token.
pub(crate) type Key = (String, [u8; 32]);

/// What became of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Opened(Session),
    /// It ends later.
    Extended(i64),
    Closed,
}

/// The changes that are not on the disk.
#[derive(Debug, Default)]
pub(crate) struct Unwritten(Mutex<BTreeMap<Key, Change>>);

impl Unwritten {
    fn changes(&self) -> MutexGuard<'_, BTreeMap<Key, Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a change in mind, on top of what is already; answers whether there was room.
    pub(crate) fn keep(&self, key: Key, change: Change) -> bool {
        let mut changes = self.changes();
        let change = match (changes.get(&key), change) {
            (Some(Change::Opened(session)), Change::Extended(ends)) => Change::Opened(Session {
                ends,
                ..session.clone()
            }),
            (Some(Change::Closed), Change::Extended(_)) => return true,
            (_, change) => change,
        };
        let is_room = changes.len() < MOST || changes.contains_key(&key);
        if is_room {
            changes.insert(key, change);
        }
        is_room
    }

    pub(crate) fn change(&self, tenant: &str, token: &[u8; 32]) -> Option<Change> {
        self.changes().get(&(tenant.to_owned(), *token)).cloned()
    }

    pub(crate) fn all(&self) -> Vec<(Key, Change)> {
        let changes = self.changes();
        let all = changes.iter();
        all.map(|(key, change)| (key.clone(), change.clone()))
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes().is_empty()
    }

    /// These are on the disk, or newer ones of the same sessions. Not what has become of a session since.
    pub(crate) fn forget(&self, written: &[(Key, Change)]) {
        let mut changes = self.changes();
        for (key, change) in written {
            if changes.get(key) == Some(change) {
                changes.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(ends: i64) -> Session {
        Session {
            token: [1; 32],
            person: "ann".into(),
            password: [2; 32],
            lasts: 60,
            ends,
        }
    }

    fn key(token: u8) -> Key {
        ("t".into(), [token; 32])
    }

    #[test]
    fn what_came_last_counts() {
        let unwritten = Unwritten::default();
        assert!(unwritten.keep(key(1), Change::Opened(session(60))));
        assert!(unwritten.keep(key(1), Change::Extended(90)));
        let opened = Some(Change::Opened(session(90)));
        assert_eq!(unwritten.change("t", &[1; 32]), opened);
        assert!(unwritten.keep(key(1), Change::Closed));
        assert!(unwritten.keep(key(1), Change::Extended(120)));
        assert_eq!(unwritten.change("t", &[1; 32]), Some(Change::Closed));
        assert_eq!(unwritten.change("other", &[1; 32]), None);
    }

    #[test]
    fn what_changes_while_it_is_written_is_written_again() {
        let unwritten = Unwritten::default();
        unwritten.keep(key(1), Change::Extended(60));
        unwritten.keep(key(2), Change::Extended(60));
        let written = unwritten.all();
        unwritten.keep(key(2), Change::Closed);
        unwritten.forget(&written);
        assert_eq!(unwritten.all(), [(key(2), Change::Closed)]);
        unwritten.forget(&unwritten.all());
        assert!(unwritten.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let unwritten = Unwritten::default();
        for number in 0..MOST {
            assert!(unwritten.keep((number.to_string(), [0; 32]), Change::Closed));
        }
        assert!(!unwritten.keep(key(1), Change::Closed));
        let known = ("0".to_owned(), [0; 32]);
        assert!(unwritten.keep(known, Change::Opened(session(60))));
    }
}
