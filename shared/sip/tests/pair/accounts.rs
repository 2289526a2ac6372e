//! Several accounts side by side in one agent, on one flow and on several.

use std::time::Duration;

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::{Contacts, HeaderName, Incoming, Limits, Transport, read_frame};
use sidetone_sip::{
    Account, AccountId, Event, FlowId, Input, Invite, Message, Method, Moment, Origin, Output,
    RegistrationState, Request, Response, SeededTokens, SessionEvent, Status, UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{address, config, uri};
use crate::outbound::outbound;

const ONE: FlowId = FlowId(1);
const TWO: FlowId = FlowId(2);
const S: fn(u64) -> Duration = Duration::from_secs;

/// An agent with two flows to registrars that the test plays.
struct Phone {
    agent: UserAgent,
    now: Moment,
    sent: Vec<(FlowId, Request)>,
    events: Vec<Event>,
    next: Option<Moment>,
}

impl Phone {
    fn new() -> Self {
        let mut config = config("a");
        config.keep_alive = None;
        let mut phone = Self {
            agent: UserAgent::new(config, Box::new(SeededTokens::new(1))),
            now: Moment::from_millis(1000),
            sent: Vec::new(),
            events: Vec::new(),
            next: None,
        };
        phone.up(ONE);
        phone.up(TWO);
        phone
    }

    fn up(&mut self, flow: FlowId) {
        let transport = Transport::Ws;
        self.input(Input::TransportUp { flow, transport });
    }

    fn input(&mut self, input: Input) {
        self.agent.handle_input(self.now, input).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.agent.poll_output() {
                Output::Transmit { flow, bytes } => {
                    let Incoming::Message(Message::Request(request)) =
                        read_frame(&bytes, &Limits::default())
                    else {
                        panic!("{}", String::from_utf8_lossy(&bytes));
                    };
                    self.sent.push((flow, request));
                }
                Output::Event(Event::FlowAnswered { .. }) => {}
                Output::Event(event) => self.events.push(event),
                Output::Timeout(next) => {
                    self.next = next;
                    return;
                }
            }
        }
    }

    fn add(&mut self, account: Account) -> AccountId {
        let id = self.agent.add_account(self.now, account).unwrap();
        self.drain();
        id
    }

    /// The requests sent since the last call.
    fn requests(&mut self) -> Vec<(FlowId, Request)> {
        std::mem::take(&mut self.sent)
    }

    fn answer(&mut self, (flow, request): &(FlowId, Request), status: u16, header: &str) {
        let status = Status::new(status).unwrap();
        let mut response = Response::to(request, status, Some("r"));
        response.headers.contact = Contacts::one(request.headers.contact.first().unwrap().clone());
        if !header.is_empty() {
            response
                .headers
                .push_raw(HeaderName::WwwAuthenticate, header);
        }
        let bytes = Message::Response(response).to_bytes();
        let flow = *flow;
        self.input(Input::Received { flow, bytes });
    }

    fn states(&mut self) -> Vec<(AccountId, &'static str)> {
        let events = std::mem::take(&mut self.events);
        let named = events.into_iter().map(|event| match event {
            Event::Registration { account, state } => match state {
                RegistrationState::Registering => (account, "registering"),
                RegistrationState::Registered { .. } => (account, "registered"),
                RegistrationState::Failed { .. } => (account, "failed"),
                RegistrationState::Unregistered => (account, "unregistered"),
            },
            other => panic!("{other:?}"),
        });
        named.collect()
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.next.filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.input(Input::TimerFired);
        }
        self.now = end;
    }
}

fn of(number: &str, domain: &str, flow: FlowId) -> Account {
    Account {
        flow,
        address_of_record: address(&format!("sip:{number}@{domain}")),
        registrar: uri(&format!("sip:{domain}")),
        auth_user: None,
        credentials: Secret::new(format!("secret of {number}")).into(),
        contact: address(&format!("sip:at-{number}@a.invalid")),
        expires: 600,
    }
}

fn challenge(realm: &str) -> String {
    format!(r#"Digest realm="{realm}", nonce="n-{realm}", qop="auth", algorithm=SHA-256"#)
}

#[test]
fn each_account_has_a_registrar_a_secret_and_a_life_of_its_own() {
    let mut phone = Phone::new();
    let ids = [
        phone.add(of("101", "home.test", ONE)),
        phone.add(of("202", "work.test", ONE)),
        phone.add(of("303", "club.test", TWO)),
    ];
    let asked = phone.requests();
    let flows: Vec<_> = asked.iter().map(|(flow, _)| *flow).collect();
    assert_eq!(flows, [ONE, ONE, TWO]);
    // Answered in another order than asked.
    for (index, realm) in [(2, "club.test"), (0, "home.test"), (1, "work.test")] {
        phone.answer(&asked[index], 401, &challenge(realm));
    }
    let asked = phone.requests();
    let shown: Vec<_> = asked
        .iter()
        .flat_map(|(_, r)| auth::credentials(&r.headers, &HeaderName::Authorization))
        .map(|shown| (shown.username.to_string(), shown.realm.to_string()))
        .collect();
    let expected = [
        ("303", "club.test"),
        ("101", "home.test"),
        ("202", "work.test"),
    ];
    let expected = expected.map(|(user, realm)| (user.to_owned(), realm.to_owned()));
    assert_eq!(shown, expected);
    phone.states();
    for request in &asked {
        phone.answer(request, 200, "");
    }
    let expected = [ids[2], ids[0], ids[1]].map(|id| (id, "registered"));
    assert_eq!(phone.states(), expected);

    // A flow that breaks takes its own accounts along, and no other.
    phone.input(Input::TransportDown { flow: ONE });
    assert_eq!(phone.states(), [(ids[0], "failed"), (ids[1], "failed")]);
    assert!(phone.requests().is_empty());
    phone.wait(S(540));
    let asked = phone.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1.uri, uri("sip:club.test"));
    phone.answer(&asked[0], 200, "");
    assert_eq!(phone.states(), [(ids[2], "registered")]);
    phone.up(ONE);
    for request in phone.requests() {
        phone.answer(&request, 200, "");
    }
    let expected = [
        (ids[0], "registering"),
        (ids[1], "registering"),
        (ids[0], "registered"),
        (ids[1], "registered"),
    ];
    assert_eq!(phone.states(), expected);

    // Each is gone by itself.
    for id in ids {
        phone.agent.remove_account(phone.now, id).unwrap();
        phone.drain();
        let asked = phone.requests();
        phone.answer(&asked[0], 200, "");
        assert_eq!(phone.states(), [(id, "unregistered")]);
    }
    phone.wait(S(7200));
    assert!(phone.requests().is_empty());
    assert!(phone.agent.is_idle());
}

