//! Two agents, virtual time, a link that does as it is told, and users who do anything: whatever
//! list of operations is carried out, all that [`watch`] demands must hold, and when everybody
//! has hung up nothing may be left over.

mod operation;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use operation::{Command, Fate, Operation, Side};
use sidetone_sip::auth::Secret;
use sidetone_sip::message::{HeaderName, RawHeader, Transport};
use sidetone_sip::push::Push;
use sidetone_sip::{
    Account, AccountId, Address, Answer, Body, ChallengeId, CommandError, Config, CredentialSource,
    Event, FlowId, Input, Invite, Method, Moment, Origin, OutgoingRequest, Output, PublicationId,
    Publish, Redirection, Refer, ReliableProvisionals, RequestId, SeededTokens, SessionEvent,
    SessionId, Status, Uri, UserAgent,
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
    /// Over a reliable transport nothing is lost, repeated or overtaken.
    is_reliable: bool,
    fates: u8,
    delay: Duration,
    /// How many challenges were made.
    nonces: u64,
}

/// Carries out the operations, three bytes each; the first byte of all chooses the transport, and
/// whether provisional responses are reliable.
pub(crate) fn live(script: &[u8]) {
    let (kind, script) = script.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(kind & 1 == 0, kind & 2 != 0);
    let (operations, _) = script.as_chunks::<3>();
    for operation in operations {
        world.perform(Operation::decode(*operation));
    }
    world.finish();
}

