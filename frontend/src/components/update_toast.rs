//! Offers a newer version, and waits for the end of a call.

use leptos::prelude::*;

use super::{
    icons::{self, icon},
    live::{live, shown, tap},
};
use crate::state::use_phone;

/// A calm note at the edge.
#[component]
pub fn UpdateToast() -> impl IntoView {
    let phone = use_phone();
    let later = RwSignal::new(false);
    let in_call = Memo::new(move |_| {
        phone
            .calls
            .with(|calls| calls.iter().any(|call| call.phase.is_live()))
    });
    let note = move || {
        if in_call.get() {
            "It waits until your call is over."
        } else {
            "Loading it takes a second; nothing is lost."
        }
    };
    view! {
        {shown(move || phone.update_ready.get() && !later.get(), move || view! {
            <div class="toast" role="alertdialog" aria-labelledby="update-title" aria-describedby="update-note">
                {icon(icons::NEW)}
                <p><strong id="update-title">"A new version is ready"</strong>
                    <span id="update-note" aria-live="polite">{live(note)}</span></p>
                <button class="button quiet small" on:click=tap(move || later.set(true))>"Later"</button>
                {shown(move || !in_call.get(), move || view! {
                    <button class="button small" on:click=tap(move || phone.update())>"Reload now"</button>
                })}
            </div>
        })}
    }
}
