//! The phone as signals and actions: what pages and components use.
//!
//! Signals are written in one place, after each event of the engine; views only read them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sidetone_api::About;
use sidetone_sip::Moment;
use web_sys::{Event, EventTarget};

use crate::model::{Call, CallKey, DialError, Identity, Line, Problem};
use crate::phone::{Core, Engine, Shown, devices, obstacle, watch_permission};
use crate::platform::listener::Listener;
use crate::platform::navigation::{is_reload, is_reload_key, navigation};
use crate::platform::notifications::{self, Choice};
use crate::platform::update::Updates;
use crate::platform::{install, is_hidden, tabs, vault};
use crate::server;

/// What is needed to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// `101` or `101@demo.local`.
    pub extension: String,
    /// What the account is called, if the gateway says so.
    pub name: Option<String>,
    /// The SIP password; `None`: the gateway keeps it.
    pub password: Option<String>,
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
    /// Milliseconds of the phone's clock, once a second while a timer shows.
    pub clock: ReadSignal<f64>,
    /// A newer version is ready; [`Phone::update`] loads it.
    pub update_ready: ReadSignal<bool>,
    /// The browser can install the app now; [`Phone::install`] asks it to.
    pub installable: ReadSignal<bool>,
    /// What the gateway says of itself, once it did; with the accounts to try of a demonstration.
    pub about: ReadSignal<Option<About>>,
    engine: StoredValue<Engine, LocalStorage>,
    updates: StoredValue<Option<Updates>, LocalStorage>,
}

/// Finds out what registering needs, and signs in again who was remembered.
fn start(engine: Engine) {
    engine.run(|core, _| core.ask_about());
    spawn_local(async move {
        let instance = tabs::instance().await;
        engine.run(|core, now| core.on_instance(now, instance));
    });
    spawn_local(async move {
        let mut remembered = vault::load().await;
        if remembered.is_none() {
            remembered = server::session().await;
        }
        match remembered {
            Some(sign_in) => engine.run(|core, now| core.sign_in(now, sign_in)),
            None => engine.run(Core::forget_early),
        }
    });
    spawn_local(watch_permission(move || {
        engine.run(|core, _| core.look_for_devices());
    }));
}

/// Lets the engine know what happens to the page.
fn listen(engine: Engine) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let Some(document) = window.document() else {
        return;
    };
    let on = |target: &EventTarget, name, step: fn(Engine, &Event)| {
        Listener::new(target, name, move |event| step(engine, &event)).forever();
    };
    for (target, name) in [
        (&*window, "online"),
        (&*window, "pageshow"),
        (&*document, "resume"),
    ] {
        on(target, name, |engine, _| {
            engine.run(|core, now| core.on_wake(now))
        });
    }
    on(&document, "visibilitychange", |engine, _| {
        if is_hidden() {
            engine.run(Core::on_hidden);
        } else {
            engine.run(Core::on_wake);
        }
    });
    for gesture in ["pointerdown", "keydown"] {
        on(&document, gesture, |engine, _| {
            engine.run(|core, now| core.unlock_sound(now))
        });
    }
    if let Some(navigation) = navigation(&window) {
        on(&navigation, "navigate", |engine, event| {
            if is_reload(event) {
                engine.run(|core, now| core.on_reload(now));
            }
        });
    }
    on(&window, "keydown", |engine, event| {
        if is_reload_key(event) {
            engine.run(|core, now| core.on_reload(now));
        }
    });
    on(&window, "pagehide", |engine, _| {
        engine.run(|core, now| core.on_page_left(now))
    });
    on(&window, "beforeunload", |engine, event| {
        if engine.run(|core, _| core.has_calls()) {
            event.prevent_default();
        }
    });
    if let Some(devices) = devices() {
        on(&devices, "devicechange", |engine, _| {
            engine.run(|core, now| core.on_devices_changed(now));
        });
    }
    notifications::watch(move |call, choice| {
        engine.run(|core, now| match choice {
            Choice::Answer => core.answer(now, call),
            Choice::Reject => core.reject(now, call),
        });
    });
}

/// The phone of this page, from the context of its views.
#[must_use]
pub fn use_phone() -> Phone {
    expect_context()
}

