//! The column of cards.

use std::cmp::Reverse;

use leptos::prelude::*;

use super::{
    call_card::CallCard,
    icons::{self, icon},
    people::derive_demo,
};
use crate::{model::Call, state::use_phone};

/// All calls: the one that is heard first, then those that go on, then the newest.
#[component]
pub fn Calls() -> impl IntoView {
    let phone = use_phone();
    let cards = move || {
        let mut calls = phone.calls.get();
        calls.sort_by_key(|call| (!call.phase.is_live(), call.background, Reverse(call.key)));
        calls
    };
    let live = move || {
        phone
            .calls
            .with(|calls| calls.iter().filter(|call| call.phase.is_live()).count())
    };
    view! {
        <section class="calls" aria-labelledby="calls-title">
            <h2 id="calls-title">
                "Calls"
                {move || (live() > 0).then(|| view! { <span class="count">{live()}</span> })}
            </h2>
            <div class="cards">
                <For each=cards key=|call: &Call| call.key children=|call| view! { <CallCard call/> }/>
                <Show when=move || phone.calls.with(Vec::is_empty)><NoCalls/></Show>
            </div>
        </section>
    }
}

#[component]
fn NoCalls() -> impl IntoView {
    let demo = derive_demo();
    view! {
        <div class="empty">
            <span class="empty-sign" aria-hidden="true">{icon(icons::CALL)}</span>
            <p><strong>"No calls yet"</strong></p>
            <p>"Type a number and press Enter."</p>
            <Show when=move || demo.get().is_some()>
                <p>"Call 600 to hear yourself, or open a second tab as somebody else and call each other."</p>
            </Show>
        </div>
    }
}
