//! Phones and raw clients on an exchange, without sockets and with a clock that the test turns.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::auth::{Known, Secret};
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{
    Account, AccountId, Address, Body, CommandError, Config, Ended, Event, FlowId, Input, Invite,
    Message, Moment, NoResponse, Origin, Output as AgentOutput, RegistrationFailure,
    RegistrationState, Response, SeededTokens, SessionEvent, SessionId, Text, Uri, UserAgent,
};

use crate::config::SwitchConfig;
use crate::directory::{Directory, Extension, Tenant, TenantId};
use crate::exchange::{CallKey, Exchange, Output};
use crate::service::ServiceEvent;

/// The only flow of a phone's own agent.
const TRUNK: FlowId = FlowId(0);

pub(super) struct Bench {
    pub(super) now: Moment,
    pub(super) exchange: Exchange,
    phones: Vec<Phone>,
    clients: BTreeMap<FlowId, Vec<Message>>,
    flows: u64,
    /// What the exchange wanted besides messages.
    outputs: Vec<Output>,
    exchange_wake: Option<Moment>,
}

/// Names a phone of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PhoneId(usize);

struct Phone {
    agent: UserAgent,
    account: AccountId,
    flow: Option<FlowId>,
    wake: Option<Moment>,
    /// What it heard, in short words.
    heard: Vec<String>,
    incoming: Option<SessionId>,
    /// Messages to it, for looking at what is not an event.
    received: Vec<Message>,
}

pub(super) fn people() -> Directory {
    let extension = |(number, name): (&str, &str)| Extension {
        number: number.into(),
        name: name.into(),
        secret: Known::Password(Secret::new(format!("demo-{number}"))),
    };
    let extensions = [("101", "Alice"), ("102", "Bob"), ("103", "Carol")].map(extension);
    Directory::new(vec![Tenant {
        id: TenantId::new("demo"),
        realm: "demo.local".into(),
        domains: vec!["phones.example".into()],
        extensions: extensions.to_vec(),
    }])
}

pub(super) fn audio(name: &str) -> Body {
    Body::sdp(&format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={name}\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    ))
}