/// Who is called is the account that registered the Contact, also by an address that two share.
#[test]
fn a_call_is_for_the_account_whose_contact_is_called() {
    let mut phone = Phone::new();
    let home = phone.add(of("101", "home.test", ONE));
    let work = phone.add(of("202", "work.test", ONE));
    for request in phone.requests() {
        phone.answer(&request, 200, "");
    }
    phone.states();
    for (target, id, user) in [("at-202", work, "at-202"), ("at-101", home, "at-101")] {
        let invite = format!(
            "INVITE sip:{target}@a.invalid SIP/2.0\r\n\
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bK{target}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:b@b.test>;tag=1\r\nTo: <sip:shared@home.test>\r\n\
             Call-ID: {target}\r\nCSeq: 1 INVITE\r\nContact: <sip:b@b.invalid>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let bytes = invite.into_bytes();
        let input = Input::Received { flow: ONE, bytes };
        phone.agent.handle_input(phone.now, input).unwrap();
        let session = loop {
            match phone.agent.poll_output() {
                Output::Event(Event::Session {
                    session,
                    event: SessionEvent::Incoming { .. },
                }) => break session,
                Output::Timeout(_) => panic!("no call"),
                _ => {}
            }
        };
        while !matches!(phone.agent.poll_output(), Output::Timeout(_)) {}
        phone
            .agent
            .progress(phone.now, session, Status::RINGING, None)
            .unwrap();
        let ringing = loop {
            match phone.agent.poll_output() {
                Output::Transmit { bytes, .. } => break bytes,
                Output::Timeout(_) => panic!("not ringing"),
                Output::Event(_) => {}
            }
        };
        while !matches!(phone.agent.poll_output(), Output::Timeout(_)) {}
        let text = String::from_utf8(ringing).unwrap();
        assert!(text.contains(&format!("sip:{user}@a.invalid")), "{text}");
        assert!(phone.agent.binding(id).is_some());
    }
}

#[test]
fn two_flows_of_one_device_recover_more_slowly_while_one_is_left() {
    let mut phone = Phone::new();
    let first = phone.add(outbound());
    let mut other = outbound();
    other.flow = TWO;
    other.contact.params.set("reg-id", Some("2"));
    let second = phone.add(other);
    let asked = phone.requests();
    let ids: Vec<_> = asked
        .iter()
        .map(|(_, r)| r.headers.contact.first().unwrap().reg_id().unwrap())
        .collect();
    assert_eq!(ids, [1, 2]);
    // The first flow's registrar refuses while the second works: the base is 90 s.
    phone.answer(&asked[1], 200, "");
    phone.answer(&asked[0], 500, "");
    let retry_in = |phone: &mut Phone| {
        let events = std::mem::take(&mut phone.events);
        let waits = events.into_iter().filter_map(|event| match event {
            Event::Registration {
                state: RegistrationState::Failed { retry_in, .. },
                ..
            } => retry_in,
            Event::FlowFailed { reconnect_in, .. } => Some(reconnect_in),
            _ => None,
        });
        waits.collect::<Vec<_>>()
    };
    let waits = retry_in(&mut phone);
    assert_eq!(waits.len(), 1);
    assert!(waits[0] >= S(90) && waits[0] <= S(180), "{waits:?}");
    // Then the second breaks, which was good: it may come back at once.
    phone.input(Input::TransportDown { flow: TWO });
    assert_eq!(retry_in(&mut phone), [Duration::ZERO]);
    // With none left the base is 30 s, and this was the second failure.
    phone.agent.refresh_account(phone.now, first).unwrap();
    phone.drain();
    let asked = phone.requests();
    phone.answer(&asked[0], 500, "");
    let waits = retry_in(&mut phone);
    assert!(waits[0] >= S(60) && waits[0] <= S(120), "{waits:?}");

    // A call of the account whose flow is up goes out on that flow.
    phone.up(TWO);
    let asked = phone.requests();
    phone.answer(&asked[0], 200, "");
    let invite = Invite {
        origin: Origin::Account(second),
        target: uri("sip:102@demo.test"),
        to: address("sip:102@demo.test"),
        headers: Vec::new(),
        body: None,
    };
    phone.agent.invite(phone.now, invite).unwrap();
    phone.drain();
    let sent = phone.requests();
    assert_eq!((sent.len(), sent[0].0), (1, TWO));
    assert_eq!(sent[0].1.method, Method::Invite);
}
