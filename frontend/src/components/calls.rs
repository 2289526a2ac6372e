//! The column of cards.

use std::cmp::Reverse;

use leptos::prelude::*;

use super::{
    call_card::CallCard,
    icons::{self, icon},
    live::{each_call, live, shown},
    people::derive_demo,
};
use crate::{model::Call, state::use_phone};

/// All calls: the one that is heard first, then those that go on, then the newest.
#[component]
pub fn Calls() -> impl IntoView {
    let phone = use_phone();
    let cards = move || {
        let rank = |call: &Call| (!call.phase.is_live(), call.background, Reverse(call.key));
        // A few: what sorts many is large.
        let mut calls = Vec::new();
        for call in phone.calls.get() {
            let at = calls.partition_point(|shown| rank(shown) < rank(&call));
            calls.insert(at, call);
        }
        calls
    };
    let count = move || {
        phone
            .calls
            .with(|calls| calls.iter().filter(|call| call.phase.is_live()).count())
    };
    view! {
        <section class="calls" aria-labelledby="calls-title">
            <h2 id="calls-title">
                "Calls"
                {live(move || (count() > 0).then(|| view! { <span class="count">{count()}</span> }.into_any()))}
            </h2>
            <div class="cards">
                {each_call(cards, |call| view! { <CallCard call/> }.into_any())}
                {shown(move || phone.calls.with(Vec::is_empty), || view! { <NoCalls/> })}
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
            {shown(move || demo.get().is_some(), || view! {
                <p>"Call 600 to hear yourself, or open a second tab as somebody else and call each other."</p>
            })}
        </div>
    }
}
