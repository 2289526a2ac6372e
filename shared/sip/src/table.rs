//! A map for things that are named by rising numbers.

/// Values by key, in the order of the keys.
///
/// A sorted vector of boxes: keys are handed out in rising order, so that inserting appends. What is
/// removed leaves a gap; when there are more gaps than values, they are closed, so that a registrar
/// with many thousands of transactions pays no more for each than a phone. It takes a fifth of the code
/// of a `BTreeMap` for each type, which the browser downloads.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    entries: Vec<(K, Option<Box<V>>)>,
    gaps: usize,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Table<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            gaps: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let entries = self.entries.iter_mut();
        entries.filter_map(|(key, value)| Some((&*key, value.as_deref_mut()?)))
    }
}

impl<K: Ord, V> Table<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        match self.entries.last() {
            Some((last, _)) if last < key => Err(self.entries.len()),
            _ => self.entries.binary_search_by(|(known, _)| known.cmp(key)),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        self.entries[at].1.as_deref()
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.entries[at].1.as_deref_mut()
    }

    /// Puts `value` under `key`; gives back what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let value = Some(Box::new(value));
        match self.find(&key) {
            Ok(at) => {
                let before = std::mem::replace(&mut self.entries[at].1, value);
                self.gaps -= usize::from(before.is_none());
                before.map(|before| *before)
            }
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key).ok()?;
        let value = self.entries[at].1.take()?;
        self.gaps += 1;
        if self.gaps > self.len() {
            self.entries.retain(|(_, value)| value.is_some());
            self.gaps = 0;
        }
        Some(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn keeps_the_order_of_the_keys_whatever_the_order_of_insertion() {
        let mut table = Table::new();
        for key in [3, 1, 5, 2, 4] {
            assert_eq!(table.insert(key, key * 10), None);
        }
        assert!(table.keys().eq(&[1, 2, 3, 4, 5]));
        assert_eq!(table.len(), 5);
        assert_eq!(table.get(&4), Some(&40));
        assert_eq!(table.get(&6), None);
    }

    #[test]
    fn a_key_names_one_value() {
        let mut table = Table::new();
        assert_eq!(table.insert('a', 1), None);
        assert_eq!(table.insert('a', 2), Some(1));
        assert!(table.contains_key(&'a'));
        assert_eq!(table.remove(&'a'), Some(2));
        assert_eq!(table.remove(&'a'), None);
        assert!(table.is_empty());
    }

    #[test]
    fn gaps_are_neither_seen_nor_kept_for_long() {
        let mut table = Table::new();
        for key in 0..100 {
            table.insert(key, key);
        }
        for key in 0..40 {
            assert_eq!(table.remove(&key), Some(key));
        }
        assert_eq!((table.len(), table.entries.len()), (60, 100));
        assert_eq!((table.get(&39), table.get(&40)), (None, Some(&40)));
        assert!(!table.contains_key(&39) && table.remove(&39).is_none());
        assert!(table.iter().map(|(key, _)| *key).eq(40..100));
        assert!(table.values_mut().map(|value| *value).eq(40..100));
        // A gap can be filled.
        assert_eq!(table.insert(39, 1), None);
        assert_eq!((table.len(), table.get(&39)), (61, Some(&1)));
        for key in 39..100 {
            assert!(table.remove(&key).is_some());
        }
        assert!(table.is_empty() && table.entries.is_empty());
    }
}
