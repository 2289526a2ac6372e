//! Keeping the connection.
//!
//! ```text
//!            sign in            opened
//!   Closed ──────────→ Opening ────────→ Open ── sign out ──→ Leaving
//!     ↑                 ↑   │ refused      │ lost, silent        │ unregistered,
//!     │ sign out,       │   ↓              ↓                     │ lost, too late
//!     │ wrong password  └─ Waiting ←───────┘                     │
//!     │                 due, `online`, wake-up, retry            │
//!     └──────────────────────────────────────────────────────────┘
//! ```
//!
//! The session at the gateway ends last: a challenge to unregistering is answered only within it.

use std::time::Duration;

use leptos::task::spawn_local;
use sidetone_api::About;
use sidetone_sip::message::Transport;
use sidetone_sip::{Input, Moment};

use super::engine::{Core, FLOW};
use super::entropy::Entropy;
use super::socket::{Socket, SocketEvent, connect_early, drop_early};
use crate::model::{Connection, EndReason, Light, Phase};
use crate::platform::vault;
use crate::server;
use crate::state::SignIn;

/// How long a connection may take to answer after a wake-up before another one is opened.
const WAKE_PATIENCE: Duration = Duration::from_secs(3);
/// How long a connection may take to open.
const OPEN_PATIENCE: Duration = Duration::from_secs(10);
/// How long unregistering may take.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a page that is loaded anew may still be there; longer takes only who is asked and stays.
const RELOAD: Duration = Duration::from_secs(2);
/// Up to this age an attempt to connect is not given up for another one.
const FRESH: Duration = Duration::from_secs(1);

impl Core {
    /// Nobody is remembered: what was connected ahead is not wanted.
    pub(crate) fn forget_early(&mut self, _: Moment) {
        connect_early(None);
        drop_early();
    }

    /// Starts over with these.
    pub(crate) fn sign_in(&mut self, now: Moment, sign_in: SignIn) {
        self.leave(now, &EndReason::HungUp);
        self.sign_in = Some(sign_in);
        self.connect(now);
    }

    /// Hangs up, forgets and unregisters.
    pub(crate) fn sign_out(&mut self, now: Moment) {
        self.identity = None;
        connect_early(None);
        spawn_local(vault::forget());
        server::forget();
        self.end_all(now, &EndReason::HungUp);
        match self.account {
            Some(account) if self.light.connection == Connection::Open => {
                self.light = Light {
                    connection: Connection::Leaving,
                    ..Light::default()
                };
                self.probe_until = Some(now + LEAVE_PATIENCE);
                let _ = self.command(|agent| agent.remove_account(now, account));
            }
            _ => self.on_left(now),
        }
    }

    /// Waits no longer for a phone that signs out.
    pub(crate) fn finish_leaving(&mut self, now: Moment) {
        if self.light.connection == Connection::Leaving {
            self.on_left(now);
        }
    }

    /// Somebody tries again: why it failed before is of no more use.
    pub(crate) fn forget_refusal(&mut self) {
        self.light.refused = None;
    }

    pub(super) fn on_left(&mut self, now: Moment) {
        self.close(now);
        spawn_local(server::sign_out());
    }

    fn on_session_over(&mut self, now: Moment) {
        self.leave(now, &EndReason::HungUp);
        self.identity = None;
        self.light.refused = Some("Your session is over. Sign in again.".into());
    }

    /// The page is about to be loaded anew, unless the user changes their mind.
    pub(crate) fn on_reload(&mut self, now: Moment) {
        self.reload_at = Some(now);
    }

    /// The page goes away: whoever is talked to must not be left in silence.
    pub(crate) fn on_page_left(&mut self, now: Moment) {
        if self.is_soon_back(now) {
            self.leave_ringing(now);
        } else {
            self.leave(now, &EndReason::HungUp);
        }
    }

