//! What stands in the way of calls, and what to do about it.

use leptos::prelude::*;

use super::{
    icons::{self, icon},
    live::{live, tap},
    words,
};
use crate::{
    model::{Line, Problem},
    state::use_phone,
};

/// Faults of this device or page.
#[component]
pub fn Problems() -> impl IntoView {
    let phone = use_phone();
    let one = move |problem: Problem| {
        let (title, advice, again) = words::problem(problem);
        let label = if problem == Problem::SoundBlocked {
            "Turn sound on"
        } else {
            "Try again"
        };
        view! {
            <div class="banner warn" role="alert" data-problem=format!("{problem:?}")>
                {icon(icons::WARNING)}
                <p><strong>{title}</strong> " " <span>{advice}</span></p>
                {again.then(|| view! {
                    <button class="button small" on:click=tap(move || phone.retry())>{label}</button>
                })}
            </div>
        }
    };
    view! { <For each=move || phone.problems.get() key=|problem| *problem children=one/> }
}

/// Why calls can't come in, and when the next try is.
#[component]
pub fn LineDown() -> impl IntoView {
    let phone = use_phone();
    let why = Memo::new(move |_| match phone.line.get() {
        Line::Down { why, .. } => Some(why),
        _ => None,
    });
    let wait = move || match phone.line.get() {
        Line::Down {
            retry_in: Some(seconds),
            ..
        } => format!("Next try in {seconds} s."),
        Line::Down { retry_in: None, .. } => "Trying now…".into(),
        _ => String::new(),
    };
    live(move || {
        why.get().map(|why| {
            view! {
                <div class="banner stop">
                    {icon(icons::CUT)}
                    <p><span role="alert"><strong>"Calls can't reach you"</strong> " " {why}</span> " "
                        <span class="countdown">{live(wait)}</span></p>
                    <button class="button small" on:click=tap(move || phone.retry())>"Retry now"</button>
                </div>
            }
            .into_any()
        })
    })
}
