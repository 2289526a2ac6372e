//! Echo: what is heard goes back, under our own timestamps.

use crate::rtp::packet::Packet;

/// Maps the browser's timestamps to ours.
#[derive(Debug)]
pub(crate) struct Echo {
    base: u32,
    following: Option<Following>,
    last: u32,
}

/// The stream that is echoed now.
#[derive(Debug)]
struct Following {
    ssrc: u32,
    clock_rate: u32,
    /// Ours less theirs.
    offset: u32,
}

impl Echo {
    /// `base` is our first timestamp; random, as RFC 3550 §5.1 asks.
    pub(crate) fn new(base: u32) -> Self {
        Self {
            base,
            following: None,
            last: base,
        }
    }

    /// The timestamp with which `packet` goes back. Gaps within a stream stay gaps; a new stream
    /// goes on 20 ms after the last one.
    pub(crate) fn timestamp(&mut self, packet: &Packet<'_>, clock_rate: u32) -> u32 {
        let offset = match &self.following {
            Some(f) if f.ssrc == packet.ssrc && f.clock_rate == clock_rate => f.offset,
            former => {
                let next = match former {
                    Some(_) => self.last.wrapping_add(clock_rate / 50),
                    None => self.base,
                };
                let offset = next.wrapping_sub(packet.timestamp);
                self.following = Some(Following {
                    ssrc: packet.ssrc,
                    clock_rate,
                    offset,
                });
                offset
            }
        };
        self.last = packet.timestamp.wrapping_add(offset);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, timestamp: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 111,
            sequence: 0,
            timestamp,
            ssrc,
            payload: &[],
        }
    }

    #[test]
    fn keeps_the_distances_within_a_stream() {
        let mut echo = Echo::new(5000);
        assert_eq!(echo.timestamp(&packet(1, u32::MAX), 48_000), 5000);
        assert_eq!(echo.timestamp(&packet(1, 959), 48_000), 5960);
        assert_eq!(echo.timestamp(&packet(1, 9599), 48_000), 14_600, "a gap");
    }

    #[test]
    fn a_new_stream_goes_on_where_the_last_one_stopped() {
        let mut echo = Echo::new(5000);
        echo.timestamp(&packet(1, 77), 48_000);
        assert_eq!(echo.timestamp(&packet(2, 900_000), 48_000), 5960);
        assert_eq!(echo.timestamp(&packet(2, 1), 8_000), 6120, "another clock");
    }
}
