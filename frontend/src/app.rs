//! The root of all views.

use leptos::{either::EitherOf3, prelude::*};

use crate::{
    components::{asked::Asked, theme::provide_theme, update_toast::UpdateToast},
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
        {move || match screen.get() {
            Screen::SignIn => EitherOf3::A(view! { <SignInPage/> }),
            Screen::Restoring => EitherOf3::B(view! { <RestoringPage/> }),
            Screen::Phone => EitherOf3::C(view! { <PhonePage/> }),
        }}
        <UpdateToast/>
    }
}
