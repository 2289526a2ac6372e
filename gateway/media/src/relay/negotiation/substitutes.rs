//! Codecs that are turned into each other where two sides share none.
//!
//! RFC 7874 §3 has every browser speak both Opus and G.711, but not every client is a browser.

use crate::sdp::{Codec, Format};

/// What may be offered in place of `formats`, after them.
pub(super) fn substitutes(formats: &[Format]) -> Vec<Format> {
    let speaks_opus = formats.iter().any(|format| format.codec == Codec::Opus);
    let (mut substitutes, keys) = match (speaks_opus, speak_g711(formats)) {
        (true, false) => (
            vec![
                format(Codec::Pcmu, 0, 8_000, "PCMU/8000"),
                format(Codec::Pcma, 8, 8_000, "PCMA/8000"),
            ],
            format(Codec::TelephoneEvent, 101, 8_000, "telephone-event/8000"),
        ),
        (false, true) => (
            vec![format(Codec::Opus, 111, 48_000, "opus/48000/2")],
            format(Codec::TelephoneEvent, 110, 48_000, "telephone-event/48000"),
        ),
        _ => return Vec::new(),
    };
    let known = |format: &&Format| format.codec == Codec::TelephoneEvent;
    let mut known = formats.iter().filter(known).peekable();
    // RFC 4733 §2.1: keys tick with the sound beside which they are sent.
    if known.peek().is_some() && known.all(|format| !format.is_same(&keys)) {
        substitutes.push(keys);
    }
    substitutes
}

/// Whether G.711 is among them, in either law.
pub(super) fn speak_g711(formats: &[Format]) -> bool {
    let g711 = |format: &Format| matches!(format.codec, Codec::Pcmu | Codec::Pcma);
    formats.iter().any(g711)
}

/// What an answered codec was in the offer.
pub(super) struct Match<'a> {
    /// As it was offered to us, be it another codec.
    pub(super) offered: &'a Format,
    /// As the other side was told.
    pub(super) told: &'a Format,
    /// Whether both sides speak it.
    pub(super) is_shared: bool,
}

/// Finds `wanted`, which is `answered` with others, among what was offered to us and what the other
/// side was `told` of it.
pub(super) fn matched<'a>(
    offered: &'a [Format],
    told: &'a [Format],
    answered: &[Format],
    wanted: &Format,
) -> Option<Match<'a>> {
    let same = |formats: &'a [Format]| formats.iter().find(|format| format.is_same(wanted));
    let shared = same(offered);
    Some(Match {
        offered: shared.or_else(|| source_of(offered, answered, wanted))?,
        told: same(told)?,
        is_shared: shared.is_some(),
    })
}

/// Which of `formats` becomes `wanted`, which is none of them: rather one that is `answered` as well,
/// for the other side speaks that.
fn source_of<'a>(
    formats: &'a [Format],
    answered: &[Format],
    wanted: &Format,
) -> Option<&'a Format> {
    let becomes = |format: &&Format| match wanted.codec {
        Codec::Pcmu | Codec::Pcma => format.codec == Codec::Opus,
        Codec::Opus => matches!(format.codec, Codec::Pcmu | Codec::Pcma),
        Codec::TelephoneEvent => format.codec == Codec::TelephoneEvent,
        Codec::G722 => false,
    };
    let is_answered = |format: &Format| answered.iter().any(|known| known.is_same(format));
    let sources = formats.iter().filter(becomes);
    sources.min_by_key(|format| !is_answered(format))
}

fn format(codec: Codec, payload_type: u8, clock_rate: u32, rtpmap: &str) -> Format {
    Format {
        payload_type,
        codec,
        clock_rate,
        rtpmap: rtpmap.to_owned(),
        fmtp: None,
    }
}
