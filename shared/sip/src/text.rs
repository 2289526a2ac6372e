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
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared {
        buffer: Arc<str>,
        start: u32,
        end: u32,
    },
}

impl Text {
    /// A text known at compile time; costs nothing to make or clone.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// The part of this text that `part`, a subslice of it, covers, sharing the buffer.
    #[inline]
    pub(crate) fn share(&self, part: &str) -> Self {
        if part.is_empty() {
            return Self::default();
        }
        let offset_in = |whole: &str| part.as_ptr() as usize - whole.as_ptr() as usize;
        match &self.0 {
            Repr::Static(text) => {
                let from = offset_in(text);
                Self(Repr::Static(&text[from..from + part.len()]))
            }
            Repr::Shared { buffer, .. } => {
                let from = offset_in(buffer);
                Self::slice(Arc::clone(buffer), from, from + part.len())
            }
        }
    }

    /// Buffers beyond 4 GiB are not supported; no message comes near.
    fn slice(buffer: Arc<str>, start: usize, end: usize) -> Self {
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self(Repr::Shared {
            start: index(start),
            end: index(end),
            buffer,
        })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Shared { buffer, start, end } => &buffer[*start as usize..*end as usize],
        }
    }

    /// A copy that keeps no larger buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        match &self.0 {
            Repr::Shared { buffer, start, end } if buffer.len() > (end - start) as usize => {
                Self::from(self.as_str())
            }
            _ => self.clone(),
        }
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        if value.is_empty() {
            return Self::default();
        }
        Self::slice(Arc::from(value), 0, value.len())
    }
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from_static("")
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
