//! Packets of one codec that go on as packets of another.

use crate::codec::converter::Converter;
use crate::sdp::Codec;

/// One direction of a call whose sides share no codec.
pub(super) struct Conversion {
    from: Codec,
    to: Codec,
    pub(super) clock_rate: u32,
    ticks: Ticks,
    converter: Converter,
}

impl Conversion {
    /// Clocks tick as often a second as told; `None` if these can't be turned into each other.
    pub(super) fn new(from: (Codec, u32), to: (Codec, u32)) -> Option<Self> {
        Some(Self {
            from: from.0,
            to: to.0,
            clock_rate: to.1,
            ticks: Ticks::new(from.1, to.1),
            converter: Converter::new(from.0, to.0)?,
        })
    }

    pub(super) fn is(&self, from: Codec, to: Codec) -> bool {
        (self.from, self.to) == (from, to)
    }

    pub(super) fn timestamp(&mut self, timestamp: u32) -> u32 {
        self.ticks.convert(timestamp)
    }

    pub(super) fn convert(&mut self, payload: &[u8]) -> Option<&[u8]> {
        self.converter.convert(payload)
    }
}

/// The duration of a key press (RFC 4733 §2.3) in ticks of another clock.
pub(super) fn convert_key(payload: &mut [u8], from: u32, to: u32) {
    if let Some(duration) = payload.get_mut(2..4) {
        let ticks = u32::from(u16::from_be_bytes([duration[0], duration[1]]));
        let ticks = ticks * (to / 1000) / (from / 1000).max(1);
        // RFC 4733 §2.5.1.3: what is longer goes on as a segment of its own; nobody presses that long.
        let ticks = u16::try_from(ticks).unwrap_or(u16::MAX);
        duration.copy_from_slice(&ticks.to_be_bytes());
    }
}

/// The timestamps of one clock in those of another; both wrap.
struct Ticks {
    from: u32,
    to: u32,
    last: u32,
    passed: i64,
}

impl Ticks {
    fn new(from: u32, to: u32) -> Self {
        let (last, passed) = (0, 0);
        Self {
            from,
            to,
            last,
            passed,
        }
    }

    fn convert(&mut self, timestamp: u32) -> u32 {
        // Ahead or back, whichever is nearer.
        let step = timestamp.wrapping_sub(self.last) as i32;
        self.last = timestamp;
        self.passed += i64::from(step);
        let ticks = (self.passed * i64::from(self.to)).div_euclid(i64::from(self.from.max(1)));
        ticks as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_keep_step_over_their_wraps_and_in_disorder() {
        for (from, to, there, here) in [(48_000, 8_000, 960, 160), (8_000, 48_000, 160, 960)] {
            let mut ticks = Ticks::new(from, to);
            let start = u32::MAX - 3 * there;
            let mut last = ticks.convert(start);
            for n in 1..10_u32 {
                let next = ticks.convert(start.wrapping_add(n * there));
                assert_eq!(next.wrapping_sub(last), here, "{from} {n}");
                last = next;
            }
            let back = ticks.convert(start.wrapping_add(7 * there));
            assert_eq!(last.wrapping_sub(back), 2 * here);
        }
    }

    #[test]
    fn a_key_lasts_as_long() {
        let mut key = [5, 0x8a, 0x12, 0xc0];
        convert_key(&mut key, 48_000, 8_000);
        assert_eq!(key, [5, 0x8a, 0x03, 0x20]);
        convert_key(&mut key, 8_000, 48_000);
        assert_eq!(key, [5, 0x8a, 0x12, 0xc0]);
        let mut short = [5, 0x8a];
        convert_key(&mut short, 48_000, 8_000);
        assert_eq!(short, [5, 0x8a]);
    }
}
