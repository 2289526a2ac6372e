//! The loop: something happens, the agent's outputs are drained, the signals follow.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use sidetone_api::About;
use sidetone_sip::{
    AccountId, CommandError, Config, Event, FlowId, Input, Moment, Output, Redirection,
    TokenSource, UserAgent,
};

use super::clock::Clock;
use super::entropy::Entropy;
use super::media::Medias;
use super::peer::Peer;
use super::socket::Socket;
use super::tones::Tones;
use crate::model::{Backoff, Call, Calls, Identity, Light, Line, Phase, Problem, Tone};
use crate::platform::alarm::Alarm;
use crate::state::SignIn;

/// The one flow of a phone. It keeps its name over all reconnects, so that calls survive them.
pub(super) const FLOW: FlowId = FlowId(1);

/// The gateway lets callers wait five seconds for a phone; the rest is for finding out and for
/// registering.
const RINGS_WITHOUT_FLOW: Duration = Duration::from_secs(8);

/// Where the engine writes what views read.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    /// The status light.
    pub line: WriteSignal<Line>,
    /// Who is signed in.
    pub identity: WriteSignal<Option<Identity>>,
    /// All cards.
    pub calls: WriteSignal<Vec<Call>>,
    /// Faults in the way.
    pub problems: WriteSignal<Vec<Problem>>,
    /// The phone's clock in milliseconds.
    pub clock: WriteSignal<f64>,
    /// What the gateway says of itself.
    pub about: WriteSignal<Option<About>>,
}

/// The phone's engine; copies are the same engine.
#[derive(Clone, Copy)]
pub(crate) struct Engine(&'static RefCell<Core>);

/// Everything the engine knows. Its methods run one at a time, each followed by
/// [`Core::settle`].
pub(crate) struct Core {
    /// This engine, for what happens later.
    pub(super) engine: Option<Engine>,
    agent: UserAgent,
    events: VecDeque<Event>,
    agent_due: Option<Moment>,
    clock: Clock,
    alarm: Option<Alarm>,
    rings_at: Option<Moment>,
    pub(super) via_host: String,
    pub(super) instance: Option<String>,
    pub(super) about: Option<About>,
    pub(super) asks_about: bool,
    pub(super) socket: Option<Socket>,
    pub(super) backoff: Backoff,
    pub(super) light: Light,
    /// Until when a probe of the connection may take.
    pub(super) probe_until: Option<Moment>,
    /// When the browser began to load the page anew.
    pub(super) reload_at: Option<Moment>,
    pub(super) sign_in: Option<SignIn>,
    pub(super) account: Option<AccountId>,
    pub(super) identity: Option<Identity>,
    pub(super) calls: Calls,
    pub(super) media: Medias,
    pub(crate) problems: Vec<Problem>,
    /// The browser gives the microphone without asking anybody.
    pub(super) granted: bool,
    /// A connection made ahead for the next call.
    pub(super) spare: Option<Rc<Peer>>,
    pub(super) tones: Tones,
    pub(super) shown: Shown,
    last: Last,
    /// Told whenever the server is there again.
    pub(super) on_ready: Box<dyn Fn()>,
}

/// What was shown last, so that only what changed is written.
#[derive(Default)]
struct Last {
    line: Line,
    identity: Option<Identity>,
    calls: Vec<Call>,
    problems: Vec<Problem>,
}

impl Engine {
    /// An engine at rest.
    pub(crate) fn new(shown: Shown, on_ready: impl Fn() + 'static) -> Self {
        let via_host = format!("{}.invalid", Entropy.token());
        let product = concat!("Sidetone/", env!("CARGO_PKG_VERSION"));
        let config = Config {
            redirection: Redirection::Follow { most: 5 },
            rings_without_flow: Some(RINGS_WITHOUT_FLOW),
            ..Config::new(product, &via_host)
        };
        let mut agent = UserAgent::for_calls(config, Box::new(Entropy));
        agent.ask_for_responses();
        // It lives as long as the page, so nothing has to count or to free it.
        let core: &'static RefCell<Core> = Box::leak(Box::new(RefCell::new(Core {
            engine: None,
            agent,
            events: VecDeque::new(),
            agent_due: None,
            clock: Clock::start(),
            alarm: None,
            rings_at: None,
            via_host,
            instance: None,
            about: None,
            asks_about: false,
            socket: None,
            backoff: Backoff::default(),
            light: Light::default(),
            probe_until: None,
            reload_at: None,
            sign_in: None,
            account: None,
            identity: None,
            calls: Calls::default(),
            media: Medias::default(),
            problems: Vec::new(),
            granted: false,
            spare: None,
            tones: Tones::default(),
            shown,
            last: Last::default(),
            on_ready: Box::new(on_ready),
        })));
        let engine = Self(core);
        let alarm = Alarm::new(move || engine.run(|core, _| core.rings_at = None));
        let mut core = core.borrow_mut();
        core.engine = Some(engine);
        core.alarm = Some(alarm);
        engine
    }

    /// Does one thing, then everything that follows from it.
    pub(crate) fn run<T>(&self, step: impl FnOnce(&mut Core, Moment) -> T) -> T {
        let mut core = self.0.borrow_mut();
        let reading = core.clock.read();
        if reading.slept {
            core.on_wake(reading.now);
        }
        core.on_time(reading.now);
        let result = step(&mut core, reading.now);
        core.settle(reading.now);
        result
    }
}

