//! What can be done while people talk.

use leptos::prelude::*;

use super::{
    desk::{card_id, use_desk},
    icons::{self, icon},
    live::{live, tap},
};
use crate::{model::Call, state::use_phone};

/// Mute and keypad; a call in the background can be brought back instead.
#[component]
pub fn TalkingActions(call: Memo<Call>) -> impl IntoView {
    let background = Memo::new(move |_| call.with(|call| call.background));
    live(move || {
        if background.get() {
            view! { <TalkAgain call/> }.into_any()
        } else {
            view! { <Mute call/> <Keypad call/> }.into_any()
        }
    })
}

#[component]
fn TalkAgain(call: Memo<Call>) -> impl IntoView {
    let phone = use_phone();
    let key = call.with_untracked(|call| call.key);
    view! {
        <button class="action" on:click=tap(move || phone.bring_to_front(key))>
            {icon(icons::SWAP)} <span>"Talk again"</span>
        </button>
    }
}

#[component]
fn Mute(call: Memo<Call>) -> impl IntoView {
    let phone = use_phone();
    let key = call.with_untracked(|call| call.key);
    let muted = Memo::new(move |_| call.with(|call| call.muted));
    view! {
        <button
            class="action" aria-pressed=live(move || muted.get().to_string()) aria-keyshortcuts="Control+M"
            on:click=tap(move || phone.set_muted(key, !muted.get_untracked()))
        >
            {live(move || icon(if muted.get() { icons::MICROPHONE_OFF } else { icons::MICROPHONE }))}
            <span>"Mute"</span>
        </button>
    }
}

#[component]
fn Keypad(call: Memo<Call>) -> impl IntoView {
    let desk = use_desk();
    let key = call.with_untracked(|call| call.key);
    let open = Memo::new(move |_| desk.open_keypad() == Some(key));
    let turn = move |_| desk.keypad.set((!open.get_untracked()).then_some(key));
    view! {
        <button
            class="action" aria-expanded=live(move || open.get().to_string()) aria-controls=card_id(key)
            on:click=turn
        >
            {icon(icons::KEYPAD)} <span>"Keypad"</span>
        </button>
    }
}
