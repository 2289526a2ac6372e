//! The dial pad of the page: dials when nothing goes on, else sends keys into the call.

use leptos::prelude::*;

use super::{
    desk::use_desk,
    dial_pad::DialPad,
    icons::{self, icon},
    live::{live, shown, tap},
    words,
};
use crate::state::use_phone;

/// The pad with its call and delete buttons. It gives way to the pad within a card.
#[component]
pub fn KeypadPanel() -> impl IntoView {
    let (phone, desk) = (use_phone(), use_desk());
    let hears = Memo::new(move |_| {
        let key = desk.pad_call()?;
        phone.calls.with(|calls| {
            calls
                .iter()
                .find(|call| call.key == key)
                .map(|call| words::called(&call.peer).to_owned())
        })
    });
    let empty = move || desk.typed.with(String::is_empty);
    view! {
        {shown(move || desk.open_keypad().is_none(), move || view! {
            <section class="keypad-panel" aria-label="Keypad">
                {live(move || hears.get().map(|who| view! {
                    <p class="keypad-hint">"Keys go to " <strong dir="auto">{who}</strong></p>
                }.into_any()))}
                <DialPad/>
                {shown(move || hears.with(Option::is_none), move || view! {
                    <div class="keypad-foot">
                        <button class="round go" aria-label="Call" on:click=tap(move || desk.dial_typed())>
                            {icon(icons::CALL)}
                        </button>
                        <button
                            class="round plain" aria-label="Delete last digit" disabled=live(empty)
                            on:mousedown=|event| event.prevent_default()
                            on:click=tap(move || desk.typed.update(|typed| _ = typed.pop()))
                        >
                            {icon(icons::BACKSPACE)}
                        </button>
                    </div>
                })}
            </section>
        })}
    }
}
