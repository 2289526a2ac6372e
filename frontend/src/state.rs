//! The phone as signals and actions: what pages and components use.
//!
//! Signals are written in one place, after each event of the engine; views only read them.

use leptos::prelude::*;

use crate::model::{Call, CallKey, Identity, Line, Problem};

/// What is needed to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// `101` or `101@demo.local`.
    pub extension: String,
    /// The SIP password.
    pub password: String,
    /// `wss://…/sip`; `None`: where the page came from.
    pub server: Option<String>,
    /// Whether this device may remember it.
    pub remember: bool,
}

/// The phone. A copyable handle, found by [`use_phone`].
#[derive(Clone, Copy)]
pub struct Phone {
    /// The status light.
    pub line: ReadSignal<Line>,
    /// Who is signed in; `None` shows the sign-in page.
    pub identity: ReadSignal<Option<Identity>>,
    /// All cards, oldest first.
    pub calls: ReadSignal<Vec<Call>>,
    /// Faults that stand in the way now.
    pub problems: ReadSignal<Vec<Problem>>,
    /// Milliseconds of the page's clock, once a second while a timer shows.
    pub clock: ReadSignal<f64>,
    /// A newer version is ready; [`Phone::update`] loads it.
    pub update_ready: ReadSignal<bool>,
    /// The browser can install the app now; [`Phone::install`] asks it to.
    pub installable: ReadSignal<bool>,
}

/// Makes the phone of this page; every view below finds it by [`use_phone`].
pub fn provide_phone() -> Phone {
    let (line, _) = signal(Line::default());
    let (identity, _) = signal(None);
    let (calls, _) = signal(Vec::new());
    let (problems, _) = signal(Vec::new());
    let (clock, _) = signal(0.0);
    let (update_ready, _) = signal(false);
    let (installable, _) = signal(false);
    let phone = Phone {
        line,
        identity,
        calls,
        problems,
        clock,
        update_ready,
        installable,
    };
    provide_context(phone);
    phone
}

/// The phone of this page.
#[must_use]
pub fn use_phone() -> Phone {
    expect_context()
}

impl Phone {
    /// Signs in: unlocks sound (must run within the user's tap), asks for the microphone,
    /// connects. Outcome: [`Phone::line`]; the identity is set once the registrar said yes.
    pub fn sign_in(&self, _sign_in: SignIn) {
        todo!()
    }

    /// Signs out: hangs up, unregisters, forgets what was remembered.
    pub fn sign_out(&self) {
        todo!()
    }

    /// Tries again now, after a problem was mended or from [`Line::Down`].
    pub fn retry(&self) {
        todo!()
    }

    /// Calls what was typed. `Err` says what is wrong with it, in words.
    pub fn dial(&self, _number: &str) -> Result<CallKey, String> {
        todo!()
    }

    /// Answers an incoming call.
    pub fn answer(&self, _call: CallKey) {
        todo!()
    }

    /// Rejects an incoming call (603).
    pub fn reject(&self, _call: CallKey) {
        todo!()
    }

    /// Hangs up or gives up.
    pub fn hang_up(&self, _call: CallKey) {
        todo!()
    }

    /// Turns the microphone off or on for this call.
    pub fn set_muted(&self, _call: CallKey, _muted: bool) {
        todo!()
    }

    /// Presses a key (0–9 * # A–D): audible here, sent as RFC 4733 if a call is active.
    pub fn press_key(&self, _call: Option<CallKey>, _key: char) {
        todo!()
    }

    /// Takes the card of an ended call away.
    pub fn dismiss(&self, _call: CallKey) {
        todo!()
    }

    /// Loads the newer version; only when no call is up (the view asks first).
    pub fn update(&self) {
        todo!()
    }

    /// Shows the browser's install dialog.
    pub fn install(&self) {
        todo!()
    }
}
