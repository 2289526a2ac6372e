//! Speaks to screen readers and names the window.

use leptos::prelude::*;

use super::words;
use crate::{
    model::{Call, Phase},
    state::use_phone,
};

/// Live regions that nobody sees: incoming calls at once, everything else in its turn.
#[component]
pub fn Announcer() -> impl IntoView {
    let phone = use_phone();
    let speak = move |urgent: bool| {
        phone.calls.with(|calls| {
            let chosen = calls
                .iter()
                .filter(|call| (call.phase == Phase::Incoming) == urgent);
            chosen.map(words::spoken).collect::<Vec<_>>().join(". ")
        })
    };
    let urgent = Memo::new(move |_| speak(true));
    let calm = Memo::new(move |_| speak(false));
    let title = Memo::new(move |_| phone.calls.with(|calls| title(calls)));
    Effect::new(move || document().set_title(&title.get()));
    view! {
        <div class="hidden" aria-live="assertive" aria-atomic="true">{urgent}</div>
        <div class="hidden" aria-live="polite" aria-atomic="true">{calm}</div>
    }
}

/// The window's title: the call that matters most, else the version.
fn title(calls: &[Call]) -> String {
    let by = |wanted: fn(&Phase) -> bool| calls.iter().rev().find(|call| wanted(&call.phase));
    if let Some(call) = by(|phase| *phase == Phase::Incoming) {
        format!("☎ {} is calling · Sidetone", words::called(&call.peer))
    } else if let Some(call) = by(|phase| matches!(phase, Phase::Active { .. })) {
        format!("{} · Sidetone", words::called(&call.peer))
    } else {
        concat!("Sidetone ", env!("CARGO_PKG_VERSION")).into()
    }
}
