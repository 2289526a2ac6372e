//! One call as a card.

use leptos::prelude::*;

use super::{
    call_actions::CallActions,
    card_head::CardHead,
    desk::{card_id, use_desk},
    dial_pad::DialPad,
    live::{live, shown},
    words,
};
use crate::{model::Call, state::use_phone};

/// The card of a call, from its first tone until it is dismissed.
#[component]
pub fn CallCard(call: Call) -> impl IntoView {
    let (phone, desk) = (use_phone(), use_desk());
    let key = call.key;
    // The card outlives its call by a moment while the list is redrawn.
    let call = Memo::new(move |last: Option<&Call>| {
        let now = phone
            .calls
            .with(|calls| calls.iter().find(|call| call.key == key).cloned());
        now.or_else(|| last.cloned())
            .unwrap_or_else(|| call.clone())
    });
    let token = move || call.with(|call| words::phase_token(&call.phase));
    let name = move || call.with(|call| format!("Call with {}", words::called(&call.peer)));
    let to_front = move |_| {
        if call.with_untracked(|call| call.background) {
            phone.bring_to_front(key);
        }
    };
    let keypad = Memo::new(move |_| desk.open_keypad() == Some(key));
    view! {
        <article
            class="card" id=card_id(key) tabindex="-1" aria-label=live(name)
            data-phase=live(token) on:dblclick=to_front
            data-background=live(move || call.with(|call| call.background).then_some("true"))
            data-interrupted=live(move || call.with(words::is_interrupted).then_some("true"))
            data-muted=live(move || call.with(|call| call.muted).then_some("true"))
            data-keypad=live(move || keypad.get().then_some("true"))
        >
            <CardHead call/>
            {live(move || call.with(words::advice).map(|advice| view! {
                <p class="card-advice">{advice}</p>
            }.into_any()))}
            {shown(move || keypad.get(), move || view! {
                <output class="card-keys" aria-label="Keys sent">
                    {live(move || call.with(|call| call.keys.clone()))}
                </output>
                <DialPad/>
            })}
            <CallActions call/>
        </article>
    }
}
