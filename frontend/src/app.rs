//! The root of all views.

use std::time::Duration;

use any_spawner::Executor;
use leptos::prelude::*;

use crate::{
    components::{asked::Asked, live::live, theme::provide_theme, update_toast::UpdateToast},
    model::Line,
    pages::{phone::PhonePage, restoring::RestoringPage, sign_in::SignInPage},
    phone::connects_early,
    state::{Phone, use_phone},
};

/// How long the first view waits for the server's word on who is remembered: then the phone is
/// drawn at once, instead of after a screen that nobody could read.
const PATIENCE: Duration = Duration::from_millis(200);

/// Starts the phone, then shows it in the page's body.
pub fn mount() {
    let _ = Executor::init_wasm_bindgen();
    // What belongs to it lives as long as the page.
    let owner: &'static Owner = Box::leak(Box::new(Owner::new()));
    owner.with(|| {
        let phone = Phone::start();
        let drawn = StoredValue::new(false);
        let draw = move || {
            if !drawn.get_value() {
                drawn.set_value(true);
                // Not as a part of the effect below, which would take it away when it runs again.
                owner.with(|| {
                    mount_to_body(move || {
                        provide_context(phone);
                        view! { <App/> }
                    });
                });
            }
        };
        Effect::new(move || {
            if phone.identity.with(Option::is_some) {
                untrack(draw);
            }
        });
        let patience = if connects_early() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        set_timeout(draw, patience);
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Screen {
    SignIn,
    Restoring,
    Phone,
}

#[component]
fn App() -> impl IntoView {
    provide_theme();
    let asked = Asked::provide();
    let phone = use_phone();
    let screen = Memo::new(move |_| {
        if phone.identity.with(Option::is_some) {
            Screen::Phone
        } else if asked.get() {
            Screen::SignIn
        } else {
            phone.line.with(|line| match line {
                Line::Connecting | Line::Ready | Line::Down { .. } => Screen::Restoring,
                Line::SignedOut | Line::Refused { .. } => Screen::SignIn,
            })
        }
    });
    view! {
        {live(move || match screen.get() {
            Screen::SignIn => view! { <SignInPage/> }.into_any(),
            Screen::Restoring => view! { <RestoringPage/> }.into_any(),
            Screen::Phone => view! { <PhonePage/> }.into_any(),
        })}
        <UpdateToast/>
    }
}
