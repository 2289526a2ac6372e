//! The account: who is signed in, the shortcut sheet, the way out.

use leptos::{ev::KeyboardEvent, html, prelude::*};

use super::{
    desk::use_desk,
    icons::{self, icon},
    live::{live, tap},
};
use crate::state::use_phone;

/// The menu behind the person in the header. The browser opens and closes it as a popover.
#[component]
pub fn AccountMenu() -> impl IntoView {
    let (phone, desk) = (use_phone(), use_desk());
    let menu = NodeRef::<html::Div>::new();
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            _ = menu.hide_popover();
        }
    };
    let who = live(move || {
        phone.identity.get().map(|me| {
            view! {
                <strong dir="auto">{me.name.unwrap_or_else(|| me.extension.clone())}</strong>
                <span dir="auto">{format!("{}@{}", me.extension, me.domain)}</span>
            }
            .into_any()
        })
    });
    view! {
        <button
            class="icon-button" aria-label="Account" title="Account"
            aria-haspopup="menu" popovertarget="account-menu"
        >
            {icon(icons::PERSON)}
        </button>
        <div class="menu" id="account-menu" popover="auto" node_ref=menu on:keydown=step>
            <p class="menu-head">{who}</p>
            <div role="menu" aria-label="Account">
                <button role="menuitem" autofocus on:click=tap(move || { close(); desk.sheet.set(true); })>
                    {icon(icons::KEYBOARD)} "Keyboard shortcuts" <kbd aria-hidden="true">"?"</kbd>
                </button>
                <button role="menuitem" on:click=tap(move || { close(); phone.sign_out(); })>
                    {icon(icons::LEAVE)} "Sign out"
                </button>
            </div>
            <p class="menu-foot">"Sidetone " {env!("CARGO_PKG_VERSION")}</p>
        </div>
    }
}

/// The arrows go from item to item.
fn step(event: KeyboardEvent) {
    use wasm_bindgen::JsCast;
    let Some(item) = document().active_element() else {
        return;
    };
    let next = match event.key().as_str() {
        "ArrowDown" => item.next_element_sibling(),
        "ArrowUp" => item.previous_element_sibling(),
        _ => return,
    };
    event.prevent_default();
    if let Some(next) = next.and_then(|next| next.dyn_into::<web_sys::HtmlElement>().ok()) {
        _ = next.focus();
    }
}
