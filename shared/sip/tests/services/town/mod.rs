//! Some phones, each with a flow to each other, and the weather between them.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{
    Address, CallFacts, Config, Event, FlowId, Input, Moment, Output, Redirection, SeededTokens,
    SessionEvent, SessionId, TokenSource, TransferEvent, Uri, UserAgent,
};

/// A phone; also the name of the flow that leads to it.
pub(crate) type Who = usize;

pub(crate) const ALICE: Who = 0;
pub(crate) const BOB: Who = 1;
pub(crate) const CAROL: Who = 2;
pub(crate) const DAVE: Who = 3;

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Longer than any transaction, and than a message that is repeated each minute can be lost: what
/// has not happened then never will.
const PATIENCE: Duration = Duration::from_secs(200);

/// So often a message can be lost without its transaction coming to nothing, which is another
/// story.
const MOST_LOSSES: u8 = 2;

/// What becomes of messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    /// Of a hundred, how many are lost.
    pub(crate) loss: u64,
    /// Of a hundred, how many arrive twice.
    pub(crate) duplication: u64,
    /// Each takes up to so many milliseconds longer, so that they overtake each other.
    pub(crate) jitter: u64,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        seed: 0,
        loss: 0,
        duplication: 0,
        jitter: 0,
    };
}

struct Phone {
    agent: UserAgent,
    timeout: Option<Moment>,
    incoming: VecDeque<(SessionId, CallFacts)>,
    events: BTreeMap<SessionId, VecDeque<SessionEvent>>,
    /// Sessions of which progress was heard.
    ringing: Vec<SessionId>,
    /// Of those no script asks for.
    others: VecDeque<Event>,
}

pub(crate) struct Town {
    script: &'static str,
    weather: Weather,
    luck: SeededTokens,
    now: Moment,
    phones: Vec<Phone>,
    wire: BTreeMap<(Moment, u64), (Who, Who, Vec<u8>)>,
    /// How often each message was lost.
    losses: BTreeMap<(Who, Who, Vec<u8>), u8>,
    sent: u64,
}

/// A call that is up, with both its ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) caller: (Who, SessionId),
    pub(crate) callee: (Who, SessionId),
}

impl Call {
    /// The session of `who`.
    pub(crate) fn of(&self, who: Who) -> SessionId {
        let ends = [self.caller, self.callee];
        ends.iter().find(|(end, _)| *end == who).unwrap().1
    }

    /// The end that `who` is not.
    pub(crate) fn peer(&self, who: Who) -> (Who, SessionId) {
        if self.caller.0 == who {
            self.callee
        } else {
            self.caller
        }
    }
}

pub(crate) fn address(who: Who) -> Address {
    let name = NAMES[who];
    Address::new(Uri::parse(&format!("sip:{name}@town.test")).unwrap())
}

/// Who is meant by a URI.
pub(crate) fn named(uri: &Uri) -> Who {
    let user = uri.user().unwrap();
    NAMES.iter().position(|name| *name == user).unwrap()
}

fn agent(name: &str, seed: u64) -> UserAgent {
    let config = Config {
        keep_alive: None,
        takes_transfers: true,
        takes_replacements: true,
        redirection: Redirection::Follow { most: 5 },
        notifies: vec!["dialog".into()],
        ..Config::new(name, &format!("{name}.invalid"))
    };
    UserAgent::new(config, Box::new(SeededTokens::new(seed)))
}

impl Town {
    pub(crate) fn in_weather(script: &'static str, weather: Weather) -> Self {
        let phones = (0..).zip(NAMES).map(|(seed, name)| Phone {
            agent: agent(name, weather.seed * 16 + seed),
            timeout: None,
            incoming: VecDeque::new(),
            events: BTreeMap::new(),
            ringing: Vec::new(),
            others: VecDeque::new(),
        });
        let mut town = Self {
            script,
            weather,
            luck: SeededTokens::new(weather.seed),
            now: Moment::from_millis(1000),
            phones: phones.collect(),
            wire: BTreeMap::new(),
            losses: BTreeMap::new(),
            sent: 0,
        };
        for who in 0..NAMES.len() {
            town.connect(who);
        }
        town
    }

    fn connect(&mut self, who: Who) {
        for other in (0..NAMES.len()).filter(|other| *other != who) {
            let flow = FlowId(other as u64);
            let transport = Transport::Udp;
            self.input(who, Input::TransportUp { flow, transport });
        }
    }

    /// The agent of `who` is gone with all it knew, and there is another one.
    pub(crate) fn start_anew(&mut self, who: Who) {
        self.phones[who].agent = agent(NAMES[who], self.weather.seed * 16 + 8);
        self.connect(who);
    }

