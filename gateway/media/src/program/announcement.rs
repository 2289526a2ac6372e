//! The announcement: a rising chime, twice, made when the engine starts.

use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use crate::codec::g711::{encode_alaw, encode_ulaw};
use crate::sdp::Codec;

/// Samples a second.
pub(crate) const CLOCK_RATE: u32 = 8_000;
/// One packet's worth.
const PACKET: Duration = Duration::from_millis(20);
/// The same in ticks of the clock.
const PACKET_TICKS: u32 = 160;
const PACKET_SAMPLES: usize = PACKET_TICKS as usize;

/// C5, E5, G5, C6: a major chord, upwards.
const NOTES_HZ: [f32; 4] = [523.25, 659.26, 783.99, 1046.5];
const NOTE: usize = 2_000;
/// The last note rings on.
const RING: usize = 6_000;
/// The jitter buffer of the browser fills before the first note and empties after the last one.
const SILENCE: usize = 2_400;

/// The sound in both laws.
pub(crate) struct Recording {
    ulaw: Vec<u8>,
    alaw: Vec<u8>,
}

impl Recording {
    pub(crate) fn chime() -> Self {
        let samples = chime();
        Self {
            ulaw: samples.iter().copied().map(encode_ulaw).collect(),
            alaw: samples.iter().copied().map(encode_alaw).collect(),
        }
    }

    /// The packet at `index`; `None` when the recording is over.
    pub(crate) fn packet(&self, law: Law, index: usize) -> Option<&[u8]> {
        let sound = match law {
            Law::Mu => &self.ulaw,
            Law::A => &self.alaw,
        };
        let start = index.checked_mul(PACKET_SAMPLES)?;
        sound.get(start..start + PACKET_SAMPLES)
    }
}

/// Which G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    Mu,
    A,
}

impl Law {
    /// `None` for a codec that is not G.711.
    pub(crate) fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Pcmu => Some(Self::Mu),
            Codec::Pcma => Some(Self::A),
            _ => None,
        }
    }
}

/// Where a leg is in the recording, and when its next packet is due.
#[derive(Debug)]
pub(crate) struct Playout {
    /// The timestamp of the first packet.
    base: u32,
    next: usize,
    due: Option<Instant>,
    finished: bool,
}

/// What [`Playout::handle_timeout`] asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this packet of the recording.
    Play { index: usize, timestamp: u32 },
    /// All has been played.
    Finish,
}

impl Playout {
    /// `base` is the timestamp of the first packet.
    pub(crate) fn new(base: u32) -> Self {
        Self {
            base,
            next: 0,
            due: None,
            finished: false,
        }
    }

    /// Begins, or goes on after a pause.
    pub(crate) fn resume(&mut self, now: Instant) {
        if !self.finished {
            self.due.get_or_insert(now);
        }
    }

    /// Stands still until resumed.
    pub(crate) fn pause(&mut self) {
        self.due = None;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// What is due at `now`; call until it answers `None`.
    pub(crate) fn handle_timeout(&mut self, now: Instant, recording: &Recording) -> Option<Step> {
        let due = self.due.filter(|due| *due <= now)?;
        if recording.packet(Law::Mu, self.next).is_none() {
            self.due = None;
            self.finished = true;
            return Some(Step::Finish);
        }
        let index = self.next;
        self.next += 1;
        // The pace is that of the sound; a late timer must not slow it down. After a long stall
        // there is no catching up, only going on.
        let next_due = due + PACKET;
        self.due = Some(if now > next_due + PACKET * 5 {
            now + PACKET
        } else {
            next_due
        });
        let timestamp = self
            .base
            .wrapping_add(PACKET_TICKS.wrapping_mul(index as u32));
        Some(Step::Play { index, timestamp })
    }
}

fn chime() -> Vec<i16> {
    let mut samples = vec![0; SILENCE];
    for _ in 0..2 {
        let last = NOTES_HZ.len() - 1;
        for (index, frequency) in NOTES_HZ.into_iter().enumerate() {
            let length = if index == last { RING } else { NOTE };
            samples.extend((0..length).map(|n| bell(frequency, n, length)));
        }
    }
    samples.resize(
        (samples.len() + SILENCE).next_multiple_of(PACKET_SAMPLES),
        0,
    );
    samples
}

/// A struck bell: a tone and its octave, decaying, without a click at either end.
fn bell(frequency: f32, n: usize, length: usize) -> i16 {
    let seconds = n as f32 / CLOCK_RATE as f32;
    let attack = (n as f32 / 80.0).min(1.0);
    let release = ((length - n) as f32 / 160.0).min(1.0);
    let decay = (-3.5 * seconds).exp();
    let phase = TAU * frequency * seconds;
    let wave = 0.8 * phase.sin() + 0.2 * (2.0 * phase).sin();
    (wave * attack * release * decay * 12_000.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chime_is_a_few_seconds_of_sound_between_silences() {
        let samples = chime();
        let seconds = samples.len() as f32 / CLOCK_RATE as f32;
        assert!((2.0..6.0).contains(&seconds), "{seconds} s");
        assert!(samples[..SILENCE].iter().all(|s| *s == 0));
        assert!(samples[samples.len() - SILENCE..].iter().all(|s| *s == 0));
        let loudest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((8_000..16_000).contains(&loudest), "{loudest}");
        let click = samples
            .windows(2)
            .map(|w| w[0].abs_diff(w[1]))
            .max()
            .unwrap();
        assert!(click < 12_000, "{click}");
    }

    #[test]
    fn plays_every_packet_once_20_ms_apart_and_finishes() {
        let recording = Recording::chime();
        let start = Instant::now();
        let mut playout = Playout::new(7);
        assert_eq!(playout.poll_timeout(), None, "not before it is resumed");
        playout.resume(start);
        let mut played = 0;
        while let Some(due) = playout.poll_timeout() {
            assert_eq!(due, start + PACKET * played);
            match playout.handle_timeout(due, &recording) {
                Some(Step::Play { index, timestamp }) => {
                    assert_eq!(index, played as usize);
                    assert_eq!(timestamp, 7 + 160 * played);
                    assert_eq!(recording.packet(Law::A, index).unwrap().len(), 160);
                    played += 1;
                }
                step => assert_eq!(step, Some(Step::Finish)),
            }
        }
        assert_eq!(played as usize * 160, chime().len());
        playout.resume(start);
        assert_eq!(playout.poll_timeout(), None, "it does not begin again");
    }

    fn played(step: Option<Step>) -> Option<usize> {
        match step? {
            Step::Play { index, .. } => Some(index),
            Step::Finish => None,
        }
    }

    #[test]
    fn a_pause_loses_nothing() {
        let recording = Recording::chime();
        let start = Instant::now();
        let mut playout = Playout::new(7);
        playout.resume(start);
        assert_eq!(played(playout.handle_timeout(start, &recording)), Some(0));
        playout.pause();
        let later = start + Duration::from_secs(9);
        assert_eq!(playout.handle_timeout(later, &recording), None);
        playout.resume(later);
        assert_eq!(played(playout.handle_timeout(later, &recording)), Some(1));
        assert_eq!(
            playout.handle_timeout(later, &recording),
            None,
            "one at a time"
        );
    }
}
