//! Many phones in one loop of events, that try as often as they are told.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::contest::quantile;
use super::frames::{self, Frame};
use super::server::Server;
use super::sip::{self, Call, Registration};

/// What is served later than this is of no use to anybody.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a step has gone on when its figures begin: as much is under way then as at its end.
const LEAD: Duration = Duration::from_millis(700);
/// How long what is under way may take to end after a step.
const REST: Duration = Duration::from_secs(20);
/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How many phones are heard at a time.
const EVENTS: usize = 1024;

/// What the phones try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Call,
    Register,
}

/// How much they try.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand {
    /// That many attempts at any time.
    UnderWay(usize),
    /// That many new attempts each second, whatever becomes of them.
    PerSecond(f64),
}

/// What became of a step's attempts.
#[derive(Default)]
pub(crate) struct Outcome {
    seconds: f64,
    offered: usize,
    refused: usize,
    late: usize,
    /// Milliseconds to the answer, of those that were served in time.
    delays: Vec<f64>,
    /// Seconds of processor time that the server has used.
    cpu: f64,
    /// Bytes that it had at most.
    pub(crate) memory: u64,
}

impl Outcome {
    fn per_second(&self, count: usize) -> f64 {
        count as f64 / self.seconds
    }

    pub(crate) fn offered(&self) -> f64 {
        self.per_second(self.offered)
    }

    pub(crate) fn goodput(&self) -> f64 {
        self.per_second(self.delays.len())
    }

    pub(crate) fn refused(&self) -> f64 {
        self.per_second(self.refused)
    }

    pub(crate) fn late(&self) -> f64 {
        self.per_second(self.late)
    }

    pub(crate) fn delay(&self, part: f64) -> f64 {
        match self.delays[..] {
            [] => f64::NAN,
            _ => quantile(&self.delays, part),
        }
    }

    /// The part of a processor that the server used.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu / self.seconds
    }
}

/// Where a phone is with its attempt.
///
/// ```text
///            try                 200 to INVITE
///   Idle ───────────▶ Asking ───────────────────▶ Leaving
///    ▲                  │  200 to REGISTER, or a refusal │
///    └──────────────────┴────────────────────────────────┘ 200 to BYE
/// ```
enum Stage {
    Idle,
    Asking { since: Instant, call: Call },
    Leaving { call: Call },
}

struct Line {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    user: String,
    registration: Registration,
    stage: Stage,
    calls: u32,
}

/// The phones of one server.
pub(crate) struct Crowd<'a> {
    server: &'a Server,
    work: Work,
    poll: Poll,
    lines: Vec<Line>,
    /// Whose turn it is to try.
    next: usize,
    under_way: usize,
}

impl<'a> Crowd<'a> {
    /// That many phones, registered.
    pub(crate) fn connect(server: &'a Server, size: usize, work: Work) -> Self {
        let poll = Poll::new().unwrap();
        let line = |number| {
            let mut phone = server.connect(number);
            phone.register();
            let (user, registration, stream) = phone.into_parts();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            let registry = poll.registry();
            registry.register(&mut stream, Token(number), both).unwrap();
            Line {
                stream,
                inbox: Vec::new(),
                outbox: Vec::new(),
                user,
                registration,
                stage: Stage::Idle,
                calls: 0,
            }
        };
        let lines = (0..size).map(line).collect();
        Self {
            server,
            work,
            poll,
            lines,
            next: 0,
            under_way: 0,
        }
    }

    /// Tries for this long and the lead, then waits until nothing is under way any more.
    pub(crate) fn drive(&mut self, demand: Demand, lasting: Duration) -> Outcome {
        self.press(demand, LEAD);
        let outcome = self.press(demand, lasting);
        // What comes now belongs to no step.
        let mut rest = Outcome::default();
        let mut events = Events::with_capacity(EVENTS);
        let end = Instant::now();
        while self.under_way > 0 {
            assert!(end.elapsed() < REST, "{} hang", self.under_way);
            self.listen(&mut events, &mut rest);
        }
        outcome
    }

    fn press(&mut self, demand: Demand, lasting: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        let mut events = Events::with_capacity(EVENTS);
        let before = self.server.cpu();
        let start = Instant::now();
        let mut look = start;
        while start.elapsed() < lasting {
            self.try_more(demand, start.elapsed(), &mut outcome);
            self.listen(&mut events, &mut outcome);
            if look.elapsed() > LOOK {
                look = Instant::now();
                outcome.memory = outcome.memory.max(self.server.memory());
            }
        }
        outcome.seconds = start.elapsed().as_secs_f64();
        outcome.cpu = (self.server.cpu() - before) / 1e6;
        outcome
    }

