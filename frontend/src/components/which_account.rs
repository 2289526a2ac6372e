//! The accounts of somebody who has several: one is used at a time.

use leptos::prelude::*;

use super::live::{live, tap};
use crate::state::{SignIn, use_phone};

/// Shows nothing while there is nothing to choose.
#[component]
pub fn WhichAccount(accounts: RwSignal<Vec<SignIn>>) -> impl IntoView {
    let phone = use_phone();
    let one = move |account: SignIn| {
        let address = account.extension.clone();
        let name = account.name.clone().unwrap_or_else(|| address.clone());
        let pick = move || {
            accounts.set(Vec::new());
            phone.use_account(account.clone());
        };
        view! {
            <li><button type="button" class="chip" on:click=tap(pick)>
                <span><strong dir="auto">{name}</strong>" "<small>{address}</small></span>
            </button></li>
        }
    };
    view! {
        <div role="alert">
            {live(move || Some(accounts.get()).filter(|accounts| !accounts.is_empty()).map(|accounts| view! {
                <section class="demo which" aria-labelledby="accounts-title">
                    <h2 id="accounts-title">"Which account do you want to use?"</h2>
                    <p>"To use another one later, sign out and in again."</p>
                    <ul>{accounts.into_iter().map(one).collect_view()}</ul>
                </section>
            }.into_any()))}
        </div>
    }
}
