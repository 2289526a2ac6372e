//! What the views share among themselves: what is typed, which keypad is open, which tab shows.

use leptos::{html, prelude::*};

use crate::{
    model::{Call, CallKey, DialError, Line, Phase},
    state::{Phone, use_phone},
};

/// The two screens of a narrow window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The cards.
    Calls,
    /// The dial pad.
    Keypad,
}

/// The state of the page around the phone.
#[derive(Clone, Copy)]
pub struct Desk {
    phone: Phone,
    /// What stands in the dialer.
    pub typed: RwSignal<String>,
    /// Why it could not be called.
    pub dial_error: RwSignal<Option<DialError>>,
    /// The call whose card shows the keypad.
    pub keypad: RwSignal<Option<CallKey>>,
    /// The key held down on the keyboard.
    pub held: RwSignal<Option<char>>,
    /// The screen of a narrow window.
    pub tab: RwSignal<Tab>,
    /// The shortcut sheet is open.
    pub sheet: RwSignal<bool>,
    /// The dialer's field.
    pub dialer: NodeRef<html::Input>,
}

/// The desk of this page.
#[must_use]
pub fn use_desk() -> Desk {
    expect_context()
}

/// Provides the desk to all views below.
pub fn provide_desk() {
    let phone = use_phone();
    let dial_error = RwSignal::new(None);
    Effect::new(move |_| {
        let is_mended = phone.line.with(|line| *line == Line::Ready)
            && dial_error.with_untracked(|error| *error == Some(DialError::NoConnection));
        if is_mended {
            dial_error.set(None);
        }
    });
    provide_context(Desk {
        phone,
        typed: RwSignal::default(),
        dial_error,
        keypad: RwSignal::default(),
        held: RwSignal::default(),
        tab: RwSignal::new(Tab::Calls),
        sheet: RwSignal::default(),
        dialer: NodeRef::new(),
    });
}

impl Desk {
    /// Calls what stands in the dialer.
    pub fn dial_typed(&self) {
        let number = self.typed.get_untracked();
        if number.trim().is_empty() {
            let words = "Type a number first, such as 102.".to_owned();
            self.dial_error.set(Some(DialError::Unusable(words)));
            self.focus_dialer();
        } else {
            self.dial(number.trim());
        }
    }

    /// Calls a number and turns to its card, or says under the dialer what is wrong with it.
    pub fn dial(&self, number: &str) {
        match self.phone.dial(number) {
            Ok(call) => {
                self.typed.set(String::new());
                self.dial_error.set(None);
                self.tab.set(Tab::Calls);
                focus_card(call);
            }
            Err(why) => self.dial_error.set(Some(why)),
        }
    }

    /// Presses a key: into the call if there is one to hear it, else into the dialer.
    pub fn press(&self, key: char) {
        let call = untrack(|| self.pad_call());
        self.phone.press_key(call, key);
        if call.is_none() {
            self.dial_error.set(None);
            self.typed.update(|typed| typed.push(key));
        }
    }

    /// The call that keys go to: the one whose keypad is open, else the one that is heard.
    #[must_use]
    pub fn pad_call(&self) -> Option<CallKey> {
        let open = self.keypad.get();
        self.phone.calls.with(|calls| {
            let active = || calls.iter().rev().filter(|call| is_active(call));
            active()
                .find(|call| Some(call.key) == open)
                .or_else(|| active().find(|call| !call.background))
                .map(|call| call.key)
        })
    }

    /// The call whose card shows the keypad now.
    #[must_use]
    pub fn open_keypad(&self) -> Option<CallKey> {
        self.keypad
            .get()
            .filter(|open| self.pad_call() == Some(*open))
    }

    /// Moves to the end of the dialer, to go on typing there.
    pub fn continue_typing(&self) {
        if let Some(field) = self.dialer.get_untracked() {
            _ = field.focus();
        }
    }

    /// Moves to the dialer and marks what stands in it.
    pub fn focus_dialer(&self) {
        if let Some(field) = self.dialer.get_untracked() {
            _ = field.focus();
            field.select();
        }
    }
}

/// Whether people talk.
#[must_use]
pub fn is_active(call: &Call) -> bool {
    matches!(call.phase, Phase::Active { .. })
}

/// The id of a call's card.
#[must_use]
pub fn card_id(call: CallKey) -> String {
    format!("call-{}", call.0)
}

/// Turns to the card of a call once it is drawn, so that the keyboard acts on it.
pub fn focus_card(call: CallKey) {
    request_animation_frame(move || {
        use wasm_bindgen::JsCast;
        let card = document().get_element_by_id(&card_id(call));
        if let Some(card) = card.and_then(|card| card.dyn_into::<web_sys::HtmlElement>().ok()) {
            _ = card.focus();
        }
    });
}
