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
//! A call takes more than a processor, and waits in several queues. So there are a few places
//! ([`place`]) for those that have begun and not even heard that they ring, or that they are being
//! tried: whoever forwards a call says so after 200 ms (RFC 3261 §17.2.1), however slow the other side
//! is. Who finds none free waits for one at the door ([`guest`]).
//!
//! The message isn't parsed for that: a request of a method that begins something, without a tag in
//! To, is new (RFC 3261 §12.2). It is answered with 503 and Retry-After (RFC 3261 §21.5.4), without
//! any state (§8.2.7). Registrations that are renewed count as new, for nothing tells them apart here.

mod budget;
mod guest;
mod place;
mod refusal;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use budget::{Budget, MOST};
pub(crate) use guest::Guest;
use place::Places;
use refusal::{contains, head, is_within, may_begin, refusal};

/// How often the door is looked at.
const TICK: Duration = Duration::from_millis(10);

/// The door of all flows.
pub(crate) struct Door {
    /// New requests that are still let in until the next tick.
    left: AtomicU32,
    /// For flows with a call that has not been answered anything.
    places: Places,
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
            places: Places::new(),
            refused: AtomicU64::new(0),
            tag: format!("door{:016x}", getrandom::u64().unwrap_or_default()),
        }
    }

    /// New requests that were sent away since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn judge(&self, message: Vec<u8>) -> Verdict {
        if message.starts_with(b"ACK ") {
            return match self.refused() > 0 && contains(head(&message), self.tag.as_bytes()) {
                true => Verdict::Dropped,
                false => Verdict::Enters(message),
            };
        }
        if !may_begin(&message) {
            return Verdict::Enters(message);
        }
        let take = |left: u32| left.checked_sub(1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.left.fetch_update(set, fetch, take).is_ok() {
            return Verdict::Enters(message);
        }
        self.refuse(message)
    }

    /// Sends it away, unless it begins nothing.
    fn refuse(&self, message: Vec<u8>) -> Verdict {
        if is_within(&message) {
            return Verdict::Enters(message);
        }
        match refusal(&message, &self.tag, self.refused()) {
            Some(answer) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Verdict::Refused(answer)
            }
            None => Verdict::Dropped,
        }
    }

    /// Counts who may enter and who has had a place too long, for ever.
    pub(crate) async fn watch(&self) {
        let mut budget = Budget::new();
        loop {
            let due = Instant::now() + TICK;
            sleep_until(due).await;
            let used = budget.granted - self.left.load(Ordering::Relaxed).min(budget.granted);
            let was_open = budget.granted == MOST;
            budget.on_tick(used, due.elapsed());
            self.places.reclaim(due);
            self.left.store(budget.granted, Ordering::Relaxed);
            if was_open && budget.granted < MOST {
                tracing::warn!("more is asked than can be done: some new requests are refused");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn shut() -> Door {
        let door = Door::new();
        door.left.store(0, Ordering::Relaxed);
        door
    }

    pub(super) fn request(method: &str, to: &str) -> Vec<u8> {
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
}
