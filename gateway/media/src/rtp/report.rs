//! RTCP: sender and receiver reports (RFC 3550 §6), so that both ends know loss, jitter and delay.

use std::time::{Duration, Instant};

use super::packet::{Packet, Source};
use crate::clock::WallClock;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: &[u8] = b"sidetone";
/// RFC 3550 §A.1: a jump ahead by less is loss, a step back by no more is disorder.
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

/// What is known of the stream we hear.
#[derive(Debug)]
struct Heard {
    ssrc: u32,
    clock_rate: u32,
    first: u32,
    /// The highest sequence number, with the count of its wraps above.
    highest: u32,
    received: u32,
    /// `highest` and `received` at the last report.
    reported: (u32, u32),
    /// Arrival less timestamp, in ticks of the clock.
    transit: u32,
    /// Sixteen times the jitter (RFC 3550 §A.8).
    jitter_x16: u32,
    last_sender_report: Option<(u32, Instant)>,
    /// What would come next after a jump (RFC 3550 §A.1).
    after_jump: Option<u16>,
}

/// Keeps the statistics of one leg and writes its reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    clock: WallClock,
    start: Instant,
    heard: Option<Heard>,
    /// Received and lost of streams that have ended.
    past: (u64, u64),
    /// When the last packet left, and its timestamp.
    sent: Option<(Instant, u32, u32)>,
    round_trip: Option<Duration>,
}

/// What has been heard in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) jitter: Duration,
}

impl Reporter {
    pub(crate) fn new(clock: WallClock, now: Instant) -> Self {
        Self {
            clock,
            start: now,
            heard: None,
            past: (0, 0),
            sent: None,
            round_trip: None,
        }
    }

    /// Notes a received packet whose payload type ticks at `clock_rate`.
    pub(crate) fn on_received(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) {
        let transit = ticks(now - self.start, clock_rate).wrapping_sub(packet.timestamp);
        let heard = self
            .heard
            .get_or_insert_with(|| Heard::new(packet, clock_rate, transit));
        let is_same = heard.ssrc == packet.ssrc && heard.clock_rate == clock_rate;
        if is_same && heard.on_packet(packet.sequence, transit) {
            return;
        }
        if is_same && !heard.has_jumped(packet.sequence) {
            self.past.0 += 1;
            return;
        }
        let (received, lost) = heard.totals();
        self.past = (self.past.0 + received, self.past.1 + lost);
        *heard = Heard::new(packet, clock_rate, transit);
        heard.on_packet(packet.sequence, transit);
    }

    /// Notes a packet of ours.
    pub(crate) fn on_sent(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        self.sent = Some((now, timestamp, clock_rate));
    }

    pub(crate) fn reception(&self) -> Reception {
        let (received, lost) = self.heard.as_ref().map_or((0, 0), Heard::totals);
        let jitter = self.heard.as_ref().map_or(Duration::ZERO, |heard| {
            let ticks = u64::from(heard.jitter_x16 >> 4);
            Duration::from_micros(ticks * 1_000_000 / u64::from(heard.clock_rate.max(1)))
        });
        Reception {
            packets: self.past.0 + received,
            lost: self.past.1 + lost,
            jitter,
        }
    }

    /// To the peer and back, as of its last report.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Reads the peer's reports, whose blocks on `ssrc` are on what we send; `false` if this is no
    /// RTCP.
    pub(crate) fn handle_rtcp(&mut self, now: Instant, ssrc: u32, mut compound: &[u8]) -> bool {
        while let Some((&[first, kind, l0, l1], _)) = compound.split_first_chunk::<4>() {
            let length = 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
            let Some((report, rest)) = compound.split_at_checked(length) else {
                return false;
            };
            if first >> 6 != 2 {
                return false;
            }
            let blocks = match kind {
                SENDER_REPORT => report.get(28..),
                RECEIVER_REPORT => report.get(8..),
                _ => None,
            };
            let blocks = blocks.unwrap_or_default().chunks_exact(24);
            for block in blocks.take(usize::from(first & 0x1f)) {
                if word(block, 0) == Some(ssrc) {
                    self.on_block(now, block);
                }
            }
            if let (SENDER_REPORT, Some(heard)) = (kind, &mut self.heard)
                && word(report, 1) == Some(heard.ssrc)
                && let (Some(high), Some(low)) = (word(report, 2), word(report, 3))
            {
                heard.last_sender_report = Some((high << 16 | low >> 16, now));
            }
            compound = rest;
        }
        compound.is_empty()
    }

