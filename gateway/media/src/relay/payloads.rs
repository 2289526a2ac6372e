//! Which payload type becomes which, looked up for every packet.

use super::negotiation::{Numbers, Pair};
use crate::sdp::Codec;

/// What a payload type stands for, and its number on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) number: u8,
    pub(super) codec: Codec,
    pub(super) clock_rate: u32,
}

/// One direction.
#[derive(Clone, Debug)]
pub(super) struct Payloads(Box<[Option<Payload>; 128]>);

impl Payloads {
    /// What the browser sends.
    pub(super) fn from_browser(pairs: &[Pair]) -> Self {
        Self::new(pairs, |pair| (pair.browser, pair.pbx.hears))
    }

    /// What the PBX sends.
    pub(super) fn from_pbx(pairs: &[Pair]) -> Self {
        Self::new(pairs, |pair| (pair.pbx, pair.browser.hears))
    }

    fn new(pairs: &[Pair], ends: impl Fn(&Pair) -> (Numbers, u8)) -> Self {
        let mut payloads = Box::new([None; 128]);
        let mut set = |from: u8, to: u8, pair: &Pair| {
            payloads[usize::from(from & 0x7f)] = Some(Payload {
                number: to,
                codec: pair.format.codec,
                clock_rate: pair.format.clock_rate,
            });
        };
        // Many send under the number that they want to hear, whatever they were told.
        for pair in pairs {
            let (from, to) = ends(pair);
            set(from.hears, to, pair);
        }
        for pair in pairs {
            let (from, to) = ends(pair);
            set(from.sends, to, pair);
        }
        Self(payloads)
    }

    pub(super) fn of(&self, payload_type: u8) -> Option<Payload> {
        self.0[usize::from(payload_type & 0x7f)]
    }
}
