//! One direction of a relayed call.

use std::time::Instant;

use crate::relay::StreamStats;
use crate::relay::conversion::{Conversion, convert_key};
use crate::relay::payloads::Payload;
use crate::relay::splice::Splice;
use crate::rtp::packet::{Packet, Source};
use crate::rtp::report::Reporter;
use crate::sdp::Codec;

/// Of a packet without contributing sources and extensions (RFC 3550 §5.1).
const HEADER: usize = 12;

/// One direction.
pub(super) struct Stream {
    pub(super) splice: Splice,
    /// What we say of ourselves to the receiver.
    pub(super) source: Source,
    /// The clock of the last sound, in which key presses count as well.
    clock_rate: u32,
    /// Where the sides share no codec.
    conversion: Option<Box<Conversion>>,
    pub(super) stats: StreamStats,
}

impl Stream {
    /// One of ours, whose numbers begin with these.
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            splice: Splice::new(sequence, timestamp),
            source: Source::new(ssrc, 0),
            clock_rate: 8000,
            conversion: None,
            stats: StreamStats::default(),
        }
    }

    pub(super) fn on_received(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        payload: Payload,
        reporter: &mut Reporter,
    ) {
        if payload.codec != Codec::TelephoneEvent {
            self.clock_rate = payload.clock_rate;
            self.stats.codec = Some(payload.codec.name());
        }
        self.stats.octets += packet.payload.len() as u64;
        reporter.on_received(now, packet, self.clock_rate);
    }

    /// Writes the packet in the first `length` bytes anew as one of ours, and tells its length;
    /// `None` if it is not to go on.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        length: usize,
        payload: Payload,
        reporter: &mut Reporter,
    ) -> Option<usize> {
        self.follow(payload);
        let mut packet = Packet::parse(&buffer[..length])?;
        let mut clock_rate = self.clock_rate;
        if let Some(conversion) = &mut self.conversion {
            packet.timestamp = conversion.timestamp(packet.timestamp);
            clock_rate = conversion.clock_rate;
        }
        let place = self.splice.place(now, &packet, clock_rate)?;
        let marker = u8::from(packet.marker || place.begins) << 7;
        let mut octets = packet.payload.len();
        let mut length = length;
        if let Some((codec, to)) = payload.converted {
            let key;
            let converted = match (codec, &mut self.conversion) {
                (Codec::TelephoneEvent, _) => {
                    key = convert_key(packet.payload, payload.clock_rate, to);
                    key.as_ref().map(|key| &key[..])
                }
                (_, Some(conversion)) => conversion.convert(packet.payload),
                (_, None) => None,
            };
            let Some(converted) = converted else {
                self.stats.rejected += 1;
                return None;
            };
            octets = converted.len();
            length = HEADER + octets;
            buffer[0] = 0x80;
            buffer.get_mut(HEADER..length)?.copy_from_slice(converted);
        }
        buffer[1] = marker | payload.number;
        buffer[2..4].copy_from_slice(&place.sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&place.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&self.source.ssrc.to_be_bytes());
        self.source.on_sent(octets);
        reporter.on_sent(now, place.timestamp, clock_rate);
        Some(length)
    }

    /// Converts from now on, or no longer, if that is what this sound needs; keys go along with the
    /// sound beside which they are pressed.
    fn follow(&mut self, payload: Payload) {
        if payload.codec == Codec::TelephoneEvent {
            return;
        }
        let same = match (&self.conversion, payload.converted) {
            (None, None) => true,
            (Some(conversion), Some((to, _))) => conversion.is(payload.codec, to),
            _ => false,
        };
        if same {
            return;
        }
        // Its clock is another one.
        self.splice.cut();
        let from = (payload.codec, payload.clock_rate);
        let conversion = payload.converted.and_then(|to| Conversion::new(from, to));
        self.conversion = conversion.map(Box::new);
        self.stats.converted_to = payload.converted.map(|(to, _)| to.name());
    }

    pub(super) fn stats(&self, reporter: &Reporter) -> StreamStats {
        let reception = reporter.reception();
        StreamStats {
            packets: reception.packets,
            lost: reception.lost,
            jitter: reception.jitter,
            round_trip: reporter.round_trip(),
            ..self.stats
        }
    }
}
