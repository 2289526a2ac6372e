//! The round sign of a person or a number.

use leptos::prelude::*;

use super::{
    icons::{self, icon},
    live::live,
    words,
};
use crate::model::Party;

/// Initials, or a drawing where there is no name.
#[component]
pub fn Avatar(#[prop(into)] peer: Signal<Party>) -> impl IntoView {
    let letters = Memo::new(move |_| peer.with(|peer| words::initials(words::called(peer))));
    view! {
        <span class="avatar" aria-hidden="true">
            {live(move || match letters.get() {
                Some(letters) => letters.into_any(),
                None => icon(icons::PERSON).into_any(),
            })}
        </span>
    }
}
