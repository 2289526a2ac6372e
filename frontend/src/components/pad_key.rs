//! One key of the dial pad.

use std::time::Duration;

use leptos::{ev::PointerEvent, leptos_dom::helpers::TimeoutHandle, prelude::*};

use super::{desk::use_desk, live::live};

const LONG_PRESS: Duration = Duration::from_millis(500);

/// A tap presses it; a long press on 0 writes +.
#[component]
pub fn PadKey(key: char, name: &'static str, letters: &'static str) -> impl IntoView {
    let desk = use_desk();
    let (hold, was_held) = (
        StoredValue::new(None::<TimeoutHandle>),
        StoredValue::new(false),
    );
    let release = move || {
        _ = hold.try_update_value(|hold| hold.take().map(|timer| timer.clear()));
    };
    let down = move |event: PointerEvent| {
        // The focus stays where it is, so that Enter calls what was tapped in.
        event.prevent_default();
        release();
        was_held.set_value(false);
        if key == '0' && untrack(|| desk.pad_call()).is_none() {
            let plus = move || {
                was_held.set_value(true);
                desk.typed.update(|typed| typed.push('+'));
            };
            hold.set_value(set_timeout_with_handle(plus, LONG_PRESS).ok());
        }
    };
    let press = move |_| {
        release();
        if !was_held
            .try_update_value(std::mem::take)
            .unwrap_or_default()
        {
            desk.press(key);
        }
    };
    on_cleanup(release);
    view! {
        <button
            class="key" type="button" aria-label=name
            class:held=live(move || desk.held.get() == Some(key))
            on:mousedown=|event| event.prevent_default()
            on:pointerdown=down
            on:pointerleave=move |_| release()
            on:contextmenu=|event| event.prevent_default()
            on:click=press
        >
            <span class="digit">{key}</span>
            <span class="letters" data-letters=letters></span>
        </button>
    }
}