pub(super) fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut SwitchConfig)) -> Self {
        let mut config = SwitchConfig::new(people());
        change(&mut config);
        let tokens = |seed| Box::new(SeededTokens::new(seed));
        let services = [Text::from("600"), Text::from("601")];
        Self {
            now: Moment::from_millis(1_000),
            exchange: Exchange::new(config, services, tokens(1), tokens(2)),
            phones: Vec::new(),
            clients: BTreeMap::new(),
            flows: 0,
            outputs: Vec::new(),
            exchange_wake: None,
        }
    }

    fn open_flow(&mut self) -> FlowId {
        self.flows += 1;
        let flow = FlowId(self.flows);
        self.exchange.handle_flow_opened(self.now, flow, false);
        flow
    }

    // Phones

    /// A phone that has registered as `number`.
    pub(super) fn phone(&mut self, number: &str) -> PhoneId {
        let instance = format!("instance-{}", self.phones.len());
        let phone = self.new_phone(number, &format!("demo-{number}"), &instance);
        assert_eq!(self.heard(phone), ["registered"], "{number}");
        phone
    }

    pub(super) fn new_phone(&mut self, number: &str, password: &str, instance: &str) -> PhoneId {
        let n = self.phones.len();
        let host = format!("phone{n}.invalid");
        let config = Config {
            keep_alive: None,
            rings_without_flow: Some(Duration::from_secs(8)),
            ..Config::new("Phone", &host)
        };
        let seed = 1_000 + n as u64;
        let mut agent = UserAgent::new(config, Box::new(SeededTokens::new(seed)));
        let mut contact = Address::new(uri(&format!(
            "sip:{number}-{n}@phone{n}.invalid;transport=ws"
        )));
        contact
            .params
            .set("+sip.instance", Some(&format!("\"<urn:uuid:{instance}>\"")));
        let mut aor = Address::new(uri(&format!("sip:{number}@demo.local")));
        aor.display_name = Some("The Queen".into());
        let account = Account {
            flow: TRUNK,
            address_of_record: aor,
            registrar: uri("sip:demo.local"),
            auth_user: None,
            credentials: Secret::new(password).into(),
            contact,
            expires: 600,
        };
        let account = agent.add_account(self.now, account).unwrap();
        while !matches!(agent.poll_output(), AgentOutput::Timeout(_)) {}
        self.phones.push(Phone {
            agent,
            account,
            flow: None,
            wake: None,
            heard: Vec::new(),
            incoming: None,
            received: Vec::new(),
        });
        let phone = PhoneId(n);
        self.connect(phone);
        phone
    }

    pub(super) fn connect(&mut self, PhoneId(n): PhoneId) {
        let flow = self.open_flow();
        self.phones[n].flow = Some(flow);
        let transport = sidetone_sip::message::Transport::Ws;
        let up = Input::TransportUp {
            flow: TRUNK,
            transport,
        };
        self.phones[n].agent.handle_input(self.now, up).unwrap();
        self.settle();
    }

    /// The socket breaks: both ends notice.
    pub(super) fn cut(&mut self, phone: PhoneId) {
        let flow = self.phones[phone.0].flow.unwrap();
        self.lose_touch(phone);
        self.exchange.handle_flow_closed(self.now, flow);
        self.settle();
    }

    /// The socket breaks and only the phone notices.
    pub(super) fn lose_touch(&mut self, PhoneId(n): PhoneId) {
        self.phones[n].flow = None;
        self.phones[n]
            .agent
            .handle_input(self.now, Input::TransportDown { flow: TRUNK })
            .unwrap();
        self.settle();
    }

    pub(super) fn flow(&self, PhoneId(n): PhoneId) -> Option<FlowId> {
        self.phones[n].flow
    }

    pub(super) fn call(&mut self, phone: PhoneId, number: &str) -> SessionId {
        self.try_call(
            phone,
            &format!("sip:{number}@demo.local"),
            Some(audio("offer")),
        )
    }

    pub(super) fn try_call(&mut self, phone: PhoneId, to: &str, body: Option<Body>) -> SessionId {
        let target = uri(to);
        let origin = Origin::Account(self.phones[phone.0].account);
        let invite = Invite {
            origin,
            to: Address::new(target.clone()),
            target,
            headers: Vec::new(),
            body,
        };
        self.command(phone, |ua, now| ua.invite(now, invite))
            .unwrap()
    }

    pub(super) fn command<T>(
        &mut self,
        PhoneId(n): PhoneId,
        command: impl FnOnce(&mut UserAgent, Moment) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let result = command(&mut self.phones[n].agent, self.now);
        self.settle();
        result
    }

    pub(super) fn account(&self, PhoneId(n): PhoneId) -> AccountId {
        self.phones[n].account
    }

    /// The last call that came in at a phone.
    pub(super) fn incoming(&self, PhoneId(n): PhoneId) -> SessionId {
        self.phones[n].incoming.expect("a call came in")
    }

    pub(super) fn ring(&mut self, phone: PhoneId) {
        let session = self.incoming(phone);
        self.command(phone, |ua, now| {
            ua.progress(now, session, sidetone_sip::Status::RINGING, None)
        })
        .unwrap();
    }

    pub(super) fn answer(&mut self, phone: PhoneId, name: &str) {
        let session = self.incoming(phone);
        self.command(phone, |ua, now| ua.accept(now, session, audio(name)))
            .unwrap();
    }

    pub(super) fn hang_up(&mut self, phone: PhoneId, session: SessionId) {
        self.command(phone, |ua, now| ua.end(now, session, None))
            .unwrap();
    }

    /// Two phones in a call: their sessions.
    pub(super) fn talk(
        &mut self,
        caller: PhoneId,
        callee: PhoneId,
        number: &str,
    ) -> [SessionId; 2] {
        let out = self.call(caller, number);
        self.ring(callee);
        self.answer(callee, "answer");
        assert_eq!(self.heard(caller), ["180", "accepted answer"]);
        assert_eq!(self.heard(callee), ["incoming", "confirmed"]);
        [out, self.incoming(callee)]
    }

    /// What a phone heard since it was asked last.
    pub(super) fn heard(&mut self, PhoneId(n): PhoneId) -> Vec<String> {
        std::mem::take(&mut self.phones[n].heard)
    }

    /// The messages to a phone since it was asked last.
    pub(super) fn received(&mut self, PhoneId(n): PhoneId) -> Vec<Message> {
        std::mem::take(&mut self.phones[n].received)
    }

    // Raw clients

    pub(super) fn client(&mut self) -> FlowId {
        let flow = self.open_flow();
        self.clients.insert(flow, Vec::new());
        self.settle();
        flow
    }

    /// Sends a text, with LF for line ends, as one message.
    pub(super) fn send(&mut self, flow: FlowId, text: &str) {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        self.send_bytes(flow, bytes);
    }

    pub(super) fn send_bytes(&mut self, flow: FlowId, bytes: Vec<u8>) {
        self.exchange.handle_received(self.now, flow, bytes);
        self.settle();
    }

    /// The responses to a raw client since it was asked last, less 100.
    pub(super) fn responses(&mut self, flow: FlowId) -> Vec<Response> {
        let messages = self
            .clients
            .get_mut(&flow)
            .map(std::mem::take)
            .unwrap_or_default();
        let responses = messages.into_iter().filter_map(|message| match message {
            Message::Response(response) if response.status.code() > 100 => Some(response),
            _ => None,
        });
        responses.collect()
    }

    /// What a service says.
    pub(super) fn report(&mut self, call: CallKey, event: ServiceEvent) {
        self.exchange.handle_service(self.now, call, event);
        self.settle();
    }

    pub(super) fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    // Time

    /// Lets time pass, timers included.
    pub(super) fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..100_000 {
            self.settle();
            let wakes = self
                .phones
                .iter()
                .map(|p| p.wake)
                .chain([self.exchange_wake]);
            let Some(next) = wakes.flatten().min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            for phone in &mut self.phones {
                if phone.wake.is_some_and(|at| at <= self.now) {
                    phone
                        .agent
                        .handle_input(self.now, Input::TimerFired)
                        .unwrap();
                }
            }
            if self.exchange_wake.is_some_and(|at| at <= self.now) {
                self.exchange.handle_timer(self.now);
            }
        }
        panic!("time stands still");
    }

    /// Carries messages until there are none.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut quiet = true;
            loop {
                match self.exchange.poll_output() {
                    Output::Transmit { flow, bytes } => {
                        quiet = false;
                        self.deliver(flow, bytes);
                    }
                    Output::Timeout(at) => {
                        self.exchange_wake = at;
                        break;
                    }
                    other => self.outputs.push(other),
                }
            }
            for n in 0..self.phones.len() {
                for bytes in self.phones[n].drain() {
                    quiet = false;
                    if let Some(flow) = self.phones[n].flow {
                        self.exchange.handle_received(self.now, flow, bytes);
                    }
                }
            }
            if quiet {
                return;
            }
        }
        panic!("messages without end");
    }

    fn deliver(&mut self, flow: FlowId, bytes: Vec<u8>) {
        let message = match read_frame(&bytes, &Limits::default()) {
            Incoming::Message(message) => Some(message),
            Incoming::Ping | Incoming::Pong => None,
            other => panic!("the switch sent what can't be read: {other:?}"),
        };
        if let Some(messages) = self.clients.get_mut(&flow) {
            messages.extend(message);
        } else if let Some(phone) = self.phones.iter_mut().find(|p| p.flow == Some(flow)) {
            phone.received.extend(message);
            // Drained by the caller; commands in between are not possible.
            phone
                .agent
                .handle_input(self.now, Input::Received { flow: TRUNK, bytes })
                .unwrap();
            let sent = phone.drain();
            for bytes in sent {
                self.exchange.handle_received(self.now, flow, bytes);
            }
        }
    }

    /// That every call has ended and left nothing behind.
    pub(super) fn assert_quiet(&mut self) {
        self.advance(Duration::from_secs(64));
        assert!(self.exchange.is_quiet(), "a call or a leg is left");
        assert_eq!(
            self.exchange.snapshot().ringing + self.exchange.snapshot().up,
            0
        );
        assert!(
            self.exchange.agent.is_idle(),
            "the agent has something left"
        );
        for n in 0..self.phones.len() {
            assert_eq!(self.heard(PhoneId(n)), [""; 0], "phone {n}");
        }
    }
}

