//! Two agents, virtual time and a link between them that delays, loses and repeats by plan.

mod calls;
mod link;
mod seen;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(crate) use Side::{A, B};
pub(crate) use link::Link;
use sidetone_sip::auth::Secret;
use sidetone_sip::message::{Contacts, HeaderName, Incoming, Limits, Transport, read_frame};
use sidetone_sip::{
    Account, Address, Config, Event, FlowId, Input, Message, Method, Moment, Output, Request,
    Response, SeededTokens, Status, TokenSource, Uri, UserAgent,
};

/// The flow between the two, by the same name at both ends.
pub(crate) const FLOW: FlowId = FlowId(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            A => B,
            B => A,
        }
    }
}

pub(crate) struct Pair {
    pub(crate) now: Moment,
    pub(crate) link: Link,
    agents: BTreeMap<Side, UserAgent>,
    timeouts: BTreeMap<Side, Moment>,
    wire: BTreeMap<(Moment, u64), (Side, Vec<u8>)>,
    sent: u64,
    is_up: bool,
    events: BTreeMap<Side, VecDeque<Event>>,
    trace: Vec<String>,
    pub(crate) messages: Vec<Message>,
}

pub(crate) fn config(name: &str) -> Config {
    Config {
        keep_alive: None,
        ..Config::new(name, &format!("{name}.invalid"))
    }
}

/// [`UserAgent::new`], or another.
type MakeAgent = fn(Config, Box<dyn TokenSource + Send>) -> UserAgent;

impl Pair {
    /// Two agents on a link that is up.
    pub(crate) fn on(link: Link) -> Self {
        Self::with(link, config("a"), config("b"))
    }

    pub(crate) fn with(link: Link, a: Config, b: Config) -> Self {
        let agent = |config, seed| UserAgent::new(config, Box::new(SeededTokens::new(seed)));
        let mut pair = Self {
            now: Moment::from_millis(1000),
            link,
            agents: BTreeMap::from([(A, agent(a, 1)), (B, agent(b, 2))]),
            timeouts: BTreeMap::new(),
            wire: BTreeMap::new(),
            sent: 0,
            is_up: false,
            events: BTreeMap::from([(A, VecDeque::new()), (B, VecDeque::new())]),
            trace: Vec::new(),
            messages: Vec::new(),
        };
        pair.flow_up();
        pair
    }

    pub(crate) fn ws() -> Self {
        Self::on(Link::new(Transport::Ws))
    }

    pub(crate) fn udp() -> Self {
        Self::on(Link::new(Transport::Udp))
    }

    /// A alone; the test plays the other end.
    pub(crate) fn scripted() -> Self {
        let mut pair = Self::ws();
        pair.link.is_scripted = true;
        pair
    }

    pub(crate) fn agent(&mut self, side: Side) -> &mut UserAgent {
        self.agents.get_mut(&side).unwrap()
    }

    /// Puts a new agent in the place of one, which is forgotten with all it knew. The flow stays
    /// up.
    pub(crate) fn rebuild(&mut self, side: Side, config: Config) {
        self.rebuild_as(side, UserAgent::new, config);
    }

    pub(crate) fn rebuild_as(&mut self, side: Side, make: MakeAgent, config: Config) {
        let seed = 100 + self.messages.len() as u64;
        let tokens = Box::new(SeededTokens::new(seed));
        self.agents.insert(side, make(config, tokens));
        self.timeouts.remove(&side);
        let transport = self.link.transport.clone();
        let flow = FLOW;
        self.input(side, Input::TransportUp { flow, transport });
    }

    // The flow

    pub(crate) fn flow_up(&mut self) {
        self.is_up = true;
        for side in [A, B] {
            let transport = self.link.transport.clone();
            self.input(
                side,
                Input::TransportUp {
                    flow: FLOW,
                    transport,
                },
            );
        }
    }

    /// Cuts the flow; what is on its way is lost.
    pub(crate) fn flow_down(&mut self) {
        self.is_up = false;
        self.wire.clear();
        for side in [A, B] {
            self.input(side, Input::TransportDown { flow: FLOW });
        }
    }

    // Inputs

    pub(crate) fn input(&mut self, side: Side, input: Input) {
        let now = self.now;
        self.agents
            .get_mut(&side)
            .unwrap()
            .handle_input(now, input)
            .unwrap();
        self.drain(side);
    }

    pub(crate) fn receive(&mut self, side: Side, text: &str) {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        self.input(side, Input::Received { flow: FLOW, bytes });
    }

    /// Gives a side a message made by the test.
    pub(crate) fn deliver(&mut self, side: Side, message: &Message) {
        let bytes = message.to_bytes();
        self.input(side, Input::Received { flow: FLOW, bytes });
    }

    /// Gives A a response to its last request with this method, as `tag` would send it.
    pub(crate) fn answer(&mut self, method: &Method, status: u16, tag: &str) {
        let request = self.last_request(method).clone();
        let response = self.response(&request, status, tag);
        self.deliver(A, &Message::Response(response));
    }

