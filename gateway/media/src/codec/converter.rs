//! The sound of one direction turned from Opus into G.711 or back.
//!
//! Packet for packet: what a sender says in one packet, its listener hears in one, so that gaps and
//! disorder stay where they are. Both work at 8000 Hz, which is all that G.711 carries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder, Repacketizer, Signal};

use super::g711::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use crate::sdp::Codec;

const RATE: i32 = 8_000;
/// 120 ms, the most that an Opus packet holds (RFC 6716 §3.2.5).
const MAX_SAMPLES: usize = 960;
/// 10 ms: a frame that the speech layer of Opus knows and that divides what phones send.
const SHORT_FRAME: usize = 80;
/// The frames of the speech layer, in samples (RFC 6716 §2.1.4).
const FRAMES: [usize; 4] = [80, 160, 320, 480];
/// For narrow-band speech this is as good as it gets (RFC 6716 §2.1.1 asks 8 to 12).
const BITS_A_SECOND: i32 = 16_000;

/// One direction. A decoder remembers what it heard, so every stream has one of its own.
pub(crate) struct Converter {
    codecs: (Codec, Codec),
    coder: Coder,
    samples: Vec<i16>,
    payload: Vec<u8>,
}

enum Coder {
    FromOpus(Box<OpusDecoder>, fn(i16) -> u8),
    ToOpus(Box<OpusEncoder>, fn(u8) -> i16),
}

impl Converter {
    /// `None` if these can't be turned into each other.
    pub(crate) fn new(from: Codec, to: Codec) -> Option<Self> {
        let coder = match (from, to) {
            (Codec::Opus, Codec::Pcmu) => Coder::FromOpus(decoder()?, encode_ulaw),
            (Codec::Opus, Codec::Pcma) => Coder::FromOpus(decoder()?, encode_alaw),
            (Codec::Pcmu, Codec::Opus) => Coder::ToOpus(encoder()?, decode_ulaw),
            (Codec::Pcma, Codec::Opus) => Coder::ToOpus(encoder()?, decode_alaw),
            _ => return None,
        };
        Some(Self {
            codecs: (from, to),
            coder,
            samples: Vec::with_capacity(MAX_SAMPLES),
            payload: Vec::with_capacity(MAX_PACKET_BYTES),
        })
    }

    /// The payload of one packet in the other codec; `None` if it is none of its codec.
    pub(crate) fn convert(&mut self, payload: &[u8]) -> Option<&[u8]> {
        // A stranger's bytes in somebody else's decoder: should it ever panic, no call is to end by
        // that, and nobody is to go on with what it left.
        let turned = catch_unwind(AssertUnwindSafe(|| self.turn(payload)));
        let Ok(turned) = turned else {
            *self = Self::new(self.codecs.0, self.codecs.1)?;
            return None;
        };
        turned.map(|()| &self.payload[..])
    }

    fn turn(&mut self, payload: &[u8]) -> Option<()> {
        let Self {
            coder,
            samples,
            payload: turned,
            ..
        } = self;
        samples.clear();
        turned.clear();
        // An empty one is how its decoder is told of a loss.
        if payload.is_empty() {
            return None;
        }
        match coder {
            Coder::FromOpus(decoder, encode) => {
                samples.resize(MAX_SAMPLES, 0);
                let count = decoder.decode_s16(payload, MAX_SAMPLES, samples).ok()?;
                turned.extend(samples.iter().take(count).map(|sample| encode(*sample)));
                Some(())
            }
            Coder::ToOpus(encoder, decode) => {
                samples.extend(payload.iter().map(|code| decode(*code)));
                encode_opus(encoder, samples, turned)
            }
        }
    }
}

fn decoder() -> Option<Box<OpusDecoder>> {
    OpusDecoder::new(RATE, 1).ok().map(Box::new)
}

fn encoder() -> Option<Box<OpusEncoder>> {
    let mut encoder = OpusEncoder::new(RATE, 1, Application::Voip).ok()?;
    encoder.bitrate_bps = BITS_A_SECOND;
    // Half the work of the default, and no difference to be heard in a telephone's band.
    encoder.complexity = 5;
    encoder.signal_type = Some(Signal::Voice);
    Some(Box::new(encoder))
}

