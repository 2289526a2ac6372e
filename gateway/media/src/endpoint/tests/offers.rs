//! Later offers, and codecs.

use super::*;

#[test]
fn an_ice_restart_changes_the_names_and_keeps_the_keys() {
    let mut call = Call::connected(Program::Echo);
    let before = call.endpoint.browser.credentials().clone();
    let same = call.reoffer("them", "sendrecv");
    assert!(same.contains(&format!("a=ice-ufrag:{}\r\n", before.ufrag)));
    let answer = call.reoffer("restarted", "sendrecv");
    let after = call.endpoint.browser.credentials().clone();
    assert_ne!(after, before);
    assert!(answer.contains(&format!("a=ice-ufrag:{}\r\n", after.ufrag)));
    assert!(answer.contains(&format!("a=ice-pwd:{}\r\n", after.pwd)));
    call.check();
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"still here");
    assert_eq!(call.heard.len(), 1);
    assert_eq!(call.events, [LegEvent::Connected]);
}

#[test]
fn an_offer_that_cannot_be_answered_changes_nothing() {
    let mut call = Call::connected(Program::Announcement);
    let names: Vec<String> = call
        .endpoint
        .browser()
        .ufrags()
        .map(str::to_owned)
        .collect();
    let opus_only = offer("other", "inactive", "111 126", &call.fingerprint);
    let error = call.endpoint.renegotiate(call.now, &opus_only).unwrap_err();
    assert!(matches!(error, MediaError::NoAudio));
    assert_eq!(call.endpoint.browser().ufrags().collect::<Vec<_>>(), names);
    call.pass(SECOND);
    assert_eq!(call.heard.len(), 51, "it plays on");
}

#[test]
fn programs_choose_the_codecs_they_speak() {
    let now = Instant::now();
    let fingerprint = Fingerprint {
        hash: Hash::Sha256,
        digest: vec![1; 32],
    };
    let cases = [
        (
            Program::Echo,
            "8 0 126 111",
            Some("m=audio 4000 UDP/TLS/RTP/SAVPF 111 0 8 126\r\n"),
        ),
        (
            Program::Announcement,
            "111 8 126 0",
            Some("m=audio 4000 UDP/TLS/RTP/SAVPF 0 8 126\r\n"),
        ),
        (Program::Announcement, "111 126", None),
    ];
    let shared = shared(now);
    for (program, formats, line) in cases {
        let offer = offer("them", "sendrecv", formats, &fingerprint);
        match (Endpoint::open(shared.clone(), &offer, program, now), line) {
            (Ok((_, answer)), Some(line)) => assert!(answer.contains(line), "{answer}"),
            (Err(MediaError::NoAudio), None) => {}
            _ => panic!("{program:?} {formats}"),
        }
    }
}
