//! The root of all views.

use leptos::prelude::*;

use crate::state::provide_phone;

/// Shows the app in the page's body.
pub fn mount() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    provide_phone();
    view! { <main><h1>"Sidetone"</h1></main> }
}
