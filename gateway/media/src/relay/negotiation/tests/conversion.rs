//! Sides that share no codec.

use super::*;
use crate::sdp::Codec;

/// An Opus-only client's offer or answer.
fn opus_only() -> String {
    web("111 110", "")
}

fn codecs(agreement: &Agreement) -> Vec<(Codec, Option<Codec>)> {
    let pairs = agreement.formats.iter();
    pairs
        .map(|pair| {
            let converted = pair.converted.as_ref();
            (pair.format.codec, converted.map(|format| format.codec))
        })
        .collect()
}

#[test]
fn g711_is_offered_behind_opus_and_the_client_hears_opus() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = call.browser_offers(&opus_only());
    assert_eq!(
        line(&offer, "m="),
        "m=audio 20000 RTP/AVP 111 110 0 8 101",
        "keys of the right clock as well"
    );
    let (agreement, answer) = call.pbx_answers(&plain(
        "m=audio 4444 RTP/AVP 8 0 101",
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
    ));
    let agreement = agreement.unwrap();
    let expected = [
        (Codec::Opus, Some(Codec::Pcma)),
        (Codec::Opus, Some(Codec::Pcmu)),
        (Codec::TelephoneEvent, Some(Codec::TelephoneEvent)),
    ];
    assert_eq!(codecs(&agreement), expected);
    let expected = [(111, 111, 8, 8), (111, 111, 0, 0), (110, 110, 101, 101)];
    assert_eq!(numbers(&agreement), expected);
    assert_eq!(
        line(&answer, "m="),
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 110"
    );
    assert_eq!(answer.matches("a=rtpmap:").count(), 2);
    assert!(
        !answer.contains("a=fmtp:110"),
        "what the PBX says of its own"
    );
}

#[test]
fn what_is_shared_is_passed_on_as_it_is() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&opus_only());
    let (agreement, answer) = call.pbx_answers(&plain(
        "m=audio 4444 RTP/AVP 0 96",
        "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=0\r\n",
    ));
    let agreement = agreement.unwrap();
    let expected = [(Codec::Opus, None), (Codec::Opus, Some(Codec::Pcmu))];
    assert_eq!(codecs(&agreement), expected, "shared first");
    assert_eq!(line(&answer, "a=fmtp:"), "a=fmtp:111 stereo=0");
    assert_eq!(answer.matches("a=rtpmap:").count(), 1);
}

#[test]
fn who_speaks_both_is_offered_nothing_more() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = call.browser_offers(&web(ALL, ""));
    assert_eq!(
        line(&offer, "m="),
        "m=audio 20000 RTP/AVP 111 9 0 8 110 126"
    );
    let mut call = Call::new(PbxSrtp::None);
    let offer = plain("m=audio 4444 RTP/AVP 0", "");
    let text = call.pbx_offers(&offer).unwrap();
    assert_eq!(line(&text, "m="), "m=audio 4000 UDP/TLS/RTP/SAVPF 0");
}

#[test]
fn a_client_known_to_speak_opus_alone_is_offered_opus_by_a_pbx_of_g711() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&opus_only());
    let g711 = plain("m=audio 4444 RTP/AVP 8", "");
    call.pbx_answers(&g711);
    let text = call.pbx_offers(&g711).unwrap();
    assert_eq!(line(&text, "m="), "m=audio 4000 UDP/TLS/RTP/SAVPF 8 111");
    let (agreement, answer) = call.browser_answers(&opus_only());
    let agreement = agreement.unwrap();
    assert_eq!(codecs(&agreement), [(Codec::Opus, Some(Codec::Pcma))]);
    assert_eq!(numbers(&agreement), [(111, 111, 8, 8)]);
    assert_eq!(line(&answer, "m="), "m=audio 20000 RTP/AVP 8");
}

#[test]
fn nothing_in_common_is_still_refused() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web("9", ""));
    let answer = plain("m=audio 4444 RTP/AVP 0", "");
    let refused = call.negotiation.on_pbx_answer(&answer);
    assert!(matches!(refused, Err(RelayError::NoAudio)));
}