impl Phone {
    /// Makes the phone of this page, and signs in again who is remembered.
    #[must_use]
    pub fn start() -> Self {
        let (line, set_line) = signal(Line::default());
        let (identity, set_identity) = signal(None);
        let (calls, set_calls) = signal(Vec::new());
        let (problems, set_problems) = signal(Vec::new());
        let (clock, set_clock) = signal(0.0);
        let (update_ready, set_update_ready) = signal(false);
        let (installable, set_installable) = signal(false);
        let (about, set_about) = signal(None);
        let shown = Shown {
            line: set_line,
            identity: set_identity,
            calls: set_calls,
            problems: set_problems,
            clock: set_clock,
            about: set_about,
        };
        let updates = Updates::watch(move || set_update_ready.set(true));
        let look = updates.clone();
        let engine = Engine::new(shown, move || look.iter().for_each(Updates::look));
        install::watch(move |possible| set_installable.set(possible));
        engine.run(|core, _| {
            if let Some(problem) = obstacle() {
                core.set_problem(problem, true);
            }
        });
        start(engine);
        listen(engine);
        Self {
            line,
            identity,
            calls,
            problems,
            clock,
            update_ready,
            installable,
            about,
            engine: StoredValue::new_local(engine),
            updates: StoredValue::new_local(updates),
        }
    }

    /// Signs in: unlocks sound (must run within the user's tap), asks for the microphone,
    /// connects. Outcome: [`Phone::line`]; the identity is set once the registrar said yes.
    pub fn sign_in(&self, sign_in: SignIn) {
        notifications::ask();
        self.run(|core, now| {
            core.unlock_sound(now);
            core.ask_for_microphone();
            core.sign_in(now, sign_in);
        });
    }

    /// Signs in at the gateway, by a name; it has the account. `tried` is told when that is over: why
    /// it failed, or the accounts if there are several, of which [`Phone::use_account`] takes one.
    pub fn sign_in_by_name(
        &self,
        name: String,
        password: String,
        remember: bool,
        tried: impl FnOnce(Result<Vec<SignIn>, &'static str>) + 'static,
    ) {
        notifications::ask();
        self.run(|core, now| {
            core.unlock_sound(now);
            core.ask_for_microphone();
            core.finish_leaving(now);
            core.forget_refusal();
        });
        let phone = *self;
        spawn_local(async move {
            let mut accounts = server::sign_in(&name, &password, remember).await;
            if let Ok(accounts) = &mut accounts
                && accounts.len() == 1
                && let Some(only) = accounts.pop()
            {
                phone.use_account(only);
            }
            tried(accounts);
        });
    }

    /// Uses this of the accounts of whoever has signed in by name, and does so in the next page.
    pub fn use_account(&self, account: SignIn) {
        server::remember(&account.extension);
        self.run(|core, now| core.sign_in(now, account));
    }

    /// Signs out: hangs up, unregisters, forgets what was remembered.
    pub fn sign_out(&self) {
        self.run(Core::sign_out);
    }

    /// Tries again now, after a problem was mended or from [`Line::Down`].
    pub fn retry(&self) {
        self.run(|core, now| {
            core.unlock_sound(now);
            if core.problems.iter().any(Problem::is_microphone) {
                core.ask_for_microphone();
            }
            core.retry(now);
        });
    }

    /// Calls what was typed.
    pub fn dial(&self, number: &str) -> Result<CallKey, DialError> {
        self.run(|core, now| core.dial(now, number))
    }

    /// Answers an incoming call. Other calls stay up in the background, silent.
    pub fn answer(&self, call: CallKey) {
        self.run(|core, now| core.answer(now, call));
    }

    /// Rejects an incoming call (603).
    pub fn reject(&self, call: CallKey) {
        self.run(|core, now| core.reject(now, call));
    }

    /// Hangs up or gives up.
    pub fn hang_up(&self, call: CallKey) {
        self.run(|core, now| core.hang_up(now, call));
    }

    /// Talks in this call again; the one that was in front goes to the background.
    pub fn bring_to_front(&self, call: CallKey) {
        self.run(|core, now| core.bring_to_front(now, call));
    }

    /// Turns the microphone off or on for this call.
    pub fn set_muted(&self, call: CallKey, muted: bool) {
        self.run(|core, now| core.set_muted(now, call, muted));
    }

    /// Presses a key (0–9 * # A–D): audible here, sent as RFC 4733 if a call is active.
    pub fn press_key(&self, call: Option<CallKey>, key: char) {
        self.run(|core, now| core.press_key(now, call, key));
    }

    /// Takes the card of an ended call away.
    pub fn dismiss(&self, call: CallKey) {
        self.run(|core, now| core.dismiss(now, call));
    }

    /// Loads the newer version; only when no call is up (the view asks first).
    pub fn update(&self) {
        self.updates
            .with_value(|updates| updates.iter().for_each(Updates::load));
    }

    /// Shows the browser's install dialog.
    pub fn install(&self) {
        install::ask();
    }

    fn run<T>(&self, step: impl FnOnce(&mut Core, Moment) -> T) -> T {
        self.engine.with_value(|engine| engine.run(step))
    }
}
