//! The keys of a phone. They dial, or go into the call that is up.

use leptos::prelude::*;

use super::pad_key::PadKey;

const KEYS: [(char, &str, &str); 12] = [
    ('1', "1", ""),
    ('2', "2", "ABC"),
    ('3', "3", "DEF"),
    ('4', "4", "GHI"),
    ('5', "5", "JKL"),
    ('6', "6", "MNO"),
    ('7', "7", "PQRS"),
    ('8', "8", "TUV"),
    ('9', "9", "WXYZ"),
    ('*', "Star", ""),
    ('0', "0", "+"),
    ('#', "Pound", ""),
];

/// Twelve keys.
#[component]
pub fn DialPad() -> impl IntoView {
    view! {
        <div class="pad" role="group" aria-label="Dial pad">
            {KEYS.map(|(key, name, letters)| view! { <PadKey key name letters/> })}
        </div>
    }
}
