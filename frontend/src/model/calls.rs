//! All calls of this phone and the rules by which they change.

use super::{Call, CallKey, Direction, EndReason, Party, Phase, Silence};

/// So many milliseconds after a repair the user is told that there is no sound, or, where there was
/// some, the next repair follows.
const SILENCE: f64 = 15_000.0;

/// The cards, oldest first.
///
/// At most one call is in front: the one dialled, answered or brought there last. All other
/// calls stay up, silent in both directions. When the front call ends and just one is left, that
/// one comes back by itself, as on a mobile phone.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    cards: Vec<Card>,
    last_key: u64,
    front: Option<CallKey>,
}

#[derive(Clone, Debug)]
struct Card {
    call: Call,
    answered: Option<f64>,
    /// When something happens by itself: to an answered call without sound, or to one that ended.
    due: Option<f64>,
    repaired: bool,
}

impl Calls {
    /// A call that we make; it is in front at once.
    pub fn dial(&mut self, peer: Party) -> CallKey {
        let key = self.add(Direction::Outgoing, peer, Phase::Calling);
        self.bring_to_front(key);
        key
    }

    /// A call that comes in.
    pub fn ring(&mut self, peer: Party) -> CallKey {
        self.add(Direction::Incoming, peer, Phase::Incoming)
    }

