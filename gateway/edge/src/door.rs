//! Overload control: who begins something new when the gateway can't keep up is sent away at the
//! door, so that what has begun ends well.
//!
//! Too much is asked when tasks wait long for a processor. A task that only sleeps tells: it wakes
//! late by as long as all others wait. By that, so many new requests are let in until it wakes again:
//!
//! ```text
//!                 late by more than TARGET, twice
//!            ┌────────────────────────────────────┐
//!            ▼                                    │
//!     ┌───────────┐                        ┌──────┴─────┐
//!     │ Counting  │ ─────────────────────▶ │ Open       │
//!     └─────┬─────┘      as many as MOST   └────────────┘
//!       ▲   │ late: as many as would have been in TARGET, LEAST in any case
//!       └───┘ in time: an eighth more
//! ```
//!
//! Once is not enough to begin counting: something else on the machine may have taken the processor.
//!
//! A call waits for more than a processor, and in several places. Nobody begins one while [`MOST_CALLS`]
//! have begun and not even heard that they ring, or that they are being tried: whoever forwards a call
//! says so after 200 ms (RFC 3261 §17.2.1), however slow the other side is.
//!
//! The message isn't parsed for that: a request of a method that begins something, without a tag in
//! To, is new (RFC 3261 §12.2). It is answered with 503 and Retry-After (RFC 3261 §21.5.4), without
//! any state (§8.2.7). Registrations that are renewed count as new, for nothing tells them apart here.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often the door is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How long tasks may wait for a processor.
const TARGET: Duration = Duration::from_millis(100);
/// Calls that have begun and have not been answered anything. One processor brings some thousand a
/// second to that, fewer if many are begun at once. Where the PBX is slow, three hundred a second may
/// still begin.
const MOST_CALLS: u32 = 64;
/// New requests in any tick.
const LEAST: u32 = 32;
/// New requests in a tick of a door that is open to everybody.
const MOST: u32 = 1 << 20;
/// How long a flow isn't read that was sent away: who heeds Retry-After does not notice. Who does not
/// heed it costs little, for each time is four times as long as the last, up to the longest one.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// Who was not sent away for this long is taken for one that heeds it.
const FORGIVEN: Duration = Duration::from_secs(30);

/// The door of all flows.
pub(crate) struct Door {
    /// New requests that are still let in until the next tick.
    left: AtomicU32,
    /// Flows with a call that has not been answered anything.
    calling: AtomicU32,
    refused: AtomicU64,
    /// What our own To tags are, so that their ACKs are known.
    tag: String,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Enters(Vec<u8>),
    /// The client is told so.
    Refused(Vec<u8>),
    /// It is of no use to anybody.
    Dropped,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self {
            left: AtomicU32::new(MOST),
            calling: AtomicU32::new(0),
            refused: AtomicU64::new(0),
            tag: format!("door{:016x}", getrandom::u64().unwrap_or_default()),
        }
    }

    /// New requests that were sent away since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn judge(&self, message: Vec<u8>) -> Verdict {
        if message.starts_with(b"ACK ") {
            return match self.refused() > 0 && contains(head(&message), self.tag.as_bytes()) {
                true => Verdict::Dropped,
                false => Verdict::Enters(message),
            };
        }
        if !may_begin(&message) {
            return Verdict::Enters(message);
        }
        let stuck = is_call(&message) && self.calling.load(Ordering::Relaxed) >= MOST_CALLS;
        let take = |left: u32| left.checked_sub(1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if !stuck && self.left.fetch_update(set, fetch, take).is_ok() {
            return Verdict::Enters(message);
        }
        match refusal(&message, &self.tag, self.refused()) {
            Refusal::Within => Verdict::Enters(message),
            Refusal::Answer(answer) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Verdict::Refused(answer)
            }
            Refusal::Unanswerable => Verdict::Dropped,
        }
    }

    /// Counts who may enter, for ever.
    pub(crate) async fn watch(&self) {
        let mut budget = Budget::new();
        loop {
            let due = Instant::now() + TICK;
            sleep_until(due).await;
            let used = budget.granted - self.left.load(Ordering::Relaxed).min(budget.granted);
            let was_open = budget.granted == MOST;
            budget.on_tick(used, due.elapsed());
            self.left.store(budget.granted, Ordering::Relaxed);
            if was_open && budget.granted < MOST {
                tracing::warn!("more is asked than can be done: some new requests are refused");
            }
        }
    }
}

/// What the door knows of a flow.
pub(crate) struct Guest<'a> {
    door: &'a Door,
    /// It has a call that has not been answered anything, and is counted for it.
    is_calling: bool,
    /// When it was sent away the last time, and how long it was not read then.
    refused: Option<(Instant, Duration)>,
}

impl<'a> Guest<'a> {
    pub(crate) const fn new(door: &'a Door) -> Self {
        Self {
            door,
            is_calling: false,
            refused: None,
        }
    }

