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
fn a_pbx_is_offered_nothing_more_by_who_speaks_both() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = call.browser_offers(&web(ALL, ""));
    assert_eq!(
        line(&offer, "m="),
        "m=audio 20000 RTP/AVP 111 9 0 8 110 126"
    );
}

const KEYS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn a_client_is_offered_behind_all_others_what_the_codecs_of_the_pbx_can_become() {
    let opus = "a=rtpmap:107 opus/48000/2\r\na=rtpmap:100 telephone-event/48000\r\n";
    for (formats, lines, offered) in [
        ("8 0 101", KEYS, "8 0 101 111 110"),
        ("8", "", "8 111"),
        ("9 8", "", "9 8 111"),
        ("107 100", opus, "107 100 0 8 101"),
        ("107 0 101", &*format!("{opus}{KEYS}"), "107 0 101"),
        ("9", "", "9"),
    ] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = plain(&format!("m=audio 4444 RTP/AVP {formats}"), lines);
        let text = call.pbx_offers(&offer).unwrap();
        let expected = format!("m=audio 4000 UDP/TLS/RTP/SAVPF {offered}");
        assert_eq!(line(&text, "m="), expected);
        let count = offered.split(' ').count();
        assert_eq!(text.matches("a=rtpmap:").count(), count);
    }
}

#[test]
fn an_unknown_client_of_opus_alone_takes_the_call_of_a_pbx_of_g711() {
    let mut call = Call::new(PbxSrtp::None);
    let g711 = plain("m=audio 4444 RTP/AVP 8 0 101", KEYS);
    let mut last: Option<String> = None;
    // What it was told once must not be taken for what it speaks.
    for _ in 0..3 {
        let text = call.pbx_offers(&g711).unwrap();
        assert!(last.is_none_or(|last| last == text), "nothing has changed");
        last = Some(text);
        let (agreement, answer) = call.browser_answers(&opus_only());
        let agreement = agreement.unwrap();
        let expected = [
            (Codec::Opus, Some(Codec::Pcma)),
            (Codec::TelephoneEvent, Some(Codec::TelephoneEvent)),
        ];
        assert_eq!(codecs(&agreement), expected);
        let expected = [(111, 111, 8, 8), (110, 110, 101, 101)];
        assert_eq!(numbers(&agreement), expected);
        assert_eq!(line(&answer, "m="), "m=audio 20000 RTP/AVP 8 101");
    }
}

#[test]
fn a_client_of_g711_alone_takes_the_call_of_a_pbx_of_opus() {
    let mut call = Call::new(PbxSrtp::None);
    let opus = plain("m=audio 4444 RTP/AVP 107", "a=rtpmap:107 opus/48000/2\r\n");
    call.pbx_offers(&opus).unwrap();
    let (agreement, answer) = call.browser_answers(&web("8", ""));
    let agreement = agreement.unwrap();
    assert_eq!(codecs(&agreement), [(Codec::Pcma, Some(Codec::Opus))]);
    assert_eq!(numbers(&agreement), [(8, 8, 107, 107)]);
    assert_eq!(line(&answer, "m="), "m=audio 20000 RTP/AVP 107");
}

#[test]
fn the_pbx_is_told_what_is_shared_in_whatever_order_it_is_answered() {
    for (answered, told, opus) in [
        ("8 0 101", "8 0 101", None),
        ("8 0 101 111 110", "8 0 101", Some(Codec::Pcma)),
        ("111 110 0 101", "0 101", Some(Codec::Pcmu)),
        ("111 0", "0", Some(Codec::Pcmu)),
        // What Opus becomes must be known to the PBX.
        ("111 9", "9 8", Some(Codec::Pcma)),
    ] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = plain("m=audio 4444 RTP/AVP 8 0 9 101", KEYS);
        call.pbx_offers(&offer).unwrap();
        let (agreement, answer) = call.browser_answers(&web(answered, KEYS));
        let agreement = agreement.unwrap();
        let expected = format!("m=audio 20000 RTP/AVP {told}");
        assert_eq!(line(&answer, "m="), expected, "{answered}");
        let sound = agreement.formats.iter().filter(|p| p.format.is_sound());
        assert!(sound.clone().is_sorted_by_key(|p| p.converted.is_some()));
        let turned = sound.filter_map(|p| p.converted.as_ref());
        let turned: Vec<_> = turned.map(|format| format.codec).collect();
        assert_eq!(turned, Vec::from_iter(opus), "{answered}");
    }
}

#[test]
fn numbers_of_what_was_offered_in_place_stay_as_well() {
    let mut call = Call::new(PbxSrtp::None);
    // The PBX has another use for ours.
    let lines = "a=rtpmap:111 telephone-event/8000\r\n";
    let g711 = plain("m=audio 4444 RTP/AVP 8 111", lines);
    let first = call.pbx_offers(&g711).unwrap();
    let expected = "m=audio 4000 UDP/TLS/RTP/SAVPF 8 111 96 110";
    assert_eq!(line(&first, "m="), expected);
    let mine = web("96 110", "a=rtpmap:96 opus/48000/2\r\n");
    let (_, answer) = call.browser_answers(&mine);
    assert_eq!(line(&answer, "m="), "m=audio 20000 RTP/AVP 8 111");
    assert_eq!(call.pbx_offers(&g711).unwrap(), first);
    call.browser_answers(&mine);
    // An INVITE without an offer: now the client offers.
    let text = call.browser_offers(&mine);
    assert_eq!(line(&text, "m="), "m=audio 20000 RTP/AVP 96 110 0 8 111");
    let (agreement, answer) = call.pbx_answers(&g711);
    assert_eq!(
        numbers(&agreement.unwrap()),
        [(96, 96, 8, 8), (110, 110, 111, 111)]
    );
    assert_eq!(line(&answer, "m="), "m=audio 4000 UDP/TLS/RTP/SAVPF 96 110");
    // And the PBX again, with one codec more.
    let more = plain("m=audio 4444 RTP/AVP 0 8 111", lines);
    let text = call.pbx_offers(&more).unwrap();
    let expected = "m=audio 4000 UDP/TLS/RTP/SAVPF 0 8 111 96 110";
    assert_eq!(line(&text, "m="), expected);
    let (agreement, answer) = call.browser_answers(&mine);
    assert_eq!(
        numbers(&agreement.unwrap()),
        [(96, 96, 0, 0), (110, 110, 111, 111)]
    );
    assert_eq!(line(&answer, "m="), "m=audio 20000 RTP/AVP 0 111");
}

#[test]
fn nothing_in_common_is_still_refused() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web("9", ""));
    let answer = plain("m=audio 4444 RTP/AVP 0", "");
    let refused = call.negotiation.on_pbx_answer(&answer);
    assert!(matches!(refused, Err(RelayError::NoAudio)));
}
