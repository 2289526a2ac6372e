//! What holds from the first offer to the last.

use super::*;

#[test]
fn what_is_refused_stays_refused() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web(ALL, ""));
    let (agreement, text) = call.pbx_answers(&plain("m=audio 0 RTP/AVP 0", ""));
    assert_eq!(agreement, None);
    assert_eq!(
        line(&text, "m="),
        "m=audio 0 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126"
    );
    assert!(!text.contains("BUNDLE"));

    let mut call = Call::new(PbxSrtp::None);
    call.pbx_offers(&plain("m=audio 4444 RTP/AVP 0", ""))
        .unwrap();
    let (agreement, text) = call.browser_answers(&web("0", "").replace("m=audio 9", "m=audio 0"));
    assert_eq!(agreement, None);
    assert_eq!(line(&text, "m="), "m=audio 0 RTP/AVP 0");
}

#[test]
fn the_version_counts_changes_and_nothing_else() {
    let mut call = Call::new(PbxSrtp::None);
    let origin = |text: &str| line(text, "o=").to_owned();
    let first = call.browser_offers(&web(ALL, ""));
    let again = call.browser_offers(&web(ALL, ""));
    let held = call.browser_offers(&web(ALL, "a=inactive\r\n"));
    let resumed = call.browser_offers(&web(ALL, ""));
    assert_eq!(origin(&first), "o=sidetone 6 1 IN IP4 192.0.2.1");
    assert_eq!(again, first);
    assert_eq!(origin(&held), "o=sidetone 6 2 IN IP4 192.0.2.1");
    assert_eq!(origin(&resumed), "o=sidetone 6 3 IN IP4 192.0.2.1");
    // Each side has its own.
    let (_, answer) = call.pbx_answers(&plain("m=audio 4444 RTP/AVP 0", ""));
    assert_eq!(origin(&answer), "o=sidetone 5 1 IN IP4 0.0.0.0");
}

#[test]
fn numbers_keep_their_meaning_throughout_the_call() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web(ALL, ""));
    call.pbx_answers(&plain("m=audio 4444 RTP/AVP 0", ""));
    // The PBX now uses 111 and 126 for other things than the browser does.
    let lines = "a=rtpmap:126 opus/48000/2\r\na=rtpmap:111 telephone-event/8000\r\n\
                 a=rtpmap:0 PCMU/8000\r\na=rtpmap:110 telephone-event/16000\r\n";
    let text = call
        .pbx_offers(&plain("m=audio 4444 RTP/AVP 126 0 111 110", lines))
        .unwrap();
    assert_eq!(
        line(&text, "m="),
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 0 126 96"
    );
    assert_eq!(
        line(&text, "a=rtpmap:96"),
        "a=rtpmap:96 telephone-event/16000"
    );
    let (agreement, text) = call.browser_answers(&web("111 126", ""));
    assert_eq!(
        numbers(&agreement.unwrap()),
        [(111, 111, 126, 126), (126, 126, 111, 111)]
    );
    assert_eq!(line(&text, "m="), "m=audio 20000 RTP/AVP 126 111");
}

#[test]
fn lines_keep_their_places_throughout_the_call() {
    let mut call = Call::new(PbxSrtp::None);
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n";
    call.browser_offers(&web(ALL, video));
    let (_, answer) = call.pbx_answers(&plain("m=audio 4444 RTP/AVP 0", ""));
    assert!(answer.contains("m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"));
    let text = call
        .pbx_offers(&plain("m=audio 4444 RTP/AVP 0", ""))
        .unwrap();
    let media: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        [
            "m=audio 4000 UDP/TLS/RTP/SAVPF 0 111",
            "m=video 0 UDP/TLS/RTP/SAVPF 96"
        ]
    );
}

#[test]
fn a_restart_concerns_the_browser_alone() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web(ALL, ""));
    let (agreement, _) = call.pbx_answers(&plain("m=audio 4444 RTP/AVP 8 0", ""));
    let agreement = agreement.unwrap();
    let restart = |formats: &str, lines: &str| {
        Offer::parse(&web(formats, lines).replace("ufrag:them", "ufrag:again")).unwrap()
    };
    let same = call.negotiation.on_restart(&restart(ALL, ""), &agreement);
    assert_eq!(same, Some(agreement.clone()));
    let held = call
        .negotiation
        .on_restart(&restart(ALL, "a=sendonly\r\n"), &agreement);
    assert_eq!(held, None);
    let without = call
        .negotiation
        .on_restart(&restart("111 0", ""), &agreement);
    assert_eq!(without, None, "A-law is spoken");
}

#[test]
fn answers_need_an_offer_and_something_in_common() {
    let mut call = Call::new(PbxSrtp::None);
    let answer = plain("m=audio 4444 RTP/AVP 0", "");
    assert!(matches!(
        call.negotiation.on_pbx_answer(&answer),
        Err(RelayError::NoOffer)
    ));
    let make = |_: Suite| None;
    let early = call.negotiation.on_browser_answer(&web("0", ""), &make);
    assert!(matches!(early, Err(RelayError::NoOffer)));
    call.browser_offers(&web("111 126", ""));
    let wideband = plain("m=audio 4444 RTP/AVP 9", "");
    let foreign = call.negotiation.on_pbx_answer(&wideband);
    assert!(matches!(foreign, Err(RelayError::NoAudio)));
    let fax = plain("m=image 4444 udptl t38", "");
    assert!(matches!(call.pbx_offers(&fax), Err(RelayError::NoAudio)));
    // The call goes on as it was.
    let right = plain("m=audio 4444 RTP/AVP 111", "a=rtpmap:111 opus/48000/2\r\n");
    assert!(call.pbx_answers(&right).0.is_some());
}
