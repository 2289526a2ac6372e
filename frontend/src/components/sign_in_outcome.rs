//! What became of the last try to sign in.

use leptos::prelude::*;

use super::{live::live, status_light::StatusLight};
use crate::{model::Line, state::use_phone};

/// What is missing, refused or out of reach.
#[component]
pub fn Outcome(missing: RwSignal<Option<&'static str>>) -> impl IntoView {
    let phone = use_phone();
    let words = move || match (missing.get(), phone.line.get()) {
        (Some(missing), _) => Some(missing.to_owned()),
        (None, Line::Refused { why }) => Some(why),
        (None, Line::Down { why, .. }) => Some(why + " It is tried again by itself."),
        _ => None,
    };
    view! {
        <StatusLight/>
        <div role="alert">
            {live(move || words().map(|mut what| {
                let then = what.split_off(what.find(". ").map_or(what.len(), |at| at + 1));
                view! { <p class="outcome"><strong>{what}</strong>{then}</p> }.into_any()
            }))}
        </div>
    }
}