    pub(crate) fn agent(&self, who: Who) -> &UserAgent {
        &self.phones[who].agent
    }

    #[track_caller]
    fn fail(&self, what: std::fmt::Arguments<'_>) -> ! {
        panic!("{} in {:?}: {what}", self.script, self.weather);
    }

    // The world

    fn input(&mut self, who: Who, input: Input) {
        let now = self.now;
        self.phones[who].agent.handle_input(now, input).unwrap();
        self.drain(who);
    }

    fn drain(&mut self, who: Who) {
        loop {
            match self.phones[who].agent.poll_output() {
                Output::Transmit { flow, bytes } => {
                    let to = usize::try_from(flow.0).unwrap();
                    self.transmit(who, to, &bytes);
                }
                Output::Event(Event::FlowAnswered { .. }) => {}
                Output::Event(event) => self.note(who, event),
                Output::Timeout(at) => {
                    self.phones[who].timeout = at;
                    return;
                }
            }
        }
    }

    fn note(&mut self, who: Who, event: Event) {
        let phone = &mut self.phones[who];
        match event {
            Event::Session {
                session,
                event: SessionEvent::Incoming { facts, .. },
            } => phone.incoming.push_back((session, *facts)),
            // Whether they come is a question of the weather.
            Event::Session {
                session,
                event: SessionEvent::Progress { .. },
            } => phone.ringing.push(session),
            Event::Session {
                event: SessionEvent::Transfer(TransferEvent::Progress { .. }),
                ..
            } => {}
            Event::Session { session, event } => {
                phone.events.entry(session).or_default().push_back(event);
            }
            other => phone.others.push_back(other),
        }
    }

    fn transmit(&mut self, from: Who, to: Who, bytes: &[u8]) {
        let mut chance = |percent| self.luck.bits() % 100 < percent;
        let is_unlucky = chance(self.weather.loss);
        let is_doubled = chance(self.weather.duplication);
        let losses = self.losses.entry((from, to, bytes.to_vec())).or_default();
        let is_lost = is_unlucky && *losses < MOST_LOSSES;
        *losses += u8::from(is_lost);
        let copies = match (is_lost, is_doubled) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        for _ in 0..copies {
            let late = self.luck.bits() % (self.weather.jitter + 1);
            let at = self.now + Duration::from_millis(10 + late);
            self.sent += 1;
            self.wire
                .insert((at, self.sent), (from, to, bytes.to_vec()));
        }
    }

    /// The next thing happens, if one does until then.
    fn step(&mut self, end: Moment) -> bool {
        let delivery = self.wire.first_key_value().map(|((at, _), _)| *at);
        let timers = self.phones.iter().enumerate();
        let timer = timers.filter_map(|(who, phone)| Some((phone.timeout?, who)));
        let timer = timer.min();
        match (delivery, timer) {
            (Some(at), timer) if at <= end && timer.is_none_or(|(timer, _)| at <= timer) => {
                self.now = self.now.max(at);
                let (_, (from, to, bytes)) = self.wire.pop_first().unwrap();
                let flow = FlowId(from as u64);
                self.input(to, Input::Received { flow, bytes });
                true
            }
            (_, Some((at, who))) if at <= end => {
                self.now = self.now.max(at);
                self.input(who, Input::TimerFired);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Time passes until there is what is looked for.
    #[track_caller]
    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = self.now + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if !self.step(end) {
                self.fail(format_args!("no {what}"));
            }
        }
    }

    /// Waits for everything to be over and checks that nothing is left over or untold.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.run(Duration::from_secs(300));
        for (who, phone) in self.phones.iter().enumerate() {
            let name = NAMES[who];
            let untold: Vec<_> = phone.events.values().flatten().collect();
            if !untold.is_empty() || !phone.incoming.is_empty() || !phone.others.is_empty() {
                let more = (&phone.incoming, &phone.others);
                self.fail(format_args!("{name} also has {untold:?} {more:?}"));
            }
            if !phone.agent.is_idle() || phone.timeout.is_some() {
                self.fail(format_args!("{name} is not idle"));
            }
        }
        assert!(self.wire.is_empty());
    }

    // What people do

    #[track_caller]
    pub(crate) fn command<R, E: std::fmt::Display>(
        &mut self,
        who: Who,
        f: impl FnOnce(&mut UserAgent, Moment) -> Result<R, E>,
    ) -> R {
        let now = self.now;
        let result = f(&mut self.phones[who].agent, now);
        self.drain(who);
        match result {
            Ok(result) => result,
            Err(error) => self.fail(format_args!("{}: {error}", NAMES[who])),
        }
    }

    // What people hear
}
