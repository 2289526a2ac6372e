//! What the phone itself plays, and how it sounds.

use super::{Calls, Phase};

/// Something the phone plays until its reason is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody calls.
    Ring,
    /// Somebody calls while we talk.
    CallWaiting,
    /// The other phone rings and the network plays nothing.
    Ringback,
}

impl Tone {
    /// The tone that the calls ask for.
    #[must_use]
    pub fn for_calls(calls: &Calls) -> Option<Self> {
        let rings = calls.iter().any(|call| call.phase == Phase::Incoming);
        let busy = calls.iter().any(|call| {
            call.phase.is_talking() || matches!(call.phase, Phase::Calling | Phase::Ringing { .. })
        });
        match calls.front().map(|call| &call.phase) {
            _ if rings && !busy => Some(Self::Ring),
            Some(Phase::Ringing { early_media: false }) => Some(Self::Ringback),
            _ if rings => Some(Self::CallWaiting),
            _ => None,
        }
    }

    /// One period, to be played over and over.
    #[must_use]
    pub fn samples(self, rate: u32) -> Vec<f32> {
        match self {
            Self::Ringback => Score::new(rate, 6.0).chord(0.0, 2.0, &[440.0, 480.0], 0.1),
            Self::CallWaiting => Score::new(rate, 8.0)
                .chord(0.0, 0.15, &[440.0], 0.08)
                .chord(0.3, 0.15, &[440.0], 0.08),
            Self::Ring => {
                let notes = [
                    659.26, 830.61, 987.77, 830.61, 659.26, 830.61, 987.77, 830.61,
                ];
                notes
                    .iter()
                    .enumerate()
                    .fold(Score::new(rate, 3.2), |score, (i, &note)| {
                        #[allow(clippy::cast_precision_loss, reason = "a handful of notes")]
                        score.bell(i as f32 * 0.18, 0.5, note, 0.22)
                    })
            }
        }
        .samples
    }
}

/// The sound of a key (ITU-T Q.23); `None` if the phone has no such key.
#[must_use]
pub fn key_samples(key: char, rate: u32) -> Option<Vec<f32>> {
    let row_of = |i: usize| [697.0, 770.0, 852.0, 941.0][i];
    let column_of = |i: usize| [1209.0, 1336.0, 1477.0, 1633.0][i];
    let at = "123A456B789C*0#D".find(key.to_ascii_uppercase())?;
    let pair = [row_of(at / 4), column_of(at % 4)];
    Some(Score::new(rate, 0.18).chord(0.0, 0.18, &pair, 0.12).samples)
}

/// Two falling notes: a call is over.
#[must_use]
pub fn ended_samples(rate: u32) -> Vec<f32> {
    Score::new(rate, 0.4)
        .bell(0.0, 0.3, 523.25, 0.15)
        .bell(0.12, 0.28, 392.0, 0.15)
        .samples
}

/// Three times busy: the other side is.
#[must_use]
pub fn busy_samples(rate: u32) -> Vec<f32> {
    let busy = |score: Score, at| score.chord(at, 0.5, &[480.0, 620.0], 0.08);
    [0.0, 1.0, 2.0]
        .into_iter()
        .fold(Score::new(rate, 2.6), busy)
        .samples
}

/// Mono samples into which notes are written.
struct Score {
    rate: f32,
    samples: Vec<f32>,
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few seconds of sound fit both types"
)]
impl Score {
    fn new(rate: u32, seconds: f32) -> Self {
        let rate = rate as f32;
        Self {
            rate,
            samples: vec![0.0; (rate * seconds) as usize],
        }
    }

    /// Steady sine waves with soft edges of 5 ms, so that nothing clicks.
    fn chord(self, at: f32, length: f32, pitches: &[f32], volume: f32) -> Self {
        self.add(at, length, |t| {
            let edge = (t.min(length - t) / 0.005).clamp(0.0, 1.0);
            edge * volume * pitches.iter().map(|f| sine(f * t)).sum::<f32>()
        })
    }

    /// A struck note with one overtone that dies away.
    fn bell(self, at: f32, length: f32, pitch: f32, volume: f32) -> Self {
        self.add(at, length, |t| {
            let envelope = (t / 0.004).min(1.0) * (1.0 - t / length).powi(4);
            let wave = sine(pitch * t) + 0.25 * sine(2.0 * pitch * t);
            envelope * volume * wave
        })
    }

