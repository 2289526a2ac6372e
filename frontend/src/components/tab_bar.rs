//! The bar at the bottom of a narrow window.

use leptos::prelude::*;

use super::{
    desk::{Tab, use_desk},
    icons::{self, Drawing, icon},
    live::{live, tap},
};

/// Calls or keypad.
#[component]
pub fn TabBar() -> impl IntoView {
    let desk = use_desk();
    let one = move |tab: Tab, name: &'static str, drawing: Drawing| {
        view! {
            <button
                class="tab" role="tab" aria-selected=live(move || (desk.tab.get() == tab).to_string())
                on:click=tap(move || desk.tab.set(tab))
            >
                {icon(drawing)} <span>{name}</span>
            </button>
        }
    };
    view! {
        <nav class="tab-bar" aria-label="Screens"><div role="tablist">
            {one(Tab::Calls, "Calls", icons::CALL)}
            {one(Tab::Keypad, "Keypad", icons::KEYPAD)}
        </div></nav>
    }
}
