//! What a call may be encoded with.

use js_sys::{Array, Reflect};
use web_sys::{RtcRtpReceiver, RtcRtpTransceiver};

/// In this order; whatever else the browser knows is not offered.
const CODECS: [&str; 5] = [
    "audio/opus",
    "audio/g722",
    "audio/pcmu",
    "audio/pcma",
    "audio/telephone-event",
];

/// Lets the browser offer and take only what we want.
pub(super) fn prefer_codecs(transceiver: &RtcRtpTransceiver) {
    // Older browsers lack it and offer what they like.
    if !Reflect::has(transceiver, &"setCodecPreferences".into()).unwrap_or(false) {
        return;
    }
    let Some(known) = RtcRtpReceiver::get_capabilities("audio") else {
        return;
    };
    let known = Reflect::get(&known, &"codecs".into()).map(|codecs| Array::from(&codecs));
    let Ok(known) = known else { return };
    let preferred = Array::new();
    for wanted in CODECS {
        for codec in known.iter() {
            let kind = Reflect::get(&codec, &"mimeType".into()).ok();
            if kind
                .and_then(|it| it.as_string())
                .is_some_and(|it| it.eq_ignore_ascii_case(wanted))
            {
                preferred.push(&codec);
            }
        }
    }
    transceiver.set_codec_preferences(&preferred);
}
