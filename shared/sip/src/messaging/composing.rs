//! Who is writing (RFC 3994).

use std::time::Duration;

use crate::packages::IsComposing;
use crate::{Moment, Text};

/// After how long without a keystroke nobody is writing (RFC 3994 §3.2).
const IDLE_AFTER: Duration = Duration::from_secs(15);

/// How long an active state counts at the other side, and how much earlier it is told again, so
/// that it is in time.
const REFRESH: Duration = IsComposing::DEFAULT_REFRESH;
const AHEAD: Duration = Duration::from_secs(10);

/// A peer that asks to be taken for active for longer isn't.
const LONGEST: Duration = Duration::from_secs(600);

/// The writing side of one conversation: says when to tell what.
///
/// ```text
///               keystroke: tell active
///   +------+ ---------------------------> +--------+ -- keystroke: idle timer anew
///   | Idle |    idle timer: tell idle     | Active | -- refresh timer: tell active
///   |      | <--------------------------- |        |
///   |      | <-- sent: nothing to tell -- |        |
///   +------+ <-- left off: tell idle ---- +--------+
///
///   either -- refused --> Muted: tells nothing any more
/// ```
#[derive(Clone, Debug, Default)]
pub struct Composer {
    state: State,
    to_tell: Option<bool>,
    /// The other side takes us for active.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Idle,
    Active {
        idle_at: Moment,
        refresh_at: Moment,
    },
    Muted,
}

impl Composer {
    /// Nobody writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Something was written, and not all of it was removed again.
    pub fn handle_keystroke(&mut self, now: Moment) {
        let idle_at = now + IDLE_AFTER;
        match &mut self.state {
            State::Idle => {
                let refresh_at = now + (REFRESH - AHEAD);
                self.state = State::Active {
                    idle_at,
                    refresh_at,
                };
                self.to_tell = Some(true);
            }
            State::Active { idle_at: old, .. } => *old = idle_at,
            State::Muted => {}
        }
    }

    /// The message was sent, which says enough (RFC 3994 §3.2).
    pub fn handle_sent(&mut self) {
        if let State::Active { .. } = self.state {
            self.state = State::Idle;
            self.to_tell = None;
            self.is_known = false;
        }
    }

    /// The text was removed, or the conversation left.
    pub fn handle_left_off(&mut self) {
        if let State::Active { .. } = self.state {
            self.state = State::Idle;
            // What was not told yet need not be taken back.
            self.to_tell = self.is_known.then_some(false);
        }
    }

    /// The other side doesn't take composing states.
    pub fn handle_refused(&mut self) {
        self.state = State::Muted;
        self.to_tell = None;
    }

    /// The moment of [`Composer::next_timer`] has come. Early or late is harmless.
    pub fn handle_timer(&mut self, now: Moment) {
        let State::Active {
            idle_at,
            refresh_at,
        } = &mut self.state
        else {
            return;
        };
        if *idle_at <= now {
            self.handle_left_off();
        } else if *refresh_at <= now {
            *refresh_at = now + (REFRESH - AHEAD);
            self.to_tell = Some(true);
        }
    }

    /// When something is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Moment> {
        match self.state {
            State::Active {
                idle_at,
                refresh_at,
            } => Some(idle_at.min(refresh_at)),
            State::Idle | State::Muted => None,
        }
    }

    /// What to tell the other side now, by a MESSAGE.
    pub fn poll_state(&mut self) -> Option<IsComposing> {
        let is_active = self.to_tell.take()?;
        self.is_known = is_active;
        Some(IsComposing {
            is_active,
            content_type: Some(Text::from_static("text/plain")),
            refresh: is_active.then_some(REFRESH),
        })
    }
}

/// The reading side of one conversation: whether the other one writes.
///
/// ```text
///   +------+ -------- active -------> +--------+ -- active: timer anew
///   | Idle | <-- idle, a message, --- | Active |
///   +------+     timer                +--------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComposingPeer {
    until: Option<Moment>,
}

impl ComposingPeer {
    /// Nobody writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A composing state came.
    pub fn handle_state(&mut self, now: Moment, state: &IsComposing) {
        let refresh = state.refresh.filter(|refresh| !refresh.is_zero());
        let refresh = refresh.unwrap_or(IsComposing::DEFAULT_REFRESH);
        self.until = state.is_active.then(|| now + refresh.min(LONGEST));
    }

    /// A message came: what was being written is here (RFC 3994 §3.3).
    pub fn handle_message(&mut self) {
        self.until = None;
    }

    /// The moment of [`ComposingPeer::next_timer`] has come. Early or late is harmless.
    pub fn handle_timer(&mut self, now: Moment) {
        self.until = self.until.filter(|until| *until > now);
    }

    /// When the state has to be looked at again.
    #[must_use]
    pub const fn next_timer(&self) -> Option<Moment> {
        self.until
    }

    /// Whether the other one writes.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.until.is_some()
    }
}
