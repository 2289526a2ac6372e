//! Light, dark, or as the system has it.

use leptos::prelude::*;

use super::icons::{self, Drawing, icon};

const STORED_AS: &str = "theme";

/// Which colours the page wears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn from_word(word: &str) -> Self {
        [Self::Light, Self::Dark]
            .into_iter()
            .find(|theme| theme.word() == word)
            .unwrap_or_default()
    }

    fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    fn drawing(self) -> Drawing {
        match self {
            Self::System => icons::SCREEN,
            Self::Light => icons::SUN,
            Self::Dark => icons::MOON,
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// Dresses the page as it was left, and provides the theme to the views.
pub fn provide_theme() {
    let stored = storage().and_then(|storage| storage.get_item(STORED_AS).ok().flatten());
    let theme = RwSignal::new(stored.map_or_else(Theme::default, |word| Theme::from_word(&word)));
    Effect::new(move || {
        if let Some(page) = document().document_element() {
            _ = page.set_attribute("data-theme", theme.get().word());
        }
    });
    provide_context(theme);
}

/// Goes through the three themes and remembers the choice.
#[component]
pub fn ThemeButton() -> impl IntoView {
    let theme = expect_context::<RwSignal<Theme>>();
    let name = move || format!("Theme: {}", theme.get().word());
    let turn = move |_| {
        theme.update(|theme| *theme = theme.next());
        if let Some(storage) = storage() {
            // A full or forbidden storage only means that the choice lasts for this visit.
            _ = storage.set_item(STORED_AS, theme.get_untracked().word());
        }
    };
    view! {
        <button class="icon-button" aria-label=name title=name on:click=turn>
            {move || icon(theme.get().drawing())}
        </button>
    }
}
