use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// An immutable string that may share the buffer of the message it was parsed from.
///
/// Cloning counts a reference. A value that outlives its message for long (a registration, a
/// dialog) should be made independent by [`Text::detached`].
#[derive(Clone)]
pub struct Text {
    buffer: Arc<str>,
    start: u32,
    end: u32,
}

impl Text {
    /// The part `range` of `buffer`, without copying. The range must lie on character boundaries.
    pub(crate) fn slice_of(buffer: &Arc<str>, range: std::ops::Range<usize>) -> Self {
        debug_assert!(buffer.is_char_boundary(range.start) && buffer.is_char_boundary(range.end));
        let index = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        Self { buffer: Arc::clone(buffer), start: index(range.start), end: index(range.end) }
    }

    /// The part of this text that `part`, a subslice of it, covers, sharing the buffer.
    pub(crate) fn share(&self, part: &str) -> Self {
        let offset = part.as_ptr() as usize - self.as_str().as_ptr() as usize;
        let start = self.start as usize + offset;
        Self::slice_of(&self.buffer, start..start + part.len())
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.buffer[self.start as usize..self.end as usize]
    }

    /// A copy that keeps no larger buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        let buffer: Arc<str> = Arc::from(value);
        Self::slice_of(&buffer, 0..value.len())
    }
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
