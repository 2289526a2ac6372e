//! Two agents, virtual time, a link that does as it is told, and users who do anything: whatever
//! list of operations is carried out, all that [`watch`] demands must hold, and when everybody
//! has hung up nothing may be left over.

mod commands;
mod operation;
mod person;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use operation::{Command, Fate, Operation, Side};
use sidetone_sip::message::Transport;
use sidetone_sip::{
    AccountId, Address, ChallengeId, CommandError, Config, FlowId, Input, Method, Moment, Output,
    PublicationId, Redirection, ReliableProvisionals, RequestId, SeededTokens, SessionId, Uri,
    UserAgent,
};
use watch::Watch;

const FLOW: FlowId = FlowId(1);

/// No input has this many outputs, and nobody has this many timers in a row at one moment.
const ENDLESS: usize = 10_000;

/// An agent and what its user knows.
struct Person {
    agent: UserAgent,
    watch: Watch,
    timeout: Option<Moment>,
    accounts: Vec<AccountId>,
    requests: VecDeque<RequestId>,
    challenges: VecDeque<ChallengeId>,
    publications: Vec<PublicationId>,
}

struct World {
    now: Moment,
    people: BTreeMap<Side, Person>,
    wire: BTreeMap<(Moment, u64), (Side, Vec<u8>)>,
    sent: u64,
    is_up: bool,
    cut_at: Option<Moment>,
    /// Over a reliable transport nothing is lost, repeated or overtaken.
    is_reliable: bool,
    fates: u8,
    delay: Duration,
    /// How many challenges were made.
    nonces: u64,
}

/// Carries out the operations, three bytes each; the first byte of all chooses the transport, and
/// whether provisional responses are reliable, and whether what rings outlasts the flow.
pub(crate) fn live(script: &[u8]) {
    let (kind, script) = script.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(kind & 1 == 0, kind & 2 != 0, kind & 4 != 0);
    let (operations, _) = script.as_chunks::<3>();
    for operation in operations {
        world.perform(Operation::decode(*operation));
    }
    world.finish();
}

