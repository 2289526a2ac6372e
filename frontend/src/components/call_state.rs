//! Where a call stands: words, timer, badges.

use leptos::prelude::*;

use super::{
    desk::is_active,
    icons::{self, icon},
    live::{live, shown},
    words,
};
use crate::{
    model::{Call, Phase},
    state::use_phone,
};

/// The right side of a card's head.
#[component]
pub fn CallState(call: Memo<Call>) -> impl IntoView {
    let phone = use_phone();
    let words = Memo::new(move |_| call.with(|call| words::phase(&call.phase)));
    let since = Memo::new(move |_| match call.with(|call| call.phase.clone()) {
        Phase::Active { since, .. } => Some(since),
        _ => None,
    });
    let interrupted = Memo::new(move |_| call.with(words::is_interrupted));
    let behind = move || call.with(|call| call.background && is_active(call));
    let silent = move || call.with(|call| call.muted && is_active(call)) && !behind();
    let talked = move || match call.with(|call| call.phase.clone()) {
        Phase::Ended {
            seconds: Some(seconds),
            ..
        } => Some(words::duration(seconds)),
        _ => None,
    };
    view! {
        <div class="card-state">
            {live(move || since.get().map(|since| view! {
                <span class="timer" role="timer" aria-label="Talking time">
                    {live(move || words::duration(words::talked(since, phone.clock.get())))}
                </span>
            }.into_any()))}
            {shown(move || since.get().is_none() || interrupted.get(), move || view! {
                <span class="phase">{live(move || words.get())}</span>
            })}
            {live(move || talked().map(|time| view! { <span class="talked">{time}</span> }.into_any()))}
            {shown(behind, || view! { <span class="badge behind">"Not heard"</span> })}
            {shown(silent, || view! {
                <span class="badge muted">{icon(icons::MICROPHONE_OFF)} "Muted"</span>
            })}
        </div>
    }
}