    fn add(mut self, at: f32, length: f32, wave: impl Fn(f32) -> f32) -> Self {
        let start = (at * self.rate) as usize;
        let count = (length * self.rate) as usize;
        for (i, sample) in self.samples.iter_mut().skip(start).take(count).enumerate() {
            *sample += wave(i as f32 / self.rate);
        }
        self
    }
}

/// The sine of so many full turns, to one part in 6000: a Taylor series over a quarter turn is all
/// that tones need, and the library's function would be a part of every download.
fn sine(turns: f32) -> f32 {
    let turn = turns - (turns + 0.5).floor();
    let folded = if turn.abs() > 0.25 {
        0.5f32.copysign(turn) - turn
    } else {
        turn
    };
    let x = std::f32::consts::TAU * folded;
    let x2 = x * x;
    x * (1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndReason, Party};
    use std::f32::consts::TAU;

    const RATE: u32 = 8_000;

    fn party() -> Party {
        Party {
            name: None,
            number: "102".into(),
        }
    }

    /// The energy at one pitch (Goertzel), for comparison only.
    fn energy(samples: &[f32], pitch: f32) -> f32 {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in samples.iter().enumerate() {
            let angle = TAU * pitch * i as f32 / RATE as f32;
            re += sample * angle.cos();
            im += sample * angle.sin();
        }
        re.hypot(im) / samples.len() as f32
    }

    #[test]
    fn the_sine_is_close_to_the_true_one() {
        for i in -1000..1000 {
            let turns = i as f32 / 300.0;
            assert!(
                (sine(turns) - (TAU * turns).sin()).abs() < 1.7e-4,
                "{turns}"
            );
        }
    }

    #[test]
    fn ringback_is_two_seconds_of_440_and_480_then_four_of_silence() {
        let samples = Tone::Ringback.samples(RATE);
        assert_eq!(samples.len(), 48_000);
        let (on, off) = samples.split_at(16_000);
        assert!(energy(on, 440.0) > 0.03 && energy(on, 480.0) > 0.03);
        assert!(energy(on, 620.0) < 0.003);
        assert!(off.iter().all(|s| *s == 0.0));
    }

    #[test]
    fn each_key_sounds_with_its_row_and_its_column() {
        let five = key_samples('5', RATE).expect("a key");
        assert!(energy(&five, 770.0) > 0.04 && energy(&five, 1336.0) > 0.04);
        assert!(energy(&five, 697.0) < 0.02 && energy(&five, 1477.0) < 0.02);
        let d = key_samples('d', RATE).expect("a key");
        assert!(energy(&d, 941.0) > 0.04 && energy(&d, 1633.0) > 0.04);
        assert_eq!(key_samples('x', RATE), None);
    }

    #[test]
    fn no_tone_is_louder_than_full_scale() {
        let all = [Tone::Ring, Tone::CallWaiting, Tone::Ringback].map(|tone| tone.samples(RATE));
        for samples in all
            .iter()
            .chain([&ended_samples(RATE), &busy_samples(RATE)])
        {
            assert!(samples.iter().all(|s| s.abs() < 0.9));
            assert!(samples.iter().any(|s| s.abs() > 0.05));
        }
    }

    #[test]
    fn ringback_gives_way_to_early_media_and_to_the_answer() {
        let mut calls = Calls::default();
        let key = calls.dial(party());
        assert_eq!(Tone::for_calls(&calls), None);
        calls.on_ringing(key, false);
        assert_eq!(Tone::for_calls(&calls), Some(Tone::Ringback));
        calls.on_ringing(key, true);
        assert_eq!(Tone::for_calls(&calls), None);
        calls.on_answered(key, 0.0);
        assert_eq!(Tone::for_calls(&calls), None);
    }

    #[test]
    fn it_rings_until_the_last_caller_is_served_and_softly_during_a_talk() {
        let mut calls = Calls::default();
        let first = calls.ring(party());
        assert_eq!(Tone::for_calls(&calls), Some(Tone::Ring));
        calls.on_answered(first, 0.0);
        assert_eq!(Tone::for_calls(&calls), None);
        let second = calls.ring(party());
        assert_eq!(Tone::for_calls(&calls), Some(Tone::CallWaiting));
        calls.on_ended(first, EndReason::HungUp, 1.0);
        assert_eq!(Tone::for_calls(&calls), Some(Tone::Ring));
        calls.on_ended(second, EndReason::Missed, 2.0);
        assert_eq!(Tone::for_calls(&calls), None);
    }
}
