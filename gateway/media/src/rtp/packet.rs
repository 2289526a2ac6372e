//! RTP packets: reading one, numbering those we send.

/// A received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// RFC 3550 §5.1. `None` if it is cut short or not of version 2.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        if first >> 6 != 2 {
            return None;
        }
        let sources = usize::from(first & 0x0f) * 4;
        rest = rest.get(sources..)?;
        if first & 0x10 != 0 {
            let (&[_, _, l0, l1], after) = rest.split_first_chunk::<4>()?;
            rest = after.get(usize::from(u16::from_be_bytes([l0, l1])) * 4..)?;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload: rest,
        })
    }
}

/// Where our packets come from: one SSRC, sequence numbers without gaps.
///
/// Numbers are never used twice, whatever the browser sends: SRTP's secrecy hangs on it
/// (RFC 3711 §9.1).
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    sequence: u16,
    /// What reports tell (RFC 3550 §6.4.1).
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Source {
    pub(crate) fn new(ssrc: u32, first_sequence: u16) -> Self {
        Self {
            ssrc,
            sequence: first_sequence,
            packets: 0,
            octets: 0,
        }
    }

    /// Notes a packet that was written elsewhere.
    pub(crate) fn on_sent(&mut self, payload: usize) {
        self.packets = self.packets.wrapping_add(1);
        let octets = u32::try_from(payload).unwrap_or(u32::MAX);
        self.octets = self.octets.wrapping_add(octets);
    }

    /// The next packet, written out.
    pub(crate) fn write(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + payload.len());
        packet.push(0x80);
        packet.push(u8::from(marker) << 7 | (payload_type & 0x7f));
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.on_sent(payload.len());
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let mut source = Source::new(7, u16::MAX);
        let first = source.write(111, true, 960, b"abc");
        let second = source.write(111, false, 1920, b"de");
        let packet = Packet::parse(&first).unwrap();
        let expected = Packet {
            marker: true,
            payload_type: 111,
            sequence: u16::MAX,
            timestamp: 960,
            ssrc: 7,
            payload: b"abc",
        };
        assert_eq!(packet, expected);
        assert_eq!(Packet::parse(&second).unwrap().sequence, 0, "wraps");
        assert_eq!((source.packets, source.octets), (2, 5));
    }

    #[test]
    fn skips_sources_extension_and_padding() {
        let mut bytes = vec![0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([9; 4]); // one contributing source
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension of one word
        bytes.extend(b"hi");
        bytes.extend([0, 0, 3]); // padding
        assert_eq!(Packet::parse(&bytes).unwrap().payload, b"hi");
        for length in 0..24 {
            assert_eq!(Packet::parse(&bytes[..length]), None, "cut to {length}");
        }
    }

    #[test]
    fn refuses_padding_longer_than_the_payload() {
        let bytes = [0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 9];
        assert_eq!(Packet::parse(&bytes), None);
    }
}
