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

/// A key press (RFC 4733 §2.3) whose duration is in ticks of another clock; `None` if it is none.
pub(super) fn convert_key(payload: &[u8], from: u32, to: u32) -> Option<[u8; 4]> {
    let &[event, volume, high, low] = payload.first_chunk()?;
    let ticks = u64::from(u16::from_be_bytes([high, low]));
    let ticks = ticks * u64::from(to) / u64::from(from.max(1));
    // RFC 4733 §2.5.1.3: what is longer goes on as a segment of its own; nobody presses that long.
    let [high, low] = u16::try_from(ticks).unwrap_or(u16::MAX).to_be_bytes();
    Some([event, volume, high, low])
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
        let (slow, fast) = ([5, 0x8a, 0x03, 0x20], [5, 0x8a, 0x12, 0xc0]);
        assert_eq!(convert_key(&fast, 48_000, 8_000), Some(slow));
        assert_eq!(convert_key(&slow, 8_000, 48_000), Some(fast));
        assert_eq!(convert_key(&[5, 0x8a], 48_000, 8_000), None);
    }

    #[test]
    fn no_clock_is_too_odd_for_a_key() {
        let key = [5, 0x8a, 0xff, 0xff];
        for (from, to, duration) in [
            (8_000, u32::MAX, [0xff, 0xff]),
            (0, u32::MAX, [0xff, 0xff]),
            (u32::MAX, 8_000, [0, 0]),
            (8_000, 0, [0, 0]),
        ] {
            let [high, low] = duration;
            let expected = Some([5, 0x8a, high, low]);
            assert_eq!(convert_key(&key, from, to), expected, "{from} {to}");
        }
    }
}
