//! The keyboard at work, wherever the focus is.

use leptos::{ev, ev::KeyboardEvent, prelude::*};

use super::{
    desk::{Desk, is_active, use_desk},
    keys::{Command, Stroke, command},
    screen_pop::answer,
};
use crate::{
    model::{Call, CallKey, Phase},
    state::{Phone, use_phone},
};

/// Listens for as long as the page is up.
pub fn listen_to_keys() {
    let (phone, desk) = (use_phone(), use_desk());
    let down = window_event_listener(ev::keydown, move |event| on_key(phone, desk, &event));
    let up = window_event_listener(ev::keyup, move |_| desk.held.set(None));
    on_cleanup(move || {
        down.remove();
        up.remove();
    });
}

fn on_key(phone: Phone, desk: Desk, event: &KeyboardEvent) {
    // An open menu or sheet takes Escape and everything else for itself.
    let covered = document()
        .query_selector("dialog[open], :popover-open")
        .ok()
        .flatten()
        .is_some();
    if event.repeat() || event.is_composing() || event.meta_key() || covered {
        return;
    }
    let focus = document().active_element();
    let on = |selector| {
        focus
            .as_ref()
            .is_some_and(|focus| focus.matches(selector).unwrap_or(false))
    };
    let (key, code) = (event.key(), event.code());
    let command = command(Stroke {
        key: &key,
        code: &code,
        control: event.ctrl_key() && !event.alt_key() && !event.shift_key(),
        alt: event.alt_key() && !event.ctrl_key(),
        typing: on("input:not([type=checkbox]), textarea, select, [contenteditable]"),
        on_control: on("button, a, summary, input"),
    });
    if command.is_some_and(|command| run(phone, desk, command)) {
        event.prevent_default();
    }
}

/// Whether the command found something to do that takes the stroke from the browser.
fn run(phone: Phone, desk: Desk, command: Command) -> bool {
    let first = |wanted: fn(&Call) -> bool| -> Option<CallKey> {
        phone
            .calls
            .with_untracked(|calls| calls.iter().find(|call| wanted(call)).map(|call| call.key))
    };
    let rings = |call: &Call| call.phase == Phase::Incoming;
    match command {
        Command::Answer => first(rings).map(|call| answer(phone, desk, call)).is_some(),
        Command::Reject => first(rings).map(|call| phone.reject(call)).is_some(),
        Command::Mute => {
            if let Some(call) = untrack(|| desk.pad_call()) {
                let muted = phone.calls.with_untracked(|calls| {
                    calls.iter().any(|other| other.key == call && other.muted)
                });
                phone.set_muted(call, !muted);
            }
            true
        }
        Command::Dialer => {
            desk.focus_dialer();
            true
        }
        Command::Dial => {
            desk.dial_typed();
            true
        }
        Command::HangUp => hang_up_at_hand(phone, desk),
        Command::Sheet => {
            desk.sheet.set(true);
            true
        }
        Command::Digit(key) if untrack(|| desk.pad_call()).is_some() => {
            desk.held.set(Some(key));
            desk.press(key);
            true
        }
        // The browser then writes the digit into the dialer.
        Command::Digit(_) => {
            desk.continue_typing();
            false
        }
    }
}

/// Closes the keypad in a card; else hangs up the active call, or gives up the one being made.
/// A call that rings here is never rejected by this key: it has one of its own.
fn hang_up_at_hand(phone: Phone, desk: Desk) -> bool {
    if untrack(|| desk.open_keypad()).is_some() {
        desk.keypad.set(None);
        return true;
    }
    let call = untrack(|| desk.pad_call()).or_else(|| {
        phone.calls.with_untracked(|calls| {
            let mut going = calls
                .iter()
                .rev()
                .filter(|call| call.phase.is_live() && !is_active(call));
            going
                .find(|call| call.phase != Phase::Incoming)
                .map(|call| call.key)
        })
    });
    call.map(|call| phone.hang_up(call)).is_some()
}
