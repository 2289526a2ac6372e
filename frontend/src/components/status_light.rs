//! The status light: whether calls can come in.

use leptos::prelude::*;

use super::{live::live, words};
use crate::state::use_phone;

/// The light with its words and who is signed in.
#[component]
pub fn StatusLight() -> impl IntoView {
    let phone = use_phone();
    let state = move || phone.line.with(words::line);
    let who = move || {
        phone.identity.get().map(|me| match me.name {
            Some(name) if name != me.extension => format!("{} {name}", me.extension),
            _ => me.extension,
        })
    };
    let name = move || match who() {
        Some(who) => format!("{}: {who}", state()),
        None => state().to_owned(),
    };
    view! {
        <div
            class="status-light"
            role="status"
            aria-label=live(name)
            data-line=live(move || phone.line.with(words::line_token))
        >
            <span class="light" aria-hidden="true"></span>
            <span class="state">{live(state)}</span>
            <span class="who" dir="auto">{live(who)}</span>
        </div>
    }
}