impl World {
    fn new(is_reliable: bool, is_early: bool) -> Self {
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
                self.input(
                    side,
                    Input::TransportUp {
                        flow: FLOW,
                        transport,
                    },
                );
            }
        }
    }

    fn cut(&mut self) {
        if std::mem::replace(&mut self.is_up, false) {
            self.wire.clear();
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

    fn command(&mut self, side: Side, command: Command) {
        let origin = self.person(side).origin();
        let body = || Body::sdp("description");
        let session = |this: &mut Self, which| this.person(side).session(which);
        let on_session = |this: &mut Self,
                          which,
                          command: &dyn Fn(&mut UserAgent, Moment, SessionId) -> Done,
                          note: fn(&mut Watch, SessionId)| {
            if let Some(session) = session(this, which) {
                let done = this.attempt(side, |agent, now| command(agent, now, session));
                if done.is_some() {
                    let watch = &mut this.person(side).watch;
                    watch.on_command(session);
                    note(watch, session);
                }
            }
        };
        match command {
            Command::Invite { with_offer } => {
                let invite = Invite {
                    origin,
                    target: uri("sip:peer@example.org"),
                    to: address("sip:peer@example.org"),
                    headers: Vec::new(),
                    body: with_offer.then(body),
                };
                if let Some(id) = self.attempt(side, |agent, now| agent.invite(now, invite)) {
                    self.person(side).watch.on_invited(id, with_offer);
                }
            }
            Command::Progress(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.progress(now, id, Status::RINGING, None),
                |_, _| {},
            ),
            Command::EarlyMedia(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    agent.progress(now, id, Status::SESSION_PROGRESS, Some(Body::sdp("early")))
                },
                |_, _| {},
            ),
            Command::Accept(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.accept(now, id, Body::sdp("answer")),
                Watch::on_accepted,
            ),
            Command::Reject(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject(now, id, Status::BUSY_HERE, Vec::new()),
                |_, _| {},
            ),
            Command::End(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.end(now, id, None),
                |_, _| {},
            ),
            Command::Offer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.offer(now, id, Body::sdp("offer")),
                Watch::on_offered,
            ),
            Command::RequestOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.request_offer(now, id),
                Watch::on_offer_asked,
            ),
            Command::Update(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.update(now, id, Body::sdp("update")),
                Watch::on_offered,
            ),
            Command::WithdrawOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.withdraw_offer(now, id),
                Watch::on_offer_withdrawn,
            ),
            Command::AnswerOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.answer_offer(now, id, Body::sdp("answer")),
                Watch::on_offer_answered,
            ),
            Command::RejectOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject_offer(now, id, Status::NOT_ACCEPTABLE_HERE),
                Watch::on_offer_refused,
            ),
            Command::Info(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.info(now, id, Body::sdp("info")),
                |_, _| {},
            ),
            Command::Refer(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let refer = Refer {
                        target: address("sip:third@example.org"),
                        referred_by: Some(address("sip:me@example.org")),
                        wants_reports: which % 4 != 0,
                    };
                    agent.refer(now, id, refer)
                },
                Watch::on_referred,
            ),
            Command::ReferToPeer(which, other) => {
                if let Some(other) = session(self, other) {
                    on_session(
                        self,
                        which,
                        &|agent, now, id| agent.refer_to_peer(now, id, other, None),
                        Watch::on_referred,
                    );
                }
            }
            Command::FollowRefer(which) => {
                if let Some(asked) = session(self, which) {
                    let call = self.attempt(side, |agent, now| {
                        agent.follow_refer(now, asked, origin, Some(body()))
                    });
                    if let Some(call) = call {
                        self.person(side).watch.on_invited(call, true);
                    }
                }
            }
            Command::AcceptRefer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.accept_refer(now, id),
                |_, _| {},
            ),
            Command::RejectRefer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject_refer(now, id, Status::DECLINE),
                |_, _| {},
            ),
            Command::ReportRefer(which, is_over) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let status = if is_over { Status::OK } else { Status::RINGING };
                    agent.report_refer(now, id, status)
                },
                |_, _| {},
            ),
            Command::Replace(which) => {
                let replaced = session(self, which);
                let agent = &self.person(side).agent;
                if let Some(Ok(replaces)) = replaced.map(|id| agent.replaces_of(id)) {
                    let invite = Invite {
                        origin,
                        target: uri("sip:peer@example.org"),
                        to: address("sip:peer@example.org"),
                        headers: Vec::new(),
                        body: Some(body()),
                    };
                    let call = self.attempt(side, |agent, now| {
                        agent.invite_replacing(now, invite, &replaces)
                    });
                    if let Some(call) = call {
                        self.person(side).watch.on_invited(call, true);
                    }
                }
            }
            Command::Redirect(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let contact = RawHeader {
                        name: HeaderName::Contact,
                        value: format!("<sip:{which}@example.org>").into(),
                    };
                    let moved = Status::MOVED_TEMPORARILY;
                    agent.reject(now, id, moved, vec![contact])
                },
                |_, _| {},
            ),
            Command::Message => {
                let request = OutgoingRequest {
                    origin,
                    method: Method::Message,
                    target: uri("sip:peer@example.org"),
                    headers: Vec::new(),
                    body: Some(body()),
                };
                self.attempt(side, |agent, now| agent.request(now, request));
            }
            Command::Respond(which) => {
                if let Some(id) = self.person(side).requests.pop_front() {
                    let (status, header) = match which {
                        0x40..0x80 => (Status::UNAUTHORIZED, self.challenge()),
                        _ if which % 4 == 2 => (Status::NOT_FOUND, None),
                        _ if which % 4 == 3 => (Status::TEMPORARILY_UNAVAILABLE, None),
                        0xf0.. => (Status::CONDITIONAL_REQUEST_FAILED, None),
                        _ => (Status::OK, Some(header(HeaderName::SipEtag, "tag"))),
                    };
                    let answer = Answer {
                        headers: header.into_iter().collect(),
                        ..Answer::of(status)
                    };
                    self.attempt(side, |agent, now| agent.respond(now, id, answer));
                }
            }
            Command::AddAccount => self.add_account(side, Secret::new("secret").into()),
            Command::AddKept => self.add_account(side, CredentialSource::Application),
            Command::AnswerChallenge(which) => {
                if let Some(id) = self.person(side).challenges.pop_front() {
                    let response = (which % 3 != 0).then(|| "00".into());
                    self.attempt(side, |agent, now| agent.answer_challenge(now, id, response));
                }
            }
            Command::Challenge(which) => {
                let challenge = self.challenge();
                on_session(
                    self,
                    which,
                    &|agent, now, id| {
                        let challenge = challenge.iter().cloned().collect();
                        agent.reject(now, id, Status::UNAUTHORIZED, challenge)
                    },
                    |_, _| {},
                );
            }
            Command::Publish => {
                let publish = Publish {
                    origin,
                    target: uri("sip:me@example.org"),
                    package: "presence".into(),
                    body: body(),
                    expires: 600,
                    headers: Vec::new(),
                };
                if self.person(side).publications.len() < 3 {
                    let made = self.attempt(side, |agent, now| agent.publish(now, publish));
                    self.person(side).publications.extend(made);
                }
            }
            Command::Modify(which) => {
                if let Some(id) = chosen(&self.person(side).publications, which) {
                    self.attempt(side, |agent, now| agent.modify_publication(now, id, body()));
                }
            }
            Command::Unpublish(which) => {
                if let Some(id) = chosen(&self.person(side).publications, which) {
                    self.person(side).publications.retain(|other| *other != id);
                    self.attempt(side, |agent, now| agent.unpublish(now, id));
                }
            }
            Command::SetPush(which) => {
                let push = Push {
                    provider: "webpush".into(),
                    param: None,
                    prid: Some("1".into()),
                    wakes_itself: true,
                };
                let push = Some(&push).filter(|_| which % 2 == 0);
                if let Some(id) = self.person(side).account(which) {
                    self.attempt(side, |agent, now| agent.set_push(now, id, push));
                }
            }
            Command::RefreshAccount(which) => {
                if let Some(id) = self.person(side).account(which) {
                    self.attempt(side, |agent, now| agent.refresh_account(now, id));
                }
            }
            Command::RemoveAccount(which) => {
                if let Some(id) = self.person(side).account(which) {
                    self.person(side).accounts.retain(|account| *account != id);
                    self.attempt(side, |agent, now| agent.remove_account(now, id));
                }
            }
            Command::Probe => {
                self.attempt(side, |agent, now| agent.probe_flow(now, FLOW));
            }
        }
        self.drain(side);
    }

    fn add_account(&mut self, side: Side, credentials: CredentialSource) {
        if self.person(side).accounts.len() < 3 {
            let account = account(credentials);
            let added = self.attempt(side, |agent, now| agent.add_account(now, account));
            self.person(side).accounts.extend(added);
        }
    }

    /// A challenge with a nonce of its own.
    fn challenge(&mut self) -> Option<RawHeader> {
        self.nonces += 1;
        let value = format!(r#"Digest realm="r", nonce="{}", qop="auth""#, self.nonces);
        Some(header(HeaderName::WwwAuthenticate, &value))
    }
}

