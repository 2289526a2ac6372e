//! The root of all views.

use leptos::prelude::*;

use crate::{
    components::{asked::Asked, live::live, theme::provide_theme, update_toast::UpdateToast},
    model::Line,
    pages::{phone::PhonePage, restoring::RestoringPage, sign_in::SignInPage},
    state::{provide_phone, use_phone},
};

/// Shows the app in the page's body.
pub fn mount() {
    mount_to_body(App);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Screen {
    SignIn,
    Restoring,
    Phone,
}

#[component]
fn App() -> impl IntoView {
    provide_phone();
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
