//! The accounts of a demonstration, as one-tap fills of the sign-in form.

use leptos::prelude::*;

use sidetone_api::DemoAccount;

use super::{
    avatar::Avatar,
    live::{live, tap},
    people::derive_demo,
};
use crate::model::Party;

/// Shows nothing at a real gateway.
#[component]
pub fn DemoAccounts(
    /// Takes the account that was tapped.
    on_pick: impl Fn(DemoAccount) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let demo = derive_demo();
    let one = move |account: DemoAccount| {
        let picked = account.clone();
        let peer = Party {
            name: Some(account.name.clone()),
            number: account.number.clone(),
        };
        view! {
            <li><button type="button" class="chip" on:click=tap(move || on_pick(picked.clone()))>
                <Avatar peer=Signal::stored(peer)/>
                <span><strong>{account.name}</strong> <small>{account.number}</small></span>
            </button></li>
        }
    };
    view! {
        {live(move || demo.get().map(|accounts| view! {
            <section class="demo" aria-labelledby="demo-title">
                <h2 id="demo-title">"This is a demonstration"</h2>
                <p>"Be one of these people. Open another tab to be a second one."</p>
                <ul>{accounts.into_iter().map(one).collect_view()}</ul>
            </section>
        }.into_any()))}
    }
}