fn header(name: HeaderName, value: &str) -> RawHeader {
    RawHeader {
        name,
        value: value.into(),
    }
}

fn chosen<T: Copy>(all: &[T], which: u8) -> Option<T> {
    let index = usize::from(which).checked_rem(all.len())?;
    all.get(index).copied()
}

type Done = Result<(), CommandError>;

impl Person {
    fn open_sessions(&self) -> impl Iterator<Item = SessionId> {
        let sessions = self.watch.sessions.iter();
        sessions
            .filter(|(_, seen)| !seen.is_over())
            .map(|(id, _)| *id)
    }

    /// Mostly a session that goes on, sometimes one that is over.
    fn session(&self, which: u8) -> Option<SessionId> {
        let all: Vec<SessionId> = match which {
            0..240 => self.open_sessions().collect(),
            _ => self.watch.sessions.keys().copied().collect(),
        };
        chosen(&all, which)
    }

    fn account(&self, which: u8) -> Option<AccountId> {
        chosen(&self.accounts, which)
    }

    fn origin(&self) -> Origin {
        match self.accounts.first() {
            Some(account) => Origin::Account(*account),
            None => Origin::Explicit {
                flow: FLOW,
                from: address("sip:me@example.org"),
                contact: address("sip:me@me.invalid"),
            },
        }
    }

    fn on_event(&mut self, event: &Event) {
        self.watch.on_event(event);
        match event {
            Event::RequestReceived { id, .. } => self.requests.push_back(*id),
            Event::Challenged { challenge, .. } => self.challenges.push_back(*challenge),
            Event::Session {
                event: SessionEvent::Incoming { request, .. },
                ..
            } => assert_eq!(request.method, Method::Invite),
            _ => {}
        }
    }
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).expect("a URI")
}

fn address(text: &str) -> Address {
    Address::new(uri(text))
}

fn account(credentials: CredentialSource) -> Account {
    Account {
        flow: FLOW,
        address_of_record: address("sip:me@example.org"),
        registrar: uri("sip:example.org"),
        auth_user: None,
        credentials,
        contact: address("sip:me@me.invalid"),
        expires: 600,
    }
}
