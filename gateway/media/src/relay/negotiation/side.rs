//! What one side's descriptions have in common throughout a call.

use super::distinct;
use crate::sdp::Format;
use crate::sdp::description::Section;

/// Dynamic payload types (RFC 3551 §6), and where they are used up those that RTCP leaves.
const FREE_NUMBERS: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

/// What was said last, to be compared with what is to be said now.
#[derive(Debug)]
pub(super) struct Origin {
    session_id: u64,
    version: u64,
    last: String,
}

impl Origin {
    pub(super) fn new(session_id: u64) -> Self {
        Self {
            session_id,
            version: 1,
            last: String::new(),
        }
    }

    /// RFC 3264 §8: the version grows by one with every change, and only then.
    pub(super) fn say(&mut self, write: impl Fn(u64, u64) -> String) -> String {
        let text = write(self.session_id, self.version);
        if text != self.last {
            let is_first = self.last.is_empty();
            self.version += u64::from(!is_first);
            self.last = write(self.session_id, self.version);
        }
        self.last.clone()
    }
}

/// What one side's descriptions have in common throughout the call.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) origin: Origin,
    /// Every `m=` line there has been; none may go (RFC 3264 §8).
    pub(super) sections: Vec<Section>,
    /// Which of them carries the sound.
    pub(super) index: usize,
    pub(super) bundled: bool,
    /// Which number stands for what; may not change (RFC 3264 §8.3.2).
    numbers: Vec<Format>,
}

impl Side {
    pub(super) fn new(session_id: u64) -> Self {
        Self {
            origin: Origin::new(session_id),
            sections: Vec::new(),
            index: 0,
            bundled: false,
            numbers: Vec::new(),
        }
    }

    /// The other side's `formats` under this side's numbers, each once.
    pub(super) fn renumber(&mut self, formats: &[Format]) -> Vec<Format> {
        let mut renumbered = Vec::new();
        for format in distinct(formats.iter().cloned()) {
            let known = self.numbers.iter().find(|known| known.is_same(&format));
            let payload_type = known.map_or_else(
                || self.free(format.payload_type),
                |known| Some(known.payload_type),
            );
            let Some(payload_type) = payload_type else {
                continue;
            };
            let format = Format {
                payload_type,
                ..format
            };
            self.learn(std::slice::from_ref(&format));
            renumbered.push(format);
        }
        renumbered
    }

    fn free(&self, wanted: u8) -> Option<u8> {
        let is_free = |number: &u8| {
            self.numbers
                .iter()
                .all(|known| known.payload_type != *number)
        };
        let any = FREE_NUMBERS.into_iter().flatten();
        std::iter::once(wanted).chain(any).find(is_free)
    }

    /// Notes the numbers that this side uses.
    pub(super) fn learn(&mut self, formats: &[Format]) {
        for format in formats {
            self.numbers
                .retain(|known| known.payload_type != format.payload_type);
            self.numbers.push(format.clone());
        }
    }

    /// Takes over the lines of this side's offer.
    pub(super) fn take_lines(&mut self, sections: Vec<Section>, index: usize, bundled: bool) {
        (self.sections, self.index, self.bundled) = (sections, index, bundled);
    }
}
