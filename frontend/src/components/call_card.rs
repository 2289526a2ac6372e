//! One call as a card.

use leptos::prelude::*;

use super::{
    avatar::Avatar,
    call_actions::CallActions,
    call_state::CallState,
    desk::{card_id, use_desk},
    dial_pad::DialPad,
    icons::{self, icon},
    words,
};
use crate::{
    model::{Call, Direction},
    state::use_phone,
};

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
    let peer = Memo::new(move |_| call.with(|call| call.peer.clone()));
    let token = move || call.with(|call| words::phase_token(&call.phase));
    let name = move || peer.with(|peer| format!("Call with {}", words::called(peer)));
    let (direction, way) = call.with_untracked(|call| match call.direction {
        Direction::Outgoing => (icon(icons::OUTGOING), "Outgoing"),
        Direction::Incoming => (icon(icons::INCOMING), "Incoming"),
    });
    let number = move || {
        peer.with(|peer| {
            let is_title = words::called(peer) == peer.number;
            if is_title {
                way.to_owned()
            } else {
                peer.number.clone()
            }
        })
    };
    let keypad = Memo::new(move |_| desk.open_keypad() == Some(key));
    view! {
        <article
            class="card" id=card_id(key) tabindex="-1" aria-label=name
            data-phase=token
            data-muted=move || call.with(|call| call.muted).then_some("true")
            data-keypad=move || keypad.get().then_some("true")
        >
            <div class="card-head">
                <Avatar peer/>
                <div class="card-who">
                    <h3 dir="auto">{move || peer.with(|peer| words::called(peer).to_owned())}</h3>
                    <p class="card-number">{direction} <span dir="auto">{number}</span></p>
                </div>
                <CallState call/>
            </div>
            {move || call.with(words::advice).map(|advice| view! {
                <p class="card-advice">{advice}</p>
            })}
            <Show when=move || keypad.get()>
                <output class="card-keys" aria-label="Keys sent">
                    {move || call.with(|call| call.keys.clone())}
                </output>
                <DialPad/>
            </Show>
            <CallActions call/>
        </article>
    }
}
