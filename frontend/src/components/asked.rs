//! Whether somebody asked to sign in, or the page restores an earlier sign-in.

use leptos::prelude::*;

/// Whether the form was sent since the page was loaded: then it is the form that tells what
/// becomes of it, not the page that restores an earlier sign-in.
#[derive(Clone, Copy)]
pub struct Asked(RwSignal<bool>);

impl Asked {
    /// Provides it to the views.
    #[must_use]
    pub fn provide() -> Self {
        let asked = Self(RwSignal::new(false));
        provide_context(asked);
        asked
    }

    /// It was sent.
    pub fn remember(self) {
        self.0.set(true);
    }

    /// Whether it was sent.
    #[must_use]
    pub fn get(self) -> bool {
        self.0.get()
    }
}