    /// RFC 3550 §6.4.1: now, less when our report left, less how long the peer had it.
    fn on_block(&mut self, now: Instant, block: &[u8]) {
        let (Some(left), Some(held)) = (word(block, 4), word(block, 5)) else {
            return;
        };
        let middle = (self.clock.ntp(now) >> 16) as u32;
        let round_trip = middle.wrapping_sub(left).wrapping_sub(held);
        // More than half a minute is a clock that runs otherwise than ours.
        if left != 0 && round_trip < 30 << 16 {
            let micros = (u64::from(round_trip) * 1_000_000) >> 16;
            self.round_trip = Some(Duration::from_micros(micros));
        }
    }

    /// A compound report: sender or receiver report, then our name.
    pub(crate) fn write(&mut self, now: Instant, source: &Source) -> Vec<u8> {
        let block = self.heard.as_mut().map(|heard| heard.report_block(now));
        let count = u8::from(block.is_some());
        let mut words = vec![source.ssrc];
        let kind = match self.sent {
            Some((at, timestamp, clock_rate)) => {
                let ntp = self.clock.ntp(now);
                words.extend([(ntp >> 32) as u32, ntp as u32]);
                words.push(timestamp.wrapping_add(ticks(now - at, clock_rate)));
                words.extend([source.packets, source.octets]);
                SENDER_REPORT
            }
            None => RECEIVER_REPORT,
        };
        words.extend(block.into_iter().flatten());
        let mut report = vec![0x80 | count, kind, 0, words.len() as u8];
        report.extend(words.iter().flat_map(|word| word.to_be_bytes()));

        // One chunk: SSRC, item 1 (CNAME), its length, the name, zeros to the next word.
        let words = (4 + 2 + CNAME.len() + 1).div_ceil(4);
        let end = report.len() + 4 + 4 * words;
        report.extend([0x81, SOURCE_DESCRIPTION, 0, words as u8]);
        report.extend(source.ssrc.to_be_bytes());
        report.extend([1, CNAME.len() as u8]);
        report.extend(CNAME);
        report.resize(end, 0);
        report
    }
}

impl Heard {
    fn new(packet: &Packet<'_>, clock_rate: u32, transit: u32) -> Self {
        let first = u32::from(packet.sequence);
        Self {
            ssrc: packet.ssrc,
            clock_rate,
            first,
            highest: first,
            received: 0,
            reported: (first.wrapping_sub(1), 0),
            transit,
            jitter_x16: 0,
            last_sender_report: None,
            after_jump: None,
        }
    }

    /// Whether a packet too far away is the second of a stream that begins there, and not a stray.
    fn has_jumped(&mut self, sequence: u16) -> bool {
        let next = self.after_jump.replace(sequence.wrapping_add(1));
        next == Some(sequence)
    }

    /// Received and lost.
    fn totals(&self) -> (u64, u64) {
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = expected.saturating_sub(self.received);
        (u64::from(self.received), u64::from(lost))
    }

    /// False if the packet is too far away to belong here.
    fn on_packet(&mut self, sequence: u16, transit: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead.wrapping_neg() > MAX_MISORDER {
            return false;
        }
        self.received = self.received.wrapping_add(1);
        self.after_jump = None;
        let difference = transit
            .wrapping_sub(self.transit)
            .cast_signed()
            .unsigned_abs();
        self.transit = transit;
        let decay = (self.jitter_x16 + 8) >> 4;
        self.jitter_x16 = self.jitter_x16.saturating_add(difference) - decay;
        true
    }

    /// RFC 3550 §6.4.1 and §A.3.
    fn report_block(&mut self, now: Instant) -> [u32; 6] {
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = expected.saturating_sub(self.received).min(0x7f_ffff);
        let (highest, received) = self.reported;
        let expected_since = self.highest.wrapping_sub(highest);
        let lost_since = expected_since.saturating_sub(self.received.wrapping_sub(received));
        let fraction = (u64::from(lost_since) << 8)
            .checked_div(u64::from(expected_since))
            .map_or(0, |fraction| fraction.min(255) as u32);
        self.reported = (self.highest, self.received);
        let (last, delay) = match self.last_sender_report {
            Some((middle, at)) => (middle, ticks(now - at, 65_536)),
            None => (0, 0),
        };
        [
            self.ssrc,
            fraction << 24 | lost,
            self.highest,
            self.jitter_x16 >> 4,
            last,
            delay,
        ]
    }
}

/// A duration in ticks of a clock; wraps, as RTP's clocks do.
fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let micros = duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros());
    (micros.wrapping_mul(u64::from(clock_rate)) / 1_000_000) as u32
}

fn word(report: &[u8], index: usize) -> Option<u32> {
    let bytes = report.get(index * 4..index * 4 + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
