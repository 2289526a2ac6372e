//! SRTP and SRTCP (RFC 3711, RFC 7714), in place: no packet costs an allocation.
//!
//! `rtc-srtp` makes a buffer for each packet; it is the oracle of the tests.

mod cipher;
mod keys;
mod replay;
#[cfg(test)]
mod tests;

use cipher::Cipher;
use keys::{MAX_KEY, Use};
pub(crate) use keys::{MasterKey, Suite};
use replay::Window;

/// The most that protection adds to a packet: the tag of GCM and the index of SRTCP.
pub(crate) const MAX_TRAILER: usize = 20;
/// A peer has one source at a time and a new one when it changes its track or puts us through.
const MAX_SOURCES: usize = 1024;
/// RFC 3711 §9.2: a key protects at most as many packets.
const MAX_INDEX: u64 = (1 << 48) - 1;
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;
/// Set in front of the SRTCP index when the packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// What we send: one source, whose sequence numbers never come twice.
///
/// Using a number twice would give away the key stream (RFC 3711 §9.1), and with GCM the
/// authentication key; the caller sees to it.
pub(crate) struct Protector {
    rtp: Cipher,
    rtcp: Cipher,
    /// The sequence number with the count of its wraps above (RFC 3711 §3.3.1).
    highest: Option<u64>,
    rtcp_index: u32,
}

impl Protector {
    /// `None` if the key has not the length that its suite asks for.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            rtp: Cipher::derive(master, Use::Rtp)?,
            rtcp: Cipher::derive(master, Use::Rtcp)?,
            highest: None,
            rtcp_index: 0,
        })
    }

    /// Protects the RTP packet in the first `length` bytes and answers its new length. `None` if
    /// it is none, has no room for [`MAX_TRAILER`], or the key is used up.
    pub(crate) fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let header = Header::parse(buffer.get(..length)?)?;
        let index = match self.highest {
            Some(highest) => extend(highest, header.sequence)?,
            None => u64::from(header.sequence),
        };
        if index > MAX_INDEX {
            return None;
        }
        self.highest = self.highest.max(Some(index));
        self.rtp.seal_rtp(buffer, length, &header, index)
    }

    /// The same for RTCP.
    pub(crate) fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let ssrc = rtcp_ssrc(buffer.get(..length)?)?;
        let index = self.rtcp_index + 1;
        if index > MAX_RTCP_INDEX {
            return None;
        }
        self.rtcp_index = index;
        self.rtcp.seal_rtcp(buffer, length, ssrc, index | ENCRYPTED)
    }
}

/// What we receive, by source.
pub(crate) struct Unprotector {
    rtp: Cipher,
    rtcp: Cipher,
    /// The last heard. A source is remembered once a packet of it has been found authentic, so that
    /// forged packets take no memory.
    current: Option<Source>,
    others: Vec<Source>,
}

#[derive(Clone, Copy)]
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

impl Unprotector {
    /// `None` if the key has not the length that its suite asks for.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            rtp: Cipher::derive(master, Use::Rtp)?,
            rtcp: Cipher::derive(master, Use::Rtcp)?,
            current: None,
            others: Vec::new(),
        })
    }

    /// Leaves the RTP packet within in the first bytes and answers its length; `None` if it is
    /// not authentic or a replay, and then the bytes mean nothing any more.
    pub(crate) fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let header = Header::parse(packet)?;
        let source = self.source(header.ssrc)?;
        let index = match source.rtp.highest() {
            Some(highest) => extend(highest, header.sequence)?,
            None => u64::from(header.sequence),
        };
        let window = source.rtp.with(index)?;
        let length = self.rtp.open_rtp(packet, &header, index)?;
        self.remember(Source {
            rtp: window,
            ..source
        });
        Some(length)
    }

    /// The same for RTCP.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let ssrc = rtcp_ssrc(packet)?;
        let source = self.source(ssrc)?;
        let word = self.rtcp.rtcp_index(packet)?;
        if word & ENCRYPTED == 0 {
            return None;
        }
        let window = source.rtcp.with(u64::from(word & !ENCRYPTED))?;
        let length = self.rtcp.open_rtcp(packet, ssrc, word)?;
        self.remember(Source {
            rtcp: window,
            ..source
        });
        Some(length)
    }

    fn source(&self, ssrc: u32) -> Option<Source> {
        let mut known = self.current.iter().chain(&self.others);
        let fresh = || Source {
            ssrc,
            rtp: Window::default(),
            rtcp: Window::default(),
        };
        match known.find(|source| source.ssrc == ssrc) {
            Some(known) => Some(*known),
            None => (self.others.len() < MAX_SOURCES).then(fresh),
        }
    }

    fn remember(&mut self, source: Source) {
        let former = self.current.replace(source);
        let Some(former) = former.filter(|former| former.ssrc != source.ssrc) else {
            return;
        };
        let mut others = self.others.iter_mut();
        match others.find(|other| other.ssrc == source.ssrc) {
            Some(place) => *place = former,
            None => self.others.push(former),
        }
    }
}

/// The number next to `highest` that ends in `sequence`; `None` if that is below zero.
fn extend(highest: u64, sequence: u16) -> Option<u64> {
    let ahead = sequence.wrapping_sub(highest as u16).cast_signed();
    highest.checked_add_signed(i64::from(ahead))
}

/// What protection needs of an RTP header.
struct Header {
    length: usize,
    sequence: u16,
    ssrc: u32,
}

impl Header {
    /// RFC 3550 §5.1.
    fn parse(packet: &[u8]) -> Option<Self> {
        let (&[first, _, s0, s1, _, _, _, _, i0, i1, i2, i3], _) =
            packet.split_first_chunk::<12>()?;
        if first >> 6 != 2 {
            return None;
        }
        let mut length = 12 + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let &[_, _, l0, l1] = packet.get(length..)?.first_chunk::<4>()?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        }
        (length <= packet.len()).then_some(Self {
            length,
            sequence: u16::from_be_bytes([s0, s1]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        })
    }
}

fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let (&[first, _, _, _, i0, i1, i2, i3], _) = packet.split_first_chunk::<8>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes([i0, i1, i2, i3]))
}