impl Core {
    /// Gives the agent one input.
    pub(super) fn input(&mut self, now: Moment, input: Input) {
        // Outputs are drained after each step and the clock never runs back.
        let taken = self.agent.handle_input(now, input);
        debug_assert!(taken.is_ok());
        self.drain();
    }

    /// Gives the agent one command.
    pub(super) fn command<T>(
        &mut self,
        command: impl FnOnce(&mut UserAgent) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let result = command(&mut self.agent);
        self.drain();
        result
    }

    fn drain(&mut self) {
        loop {
            match self.agent.poll_output() {
                Output::Transmit { bytes, .. } => {
                    if let Some(socket) = &self.socket {
                        socket.send(&bytes);
                    }
                }
                Output::Event(event) => self.events.push_back(event),
                Output::Timeout(due) => {
                    self.agent_due = due;
                    break;
                }
            }
        }
    }

    /// Does what has come due.
    fn on_time(&mut self, now: Moment) {
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if is_due(self.agent_due) {
            self.input(now, Input::TimerFired);
        }
        self.on_connection_time(now);
        while let Some(late) = self.calls.on_time(millis(now)) {
            self.repair(now, late);
        }
    }

    /// Handles all events and shows what came of them.
    fn settle(&mut self, now: Moment) {
        while let Some(event) = self.events.pop_front() {
            match event {
                Event::Registration { account, state } => self.on_registration(now, account, state),
                Event::FlowAnswered { .. } => self.on_answered(now),
                Event::FlowSilent { .. } => self.on_silent(now),
                Event::Session { session, event } => self.on_session(now, session, event),
                // The agent answers requests outside of calls itself, and we send none.
                Event::RequestReceived { .. } | Event::RequestAnswered { .. } => {}
                Event::Challenged {
                    challenge,
                    question,
                    ..
                } => self.on_challenge(challenge, question),
                // Of registrations with a reg-id, which ours has not.
                Event::FlowFailed { .. } => {}
                // We subscribe to nothing yet, and take no NOTIFY that we did not ask for; neither
                // do we publish.
                Event::Publication { .. }
                | Event::Subscription { .. }
                | Event::Unsolicited { .. } => {}
            }
        }
        self.apply_sound();
        self.show(now);
        self.set_alarm(now);
    }

    fn show(&mut self, now: Moment) {
        let line = self.light.line(now);
        if line != self.last.line {
            self.last.line = line.clone();
            self.shown.line.set(line);
        }
        if self.identity != self.last.identity {
            self.last.identity = self.identity.clone();
            self.shown.identity.set(self.identity.clone());
        }
        if !self.calls.iter().eq(&self.last.calls) {
            self.last.calls = self.calls.iter().cloned().collect();
            self.shown.clock.set(millis(now));
            self.shown.calls.set(self.last.calls.clone());
        } else if self.timer_shows() {
            self.shown.clock.set(millis(now));
        }
        if self.problems != self.last.problems {
            self.last.problems = self.problems.clone();
            self.shown.problems.set(self.problems.clone());
        }
    }

    fn set_alarm(&mut self, now: Moment) {
        let second = Duration::from_secs(1);
        let counts = self.timer_shows()
            || matches!(
                self.last.line,
                Line::Down {
                    retry_in: Some(_),
                    ..
                }
            );
        let dues = [
            self.agent_due,
            self.connection_due(now),
            self.calls.next_due().map(moment),
            counts.then(|| now + second),
        ];
        let next = dues.into_iter().flatten().min();
        if next != self.rings_at || next.is_some_and(|at| at <= now) {
            self.rings_at = next;
            let wait = next.map(|at| u32::try_from(at.since(now).as_millis()).unwrap_or(u32::MAX));
            if let Some(alarm) = &mut self.alarm {
                alarm.set(wait);
            }
        }
    }

    fn timer_shows(&self) -> bool {
        self.calls
            .iter()
            .any(|call| matches!(call.phase, Phase::Active { .. }))
    }

    /// Adds a problem, or takes it away.
    pub(crate) fn set_problem(&mut self, problem: Problem, there: bool) {
        self.problems.retain(|other| *other != problem);
        if there {
            self.problems.push(problem);
        }
    }

    /// Lets microphones, speakers and tones follow the calls.
    fn apply_sound(&mut self) {
        for media in self.media.iter() {
            let key = media.key;
            let background = self.calls.call(key).is_some_and(|call| call.background);
            media.apply(self.calls.is_heard(key), !background);
        }
        self.tones.play(Tone::for_calls(&self.calls));
        if self.tones.is_blocked() {
            self.set_problem(Problem::SoundBlocked, true);
        }
    }
}

/// A moment as calls count it.
#[allow(clippy::cast_precision_loss, reason = "exact for 280,000 years")]
pub(super) fn millis(moment: Moment) -> f64 {
    moment.as_millis() as f64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "came from a moment"
)]
fn moment(millis: f64) -> Moment {
    Moment::from_millis(millis.ceil() as u64)
}
