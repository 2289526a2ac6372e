//! Whether the sign-in form asks for a name at the gateway, or for an extension.

use leptos::prelude::*;
use sidetone_api::About;

use super::live::{live, shown, tap};
use crate::state::{Phone, use_phone};

/// The choice, as long as the form is there.
#[derive(Clone, Copy)]
pub struct ByName {
    phone: Phone,
    chosen: RwSignal<Option<bool>>,
}

impl ByName {
    /// Nothing is chosen yet: a name where the gateway knows people, unless it is a demonstration,
    /// which shows its extensions.
    #[must_use]
    pub fn unchosen() -> Self {
        Self {
            phone: use_phone(),
            chosen: RwSignal::new(None),
        }
    }

    /// Whether a name is asked for.
    #[must_use]
    pub fn get(self) -> bool {
        let usual = self.about(|about| about.people && about.demo.is_none());
        self.chosen.get().unwrap_or(usual)
    }

    /// Asks for one or the other.
    pub fn choose(self, by_name: bool) {
        self.chosen.set(Some(by_name));
    }

    fn about(self, is: fn(&About) -> bool) -> bool {
        self.phone
            .about
            .with(|about| about.as_ref().is_some_and(is))
    }
}

/// What asks for the other one.
#[component]
pub fn ByNameButton(
    by_name: ByName,
    /// What was wrong, and is not asked for any more.
    missing: RwSignal<Option<&'static str>>,
) -> impl IntoView {
    let possible = move || by_name.about(|about| about.people);
    let words = move || match by_name.get() {
        true => "Use an extension instead",
        false => "Use your name instead",
    };
    let press = move || {
        by_name.choose(!untrack(move || by_name.get()));
        missing.set(None);
    };
    shown(possible, move || {
        view! {
            <button class="button quiet wide" type="button" on:click=tap(press)>{live(words)}</button>
        }
    })
}
