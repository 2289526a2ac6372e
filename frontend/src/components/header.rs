//! The bar across the top.

use leptos::prelude::*;

use super::{
    account_menu::AccountMenu,
    icons::{self, icon, logo},
    live::{shown, tap},
    status_light::StatusLight,
    theme::ThemeButton,
};
use crate::state::use_phone;

/// Logo, status light, and what concerns the whole page.
#[component]
pub fn Header() -> impl IntoView {
    let phone = use_phone();
    view! {
        <header class="header">
            <h1 class="brand">
                {logo()} <span class="brand-name">"Sidetone"</span>
                <span class="version">{env!("CARGO_PKG_VERSION")}</span>
            </h1>
            <StatusLight/>
            <div class="header-tools">
                {shown(move || phone.installable.get(), move || view! {
                    <button class="button quiet install" aria-label="Install" on:click=tap(move || phone.install())>
                        {icon(icons::INSTALL)} <span>"Install"</span>
                    </button>
                })}
                <ThemeButton/>
                <AccountMenu/>
            </div>
        </header>
    }
}
