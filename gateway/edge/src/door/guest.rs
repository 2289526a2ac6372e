//! One flow at the door.
//!
//! ```text
//!                a call, no place is free
//!            ┌───────────────────────────────┐
//!            │          a place is free      ▼
//!     ┌──────┴──┐ ◀─────────────────── ┌───────────┐
//!     │ Heard   │                      │ Waiting   │
//!     └──────┬──┘ ◀──┐                 └─────┬─────┘
//!   sent away│       │ PAUSE                 │ PATIENCE: it is sent away
//!            ▼       │                       │
//!          ┌─────────┴─┐                     │
//!          │ Away      │ ◀───────────────────┘
//!          └───────────┘
//! ```
//!
//! Who waits or is away isn't read: what it says meanwhile stays in the network.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep, timeout};

use super::place::Place;
use super::refusal::{answers_call, is_call, is_within};
use super::{Door, Verdict};

/// How long a call waits for a place: a caller hardly notices that.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a flow isn't read that was sent away. Who heeds Retry-After does not notice; who does not
/// costs little.
const PAUSE: Duration = Duration::from_millis(500);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the door knows of a flow.
pub(crate) struct Guest<'a> {
    door: &'a Door,
    /// That of a call of its own that has not been answered anything.
    place: Option<Place<'a>>,
    state: State<'a>,
}

enum State<'a> {
    Heard,
    /// With what it said.
    Waiting(Boxed<'a, Option<Place<'a>>>, Vec<u8>),
    Away(Pin<Box<Sleep>>),
}

impl<'a> Guest<'a> {
    pub(crate) const fn new(door: &'a Door) -> Self {
        Self {
            door,
            place: None,
            state: State::Heard,
        }
    }

    /// Whether it is to be read.
    pub(crate) const fn is_heard(&self) -> bool {
        matches!(self.state, State::Heard)
    }

    /// It says this. `None`: what becomes of that is for [`Guest::poll_verdict`] to say.
    pub(crate) fn on_received(&mut self, message: Vec<u8>) -> Option<Verdict> {
        let verdict = self.door.judge(message);
        match verdict {
            Verdict::Enters(message) if is_call(&message) && !self.has_place() => {
                self.seat(message)
            }
            _ => {
                self.obey(&verdict);
                Some(verdict)
            }
        }
    }

    /// Gives a call a place, or lets it wait for one.
    fn seat(&mut self, message: Vec<u8>) -> Option<Verdict> {
        if is_within(&message) {
            return Some(Verdict::Enters(message));
        }
        self.place = self.door.places.try_take();
        if self.place.is_some() {
            return Some(Verdict::Enters(message));
        }
        let place = timeout(PATIENCE, self.door.places.take());
        let place = async { place.await.ok()? };
        self.state = State::Waiting(Box::pin(place), message);
        None
    }

    fn has_place(&self) -> bool {
        self.place.as_ref().is_some_and(Place::is_held)
    }

    /// What becomes of a call that has waited, or `None` once who was away is heard again.
    pub(crate) fn poll_verdict(&mut self, context: &mut Context<'_>) -> Poll<Option<Verdict>> {
        let place = match &mut self.state {
            State::Heard => return Poll::Pending,
            State::Away(pause) => {
                ready!(pause.as_mut().poll(context));
                None
            }
            State::Waiting(place, _) => ready!(place.as_mut().poll(context)),
        };
        let State::Waiting(_, message) = std::mem::replace(&mut self.state, State::Heard) else {
            return Poll::Ready(None);
        };
        if place.is_some() {
            self.place = place;
            return Poll::Ready(Some(Verdict::Enters(message)));
        }
        let verdict = self.door.refuse(message);
        self.obey(&verdict);
        Poll::Ready(Some(verdict))
    }

    fn obey(&mut self, verdict: &Verdict) {
        if let Verdict::Refused(_) = verdict {
            self.state = State::Away(Box::pin(sleep(PAUSE)));
        }
    }

    /// It is told this.
    pub(crate) fn on_sent(&mut self, message: &[u8]) {
        if self.place.is_some() && answers_call(message) {
            self.give_up();
        }
    }