    /// A response to `request`, with a Contact of its own for each tag.
    pub(crate) fn response(&self, request: &Request, status: u16, tag: &str) -> Response {
        let status = Status::new(status).unwrap();
        let mut response = Response::to(request, status, Some(tag));
        response.headers.contact = Contacts::one(address(&format!("sip:{tag}@b.invalid")));
        if request.method == Method::Invite && status.is_success() {
            response
                .headers
                .push_raw(HeaderName::ContentType, "application/sdp");
            response.body = b"answer".to_vec();
        }
        response
    }

    pub(crate) fn command<R, E: std::fmt::Debug>(
        &mut self,
        side: Side,
        f: impl FnOnce(&mut UserAgent, Moment) -> Result<R, E>,
    ) -> R {
        self.try_command(side, f).unwrap()
    }

    pub(crate) fn try_command<R, E>(
        &mut self,
        side: Side,
        f: impl FnOnce(&mut UserAgent, Moment) -> Result<R, E>,
    ) -> Result<R, E> {
        let now = self.now;
        let result = f(self.agents.get_mut(&side).unwrap(), now);
        self.drain(side);
        result
    }

    fn drain(&mut self, side: Side) {
        loop {
            match self.agents.get_mut(&side).unwrap().poll_output() {
                Output::Transmit { flow, bytes } => {
                    assert_eq!(flow, FLOW);
                    assert!(self.is_up, "sent on a flow that is down");
                    self.transmit(side, bytes);
                }
                // A side effect of nearly everything; tests of the keep-alive look at it alone.
                Output::Event(Event::FlowAnswered { .. }) => {}
                Output::Event(event) => self.events.get_mut(&side).unwrap().push_back(event),
                Output::Timeout(at) => {
                    self.timeouts.remove(&side);
                    self.timeouts.extend(at.map(|at| (side, at)));
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, from: Side, bytes: Vec<u8>) {
        let line = self.describe(from, &bytes);
        let copies = self.link.copies(&line);
        let copies = if self.link.is_scripted { 0 } else { copies };
        let is_lost = copies == 0 && !self.link.is_scripted;
        let mark = if is_lost { " (lost)" } else { "" };
        self.trace.push(format!("{line}{mark}"));
        for _ in 0..copies {
            let Some((to, bytes)) = self.relayed(from, &bytes) else {
                continue;
            };
            self.sent += 1;
            let late = self.link.tokens.bits() % (self.link.jitter + 1);
            let at = self.now + self.link.delay + Duration::from_millis(late);
            self.wire.insert((at, self.sent), (to, bytes));
        }
    }

    /// Who gets what of a message, once it has gone through the proxies.
    fn relayed(&mut self, from: Side, bytes: &[u8]) -> Option<(Side, Vec<u8>)> {
        match read_frame(bytes, &Limits::default()) {
            Incoming::Message(message) if !self.link.proxies.0.is_empty() => {
                let (to, message) = self.link.proxies.relay(self.now, from, message)?;
                Some((to, message.to_bytes()))
            }
            _ => Some((from.other(), bytes.to_vec())),
        }
    }

    fn describe(&mut self, from: Side, bytes: &[u8]) -> String {
        match read_frame(bytes, &Limits::default()) {
            Incoming::Message(message) => {
                let line = match &message {
                    Message::Request(request) => format!("{from:?} {}", request.method),
                    Message::Response(response) => {
                        let method = &response.headers.cseq.method;
                        format!("{from:?} {} {method}", response.status.code())
                    }
                };
                self.messages.push(message);
                line
            }
            Incoming::Ping => format!("{from:?} ping"),
            Incoming::Pong => format!("{from:?} pong"),
            other => panic!(
                "an agent sent {other:?}: {}",
                String::from_utf8_lossy(bytes)
            ),
        }
    }

    // Time

    /// Runs until nothing is on its way and no timer is due for this long.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs for a while that is longer than the link's delay and shorter than any timer.
    pub(crate) fn settle(&mut self) {
        self.run(Duration::from_millis(100));
    }

    fn step(&mut self, end: Moment) -> bool {
        let delivery = self.wire.first_key_value().map(|((at, _), _)| *at);
        let timer = self.timeouts.iter().map(|(side, at)| (*at, *side)).min();
        match (delivery, timer) {
            (Some(at), timer) if at <= end && timer.is_none_or(|(timer, _)| at <= timer) => {
                self.now = self.now.max(at);
                let (_, (side, bytes)) = self.wire.pop_first().unwrap();
                self.input(side, Input::Received { flow: FLOW, bytes });
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
}

pub(crate) fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

pub(crate) fn address(text: &str) -> Address {
    Address::new(uri(text))
}

pub(crate) fn account(secret: &str) -> Account {
    Account {
        flow: FLOW,
        address_of_record: address("sip:101@demo.test"),
        registrar: uri("sip:demo.test"),
        auth_user: None,
        credentials: Secret::new(secret).into(),
        contact: address("sip:c0ffee@a.invalid"),
        expires: 600,
    }
}
