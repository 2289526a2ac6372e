//! Lists the keys.

use leptos::{html, prelude::*};

use super::{
    desk::use_desk,
    icons::{self, icon},
    live::tap,
};

const SHORTCUTS: [(&[&str], &str); 8] = [
    (&["Enter"], "Call the number in the dialer"),
    (&["Ctrl", "D"], "Go to the dialer"),
    (&["0–9", "*", "#"], "Dial, or send keys into the call"),
    (&["Alt", "A"], "Answer"),
    (&["Alt", "R"], "Reject"),
    (&["Ctrl", "M"], "Mute or unmute"),
    (&["Esc"], "Hang up, or close what is open"),
    (&["?"], "Show this list"),
];

/// The sheet, modal as the browser makes it.
#[component]
pub fn ShortcutSheet() -> impl IntoView {
    let desk = use_desk();
    let sheet = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(sheet) = sheet.get() else { return };
        if desk.sheet.get() {
            _ = sheet.show_modal();
        } else {
            sheet.close();
        }
    });
    view! {
        <dialog
            class="sheet" node_ref=sheet aria-labelledby="sheet-title"
            on:close=move |_| desk.sheet.set(false)
        >
            <div class="sheet-head">
                <h2 id="sheet-title">"Keyboard shortcuts"</h2>
                <button class="icon-button" aria-label="Close" on:click=tap(move || desk.sheet.set(false))>
                    {icon(icons::CLOSE)}
                </button>
            </div>
            <ShortcutList/>
        </dialog>
    }
}

/// The keys and what they do.
#[component]
pub fn ShortcutList() -> impl IntoView {
    let row = |(keys, does): (&'static [&'static str], &'static str)| {
        view! {
            <div>
                <dt>{does}</dt>
                <dd>{keys.iter().map(|key| view! { <kbd>{*key}</kbd> }).collect_view()}</dd>
            </div>
        }
    };
    view! { <dl class="shortcuts">{SHORTCUTS.map(row)}</dl> }
}
