//! What legs play.

pub(crate) mod announcement;
pub(crate) mod echo;

use std::time::Instant;

use crate::sdp::{Codec, Format};
use crate::{MediaError, Program};
use announcement::{Law, Playout, Recording, Step};
use echo::Echo;

/// A program under way.
#[derive(Debug)]
pub(crate) enum Player {
    Echo(Echo),
    Announcement(Playout),
}

impl Player {
    /// `base` is the first timestamp.
    pub(crate) fn new(program: Program, base: u32) -> Self {
        match program {
            Program::Echo => Self::Echo(Echo::new(base)),
            Program::Announcement => Self::Announcement(Playout::new(base)),
        }
    }

    pub(crate) fn program(&self) -> Program {
        match self {
            Self::Echo(_) => Program::Echo,
            Self::Announcement(_) => Program::Announcement,
        }
    }

    /// Goes on while it is audible, waits while it is not.
    pub(crate) fn steer(&mut self, now: Instant, audible: bool) {
        match self {
            Self::Announcement(playout) if audible => playout.resume(now),
            Self::Announcement(playout) => playout.pause(),
            Self::Echo(_) => {}
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Announcement(playout) => playout.poll_timeout(),
            Self::Echo(_) => None,
        }
    }

    /// What is due at `now`; call until it answers `None`.
    pub(crate) fn handle_timeout(&mut self, now: Instant, recording: &Recording) -> Option<Step> {
        match self {
            Self::Announcement(playout) => playout.handle_timeout(now, recording),
            Self::Echo(_) => None,
        }
    }
}

/// What of an offer the program speaks, best first.
///
/// # Errors
/// [`MediaError::NoAudio`] if that is nothing.
pub(crate) fn choose_formats(
    offered: &[Format],
    program: Program,
) -> Result<Vec<Format>, MediaError> {
    let speaks = |codec| match program {
        Program::Echo => true,
        Program::Announcement => Law::of(codec).is_some(),
    };
    let chosen = offered
        .iter()
        .filter(|format| format.codec == Codec::TelephoneEvent || speaks(format.codec));
    let mut formats: Vec<Format> = chosen.cloned().collect();
    formats.sort_by_key(|format| format.codec);
    match formats.first() {
        Some(best) if best.codec != Codec::TelephoneEvent => Ok(formats),
        _ => Err(MediaError::NoAudio),
    }
}
