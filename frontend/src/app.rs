//! The root of all views.

use leptos::prelude::*;

use crate::{
    components::{people::provide_demo, theme::provide_theme, update_toast::UpdateToast},
    pages::{phone::PhonePage, sign_in::SignInPage},
    state::{provide_phone, use_phone},
};

/// Shows the app in the page's body.
pub fn mount() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    provide_phone();
    provide_theme();
    provide_demo();
    let phone = use_phone();
    let signed_in = Memo::new(move |_| phone.identity.with(Option::is_some));
    view! {
        {move || if signed_in.get() { view! { <PhonePage/> }.into_any() } else { view! { <SignInPage/> }.into_any() }}
        <UpdateToast/>
    }
}
