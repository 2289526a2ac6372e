//! Extension, password, and what became of the last try.

use leptos::{ev::SubmitEvent, html, prelude::*};

use super::{
    asked::Asked,
    by_name::{ByName, ByNameButton},
    demo_accounts::DemoAccounts,
    live::live,
    sign_in_fields::Fields,
    sign_in_outcome::Outcome,
    which_account::WhichAccount,
};
use crate::{
    model::Line,
    state::{SignIn, use_phone},
};

/// The form of the sign-in page.
#[component]
pub fn SignInForm() -> impl IntoView {
    let (phone, asked) = (use_phone(), expect_context::<Asked>());
    let extension = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let server = RwSignal::new(String::new());
    let remember = RwSignal::new(false);
    let missing = RwSignal::new(None::<&'static str>);
    let button = NodeRef::<html::Button>::new();
    let by_name = ByName::unchosen();
    let accounts = RwSignal::new(Vec::new());
    // The gateway is asked who that is.
    let asks = RwSignal::new(false);
    let connecting = move || asks.get() || phone.line.with(|line| *line == Line::Connecting);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let typed = |field: RwSignal<String>| field.get_untracked().trim().to_owned();
        let (who, password) = (typed(extension), password.get_untracked());
        let by_name = untrack(move || by_name.get());
        missing.set(match (who.is_empty(), password.is_empty()) {
            (true, _) if by_name => Some("Type your name."),
            (true, _) => Some("Type your extension, such as 101."),
            (_, true) => Some("Type your password."),
            _ => None,
        });
        if missing.get_untracked().is_none() && !untrack(connecting) {
            asked.remember();
            let remember = remember.get_untracked();
            if by_name {
                asks.set(true);
                phone.sign_in_by_name(who, password, remember, move |tried| {
                    asks.set(false);
                    match tried {
                        Ok(several) => accounts.set(several),
                        Err(why) => missing.set(Some(why)),
                    }
                });
            } else {
                phone.sign_in(SignIn {
                    extension: who,
                    name: None,
                    password: Some(password),
                    server: Some(typed(server)).filter(|server| !server.is_empty()),
                    remember,
                });
            }
        }
    };
    view! {
        <WhichAccount accounts/>
        <form
            class="sign-in-form" on:submit=submit novalidate
            hidden=live(move || accounts.with(|accounts| !accounts.is_empty()))
        >
            <Fields by_name extension password server remember/>
            <Outcome missing/>
            <button
                class="button wide" type="submit" node_ref=button
                aria-disabled=live(move || connecting().to_string())
            >
                {live(move || if connecting() { "Connecting…" } else { "Sign in" })}
            </button>
            <ByNameButton by_name missing/>
        </form>
        <DemoAccounts on_pick=move |account| {
            by_name.choose(false);
            extension.set(account.number);
            password.set(account.password);
            missing.set(None);
            if let Some(button) = button.get_untracked() {
                _ = button.focus();
            }
        }/>
    }
}