fn encode_opus(encoder: &mut OpusEncoder, samples: &[i16], payload: &mut Vec<u8>) -> Option<()> {
    if samples.len() > MAX_SAMPLES {
        return None;
    }
    if FRAMES.contains(&samples.len()) {
        return encode_frame(encoder, samples, payload);
    }
    // 30 ms and its like: several frames in one packet (RFC 6716 §3.2.5).
    let (frames, rest) = samples.as_chunks::<SHORT_FRAME>();
    if frames.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut packet = Repacketizer::new();
    for frame in frames {
        encode_frame(encoder, frame, payload)?;
        packet.cat(payload).ok()?;
    }
    payload.clear();
    packet.out_into(payload).ok()
}

fn encode_frame(encoder: &mut OpusEncoder, frame: &[i16], payload: &mut Vec<u8>) -> Option<()> {
    payload.resize(MAX_PACKET_BYTES, 0);
    let length = encoder.encode_s16(frame, frame.len(), payload).ok()?;
    payload.truncate(length);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A tone of 1000 Hz, `count` samples from the `first` on.
    fn tone(first: usize, count: usize) -> impl Iterator<Item = i16> {
        (first..first + count).map(|n| ((n as f64 * TAU / 8.0).sin() * 8000.0) as i16)
    }

    /// Which part of the energy lies at 1000 Hz (Goertzel), and the amplitude there.
    fn purity(samples: &[i16]) -> (f64, f64) {
        let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let (sample, angle) = (f64::from(*sample), n as f64 * TAU / 8.0);
            sine += sample * angle.sin();
            cosine += sample * angle.cos();
            energy += sample * sample;
        }
        let half = samples.len() as f64 / 2.0;
        let amplitude = sine.hypot(cosine) / half;
        (amplitude * amplitude * half / energy, amplitude)
    }

    #[test]
    fn a_tone_is_heard_as_it_was_said_by_either_law_and_packets_of_any_length() {
        type Law = (Codec, fn(i16) -> u8, fn(u8) -> i16);
        let laws: [Law; 2] = [
            (Codec::Pcmu, encode_ulaw, decode_ulaw),
            (Codec::Pcma, encode_alaw, decode_alaw),
        ];
        for (law, encode, decode) in laws {
            for length in [80, 160, 240, 320, 400, 480, 640, 800, 960] {
                let mut to_opus = Converter::new(law, Codec::Opus).unwrap();
                let mut from_opus = Converter::new(Codec::Opus, law).unwrap();
                let mut heard = Vec::new();
                for first in (0..8000).step_by(length) {
                    let said: Vec<u8> = tone(first, length).map(encode).collect();
                    let opus = to_opus.convert(&said).unwrap().to_vec();
                    assert!(opus.len() < length, "{law:?} {length}: {}", opus.len());
                    let back = from_opus.convert(&opus).unwrap();
                    assert_eq!(back.len(), length, "as long as it was");
                    heard.extend(back.iter().map(|code| decode(*code)));
                }
                let (pure, amplitude) = purity(&heard[4000..8000]);
                assert!(pure > 0.9, "{law:?} {length}: {pure}");
                assert!((6000.0..10_000.0).contains(&amplitude), "{amplitude}");
            }
        }
    }

    #[test]
    fn what_has_no_length_that_opus_knows_is_refused() {
        let mut converter = Converter::new(Codec::Pcmu, Codec::Opus).unwrap();
        for length in [0, 1, 79, 81, 250, 1040] {
            assert_eq!(converter.convert(&vec![0xff; length]), None, "{length}");
        }
        assert!(
            converter.convert(&[0xff; 160]).is_some(),
            "and no harm done"
        );
    }

    #[test]
    fn nothing_else_is_turned_into_anything() {
        for (from, to) in [
            (Codec::Opus, Codec::Opus),
            (Codec::Pcmu, Codec::Pcma),
            (Codec::G722, Codec::Opus),
            (Codec::TelephoneEvent, Codec::TelephoneEvent),
        ] {
            assert!(Converter::new(from, to).is_none(), "{from:?} {to:?}");
        }
    }

    #[test]
    fn no_packet_is_too_bad_to_go_on_after_it() {
        let mut encoder = Converter::new(Codec::Pcmu, Codec::Opus).unwrap();
        let good = encoder.convert(&[0x55; 160]).unwrap().to_vec();
        let mut converter = Converter::new(Codec::Opus, Codec::Pcmu).unwrap();
        let mut random = 1_u32;
        let mut next = move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        for _ in 0..3000 {
            let bad: Vec<u8> = (0..next()).map(|_| next()).collect();
            if let Some(heard) = converter.convert(&bad) {
                assert!(heard.len() <= MAX_SAMPLES);
            }
            assert_eq!(converter.convert(&good).map(<[u8]>::len), Some(160));
        }
    }
}
