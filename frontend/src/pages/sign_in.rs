//! The sign-in page.

use leptos::prelude::*;

use crate::components::{
    banners::Problems, icons::logo, sign_in_form::SignInForm, theme::ThemeButton,
};

/// The first screen: it needs neither sound nor history to work.
#[component]
pub fn SignInPage() -> impl IntoView {
    view! {
        <div class="sign-in">
            <header class="sign-in-art">
                <p class="brand">{logo()} <span class="brand-name">"Sidetone"</span></p>
                <div class="sign-in-say">
                    <p class="claim">"Your desk phone, in a browser tab."</p>
                    <p>"Sign in with your extension and take calls wherever you are."</p>
                </div>
                <Rings/>
            </header>
            <main class="sign-in-main">
                <div class="sign-in-tools"><ThemeButton/></div>
                <div class="sign-in-box">
                    <p class="brand small">{logo()} <span class="brand-name">"Sidetone"</span></p>
                    <h1>"Sign in"</h1>
                    <Problems/>
                    <SignInForm/>
                </div>
                <p class="sign-in-foot">"Sidetone " {env!("CARGO_PKG_VERSION")}</p>
            </main>
        </div>
    }
}

/// Sound going out, drawn large.
#[component]
fn Rings() -> impl IntoView {
    view! {
        <svg class="rings" viewBox="0 0 400 400" aria-hidden="true">
            {[40, 78, 116, 154, 192].map(|radius| view! { <circle cx="200" cy="200" r=radius></circle> })}
        </svg>
    }
}
