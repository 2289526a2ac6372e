//! Where a call stands: words, timer, badges.

use leptos::prelude::*;

use super::{
    desk::is_active,
    icons::{self, icon},
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
            {move || since.get().map(|since| view! {
                <span class="timer" role="timer" aria-label="Talking time">
                    {move || words::duration(words::talked(since, phone.clock.get()))}
                </span>
            })}
            <Show when=move || since.get().is_none() || interrupted.get()>
                <span class="phase">{words}</span>
            </Show>
            {move || talked().map(|time| view! { <span class="talked">{time}</span> })}
            <Show when=behind><span class="badge behind">"Not heard"</span></Show>
            <Show when=silent>
                <span class="badge muted">{icon(icons::MICROPHONE_OFF)} "Muted"</span>
            </Show>
        </div>
    }
}
