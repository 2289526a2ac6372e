//! What each side is told of the other.

use super::*;

#[test]
fn the_pbx_is_offered_what_an_ordinary_phone_offers() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = call.browser_offers(&web(ALL, "a=sendrecv\r\na=ptime:20\r\na=maxptime:60\r\n"));
    let expected = "v=0\r\n\
o=sidetone 6 1 IN IP4 192.0.2.1\r\n\
s=-\r\n\
c=IN IP4 192.0.2.1\r\n\
t=0 0\r\n\
m=audio 20000 RTP/AVP 111 9 0 8 110 126\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=fmtp:111 minptime=10\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\n\
a=rtpmap:126 telephone-event/8000\r\n\
a=ptime:20\r\n\
a=maxptime:60\r\n\
a=sendrecv\r\n";
    assert_eq!(offer, expected);
}

#[test]
fn the_browser_hears_the_answer_under_its_own_numbers() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web(ALL, ""));
    let answer = plain(
        "m=audio 4444 RTP/AVP 8 101",
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:30\r\n",
    );
    let (agreement, text) = call.pbx_answers(&answer);
    let agreement = agreement.unwrap();
    assert_eq!(numbers(&agreement), [(8, 8, 8, 8), (126, 126, 101, 126)]);
    assert_eq!(agreement.rtp, Some("198.51.100.7:4444".parse().unwrap()));
    assert_eq!(agreement.rtcp, Some("198.51.100.7:4445".parse().unwrap()));
    let expected = "v=0\r\n\
o=sidetone 5 1 IN IP4 0.0.0.0\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE 0\r\n\
a=ice-lite\r\n\
m=audio 4000 UDP/TLS/RTP/SAVPF 8 126\r\n\
c=IN IP4 192.0.2.1\r\n\
a=mid:0\r\n\
a=ice-ufrag:ours\r\n\
a=ice-pwd:password\r\n\
a=fingerprint:sha-256 \
AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\n\
a=setup:passive\r\n\
a=sendrecv\r\n\
a=rtcp-mux\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:126 telephone-event/8000\r\n\
a=fmtp:126 0-16\r\n\
a=ptime:30\r\n\
a=msid:sidetone sidetone-audio\r\n\
a=ssrc:99 cname:sidetone\r\n\
a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n\
a=end-of-candidates\r\n";
    assert_eq!(text, expected);
}

#[test]
fn the_browser_is_offered_what_the_pbx_offers() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = plain(
        "m=audio 4444 RTP/AVP 18 0 107 101",
        "a=rtpmap:18 G729/8000\r\na=rtpmap:107 opus/48000/2\r\na=fmtp:107 useinbandfec=1\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=rtcp:5555 IN IP4 198.51.100.8\r\n\
         m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    );
    let text = call.pbx_offers(&offer).unwrap();
    assert_eq!(
        line(&text, "m="),
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0 107 101"
    );
    assert_eq!(text.matches("m=").count(), 1);
    assert_eq!(line(&text, "a=setup"), "a=setup:actpass");
    assert_eq!(line(&text, "a=group"), "a=group:BUNDLE 0");
    assert_eq!(line(&text, "a=fmtp:107"), "a=fmtp:107 useinbandfec=1");
    assert!(text.contains("a=sendonly\r\n"));

    let answer = web(
        "107 101",
        "a=rtpmap:107 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n",
    );
    let (agreement, text) = call.browser_answers(&answer);
    let agreement = agreement.unwrap();
    assert_eq!(
        numbers(&agreement),
        [(107, 107, 107, 107), (101, 101, 101, 101)]
    );
    assert_eq!(agreement.rtcp, Some("198.51.100.8:5555".parse().unwrap()));
    assert_eq!(
        (agreement.browser, agreement.pbx),
        (Direction::RecvOnly, Direction::SendOnly)
    );
    let media: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        ["m=audio 20000 RTP/AVP 107 101", "m=video 0 RTP/AVP 96"]
    );
    assert!(text.contains("a=recvonly\r\n"));
}

