//! What can be done with a call.

use leptos::prelude::*;

use super::{
    desk::{focus_card, use_desk},
    icons::{self, icon},
    live::{live, tap},
    talking_actions::TalkingActions,
};
use crate::{
    model::{Call, Phase},
    state::use_phone,
};

/// The buttons of a card. An incoming call has them in its screen pop instead.
#[component]
pub fn CallActions(call: Memo<Call>) -> impl IntoView {
    let phone = use_phone();
    let stage = Memo::new(move |_| match call.with(|call| call.phase.clone()) {
        Phase::Incoming => Stage::Waiting,
        Phase::Calling | Phase::Ringing { .. } | Phase::Connecting { .. } => Stage::Opening,
        Phase::Active { .. } => Stage::Talking,
        Phase::Ended { .. } => Stage::Over,
    });
    let key = call.with_untracked(|call| call.key);
    let hang_up = move || {
        view! {
            <button
                class="action stop" aria-keyshortcuts="Escape"
                on:click=tap(move || { phone.hang_up(key); focus_card(key); })
            >
                {icon(icons::HANG_UP)} <span>"Hang up"</span>
            </button>
        }
    };
    live(move || {
        let actions = match stage.get() {
            Stage::Waiting => return None,
            Stage::Opening => hang_up().into_any(),
            Stage::Talking => view! { <TalkingActions call/> {hang_up()} }.into_any(),
            Stage::Over => view! { <AfterActions call/> }.into_any(),
        };
        Some(view! { <div class="actions">{actions}</div> }.into_any())
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Opening,
    Talking,
    Over,
}

#[component]
fn AfterActions(call: Memo<Call>) -> impl IntoView {
    let (phone, desk) = (use_phone(), use_desk());
    let key = call.with_untracked(|call| call.key);
    let again = move |_| {
        desk.dial(&call.with_untracked(|call| call.peer.number.clone()));
        phone.dismiss(key);
    };
    view! {
        <button class="action" on:click=again>{icon(icons::CALL)} <span>"Call back"</span></button>
        <button class="action" on:click=tap(move || phone.dismiss(key))>
            {icon(icons::CLOSE)} <span>"Dismiss"</span>
        </button>
    }
}