impl Phone {
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            match self.agent.poll_output() {
                AgentOutput::Transmit { bytes, .. } => sent.push(bytes),
                AgentOutput::Event(event) => self.hear(event),
                AgentOutput::Timeout(at) => {
                    self.wake = at;
                    return sent;
                }
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Registration { state, .. } => match state {
                RegistrationState::Registering
                | RegistrationState::Failed {
                    cause: RegistrationFailure::NoAnswer(NoResponse::FlowDown),
                    ..
                } => {}
                RegistrationState::Registered { .. } => self.heard.push("registered".into()),
                RegistrationState::Failed { cause, .. } => {
                    self.heard.push(format!("not registered: {cause:?}"));
                }
                RegistrationState::Unregistered => self.heard.push("unregistered".into()),
            },
            Event::Session { session, event } => {
                if let SessionEvent::Incoming { .. } = event {
                    self.incoming = Some(session);
                }
                self.heard.push(in_short(&event));
            }
            Event::RequestReceived { .. } => self.heard.push("request".into()),
            Event::RequestAnswered { .. } => self.heard.push("answered".into()),
            Event::FlowAnswered { .. } => {}
            Event::Subscription { .. } => self.heard.push("subscription".into()),
            Event::Unsolicited { .. } => self.heard.push("unsolicited".into()),
            Event::Challenged { .. } => self.heard.push("challenged".into()),
            Event::FlowFailed { .. } => self.heard.push("flow failed".into()),
            Event::Publication { .. } => self.heard.push("publication".into()),
            Event::FlowSilent { .. } => self.heard.push("flow silent".into()),
        }
    }
}

