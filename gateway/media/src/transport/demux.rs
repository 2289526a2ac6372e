//! Telling the protocols on one port apart.

/// What a datagram's first bytes say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Protocol {
    /// RFC 7983 §7 for the first byte, RFC 5761 §4 for RTCP.
    pub(crate) fn of(datagram: &[u8]) -> Option<Self> {
        Some(match *datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Protocol;

    #[test]
    fn tells_protocols_apart_by_their_first_two_bytes() {
        let cases: [(&[u8], Option<Protocol>); 11] = [
            (&[0, 1], Some(Protocol::Stun)),
            (&[3], Some(Protocol::Stun)),
            (&[4, 0], None),
            (&[22, 254, 253], Some(Protocol::Dtls)),
            (&[64, 0], None),
            (&[0x80, 111], Some(Protocol::Rtp)),
            (&[0x80, 0x80 | 126], Some(Protocol::Rtp)),
            (&[0x80, 200], Some(Protocol::Rtcp)),
            (&[0xbf, 223], Some(Protocol::Rtcp)),
            (&[192, 0], None),
            (&[], None),
        ];
        for (datagram, expected) in cases {
            assert_eq!(Protocol::of(datagram), expected, "{datagram:?}");
        }
    }
}
