//! What shows while somebody who stayed signed in is registered again.

use leptos::prelude::*;

use crate::{
    components::{
        banners::{LineDown, Problems},
        icons::logo,
        live::tap,
        status_light::StatusLight,
    },
    state::use_phone,
};

/// The logo, the state of the line, and the way out.
#[component]
pub fn RestoringPage() -> impl IntoView {
    let phone = use_phone();
    view! {
        <main class="restoring">
            <h1 class="brand">{logo()} <span class="brand-name">"Sidetone"</span></h1>
            <StatusLight/>
            <div class="restoring-notes"><LineDown/> <Problems/></div>
            <button class="button quiet" on:click=tap(move || phone.sign_out())>
                "Sign in as somebody else"
            </button>
        </main>
    }
}
