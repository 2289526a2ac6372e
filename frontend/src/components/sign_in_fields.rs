//! The fields of the sign-in form.

use leptos::prelude::*;

use super::{
    by_name::ByName,
    live::{live, tap},
};

/// Extension or name, password, and the two choices beside them.
#[component]
pub fn Fields(
    by_name: ByName,
    extension: RwSignal<String>,
    password: RwSignal<String>,
    server: RwSignal<String>,
    remember: RwSignal<bool>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    view! {
        <div class="field">
            <label for="extension">{live(move || if by_name.get() { "Name" } else { "Extension" })}</label>
            <input
                id="extension" name="username" type="text" autocomplete="username" required
                autocapitalize="off" spellcheck="false" bind:value=extension
            />
        </div>
        <div class="field">
            <label for="password">"Password"</label>
            <div class="with-button">
                <input
                    id="password" name="password" autocomplete="current-password" required
                    type=live(move || if shown.get() { "text" } else { "password" }) bind:value=password
                />
                <button
                    type="button" aria-pressed=live(move || shown.get().to_string()) aria-controls="password"
                    on:click=tap(move || shown.update(|shown| *shown = !*shown))
                >
                    {live(move || if shown.get() { "Hide" } else { "Show" })}
                    <span class="hidden">" password"</span>
                </button>
            </div>
        </div>
        <label class="check">
            <input type="checkbox" bind:checked=remember/>
            <span>"Keep me signed in on this device"</span>
        </label>
        <details class="advanced" hidden=live(move || by_name.get())>
            <summary>"Advanced"</summary>
            <div class="field">
                <label for="server">"Server"</label>
                <input
                    id="server" name="server" type="text" inputmode="url" autocapitalize="off"
                    spellcheck="false" placeholder="wss://phone.example/sip"
                    aria-describedby="server-hint" bind:value=server
                />
                <p class="hint" id="server-hint">"Leave it empty to use the server this page came from."</p>
            </div>
        </details>
    }
}
