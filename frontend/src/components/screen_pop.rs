//! Incoming calls, over everything else in the page.

use leptos::prelude::*;

use super::{
    avatar::Avatar,
    desk::{Desk, focus_card, use_desk},
    icons::{self, icon},
    live::{each_call, shown, tap},
    words,
};
use crate::{
    model::{Call, CallKey, Phase},
    state::{Phone, use_phone},
};

/// One pop for each call that rings here. It takes no focus: somebody may be typing.
#[component]
pub fn ScreenPops() -> impl IntoView {
    let phone = use_phone();
    let ringing = move || {
        phone
            .calls
            .get()
            .into_iter()
            .filter(|call| call.phase == Phase::Incoming)
            .collect::<Vec<_>>()
    };
    view! {
        <div class="pops">{each_call(ringing, |call| view! { <ScreenPop call/> }.into_any())}</div>
    }
}

#[component]
fn ScreenPop(call: Call) -> impl IntoView {
    let (phone, desk) = (use_phone(), use_desk());
    let key = call.key;
    let who = words::called(&call.peer).to_owned();
    let number = call.peer.number.clone();
    let busy = move || {
        phone
            .calls
            .with(|calls| calls.iter().any(super::desk::is_active))
    };
    view! {
        <div class="pop" role="alertdialog" aria-label=format!("Incoming call from {who}") >
            <p class="pop-kind">"Incoming call"</p>
            <Avatar peer=Signal::stored(call.peer)/>
            <h2 dir="auto">{who.clone()}</h2>
            <p class="pop-number" dir="auto">{(who != number).then_some(number)}</p>
            {shown(busy, || view! {
                <p class="pop-note">"Answering puts your other call in the background."</p>
            })}
            <div class="pop-actions">
                <button class="action stop" aria-keyshortcuts="Alt+R" on:click=tap(move || phone.reject(key))>
                    {icon(icons::HANG_UP)} <span>"Reject"</span> <kbd aria-hidden="true">"Alt R"</kbd>
                </button>
                <button class="action go" aria-keyshortcuts="Alt+A" on:click=tap(move || answer(phone, desk, key))>
                    {icon(icons::CALL)} <span>"Answer"</span> <kbd aria-hidden="true">"Alt A"</kbd>
                </button>
            </div>
        </div>
    }
}

/// Answers and turns to the card.
pub fn answer(phone: Phone, desk: Desk, call: CallKey) {
    phone.answer(call);
    desk.tab.set(super::desk::Tab::Calls);
    focus_card(call);
}
