//! A map for things that are named by rising numbers.

/// Values by key, in the order of the keys.
///
/// A sorted vector of boxes: keys are handed out in rising order, so that inserting appends, and
/// removing moves two words for each entry behind. It takes a fifth of the code of a `BTreeMap` for
/// each type, which the browser downloads.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    entries: Vec<(K, Box<V>)>,
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
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| &**value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| &mut **value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, &**value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries
            .iter_mut()
            .map(|(key, value)| (&*key, &mut **value))
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
        self.find(key).is_ok()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        Some(&self.entries[at].1)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        Some(&mut self.entries[at].1)
    }

    /// Puts `value` under `key`; gives back what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut *self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, Box::new(value)));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key).ok()?;
        Some(*self.entries.remove(at).1)
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
}
