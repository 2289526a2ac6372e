//! The call flows of RFC 3665, registration (§2) and session establishment (§3), in all weathers.
//! After each nothing is left over: no transaction, no timer, no dialog.
//!
//! The application-level gateway of §3.5 is to both ends what a proxy is.

mod registration;
mod sessions;

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{
    EndedBy, Event, RegistrationState, SeededTokens, SessionEvent, SessionId, Status, TokenSource,
};

use crate::harness::{B, Link, Pair, Side};

/// What becomes of messages.
#[derive(Clone, Copy, Debug)]
struct Weather {
    seed: u64,
    /// Of a hundred, how many are lost.
    loss: u64,
    /// Of a hundred, how many arrive twice.
    duplication: u64,
    /// Milliseconds on the way.
    delay: u64,
    /// Up to so many more, so that messages overtake each other.
    jitter: u64,
}

const FAIR: Weather = Weather {
    seed: 0,
    loss: 0,
    duplication: 0,
    delay: 10,
    jitter: 0,
};

/// So often in a row a message can be lost without its transaction coming to nothing, which is
/// another story.
const MOST_LOSSES: u8 = 3;

impl Weather {
    fn link(self) -> Link {
        let mut link = Link::lossy(self.seed, 0, self.duplication);
        link.transport = Transport::Udp;
        link.delay = Duration::from_millis(self.delay);
        link.jitter = self.jitter;
        let mut luck = SeededTokens::new(self.seed);
        let mut in_a_row: BTreeMap<String, u8> = BTreeMap::new();
        link.swallow = Box::new(move |line| {
            let lost = in_a_row.entry(line.to_owned()).or_default();
            let is_lost = luck.bits() % 100 < self.loss && *lost < MOST_LOSSES;
            *lost = if is_lost { *lost + 1 } else { 0 };
            is_lost
        });
        link
    }
}

fn weathers() -> Vec<Weather> {
    let mut all = vec![FAIR];
    for (loss, delay) in [
        (0, 10),
        (0, 400),
        (10, 10),
        (10, 200),
        (20, 10),
        (30, 10),
        (30, 200),
    ] {
        all.extend((0..10).map(|seed| Weather {
            seed: 100 * loss + delay + seed,
            loss,
            duplication: 20,
            delay,
            jitter: 300,
        }));
    }
    all
}

fn play(script: fn(Weather)) {
    weathers().into_iter().for_each(script);
}

/// Longer than any transaction: what has not happened then never will.
const PATIENCE: u32 = 1000;

/// Waits for what a side is told next, less what the weather decides on.
#[track_caller]
fn told(pair: &mut Pair, side: Side) -> Event {
    for _ in 0..PATIENCE {
        while let Some(event) = pair.next_event(side) {
            let is_weather = matches!(
                event,
                Event::Session {
                    event: SessionEvent::Progress { .. },
                    ..
                } | Event::Registration {
                    state: RegistrationState::Registering,
                    ..
                }
            );
            if !is_weather {
                return event;
            }
        }
        pair.settle();
    }
    panic!("{side:?} is told nothing");
}

#[track_caller]
fn told_of(pair: &mut Pair, side: Side, expected: SessionId) -> SessionEvent {
    match told(pair, side) {
        Event::Session { session, event } if session == expected => event,
        other => panic!("{side:?} has {other:?}"),
    }
}

#[track_caller]
fn incoming(pair: &mut Pair) -> SessionId {
    match told(pair, B) {
        Event::Session {
            session,
            event: SessionEvent::Incoming { .. },
        } => session,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ended(pair: &mut Pair, side: Side, session: SessionId) -> (EndedBy, Option<Status>) {
    match told_of(pair, side, session) {
        SessionEvent::Ended(ended) => (ended.by, ended.status),
        other => panic!("{side:?} has {other:?}"),
    }
}

/// All is over: repetitions die away, and nothing is left.
#[track_caller]
fn finish(mut pair: Pair) {
    pair.run(Duration::from_secs(100));
    pair.trace();
    pair.finish();
}