    fn try_more(&mut self, demand: Demand, elapsed: Duration, outcome: &mut Outcome) {
        let wanted = match demand {
            Demand::UnderWay(wanted) => wanted.saturating_sub(self.under_way),
            Demand::PerSecond(rate) => {
                let due = (elapsed.as_secs_f64() * rate) as usize;
                // What comes back must be read meanwhile.
                due.saturating_sub(outcome.offered)
                    .min(2 * self.lines.len())
            }
        };
        for _ in 0..wanted {
            outcome.offered += 1;
            self.next = (self.next + 1) % self.lines.len();
            let line = &mut self.lines[self.next];
            if matches!(line.stage, Stage::Idle) {
                line.attempt(self.work);
                self.under_way += 1;
            }
        }
    }

    fn listen(&mut self, events: &mut Events, outcome: &mut Outcome) {
        // Without a pause: a processor that is idle beside the gateway's lets that one run faster, and
        // this one is idle least when most is asked. The PBX, on the same one, comes first.
        std::thread::yield_now();
        self.poll.poll(events, Some(Duration::ZERO)).unwrap();
        for event in &*events {
            let line = &mut self.lines[event.token().0];
            line.flush();
            let was_idle = matches!(line.stage, Stage::Idle);
            line.read(outcome);
            if !was_idle && matches!(line.stage, Stage::Idle) {
                self.under_way -= 1;
            }
        }
    }
}

impl Line {
    fn attempt(&mut self, work: Work) {
        let (text, call) = match work {
            Work::Register => (self.registration.request(), Call::default()),
            Work::Call => {
                self.calls += 2;
                sip::invite(&self.user, self.calls)
            }
        };
        let since = Instant::now();
        self.stage = Stage::Asking { since, call };
        self.say(&text);
    }

    fn read(&mut self, outcome: &mut Outcome) {
        let mut bytes = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => panic!("{} was cut off", self.user),
                Ok(length) => self.inbox.extend(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{}: {error}", self.user),
            }
        }
        while let Some(frame) = frames::take(&mut self.inbox) {
            match frame {
                Frame::Text(text) => {
                    let text = String::from_utf8(text).unwrap();
                    self.on_message(&text, outcome);
                }
                Frame::Ping => {
                    frames::write_pong(&mut self.outbox);
                    self.flush();
                }
                Frame::Pong => {}
                Frame::Close => panic!("{} was closed", self.user),
            }
        }
    }

    fn on_message(&mut self, message: &str, outcome: &mut Outcome) {
        let status = sip::status(message);
        let asks = matches!(self.stage, Stage::Asking { .. });
        let repeated = !asks && status == 200 && sip::method(message) == "INVITE";
        if (100..200).contains(&status) || repeated {
            return;
        }
        match (std::mem::replace(&mut self.stage, Stage::Idle), status) {
            (Stage::Asking { since, mut call }, _) if sip::method(message) == "INVITE" => {
                assert!(call.has(message), "{message}");
                let acknowledgement = call.acknowledge(message);
                self.say(&acknowledgement);
                if status == 200 {
                    outcome.note_served(since);
                    let bye = call.bye();
                    self.say(&bye);
                    self.stage = Stage::Leaving { call };
                } else {
                    outcome.note_refused(message);
                }
            }
            (Stage::Asking { since, .. }, 200) => outcome.note_served(since),
            (Stage::Asking { .. }, 401) => {
                self.registration.on_challenge(message);
                outcome.refused += 1;
            }
            (Stage::Asking { .. }, _) => outcome.note_refused(message),
            (Stage::Leaving { call }, _) => {
                assert!(call.has(message) && status == 200, "{message}");
            }
            (Stage::Idle, _) => panic!("unasked: {message}"),
        }
    }

    fn say(&mut self, text: &str) {
        frames::write_text(text.as_bytes(), true, &mut self.outbox);
        self.flush();
    }

    fn flush(&mut self) {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(length) => drop(self.outbox.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{}: {error}", self.user),
            }
        }
    }
}

impl Outcome {
    fn note_served(&mut self, since: Instant) {
        let took = since.elapsed();
        match took <= PATIENCE {
            true => self.delays.push(took.as_secs_f64() * 1e3),
            false => self.late += 1,
        }
    }

    /// Only for being busy, and saying so.
    fn note_refused(&mut self, response: &str) {
        assert_eq!(sip::status(response), 503, "{response}");
        assert!(sip::header(response, "Retry-After").is_some(), "{response}");
        self.refused += 1;
    }
}
