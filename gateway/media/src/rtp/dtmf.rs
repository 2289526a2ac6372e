//! Key presses in the sound stream (RFC 4733).
//!
//! ```text
//!          packet of a new event: the key is reported
//! idle ◀───────────────────────────────────────────────▶ pressed ──┐ updates, end, repeats of
//!                                                           ▲       │ the end: same timestamp
//!                                                           └───────┘
//! ```
//!
//! A key is reported with the first of its packets that arrives, so that losing any of them, even
//! all with the end bit, loses no key.

use super::packet::Packet;

/// Finds key presses; one for each leg.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    pressed: Option<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    ssrc: u32,
    timestamp: u32,
    code: u8,
    duration: u16,
}

impl Receiver {
    /// The key, if `packet` is the first heard of a press.
    pub(crate) fn handle_packet(&mut self, packet: &Packet<'_>) -> Option<char> {
        let &[code, _flags, d0, d1, ..] = packet.payload else {
            return None;
        };
        let event = Event {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            code,
            duration: u16::from_be_bytes([d0, d1]),
        };
        let is_new = self.pressed.is_none_or(|last| !event.continues(&last));
        if is_new || self.pressed.is_some_and(|last| !event.is_older_than(&last)) {
            self.pressed = Some(event);
        }
        if is_new { key(code) } else { None }
    }
}

impl Event {
    /// Whether this tells of a press that `last` told of already, or of one before it.
    fn continues(&self, last: &Event) -> bool {
        let same_source = self.ssrc == last.ssrc;
        // RFC 4733 §2.5.1.3: a press that outgrows its duration field goes on in a new segment.
        let next_segment = last.timestamp.wrapping_add(u32::from(u16::MAX));
        let is_segment = self.code == last.code
            && last.duration == u16::MAX
            && self.timestamp.wrapping_sub(next_segment) < 2;
        same_source && (self.timestamp == last.timestamp || is_segment || self.is_older_than(last))
    }

    fn is_older_than(&self, last: &Event) -> bool {
        self.ssrc == last.ssrc
            && last.timestamp.wrapping_sub(self.timestamp).wrapping_sub(1) < 1 << 31
    }
}

/// RFC 4733 §3.2.
fn key(code: u8) -> Option<char> {
    const KEYS: &[u8; 16] = b"0123456789*#ABCD";
    KEYS.get(usize::from(code)).map(|key| char::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u8 = 0x80;

    /// What a receiver reports for packets of (timestamp, event code, flags, duration).
    fn heard(packets: &[(u32, u8, u8, u16)]) -> String {
        let mut receiver = Receiver::default();
        let packets = packets.iter().enumerate();
        let report = |(n, &(timestamp, code, flags, duration)): (usize, &(u32, u8, u8, u16))| {
            let [d0, d1] = duration.to_be_bytes();
            receiver.handle_packet(&Packet {
                marker: false,
                payload_type: 126,
                sequence: n as u16,
                timestamp,
                ssrc: 5,
                payload: &[code, flags, d0, d1],
            })
        };
        packets.filter_map(report).collect()
    }

    #[test]
    fn a_press_counts_once_with_its_updates_and_three_ends() {
        let press = [
            (800, 5, 10, 160),
            (800, 5, 10, 320),
            (800, 5, END | 10, 480),
            (800, 5, END | 10, 480),
            (800, 5, END | 10, 480),
        ];
        assert_eq!(heard(&press), "5");
    }

    #[test]
    fn the_same_key_twice_counts_twice() {
        let press = [(800, 1, END, 480), (2400, 1, END, 480)];
        assert_eq!(heard(&press), "11");
    }

    #[test]
    fn a_late_packet_of_a_former_press_counts_not_again() {
        let press = [
            (800, 1, 0, 160),
            (2400, 2, 0, 160),
            (800, 1, END, 480),
            (2400, 2, END, 480),
        ];
        assert_eq!(heard(&press), "12");
    }

    #[test]
    fn a_press_longer_than_the_duration_field_counts_once() {
        let press = [
            (0, 9, 0, u16::MAX),
            (0xffff, 9, 0, 160),
            (0xffff, 9, END, 320),
        ];
        assert_eq!(heard(&press), "9");
    }

    #[test]
    fn all_sixteen_keys_and_nothing_else() {
        let all: Vec<_> = (0..=20)
            .map(|code| (u32::from(code) * 1000 + 1, code, END, 480))
            .collect();
        assert_eq!(heard(&all), "0123456789*#ABCD");
    }

    #[test]
    fn timestamps_may_wrap() {
        let press = [(u32::MAX - 10, 3, END, 480), (1600, 4, END, 480)];
        assert_eq!(heard(&press), "34");
    }

    #[test]
    fn a_short_payload_is_no_press() {
        let mut receiver = Receiver::default();
        let packet = Packet {
            marker: true,
            payload_type: 126,
            sequence: 0,
            timestamp: 0,
            ssrc: 5,
            payload: &[5, 0, 1],
        };
        assert_eq!(receiver.handle_packet(&packet), None);
    }
}