    /// It has said this, and that enters.
    pub(crate) fn on_received(&mut self, message: &[u8]) {
        if !self.is_calling && is_call(message) {
            self.is_calling = true;
            self.door.calling.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It was sent away; answers how long it is not to be read.
    pub(crate) fn on_refused(&mut self, now: Instant) -> Duration {
        let pause = match self.refused {
            Some((at, last)) if now < at + FORGIVEN => (4 * last).min(LONGEST_PAUSE),
            _ => PAUSE,
        };
        self.refused = Some((now, pause));
        pause
    }

    /// It is told this.
    pub(crate) fn on_sent(&mut self, message: &[u8]) {
        if self.is_calling && answers_call(message) {
            self.give_up();
        }
    }

    /// Nobody will answer its call any more.
    pub(crate) fn give_up(&mut self) {
        if std::mem::take(&mut self.is_calling) {
            self.door.calling.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn is_call(message: &[u8]) -> bool {
    message.starts_with(b"INVITE ")
}

fn answers_call(message: &[u8]) -> bool {
    message.starts_with(b"SIP/2.0 ")
        && head(message)
            .split(|byte| *byte == b'\n')
            .any(|line| repeated(line) == Some(CSEQ) && line.trim_ascii_end().ends_with(b" INVITE"))
}

/// How many new requests are let in at once.
#[derive(Debug, PartialEq, Eq)]
struct Budget {
    granted: u32,
    /// It was late the last time.
    was_late: bool,
}

impl Budget {
    const fn new() -> Self {
        Self {
            granted: MOST,
            was_late: false,
        }
    }

    /// `used` were let in, and after that this task woke this much too late.
    fn on_tick(&mut self, used: u32, late: Duration) {
        let is_late = late > TARGET;
        let counts = self.granted < MOST || self.was_late;
        self.was_late = is_late;
        let next = match is_late {
            true if counts => f64::from(used) * (TARGET.as_secs_f64() / late.as_secs_f64()),
            true => return,
            false => f64::from(self.granted) * 1.125,
        };
        self.granted = (next as u32).clamp(LEAST, MOST);
    }
}

/// Methods of requests that may be outside of a dialog and are worth their answer.
const BEGINNERS: [&[u8]; 6] = [
    b"INVITE ",
    b"REGISTER ",
    b"SUBSCRIBE ",
    b"MESSAGE ",
    b"PUBLISH ",
    b"OPTIONS ",
];

fn may_begin(message: &[u8]) -> bool {
    BEGINNERS.iter().any(|method| message.starts_with(method))
}

enum Refusal {
    /// It belongs to a dialog.
    Within,
    Answer(Vec<u8>),
    /// It lacks what an answer must repeat.
    Unanswerable,
}

/// What an answer repeats (RFC 3261 §8.2.6.2), each in its long and its compact form.
const REPEATED: [[&[u8]; 2]; 5] = [
    [b"via", b"v"],
    [b"from", b"f"],
    [b"to", b"t"],
    [b"call-id", b"i"],
    [b"cseq", b"cseq"],
];
const TO: usize = 2;
const CSEQ: usize = 4;

fn refusal(message: &[u8], tag: &str, number: u64) -> Refusal {
    let mut answer = Vec::with_capacity(768);
    answer.extend(b"SIP/2.0 503 Service Unavailable\r\n");
    let mut found = [false; REPEATED.len()];
    // The header that the lines so far belong to.
    let mut current = None;
    for line in head(message).split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            end_header(&mut answer, current, tag);
            current = repeated(line);
        }
        let Some(index) = current else { continue };
        if index == TO && contains(&line.to_ascii_lowercase(), b"tag=") {
            return Refusal::Within;
        }
        found[index] = true;
        answer.extend(line);
    }
    end_header(&mut answer, current, tag);
    if found.contains(&false) {
        return Refusal::Unanswerable;
    }
    // Not all come back at once.
    let seconds = 5 + number % 11;
    answer.extend(format!("Retry-After: {seconds}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    Refusal::Answer(answer)
}

fn end_header(answer: &mut Vec<u8>, header: Option<usize>, tag: &str) {
    match header {
        Some(TO) => answer.extend(format!(";tag={tag}\r\n").as_bytes()),
        Some(_) => answer.extend(b"\r\n"),
        None => {}
    }
}

/// Which of the repeated headers a line begins.
fn repeated(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let is_named = |names: &[&[u8]; 2]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    REPEATED.iter().position(is_named)
}

/// A message without its body.
fn head(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    &message[..end.unwrap_or(message.len())]
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shut() -> Door {
        let door = Door::new();
        door.left.store(0, Ordering::Relaxed);
        door
    }

    fn request(method: &str, to: &str) -> Vec<u8> {
        format!(
            "{method} sip:bob@example.org SIP/2.0\r\n\
             Via: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\n\
             v: SIP/2.0/WS\r\n\tb.invalid;branch=z9hG4bK2\r\n\
             Max-Forwards: 70\r\n\
             f: <sip:alice@example.org>;tag=1\r\n\
             To : {to}\r\n\
             Call-ID: x\r\n\
             CSeq: 7 {method}\r\n\
             Content-Length: 4\r\n\r\ntag="
        )
        .into_bytes()
    }

    #[test]
    fn who_begins_something_is_refused_and_told_when_to_come_back() {
        let door = shut();
        let verdict = door.judge(request("INVITE", "<sip:bob@example.org>"));
        let tag = &door.tag;
        let expected = format!(
            "SIP/2.0 503 Service Unavailable\r\n\
             Via: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\n\
             v: SIP/2.0/WS\tb.invalid;branch=z9hG4bK2\r\n\
             f: <sip:alice@example.org>;tag=1\r\n\
             To : <sip:bob@example.org>;tag={tag}\r\n\
             Call-ID: x\r\n\
             CSeq: 7 INVITE\r\n\
             Retry-After: 5\r\n\
             Content-Length: 0\r\n\r\n"
        );
        assert_eq!(verdict, Verdict::Refused(expected.into_bytes()));
        assert_eq!(door.refused(), 1);
        let acknowledgement = request("ACK", &format!("<sip:bob@example.org>;tag={tag}"));
        assert_eq!(door.judge(acknowledgement), Verdict::Dropped);
    }

    #[test]
    fn what_has_begun_goes_on() {
        let door = shut();
        let tagged = "<sip:bob@example.org>\r\n ;TAG=2";
        let messages = [
            request("INVITE", tagged),
            request("ACK", "<sip:bob@example.org>;tag=2"),
            request("BYE", tagged),
            request("CANCEL", "<sip:bob@example.org>"),
            b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
            b"\r\n\r\n".to_vec(),
            b"\0".to_vec(),
        ];
        for message in messages {
            assert_eq!(door.judge(message.clone()), Verdict::Enters(message));
        }
        assert_eq!(door.refused(), 0);
    }

    #[test]
    fn what_cannot_be_answered_is_dropped() {
        let door = shut();
        let message = b"INVITE sip:bob@example.org SIP/2.0\r\nTo: <sip:bob@example.org>".to_vec();
        assert_eq!(door.judge(message), Verdict::Dropped);
        assert_eq!(door.refused(), 0);
    }

    #[test]
    fn an_open_door_counts() {
        let door = Door::new();
        door.left.store(2, Ordering::Relaxed);
        let register = || request("REGISTER", "<sip:alice@example.org>");
        for _ in 0..2 {
            assert_eq!(door.judge(register()), Verdict::Enters(register()));
        }
        assert!(matches!(door.judge(register()), Verdict::Refused(_)));
    }

    #[test]
    fn no_call_begins_while_too_many_are_not_answered_anything() {
        let door = Door::new();
        let to = "<sip:bob@example.org>";
        let enters = |method: &str, to: &str| {
            let message = request(method, to);
            let verdict = door.judge(message.clone());
            verdict == Verdict::Enters(message)
        };
        let mut flows: Vec<Guest<'_>> = (0..MOST_CALLS).map(|_| Guest::new(&door)).collect();
        for flow in &mut flows {
            assert!(enters("INVITE", to));
            flow.on_received(&request("INVITE", to));
            flow.on_received(&request("INVITE", to));
            flow.on_received(&request("REGISTER", to));
            flow.on_sent(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n");
            flow.on_sent(&request("INVITE", to));
        }
        assert!(!enters("INVITE", to));
        assert_eq!(door.refused(), 1);
        assert!(enters("INVITE", &format!("{to};tag=1")), "it has begun");
        assert!(enters("REGISTER", to));

        flows[0].on_sent(b"SIP/2.0 100 Trying\r\nCSeq: 7 INVITE\r\n\r\n");
        assert!(enters("INVITE", to));
        flows[0].on_received(&request("INVITE", to));
        assert!(!enters("INVITE", to));
        flows[1].give_up();
        assert!(enters("INVITE", to));
        drop(flows);
        assert_eq!(door.calling.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_comes_back_at_once_is_left_alone_for_longer() {
        let door = Door::new();
        let mut guest = Guest::new(&door);
        let start = Instant::now();
        let pauses = [0, 1, 3, 11, 19, 48, 78].map(|seconds| {
            let now = start + Duration::from_secs(seconds);
            guest.on_refused(now).as_millis()
        });
        assert_eq!(pauses, [500, 2_000, 8_000, 8_000, 8_000, 8_000, 500]);
    }

    #[test]
    fn the_budget_follows_how_late_it_is() {
        let mut budget = Budget::new();
        for late in [Duration::ZERO, TARGET * 4, TARGET, TARGET * 4] {
            budget.on_tick(1_000, late);
            assert_eq!(budget.granted, MOST, "once is not enough");
        }
        budget.on_tick(1_000, TARGET * 4);
        assert_eq!(budget.granted, 250);
        budget.on_tick(250, TARGET / 2);
        assert_eq!(budget.granted, 281);
        budget.on_tick(281, TARGET * 2);
        assert_eq!(budget.granted, 140);
        budget.on_tick(0, TARGET * 2);
        assert_eq!(budget.granted, LEAST);
        let mut ticks = 0;
        while budget.granted < MOST {
            budget.on_tick(0, Duration::ZERO);
            ticks += 1;
            assert!(ticks < 200, "it never opens");
        }
    }
}