    /// Nobody will answer its call any more.
    pub(crate) fn give_up(&mut self) {
        self.place = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::super::TICK;
    use super::super::Verdict;
    use super::super::place::{STAY, most_calls};
    use super::super::tests::{request, shut};
    use super::*;

    const TO: &str = "<sip:bob@example.org>";

    fn invite() -> Vec<u8> {
        request("INVITE", TO)
    }

    fn enters(message: Vec<u8>) -> Option<Verdict> {
        Some(Verdict::Enters(message))
    }

    /// As many flows as there are places, each with a call.
    fn full(door: &Door) -> Vec<Guest<'_>> {
        let mut guests: Vec<Guest<'_>> = (0..most_calls()).map(|_| Guest::new(door)).collect();
        for guest in &mut guests {
            assert_eq!(guest.on_received(invite()), enters(invite()));
            assert_eq!(guest.on_received(invite()), enters(invite()), "it has one");
            guest.on_sent(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n");
            guest.on_sent(&invite());
        }
        guests
    }

    async fn verdict(guest: &mut Guest<'_>) -> Option<Verdict> {
        poll_fn(|context| guest.poll_verdict(context)).await
    }

    fn is_refused(verdict: Option<Verdict>) -> bool {
        matches!(verdict, Some(Verdict::Refused(answer)) if answer.starts_with(b"SIP/2.0 503 "))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_until_another_is_answered() {
        let door = Door::new();
        let mut guests = full(&door);
        let (mut first, mut second) = (Guest::new(&door), Guest::new(&door));
        let other = request("REGISTER", TO);
        assert_eq!(first.on_received(other.clone()), enters(other));
        let within = request("INVITE", &format!("{TO};tag=1"));
        assert_eq!(first.on_received(within.clone()), enters(within));
        for guest in [&mut first, &mut second] {
            assert!(guest.is_heard());
            assert_eq!(guest.on_received(invite()), None);
            assert!(!guest.is_heard());
        }
        let start = Instant::now();
        guests[1].on_sent(b"SIP/2.0 100 Trying\r\nCSeq: 7 INVITE\r\n\r\n");
        assert_eq!(verdict(&mut first).await, enters(invite()));
        assert!(first.is_heard());
        assert!(!second.is_heard());
        guests[0].give_up();
        assert_eq!(verdict(&mut second).await, enters(invite()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(door.refused(), 0);
        assert_eq!(door.places.free(), 0);
        drop((guests, first, second));
        assert_eq!(door.places.free(), most_calls());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_has_its_place_for_a_while_only() {
        let door = Door::new();
        let mut guests = full(&door);
        assert_eq!(guests[0].on_received(invite()), enters(invite()));
        let mut next = Guest::new(&door);
        assert_eq!(next.on_received(invite()), None);
        let start = Instant::now();
        tokio::select! {
            () = door.watch() => unreachable!("it watches for ever"),
            verdict = verdict(&mut next) => assert_eq!(verdict, enters(invite())),
        }
        let waited = start.elapsed();
        assert!(waited >= STAY && waited < STAY + 2 * TICK, "{waited:?}");
        assert_eq!(door.places.free(), most_calls() - 1, "all were taken away");
        assert_eq!(guests[0].on_received(invite()), enters(invite()));
        assert_eq!(door.places.free(), most_calls() - 2, "it needs another one");
        drop((guests, next));
        assert_eq!(door.places.free(), most_calls());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_in_vain_is_sent_away_and_heard_again_after_a_while() {
        let door = Door::new();
        let guests = full(&door);
        let mut late = Guest::new(&door);
        assert_eq!(late.on_received(invite()), None);
        let start = Instant::now();
        assert!(is_refused(verdict(&mut late).await));
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(door.refused(), 1);
        assert!(!late.is_heard());
        assert_eq!(verdict(&mut late).await, None);
        assert_eq!(start.elapsed(), PATIENCE + PAUSE);
        assert!(late.is_heard());
        drop(guests);
        assert_eq!(late.on_received(invite()), enters(invite()));
        assert_eq!(door.refused(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_while_it_waits_takes_no_place() {
        let door = Door::new();
        let guests = full(&door);
        let mut gone = Guest::new(&door);
        assert_eq!(gone.on_received(invite()), None);
        drop((gone, guests));
        assert_eq!(door.places.free(), most_calls());
        assert_eq!(door.refused(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_at_a_shut_door_is_away() {
        let door = shut();
        let mut guest = Guest::new(&door);
        assert!(is_refused(guest.on_received(invite())));
        assert!(!guest.is_heard());
        assert_eq!(verdict(&mut guest).await, None);
        assert!(guest.is_heard());
        let unanswerable = b"INVITE sip:bob@example.org SIP/2.0\r\n\r\n".to_vec();
        assert_eq!(guest.on_received(unanswerable), Some(Verdict::Dropped));
        assert!(guest.is_heard());
    }
}
