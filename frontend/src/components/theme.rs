//! The button that goes through light, dark, and what the system has.

use leptos::prelude::*;

use super::{
    icons::{self, icon},
    live::live,
};
use crate::platform::theme::Theme;

/// Provides the theme to the views; the page wears it already.
pub fn provide_theme() {
    provide_context(RwSignal::new(Theme::stored()));
}

/// Goes through the three themes and remembers the choice.
#[component]
pub fn ThemeButton() -> impl IntoView {
    let theme = expect_context::<RwSignal<Theme>>();
    let looks = move || match theme.get() {
        Theme::System => ("Theme: system", icons::SCREEN),
        Theme::Light => ("Theme: light", icons::SUN),
        Theme::Dark => ("Theme: dark", icons::MOON),
    };
    let turn = move |_| {
        theme.update(|theme| {
            *theme = match theme {
                Theme::System => Theme::Light,
                Theme::Light => Theme::Dark,
                Theme::Dark => Theme::System,
            };
        });
        theme.get_untracked().apply();
    };
    view! {
        <button
            class="icon-button" aria-label=live(move || looks().0) title=live(move || looks().0) on:click=turn
        >
            {live(move || icon(looks().1))}
        </button>
    }
}
