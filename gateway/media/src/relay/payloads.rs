//! Which payload type becomes which, looked up for every packet.

use smallvec::SmallVec;

use super::negotiation::{Numbers, Pair};
use crate::sdp::{Codec, Format};

/// What a payload type stands for, and its number on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) number: u8,
    pub(super) codec: Codec,
    pub(super) clock_rate: u32,
    /// What it becomes, if it is not passed on as it is, and the clock of that.
    pub(super) converted: Option<(Codec, u32)>,
}

/// One codec, or two, on its way.
struct Way<'a> {
    /// The numbers of who sends.
    from: (Numbers, &'a Format),
    to: (u8, &'a Format),
}

/// As many as a PBX of G.711 and a browser have, with what is turned into each other.
type Table = SmallVec<[(u8, Payload); 6]>;

/// One direction: payload types, and what they stand for. There are few.
#[derive(Clone, Debug)]
pub(super) struct Payloads(Table);

impl Payloads {
    /// What the browser sends.
    pub(super) fn from_browser(pairs: &[Pair]) -> Self {
        Self::new(pairs, |pair| Way {
            from: (pair.browser, &pair.format),
            to: (pair.pbx.hears, pair.at_pbx()),
        })
    }

    /// What the PBX sends.
    pub(super) fn from_pbx(pairs: &[Pair]) -> Self {
        Self::new(pairs, |pair| Way {
            from: (pair.pbx, pair.at_pbx()),
            to: (pair.browser.hears, &pair.format),
        })
    }

    fn new<'a>(pairs: &'a [Pair], way: impl Fn(&'a Pair) -> Way<'a>) -> Self {
        let mut payloads = Table::new();
        let mut set = |number: u8, Way { from, to }: &Way<'_>| {
            let converted = !from.1.is_same(to.1);
            let payload = Payload {
                number: to.0,
                codec: from.1.codec,
                clock_rate: from.1.clock_rate,
                converted: converted.then_some((to.1.codec, to.1.clock_rate)),
            };
            let mut known = payloads.iter_mut();
            match known.find(|(known, _)| *known == number) {
                // What can be passed on as it is, is.
                Some(_) if converted => {}
                Some((_, known)) => *known = payload,
                None => payloads.push((number, payload)),
            }
        };
        // Many send under the number that they want to hear, whatever they were told.
        for way in pairs.iter().map(&way) {
            set(way.from.0.hears, &way);
        }
        for way in pairs.iter().map(&way) {
            set(way.from.0.sends, &way);
        }
        Self(payloads)
    }

    pub(super) fn of(&self, payload_type: u8) -> Option<Payload> {
        let mut payloads = self.0.iter();
        let known = payloads.find(|(number, _)| *number == payload_type);
        known.map(|(_, payload)| *payload)
    }
}
