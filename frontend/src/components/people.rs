//! Whom to call on a demonstration gateway.

use leptos::prelude::*;
use sidetone_api::DemoAccount;

use super::{
    avatar::Avatar,
    desk::use_desk,
    icons::{self, icon},
    live::{live, shown, tap},
};
use crate::{
    model::{Party, SERVICES, Service},
    state::use_phone,
};

/// The demonstration's accounts; `None` at a real gateway or until it is known.
#[must_use]
pub fn derive_demo() -> Memo<Option<Vec<DemoAccount>>> {
    let phone = use_phone();
    Memo::new(move |_| phone.about.get().and_then(|about| about.demo))
}

/// The others of the demonstration and the services, one tap away.
#[component]
pub fn People() -> impl IntoView {
    let (phone, desk, demo) = (use_phone(), use_desk(), derive_demo());
    let others = move || {
        let me = phone.identity.get().map(|me| me.extension);
        let mut accounts = demo.get().unwrap_or_default();
        accounts.retain(|account| Some(&account.number) != me.as_ref());
        accounts
    };
    let row = move |account: DemoAccount| {
        let number = account.number.clone();
        let peer = Party {
            name: Some(account.name.clone()),
            number: account.number.clone(),
        };
        view! {
            <li><button class="row" on:click=tap(move || desk.dial(&number))>
                <Avatar peer=Signal::stored(peer)/>
                <span class="row-name" dir="auto">{account.name}</span>
                <span class="row-number">{account.number}</span>
                {icon(icons::CALL)}
            </button></li>
        }
    };
    let service = move |Service {
                            number,
                            name,
                            about,
                        }: Service| {
        view! {
            <li><button class="row" on:click=tap(move || desk.dial(number))>
                <span class="avatar service" aria-hidden="true">{icon(icons::WAVE)}</span>
                <span class="row-name">{name} <small>{about}</small></span>
                <span class="row-number">{number}</span>
                {icon(icons::CALL)}
            </button></li>
        }
    };
    view! {
        {shown(move || demo.get().is_some(), move || view! {
            <section class="people panel" aria-labelledby="people-title">
                <h2 id="people-title">"Try these"</h2>
                <ul>
                    {SERVICES.map(service)}
                    {live(move || others().into_iter().map(row).collect_view().into_any())}
                </ul>
            </section>
        })}
    }
}