    /// Whether the page is loaded anew and then signs in by itself.
    fn is_soon_back(&self, now: Moment) -> bool {
        let reloads = self.reload_at.is_some_and(|at| now.since(at) < RELOAD);
        let sign_in = self.sign_in.as_ref();
        reloads && sign_in.is_some_and(|it| it.remember || it.password.is_none())
    }

    /// Breaks off without a word of who rings: the gateway lets them wait for the page.
    fn leave_ringing(&mut self, now: Moment) {
        for key in self.media.keys() {
            let call = self.calls.call(key);
            if call.is_none_or(|call| call.phase != Phase::Incoming) {
                self.end_call(now, key, EndReason::HungUp);
            }
        }
        self.socket = None;
    }

    /// Tries again now.
    pub(crate) fn retry(&mut self, now: Moment) {
        match (self.light.connection, self.account) {
            (Connection::Waiting { .. }, _) => self.connect(now),
            (Connection::Open, Some(account)) => {
                let _ = self.command(|agent| agent.refresh_account(now, account));
                self.probe(now);
            }
            _ => {}
        }
    }

    /// The machine woke up, the network is back, or the page came to sight.
    pub(crate) fn on_wake(&mut self, now: Moment) {
        match self.light.connection {
            Connection::Waiting { .. } => self.connect(now),
            Connection::Open => self.probe(now),
            // A connection begun without a network may hang although there is one now.
            Connection::Opening if !self.just_began(now) => self.connect(now),
            Connection::Closed | Connection::Opening | Connection::Leaving => {}
        }
    }

    /// Whether the attempt to connect is so young that it is not given up for another one.
    fn just_began(&self, now: Moment) -> bool {
        let left = self.probe_until.map(|until| until.since(now));
        left.is_some_and(|left| left + FRESH > OPEN_PATIENCE)
    }

    fn probe(&mut self, now: Moment) {
        if self.command(|agent| agent.probe_flow(now, FLOW)).is_ok() {
            self.probe_until.get_or_insert(now + WAKE_PATIENCE);
        }
    }

    /// Where this sign-in connects to.
    pub(super) fn server(&self) -> Option<String> {
        let sign_in = self.sign_in.as_ref()?;
        Some(
            sign_in
                .server
                .clone()
                .unwrap_or_else(|| own_server(self.about.as_ref())),
        )
    }

    fn connect(&mut self, now: Moment) {
        let (Some(sign_in), Some(engine)) = (&self.sign_in, self.engine) else {
            return;
        };
        self.light.connection = Connection::Opening;
        self.probe_until = Some(now + OPEN_PATIENCE);
        self.socket = None;
        if sign_in.password.is_some() {
            self.open(now, None);
        } else {
            spawn_local(async move {
                let ticket = server::ticket().await;
                engine.run(|core, now| core.on_ticket(now, ticket));
            });
        }
    }

    /// The gateway has been asked to let us in by our session.
    fn on_ticket(&mut self, now: Moment, ticket: Result<String, bool>) {
        // It may have been given up since, or another one came first.
        if self.light.connection != Connection::Opening || self.socket.is_some() {
            return;
        }
        match ticket {
            Ok(ticket) => self.open(now, Some(ticket)),
            Err(false) => self.lose(now, "The server can't be reached."),
            Err(true) => self.on_session_over(now),
        }
    }

    fn open(&mut self, now: Moment, ticket: Option<String>) {
        let (Some(url), Some(engine)) = (self.server(), self.engine) else {
            return;
        };
        let on_event = move |event| engine.run(|core, now| core.on_socket(now, event));
        self.socket = Socket::open(&url, ticket, on_event);
        if self.socket.is_none() {
            self.lose(now, "The address of the server is not valid.");
        }
    }

