//! The line to type a number into.

use leptos::{ev::KeyboardEvent, prelude::*};

use super::{
    desk::use_desk,
    icons::{self, icon},
    live::live,
};

/// Type and press Enter.
#[component]
pub fn QuickDialer() -> impl IntoView {
    let desk = use_desk();
    let invalid = move || desk.dial_error.with(Option::is_some);
    let words = move || {
        desk.dial_error
            .with(|error| error.as_ref().map(|error| error.words().to_owned()))
    };
    let on_key = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            desk.dial_error.set(None);
            if desk.typed.with_untracked(String::is_empty) {
                _ = desk.dialer.get_untracked().map(|field| field.blur());
            }
            desk.typed.set(String::new());
        }
    };
    view! {
        <form
            class="dialer" aria-label="Quick dialer"
            on:submit=move |event| { event.prevent_default(); desk.dial_typed(); }
        >
            <label class="hidden" for="dialer">"Name or number"</label>
            <div class="dialer-field">
                {icon(icons::CALL)}
                <input
                    id="dialer" type="text" node_ref=desk.dialer placeholder="Name or number"
                    autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="go"
                    aria-keyshortcuts="Control+D" aria-describedby="dial-error"
                    aria-invalid=live(move || invalid().to_string())
                    prop:value=live(move || desk.typed.get())
                    on:input:target=move |event| {
                        desk.dial_error.set(None);
                        desk.typed.set(event.target().value());
                    }
                    on:keydown=on_key
                />
                <kbd aria-hidden="true">"Ctrl D"</kbd>
                <button class="button go" type="submit">{icon(icons::CALL)} "Call"</button>
            </div>
            <p class="field-error" id="dial-error" role="alert">{live(words)}</p>
        </form>
    }
}
