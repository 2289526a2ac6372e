//! The order of the documents of one subscription (RFC 4235 §4.3, RFC 3680 §5.1).

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It was taken in.
    Taken,
    /// It was taken in, but one before it is missing: refresh, to be told the full state.
    Incomplete,
    /// It is older than what is known, and was not taken.
    Outdated,
}

/// The version that was taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Versions(Option<u32>);

impl Versions {
    /// What becomes of the document of this version.
    pub(super) fn take(&mut self, version: u32, is_full: bool) -> Update {
        let next = self.0.map(|last| last.saturating_add(1));
        if next.is_some_and(|next| version < next) {
            return Update::Outdated;
        }
        self.0 = Some(version);
        if is_full || next == Some(version) {
            Update::Taken
        } else {
            Update::Incomplete
        }
    }
}