#[test]
fn hold_is_passed_on_by_every_attribute() {
    for (theirs, answered, pbx, browser) in [
        (
            "sendonly",
            "recvonly",
            Direction::RecvOnly,
            Direction::SendOnly,
        ),
        (
            "recvonly",
            "sendonly",
            Direction::SendOnly,
            Direction::RecvOnly,
        ),
        (
            "inactive",
            "inactive",
            Direction::Inactive,
            Direction::Inactive,
        ),
        (
            "sendrecv",
            "sendrecv",
            Direction::SendRecv,
            Direction::SendRecv,
        ),
    ] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = call.browser_offers(&web(ALL, &format!("a={theirs}\r\n")));
        assert!(offer.ends_with(&format!("a={theirs}\r\n")));
        let answer = plain("m=audio 4444 RTP/AVP 0", &format!("a={answered}\r\n"));
        let (agreement, text) = call.pbx_answers(&answer);
        let agreement = agreement.unwrap();
        assert_eq!((agreement.browser, agreement.pbx), (browser, pbx));
        assert!(text.contains(&format!("a={}\r\n", pbx.as_str())));
    }
}

#[test]
fn hold_the_old_way_is_told_the_new_way() {
    for (lines, told) in [("", "a=sendonly"), ("a=recvonly\r\n", "a=inactive")] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = plain("m=audio 4444 RTP/AVP 0", lines)
            .replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
        let text = call.pbx_offers(&offer).unwrap();
        assert!(text.contains(&format!("{told}\r\n")), "{text}");
        let (agreement, _) = call.browser_answers(&web("0", "a=recvonly\r\n"));
        let agreement = agreement.unwrap();
        assert_eq!((agreement.rtp, agreement.rtcp), (None, None));
    }
}

#[test]
fn addresses_that_cannot_be_sent_to_say_why() {
    let answer = plain("m=audio 4444 RTP/AVP 0", "");
    for (bad, why) in [
        (
            answer.replace("c=IN IP4 198.51.100.7", "c=IN IP4 pbx.example"),
            "IP address",
        ),
        (answer.replace("c=IN IP4 198.51.100.7\r\n", ""), "address"),
        (answer.replace("RTP/AVP", "RTP/SAVP"), "profile"),
        (answer.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF"), "profile"),
        (answer.replace("m=audio", "x=audio"), "media lines"),
    ] {
        let mut call = Call::new(PbxSrtp::None);
        call.browser_offers(&web(ALL, ""));
        match call.negotiation.on_pbx_answer(&bad) {
            Err(RelayError::BadDescription(text)) => assert!(text.contains(why), "{why}: {text}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn an_offer_that_cannot_be_sent_to_changes_nothing() {
    let mut call = Call::new(PbxSrtp::None);
    call.browser_offers(&web(ALL, ""));
    let plain = plain("m=audio 4444 RTP/AVP 0", "");
    let other = plain.replace("IP4 198.51.100.7", "IP6 2001:db8::7");
    match call.pbx_offers(&other) {
        Err(RelayError::BadDescription(why)) => assert!(why.contains("IP version"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(
        call.pbx_answers(&plain).0.is_some(),
        "the browser's offer still stands"
    );
}

#[test]
fn a_codec_is_named_once_however_often_it_was_offered() {
    let mut call = Call::new(PbxSrtp::None);
    let lines = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 opus/48000/1\r\n";
    let offer = plain("m=audio 4444 RTP/AVP 96 0 97 0", lines);
    let text = call.pbx_offers(&offer).unwrap();
    assert_eq!(line(&text, "m="), "m=audio 4000 UDP/TLS/RTP/SAVPF 96 0");
    assert_eq!(text.matches("a=rtpmap:").count(), 2);
}

#[test]
fn ipv6_is_told_as_such() {
    let local = "[2001:db8::1]:20000".parse().unwrap();
    let mut call = Call::new(PbxSrtp::None);
    call.negotiation = Negotiation::new(local, PbxSrtp::None, [5, 6]);
    let offer = call.browser_offers(&web(ALL, ""));
    assert_eq!(line(&offer, "c="), "c=IN IP6 2001:db8::1");
    let answer = plain("m=audio 4444 RTP/AVP 0", "").replace("IP4 198.51.100.7", "IP6 2001:db8::7");
    let (agreement, _) = call.pbx_answers(&answer);
    assert_eq!(
        agreement.unwrap().rtp,
        Some("[2001:db8::7]:4444".parse().unwrap())
    );
}