    fn on_socket(&mut self, now: Moment, event: SocketEvent) {
        match event {
            SocketEvent::Opened => {
                self.light.connection = Connection::Open;
                self.probe_until = None;
                self.input(
                    now,
                    Input::TransportUp {
                        flow: FLOW,
                        transport: Transport::Ws,
                    },
                );
                self.add_account(now);
            }
            SocketEvent::Received(bytes) => self.input(now, Input::Received { flow: FLOW, bytes }),
            SocketEvent::Closed { signed_out: true } => {
                self.lose(now, "");
                self.on_session_over(now);
            }
            SocketEvent::Closed { .. } if self.light.connection == Connection::Opening => {
                self.lose(now, "The server can't be reached.");
            }
            SocketEvent::Closed { .. } => self.lose(now, "The connection was lost."),
        }
    }

    pub(super) fn on_answered(&mut self, now: Moment) {
        self.light.answered = Some(now);
        self.probe_until = None;
    }

    pub(super) fn on_silent(&mut self, now: Moment) {
        self.lose(now, "The server has stopped answering.");
        // It was open until now, so the first new attempt need not wait.
        self.connect(now);
    }

    pub(super) fn on_connection_time(&mut self, now: Moment) {
        if let Connection::Waiting { until } = self.light.connection
            && until <= now
        {
            self.connect(now);
        }
        if self.probe_until.is_some_and(|until| until <= now) {
            match self.light.connection {
                Connection::Opening | Connection::Leaving => {
                    self.lose(now, "The server can't be reached.");
                }
                _ => self.on_silent(now),
            }
        }
    }

    /// When the connection next wants attention.
    pub(super) fn connection_due(&self, now: Moment) -> Option<Moment> {
        let waiting = match self.light.connection {
            Connection::Waiting { until } => Some(until),
            _ => None,
        };
        let fades = self.light.fresh_until().filter(|until| *until > now);
        [waiting, self.probe_until, fades]
            .into_iter()
            .flatten()
            .min()
    }

    /// The connection is gone; the next one follows after a while.
    pub(super) fn lose(&mut self, now: Moment, why: &str) {
        if self.light.connection == Connection::Leaving {
            return self.on_left(now);
        }
        self.socket = None;
        self.probe_until = None;
        let online = web_sys::window().is_none_or(|window| window.navigator().on_line());
        self.light.trouble = Some(if online {
            why.to_owned()
        } else {
            "This device is offline.".to_owned()
        });
        let in_call = self.calls.iter().any(|call| call.phase.is_live());
        let wait = self.backoff.wait(in_call, Entropy.fraction());
        self.light.connection = Connection::Waiting { until: now + wait };
        self.input(now, Input::TransportDown { flow: FLOW });
    }

    /// Ends all calls, unregisters and closes the connection.
    fn leave(&mut self, now: Moment, reason: &EndReason) {
        self.finish_leaving(now);
        self.end_all(now, reason);
        if let Some(account) = self.account.take() {
            let _ = self.command(|agent| agent.remove_account(now, account));
        }
        self.close(now);
    }

    /// The browser still sends what was handed to it before the close. What the agent wanted to
    /// know of the answers no longer matters.
    pub(super) fn close(&mut self, now: Moment) {
        if let Some(account) = self.account.take() {
            let _ = self.command(|agent| agent.remove_account(now, account));
        }
        if self.socket.take().is_some() {
            self.input(now, Input::TransportDown { flow: FLOW });
        }
        self.sign_in = None;
        self.spare = None;
        self.probe_until = None;
        self.backoff.reset();
        self.light = Light::default();
    }
}

/// The SIP socket of the server this page came from.
fn own_server(about: Option<&About>) -> String {
    let path = about.map_or("/sip", |about| &about.sip_path);
    let location = web_sys::window().map(|window| window.location());
    let scheme = location.as_ref().and_then(|it| it.protocol().ok());
    let scheme = if scheme.as_deref() == Some("https:") {
        "wss"
    } else {
        "ws"
    };
    let host = location
        .and_then(|location| location.host().ok())
        .unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
