//! What the app has of the standard library whether or not it reads messages: texts are allocated,
//! formatted, shared, hashed, cut, searched and checked.

use std::collections::HashMap;
use std::sync::Arc;

/// Takes a text apart and says what was found.
pub(crate) fn anyway(text: &str) -> String {
    let mut words: HashMap<Arc<str>, u64> = HashMap::new();
    for (at, word) in text.split([' ', '\n']).enumerate() {
        let (name, value) = word.rsplit_once('=').unwrap_or((word.trim(), ""));
        let count = value.parse::<u32>().map_or(1, u64::from);
        let cut = &name[..at.min(name.len())];
        *words
            .entry(Arc::from(cut.to_ascii_lowercase()))
            .or_default() += count;
    }
    let mut words: Vec<(Arc<str>, u64)> = words.into_iter().collect();
    words.sort();
    let lossy = String::from_utf8_lossy(text.as_bytes());
    let length = u16::try_from(lossy.len());
    format!("{words:?} {length:?} {:>8}", lossy.replace("\r\n", " "))
}
