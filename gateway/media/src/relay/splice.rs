//! One unbroken stream out of whatever comes in.
//!
//! A PBX changes its source and its numbers when it plays music, puts us through or lets another
//! fork speak; a browser when it changes its track. What goes on keeps one SSRC; gaps within a
//! stream stay gaps, so that losses stay visible; and no sequence number comes twice, on which
//! SRTP's secrecy hangs (RFC 3711 §9.1).
//!
//! ```text
//!             packet of another source, or the second after a jump
//! following ───────────────────────────────────────────────────────▶ following, with new offsets
//! ```

use std::time::{Duration, Instant};

use crate::rtp::packet::Packet;

/// RFC 3550 §A.1: a jump ahead by less is loss, a step back by less is disorder.
const MAX_DROPOUT: u16 = 3000;
/// As far as [`Splice::sent`] reaches.
const MAX_DISORDER: u16 = 128;
/// What lies between two streams at least.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a packet goes in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Whether it begins a new stream, and the listener has to begin anew.
    pub(super) begins: bool,
}

/// One outgoing stream.
#[derive(Debug)]
pub(super) struct Splice {
    following: Option<Following>,
    /// The highest sequence number sent.
    highest: u16,
    /// Bit n: the packet n below the highest has been sent.
    sent: u128,
    /// When and with which timestamp the last packet went.
    last: Option<(Instant, u32)>,
    /// The timestamp of the first.
    base: u32,
}

/// The stream that is followed now: ours less theirs.
#[derive(Clone, Copy, Debug)]
struct Following {
    ssrc: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// What would come next after a jump (RFC 3550 §A.1).
    after_jump: Option<u16>,
}

impl Splice {
    /// `sequence` and `base` are the first numbers; random, as RFC 3550 §5.1 asks.
    pub(super) fn new(sequence: u16, base: u32) -> Self {
        Self {
            following: None,
            // RFC 3711 §3.3.1: a start in the lower half can't lose track of the first wrap.
            highest: sequence & 0x7fff,
            sent: 1,
            last: None,
            base,
        }
    }

    /// Somebody else speaks from now on, be it under the same numbers.
    pub(super) fn cut(&mut self) {
        self.following = None;
    }

    /// The place of `packet`, whose timestamps tick `clock_rate` times a second; `None` if it has
    /// been sent already, is too late, or is the first after a jump.
    pub(super) fn place(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        clock_rate: u32,
    ) -> Option<Place> {
        let known = self.following.as_mut().filter(|f| f.ssrc == packet.ssrc);
        let Some(following) = known else {
            return Some(self.begin(now, packet, clock_rate));
        };
        let sequence = packet.sequence.wrapping_add(following.sequence_offset);
        let ahead = sequence.wrapping_sub(self.highest);
        let behind = self.highest.wrapping_sub(sequence);
        let is_near = ahead < MAX_DROPOUT || behind < MAX_DISORDER;
        if !is_near {
            if following.after_jump == Some(packet.sequence) {
                return Some(self.begin(now, packet, clock_rate));
            }
            following.after_jump = Some(packet.sequence.wrapping_add(1));
            return None;
        }
        following.after_jump = None;
        let timestamp = packet.timestamp.wrapping_add(following.timestamp_offset);
        if behind < MAX_DISORDER {
            let bit = 1 << behind;
            if self.sent & bit != 0 {
                return None;
            }
            self.sent |= bit;
        } else {
            self.advance(ahead);
            self.last = Some((now, timestamp));
        }
        Some(Place {
            sequence,
            timestamp,
            begins: false,
        })
    }