impl World {
    fn new(is_reliable: bool, is_early: bool, is_patient: bool) -> Self {
        let reliable_provisionals = match is_early {
            true => ReliableProvisionals::Always,
            false => ReliableProvisionals::IfRequired,
        };
        let person = |name: &str, seed| Person {
            agent: UserAgent::new(
                Config {
                    accepts: vec![Method::Register, Method::Message, Method::Publish],
                    takes_transfers: true,
                    takes_replacements: true,
                    redirection: Redirection::Follow { most: 2 },
                    reliable_provisionals,
                    rings_without_flow: is_patient.then_some(Duration::from_secs(8)),
                    invites_wait: is_patient,
                    ..Config::new(name, &format!("{name}.invalid"))
                },
                Box::new(SeededTokens::new(seed)),
            ),
            watch: Watch::new(is_early),
            timeout: None,
            accounts: Vec::new(),
            requests: VecDeque::new(),
            challenges: VecDeque::new(),
            publications: Vec::new(),
        };
        let people = BTreeMap::from([(Side::A, person("a", 1)), (Side::B, person("b", 2))]);
        let mut world = Self {
            now: Moment::from_millis(1000),
            people,
            wire: BTreeMap::new(),
            sent: 0,
            is_up: false,
            cut_at: None,
            is_reliable,
            fates: 0,
            delay: Duration::from_millis(10),
            nonces: 0,
        };
        world.mend();
        world
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Wait(time) => self.run(time),
            Operation::Command(side, command) => self.command(side, command),
            Operation::Fates(fates) => self.fates = fates,
            Operation::Delay(delay) => self.delay = delay,
            Operation::Cut => self.cut(),
            Operation::Mend => self.mend(),
            Operation::FireTimer(side) => self.input(side, Input::TimerFired),
        }
    }

    /// Everybody hangs up, answers what is asked and goes; then nothing may be left.
    fn finish(mut self) {
        self.mend();
        self.fates = 0;
        self.delay = Duration::from_millis(10);
        // What is on its way may still start something.
        for _ in 0..3 {
            for side in [Side::A, Side::B] {
                let person = self.person(side);
                let sessions: Vec<SessionId> = person.open_sessions().collect();
                for session in sessions {
                    self.attempt(side, |agent, now| agent.end(now, session, None));
                    self.drain(side);
                }
                while let Some(id) = self.person(side).publications.pop() {
                    self.attempt(side, |agent, now| agent.unpublish(now, id));
                    self.drain(side);
                }
                while let Some(account) = self.person(side).accounts.pop() {
                    self.attempt(side, |agent, now| agent.remove_account(now, account));
                    self.drain(side);
                }
            }
            for _ in 0..10 {
                self.run(Duration::from_secs(1));
                for side in [Side::A, Side::B] {
                    while !self.person(side).requests.is_empty() {
                        self.command(side, Command::Respond(0));
                    }
                    while !self.person(side).challenges.is_empty() {
                        self.command(side, Command::AnswerChallenge(1));
                    }
                }
            }
        }
        self.run(Duration::from_secs(300));
        for (side, person) in &self.people {
            let open: Vec<_> = person.open_sessions().collect();
            assert!(open.is_empty(), "{side:?} has {open:?} without an end");
            assert!(person.agent.is_idle(), "{side:?} has something left over");
        }
    }

    // The link

    fn mend(&mut self) {
        let transport = if self.is_reliable {
            Transport::Ws
        } else {
            Transport::Udp
        };
        if !std::mem::replace(&mut self.is_up, true) {
            for side in [Side::A, Side::B] {
                let transport = transport.clone();
                self.person(side).watch.cut_at = self.cut_at;
                self.input(
                    side,
                    Input::TransportUp {
                        flow: FLOW,
                        transport,
                    },
                );
                self.person(side).watch.cut_at = None;
            }
        }
    }

    fn cut(&mut self) {
        if std::mem::replace(&mut self.is_up, false) {
            self.wire.clear();
            self.cut_at = Some(self.now);
            for side in [Side::A, Side::B] {
                self.input(side, Input::TransportDown { flow: FLOW });
            }
        }
    }

    fn transmit(&mut self, from: Side, bytes: Vec<u8>) {
        assert!(self.is_up, "sent on a flow that is down");
        let fate = match self.is_reliable {
            true => Fate::Delivered,
            false => Fate::from_bits(self.fates),
        };
        self.fates >>= 2;
        let last = self.wire.last_key_value().map(|((at, _), _)| *at);
        let mut at = self.now + self.delay;
        if self.is_reliable {
            at = at.max(last.unwrap_or_default());
        }
        let copies: &[u64] = match fate {
            Fate::Delivered => &[0],
            Fate::Lost => &[],
            Fate::Repeated => &[0, 700],
        };
        for later in copies {
            self.sent += 1;
            let at = at + Duration::from_millis(*later);
            self.wire
                .insert((at, self.sent), (from.other(), bytes.clone()));
        }
    }

    // Time

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        while self.step(end) {
            steps += 1;
            assert!(steps < ENDLESS, "it goes on and on");
        }
        self.now = end;
    }

    fn step(&mut self, end: Moment) -> bool {
        let delivery = self.wire.first_key_value().map(|((at, _), _)| *at);
        let timers = self.people.iter();
        let timer = timers
            .filter_map(|(side, person)| Some((person.timeout?, *side)))
            .min();
        match (delivery, timer) {
            (Some(at), timer) if at <= end && timer.is_none_or(|(timer, _)| at <= timer) => {
                self.now = self.now.max(at);
                if let Some((_, (side, bytes))) = self.wire.pop_first() {
                    self.input(side, Input::Received { flow: FLOW, bytes });
                }
                true
            }
            (_, Some((at, side))) if at <= end => {
                self.now = self.now.max(at);
                self.input(side, Input::TimerFired);
                true
            }
            _ => false,
        }
    }

    // The agents

    fn person(&mut self, side: Side) -> &mut Person {
        self.people.get_mut(&side).expect("there are two")
    }

    fn input(&mut self, side: Side, input: Input) {
        let now = self.now;
        let given = self.person(side).agent.handle_input(now, input);
        given.expect("the contract is kept");
        self.drain(side);
    }

    /// Gives a command that may be refused, but not as a breach of contract.
    fn attempt<R>(
        &mut self,
        side: Side,
        command: impl FnOnce(&mut UserAgent, Moment) -> Result<R, CommandError>,
    ) -> Option<R> {
        let now = self.now;
        let result = command(&mut self.person(side).agent, now);
        if let Err(CommandError::Contract(breach)) = &result {
            panic!("{breach}");
        }
        result.ok()
    }

    fn drain(&mut self, side: Side) {
        for _ in 0..ENDLESS {
            let now = self.now;
            let person = self.person(side);
            match person.agent.poll_output() {
                Output::Transmit { flow, bytes } => {
                    assert_eq!(flow, FLOW);
                    person.watch.on_transmit(now, &bytes);
                    self.transmit(side, bytes);
                }
                Output::Event(event) => person.on_event(&event),
                Output::Timeout(at) => {
                    person.timeout = at;
                    return;
                }
            }
        }
        panic!("an input has endless outputs");
    }
}

fn chosen<T: Copy>(all: &[T], which: u8) -> Option<T> {
    let index = usize::from(which).checked_rem(all.len())?;
    all.get(index).copied()
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).expect("a URI")
}

fn address(text: &str) -> Address {
    Address::new(uri(text))
}
