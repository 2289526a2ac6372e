//! What became of the last try to sign in.

use leptos::prelude::*;

use super::{live::live, status_light::StatusLight};
use crate::{model::Line, state::use_phone};

/// What is missing, refused or out of reach.
#[component]
pub fn Outcome(missing: RwSignal<Option<&'static str>>) -> impl IntoView {
    let phone = use_phone();
    let line = move || match phone.line.get() {
        Line::Refused { why } => Some(("Signing in failed.", why)),
        Line::Down { why, .. } => Some(("The server can't be reached.", why)),
        _ => None,
    };
    let words = move || match missing.get() {
        Some(missing) => Some((missing, String::new())),
        None => line(),
    };
    view! {
        <StatusLight/>
        <div role="alert">
            {live(move || words().map(|(what, why)| view! {
                <p class="outcome"><strong>{what}</strong> " " {why}</p>
            }.into_any()))}
        </div>
    }
}
