//! One direction of a relayed call.

use std::time::Instant;

use crate::relay::StreamStats;
use crate::relay::payloads::Payload;
use crate::relay::splice::Splice;
use crate::rtp::packet::{Packet, Source};
use crate::rtp::report::Reporter;
use crate::sdp::Codec;

/// One direction.
pub(super) struct Stream {
    pub(super) splice: Splice,
    /// What we say of ourselves to the receiver.
    pub(super) source: Source,
    /// The clock of the last sound, in which key presses count as well.
    clock_rate: u32,
    pub(super) stats: StreamStats,
}

impl Stream {
    /// One of ours, whose numbers begin with these.
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            splice: Splice::new(sequence, timestamp),
            source: Source::new(ssrc, 0),
            clock_rate: 8000,
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

    /// Writes the packet in the first `length` bytes anew as one of ours; `false` if it is not to
    /// go on.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        length: usize,
        payload: Payload,
        reporter: &mut Reporter,
    ) -> bool {
        let Some(packet) = Packet::parse(&buffer[..length]) else {
            return false;
        };
        let octets = packet.payload.len();
        let Some(place) = self.splice.place(now, &packet, self.clock_rate) else {
            return false;
        };
        let marker = u8::from(packet.marker || place.begins) << 7;
        buffer[1] = marker | payload.number;
        buffer[2..4].copy_from_slice(&place.sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&place.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&self.source.ssrc.to_be_bytes());
        self.source.on_sent(octets);
        reporter.on_sent(now, place.timestamp, self.clock_rate);
        true
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