    /// The other phone rings, or the network plays something (`early_media`) in its place.
    pub fn on_ringing(&mut self, key: CallKey, early_media: bool) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        let already = match card.call.phase {
            Phase::Calling => false,
            Phase::Ringing { early_media } => early_media,
            _ => return,
        };
        card.call.phase = Phase::Ringing {
            early_media: early_media || already,
        };
    }

    /// One side answered, at `now`.
    pub fn on_answered(&mut self, key: CallKey, now: f64) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        if matches!(
            card.call.phase,
            Phase::Calling | Phase::Ringing { .. } | Phase::Incoming
        ) {
            card.call.phase = Phase::Connecting { silent: None };
            card.answered = Some(now);
            card.due = Some(now + patience(card.call.direction));
            self.bring_to_front(key);
        }
    }

    /// What was answered names no port but such as browsers block: nothing can be repaired. Only a TURN
    /// server in between may bring sound yet.
    pub fn on_blocked(&mut self, key: CallKey, port: u16) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        if let Phase::Connecting { silent } = &mut card.call.phase {
            *silent = Some(Silence::Blocked(port));
            card.due = None;
        }
    }

    /// Sound flows, for the first time or again.
    pub fn on_sound(&mut self, key: CallKey) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        if let (true, Some(since)) = (card.call.phase.is_talking(), card.answered) {
            card.call.phase = Phase::Active {
                since,
                interrupted: false,
            };
            card.due = None;
        }
    }

    /// Sound stopped flowing. It is repaired from now on until it is back; see [`Calls::on_time`].
    pub fn on_interrupted(&mut self, key: CallKey, now: f64) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        if let Phase::Active { interrupted, .. } = &mut card.call.phase {
            let is_new = !std::mem::replace(interrupted, true);
            if is_new {
                card.due = Some(now + courtesy(card.call.direction));
            }
        }
    }

    /// A repair was begun.
    pub fn on_repair(&mut self, key: CallKey, now: f64) {
        if let Some(card) = self.card_mut(key).filter(|card| card.is_interrupted()) {
            card.due = Some(now + SILENCE);
        }
    }

    /// It is over, at `now`. The first reason stays.
    pub fn on_ended(&mut self, key: CallKey, reason: EndReason, now: f64) {
        let Some(card) = self.card_mut(key) else {
            return;
        };
        if !card.call.phase.is_live() {
            return;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let seconds = card
            .answered
            .map(|since| ((now - since) / 1000.0).floor() as u32);
        card.due = Some(now + reason.linger());
        card.call.phase = Phase::Ended { reason, seconds };
        card.call.background = false;
        if self.front == Some(key) {
            self.front = None;
            let mut talking = self.cards.iter().filter(|c| c.call.phase.is_talking());
            if let (Some(only), None) = (talking.next().map(|c| c.call.key), talking.next()) {
                self.bring_to_front(only);
            }
        }
    }

    /// Puts a live call in front of all others.
    pub fn bring_to_front(&mut self, key: CallKey) {
        if !self.call(key).is_some_and(|call| call.phase.is_live()) {
            return;
        }
        self.front = Some(key);
        for Card { call, .. } in &mut self.cards {
            call.background = call.key != key && call.phase.is_talking();
        }
    }

    /// Turns the microphone off or on in one call.
    pub fn set_muted(&mut self, key: CallKey, muted: bool) {
        if let Some(card) = self.card_mut(key).filter(|card| card.call.phase.is_live()) {
            card.call.muted = muted;
        }
    }

    /// Notes a key that was sent.
    pub fn on_key(&mut self, key: CallKey, digit: char) {
        if let Some(card) = self.card_mut(key) {
            card.call.keys.push(digit);
        }
    }

    /// Takes the card of an ended call away.
    pub fn dismiss(&mut self, key: CallKey) {
        self.cards
            .retain(|card| card.call.key != key || card.call.phase.is_live());
    }

    /// Does what is due at `now`: takes away the cards whose time is over, and answers a call whose
    /// sound shall be repaired. Sound that was there is repaired again and again; that of a call
    /// just answered once, and what stays silent after that says so.
    pub fn on_time(&mut self, now: f64) -> Option<CallKey> {
        let is_due = |card: &Card| card.due.is_some_and(|at| at <= now);
        self.cards
            .retain(|card| card.call.phase.is_live() || !is_due(card));
        for card in self.cards.iter_mut().filter(|card| is_due(card)) {
            if card.is_interrupted() || !card.repaired {
                card.repaired = true;
                card.due = Some(now + SILENCE);
                return Some(card.call.key);
            }
            card.due = None;
            card.call.phase = Phase::Connecting {
                silent: Some(Silence::Network),
            };
        }
        None
    }

    /// When [`Calls::on_time`] has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<f64> {
        self.cards
            .iter()
            .filter_map(|card| card.due)
            .min_by(f64::total_cmp)
    }

    /// One call.
    #[must_use]
    pub fn call(&self, key: CallKey) -> Option<&Call> {
        self.iter().find(|call| call.key == key)
    }

    /// All calls, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Call> {
        self.cards.iter().map(|card| &card.call)
    }

    /// The call in front, while it is live.
    #[must_use]
    pub fn front(&self) -> Option<&Call> {
        self.front.and_then(|key| self.call(key))
    }

    /// Whether the microphone is heard in this call.
    #[must_use]
    pub fn is_heard(&self, key: CallKey) -> bool {
        self.call(key)
            .is_some_and(|c| c.phase.is_talking() && !c.muted && !c.background)
    }

    fn add(&mut self, direction: Direction, peer: Party, phase: Phase) -> CallKey {
        self.last_key += 1;
        let key = CallKey(self.last_key);
        let call = Call {
            key,
            direction,
            peer,
            phase,
            muted: false,
            background: false,
            keys: String::new(),
        };
        self.cards.push(Card {
            call,
            answered: None,
            due: None,
            repaired: false,
        });
        key
    }

    fn card_mut(&mut self, key: CallKey) -> Option<&mut Card> {
        self.cards.iter_mut().find(|card| card.call.key == key)
    }
}

impl Card {
    fn is_interrupted(&self) -> bool {
        matches!(
            self.call.phase,
            Phase::Active {
                interrupted: true,
                ..
            }
        )
    }
}

/// So many milliseconds after the answer the sound must be there.
fn patience(direction: Direction) -> f64 {
    8_000.0 + courtesy(direction)
}

/// So many milliseconds who was called leaves the repair to who called: of two offers that cross,
/// both are refused (RFC 3261 §14.2).
fn courtesy(direction: Direction) -> f64 {
    match direction {
        Direction::Outgoing => 0.0,
        Direction::Incoming => 2_000.0,
    }
}

#[cfg(test)]
#[path = "calls_test.rs"]
mod tests;