/// The `s=` line of a description.
fn name_of(body: Option<&Body>) -> String {
    let text = body
        .map(|b| String::from_utf8_lossy(&b.bytes).into_owned())
        .unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("s=").map(str::to_owned))
        .unwrap_or(text)
}

fn in_short(event: &SessionEvent) -> String {
    let with = |word: &str, body: &Option<Body>| match name_of(body.as_ref()) {
        name if name.is_empty() => word.to_owned(),
        name => format!("{word} {name}"),
    };
    match event {
        SessionEvent::Incoming { .. } => "incoming".into(),
        SessionEvent::Progress { status, body, .. } => with(&status.code().to_string(), body),
        SessionEvent::Accepted { body, .. } => with("accepted", body),
        SessionEvent::Confirmed => "confirmed".into(),
        SessionEvent::Offer { body } => with("offer", body),
        SessionEvent::OfferWithdrawn => "offer withdrawn".into(),
        SessionEvent::OfferAnswered { body } => with("offer answered", body),
        SessionEvent::OfferRefused { status } => format!("offer refused {}", status.code()),
        SessionEvent::Info { body } => with("info", body),
        SessionEvent::Transfer(_) => "transfer".into(),
        SessionEvent::Redirected { .. } => "redirected".into(),
        SessionEvent::Ended(Ended {
            by,
            status,
            reasons,
            ..
        }) => {
            let status = status.map(|s| format!(" {}", s.code())).unwrap_or_default();
            let reasons: String = reasons.iter().map(|r| format!(" {r}")).collect();
            format!("ended {by:?}{status}{reasons}")
        }
    }
}
