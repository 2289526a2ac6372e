//! The phone itself.

use leptos::prelude::*;

use crate::{
    components::{
        announcer::Announcer,
        banners::{LineDown, Problems},
        calls::Calls,
        desk::{Tab, provide_desk, use_desk},
        header::Header,
        keypad_panel::KeypadPanel,
        live::live,
        people::People,
        quick_dialer::QuickDialer,
        screen_pop::ScreenPops,
        shortcut_sheet::{ShortcutList, ShortcutSheet},
        shortcuts::listen_to_keys,
        tab_bar::TabBar,
    },
    state::use_phone,
};

/// Dialer and people in the middle, calls and keypad at the side.
#[component]
pub fn PhonePage() -> impl IntoView {
    provide_desk();
    listen_to_keys();
    let (phone, desk) = (use_phone(), use_desk());
    let tab = move || match desk.tab.get() {
        Tab::Calls => "calls",
        Tab::Keypad => "keypad",
    };
    let going_on = move || {
        phone
            .calls
            .with(|calls| calls.iter().any(|call| call.phase.is_live()))
            .then_some("true")
    };
    view! {
        <div class="phone" data-tab=live(tab) data-live=live(going_on)>
            <Header/>
            <section class="banners" aria-label="Notices"><LineDown/> <Problems/></section>
            <main class="desk">
                <div class="desk-main">
                    <QuickDialer/>
                    <People/>
                    <section class="panel keys-panel" aria-labelledby="keys-title">
                        <h2 id="keys-title">"By keyboard"</h2>
                        <ShortcutList/>
                    </section>
                </div>
                <div class="desk-side"><Calls/> <KeypadPanel/></div>
            </main>
            <TabBar/>
        </div>
        <ScreenPops/>
        <ShortcutSheet/>
        <Announcer/>
    }
}
