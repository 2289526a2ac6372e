//! A phone and its exchange, each an agent, in one memory and one virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use sidetone_sip::auth::{self, Authenticator, Known, Secret, Verdict};
use sidetone_sip::message::{Expires, HeaderName, RawHeader, Transport, TypedHeader};
use sidetone_sip::{
    Account, Address, Answer, Body, CommandError, Config, Event, FlowId, Input, Invite, Method,
    Moment, Origin, Output, RegistrationState, Request, RequestId, SeededTokens, SessionEvent,
    SessionId, Status, Uri, UserAgent,
};

const FLOW: FlowId = FlowId(1);
const PASSWORD: &str = "demo-101";
const DESCRIPTION: &str = include_str!("../messages/description.sdp");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Phone,
    Exchange,
}

pub(crate) use Side::{Exchange, Phone};

impl Side {
    const fn other(self) -> Self {
        match self {
            Phone => Exchange,
            Exchange => Phone,
        }
    }
}

/// An agent, what is on its way to it, and what it has to tell.
struct End {
    agent: UserAgent,
    arriving: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

/// How much was carried through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Done {
    registered: usize,
    connected: usize,
    ended: usize,
}

pub(crate) struct Office {
    now: Moment,
    ends: [End; 2],
    authenticator: Authenticator,
    tokens: SeededTokens,
    done: Done,
    /// All that went over the wire since it was last asked for.
    sent: Vec<Vec<u8>>,
}

impl Office {
    pub(crate) fn new() -> Self {
        let mut tokens = SeededTokens::new(3);
        let lifetime = Duration::from_secs(3600);
        let mut office = Self {
            now: Moment::from_millis(1000),
            ends: [Phone, Exchange].map(|side| End {
                agent: agent(side),
                arriving: VecDeque::new(),
                events: VecDeque::new(),
            }),
            authenticator: Authenticator::new("demo.local", lifetime, &mut tokens),
            tokens,
            done: Done::default(),
            sent: Vec::new(),
        };
        for side in [Phone, Exchange] {
            let transport = Transport::Ws;
            let flow = FLOW;
            office.input(side, Input::TransportUp { flow, transport });
        }
        office
    }

    /// A phone registers, and is asked for its password.
    pub(crate) fn register(&mut self) {
        let number = self.done.registered;
        let account = Account {
            flow: FLOW,
            address_of_record: address("sip:101@demo.local"),
            registrar: uri("sip:demo.local"),
            auth_user: None,
            credentials: Secret::new(PASSWORD).into(),
            contact: address(&format!("sip:{number}@a3k9vd2m1l0p.invalid;transport=ws")),
            expires: 600,
        };
        self.command(Phone, |phone, now| phone.add_account(now, account));
        self.go_on();
        assert_eq!(self.done.registered, number + 1);
    }

    /// A call that rings, is answered and stays up.
    pub(crate) fn connect(&mut self) -> SessionId {
        let before = self.done.connected;
        let invite = Invite {
            origin: Origin::Explicit {
                flow: FLOW,
                from: address("sip:101@demo.local"),
                contact: address("sip:o8f5kd3q@a3k9vd2m1l0p.invalid;transport=ws"),
            },
            target: uri("sip:102@demo.local"),
            to: address("sip:102@demo.local"),
            headers: Vec::new(),
            body: Some(Body::sdp(DESCRIPTION)),
        };
        let call = self.command(Phone, |phone, now| phone.invite(now, invite));
        self.go_on();
        assert_eq!(self.done.connected, before + 1);
        call
    }

    /// A whole call, from INVITE to the answer to BYE.
    pub(crate) fn call(&mut self) {
        let before = self.done.ended;
        let call = self.connect();
        self.command(Phone, |phone, now| phone.end(now, call, None));
        self.go_on();
        assert_eq!(self.done.ended, before + 2);
    }

    /// Lets the transactions come to their end.
    pub(crate) fn rest(&mut self) {
        self.now = self.now + Duration::from_secs(40);
        self.go_on();
    }

    /// What went over the wire since this was last asked.
    pub(crate) fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    /// Takes an agent away, and leaves a new one.
    pub(crate) fn take_agent(&mut self, side: Side) -> UserAgent {
        std::mem::replace(&mut self.ends[side as usize].agent, agent(side))
    }