    fn begin(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> Place {
        let timestamp = match self.last {
            Some((at, timestamp)) => {
                let pause = now.saturating_duration_since(at).max(PAUSE);
                let ticks = pause.as_micros() as u64 * u64::from(clock_rate) / 1_000_000;
                timestamp.wrapping_add(ticks as u32)
            }
            None => self.base,
        };
        self.advance(1);
        self.last = Some((now, timestamp));
        self.following = Some(Following {
            ssrc: packet.ssrc,
            sequence_offset: self.highest.wrapping_sub(packet.sequence),
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            after_jump: None,
        });
        Place {
            sequence: self.highest,
            timestamp,
            begins: true,
        }
    }

    fn advance(&mut self, ahead: u16) {
        self.highest = self.highest.wrapping_add(ahead);
        let shifted = self.sent.checked_shl(u32::from(ahead));
        self.sent = shifted.unwrap_or(0) | 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Fixture {
        splice: Splice,
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                splice: Splice::new(1000, 50_000),
                now: Instant::now(),
            }
        }

        /// 20 ms later, a packet of 8000 ticks a second: its place as (sequence, timestamp).
        fn place(&mut self, ssrc: u32, sequence: u16, timestamp: u32) -> Option<(u16, u32)> {
            self.now += 20 * MS;
            let packet = Packet {
                marker: false,
                payload_type: 0,
                sequence,
                timestamp,
                ssrc,
                payload: &[],
            };
            let place = self.splice.place(self.now, &packet, 8000)?;
            Some((place.sequence, place.timestamp))
        }
    }

    #[test]
    fn gaps_and_disorder_stay_as_they_are() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.place(1, u16::MAX, 0), Some((1001, 50_000)));
        assert_eq!(fixture.place(1, 0, 160), Some((1002, 50_160)));
        assert_eq!(fixture.place(1, 3, 640), Some((1005, 50_640)));
        assert_eq!(fixture.place(1, 2, 480), Some((1004, 50_480)));
    }

    #[test]
    fn nothing_is_sent_twice() {
        let mut fixture = Fixture::new();
        let numbers = [5, 5, 6, 5, 9, 7, 7, 6, 8, 9, 4];
        let sent: Vec<u16> = numbers
            .into_iter()
            .filter(|n| fixture.place(1, *n, 0).is_some())
            .collect();
        // 4 would be the number before the first one, which may be somebody else's.
        assert_eq!(sent, [5, 6, 9, 7, 8]);
        assert_eq!(fixture.place(1, 300, 0), Some((1001 + 295, 50_000)));
        assert_eq!(fixture.place(1, 9, 0), None, "too late to tell");
    }

    #[test]
    fn another_source_goes_on_where_the_first_one_stopped() {
        let mut fixture = Fixture::new();
        fixture.place(1, 7, 0);
        fixture.now += 980 * MS;
        let expected = Some((1002, 50_000 + 8000));
        assert_eq!(fixture.place(2, 40_000, 77), expected, "a second later");
        assert_eq!(fixture.place(2, 40_001, 237), Some((1003, 58_160)));
        // And back again.
        assert_eq!(fixture.place(1, 8, 160), Some((1004, 58_320)));
    }

    #[test]
    fn after_a_cut_the_same_numbers_are_others() {
        let mut fixture = Fixture::new();
        fixture.place(1, 7, 0);
        fixture.place(1, 8, 160);
        fixture.splice.cut();
        assert_eq!(fixture.place(1, 8, 160), Some((1003, 50_320)));
    }

    #[test]
    fn a_jump_is_believed_when_it_goes_on() {
        let mut fixture = Fixture::new();
        fixture.place(1, 7, 0);
        assert_eq!(fixture.place(1, 30_000, 9_000_000), None);
        assert_eq!(fixture.place(1, 8, 160), Some((1002, 50_160)), "a stray");
        assert_eq!(fixture.place(1, 30_000, 9_000_000), None);
        let after = fixture.place(1, 30_001, 9_000_160);
        assert_eq!(after, Some((1003, 50_160 + 320)));
        assert_eq!(fixture.place(1, 30_002, 9_000_320), Some((1004, 50_640)));
    }

    #[test]
    fn numbers_never_repeat_whatever_comes() {
        let mut fixture = Fixture::new();
        let mut random = 1_u32;
        let mut last = Vec::new();
        for _ in 0..50_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let ssrc = random >> 30;
            let sequence = (random >> 8) as u16 & 0x01ff;
            if let Some((sent, _)) = fixture.place(ssrc, sequence, random) {
                assert!(!last.contains(&sent), "{sent} again");
                last.push(sent);
                if last.len() > 2000 {
                    last.remove(0);
                }
            }
        }
    }
}