    /// Carries everything to its end, then lets a moment pass.
    fn go_on(&mut self) {
        for side in [Phone, Exchange] {
            self.input(side, Input::TimerFired);
        }
        while let Some(side) = [Phone, Exchange]
            .into_iter()
            .find(|side| self.is_busy(*side))
        {
            let end = &mut self.ends[side as usize];
            if let Some(event) = end.events.pop_front() {
                self.react(side, event);
            } else if let Some(bytes) = end.arriving.pop_front() {
                self.input(side, Input::Received { flow: FLOW, bytes });
            }
        }
        self.now = self.now + Duration::from_millis(10);
    }

    fn is_busy(&self, side: Side) -> bool {
        let end = &self.ends[side as usize];
        !(end.events.is_empty() && end.arriving.is_empty())
    }

    fn input(&mut self, side: Side, input: Input) {
        let now = self.now;
        let agent = &mut self.ends[side as usize].agent;
        agent.handle_input(now, input).expect("it was drained");
        self.drain(side);
    }

    fn command<R>(
        &mut self,
        side: Side,
        command: impl FnOnce(&mut UserAgent, Moment) -> Result<R, CommandError>,
    ) -> R {
        let result = command(&mut self.ends[side as usize].agent, self.now);
        self.drain(side);
        result.expect("it can be done")
    }

    fn drain(&mut self, side: Side) {
        loop {
            match self.ends[side as usize].agent.poll_output() {
                Output::Transmit { bytes, .. } => {
                    self.sent.push(bytes.clone());
                    self.ends[side.other() as usize].arriving.push_back(bytes);
                }
                Output::Event(event) => self.ends[side as usize].events.push_back(event),
                Output::Timeout(_) => return,
            }
        }
    }

    fn react(&mut self, side: Side, event: Event) {
        match event {
            Event::RequestReceived { id, request, .. } => self.answer(id, &request),
            Event::Session { session, event } => self.react_in_session(side, session, &event),
            Event::Registration {
                state: RegistrationState::Registered { .. },
                ..
            } => self.done.registered += 1,
            _ => {}
        }
    }

    fn react_in_session(&mut self, side: Side, call: SessionId, event: &SessionEvent) {
        match event {
            SessionEvent::Incoming { .. } => {
                self.command(side, |b, now| b.progress(now, call, Status::RINGING, None));
                let answer = Body::sdp(DESCRIPTION);
                self.command(side, |b, now| b.accept(now, call, answer));
            }
            SessionEvent::Confirmed => self.done.connected += 1,
            SessionEvent::Ended(_) => self.done.ended += 1,
            _ => {}
        }
    }

    /// As a registrar does.
    fn answer(&mut self, id: RequestId, request: &Request) {
        let mut answer = Answer {
            status: Status::OK,
            contacts: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        let mut header = |name, value: String| {
            let value = value.into();
            answer.headers.push(RawHeader { name, value });
        };
        if self.is_granted(request) {
            header(Expires::NAME, "600".into());
            answer.contacts = request.headers.contact.list().to_vec();
        } else {
            let challenges = self
                .authenticator
                .challenges(self.now, &mut self.tokens, false);
            for challenge in challenges {
                let challenge = auth::WwwAuthenticate(challenge).to_string();
                header(HeaderName::WwwAuthenticate, challenge);
            }
            answer.status = Status::UNAUTHORIZED;
        }
        self.command(Exchange, |b, now| b.respond(now, id, answer));
    }

    fn is_granted(&mut self, request: &Request) -> bool {
        let presented = auth::credentials(&request.headers, &HeaderName::Authorization);
        let known = |_: &str| Some(Known::Password(Secret::new(PASSWORD)));
        presented.first().is_some_and(|credentials| {
            let Request { method, body, .. } = request;
            let verdict = self
                .authenticator
                .verify(self.now, credentials, method, body, known);
            matches!(verdict, Verdict::Granted { .. })
        })
    }
}

fn agent(side: Side) -> UserAgent {
    let config = Config {
        keep_alive: None,
        accepts: vec![Method::Register],
        ..Config::new("Sidetone 0.1.0", "a3k9vd2m1l0p.invalid")
    };
    UserAgent::new(config, Box::new(SeededTokens::new(side as u64 + 1)))
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).expect("a URI")
}

fn address(text: &str) -> Address {
    Address::new(uri(text))
}
