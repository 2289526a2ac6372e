use super::*;
use crate::MediaError;

const CHROMIUM: &str = "v=0\r\n\
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE a0 v1\r\n\
a=extmap-allow-mixed\r\n\
a=msid-semantic: WMS stream\r\n\
m=audio 53711 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
c=IN IP4 192.0.2.15\r\n\
a=rtcp:9 IN IP4 0.0.0.0\r\n\
a=candidate:1 1 udp 2113937151 4d2e.local 53711 typ host generation 0\r\n\
a=ice-ufrag:EsAw\r\n\
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n\
a=ice-options:trickle\r\n\
a=fingerprint:sha-256 \
49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\r\n\
a=setup:actpass\r\n\
a=mid:a0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=sendrecv\r\n\
a=msid:stream track\r\n\
a=rtcp-mux\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:63 red/48000/2\r\n\
a=fmtp:63 111/111\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:13 CN/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\n\
a=rtpmap:126 telephone-event/8000\r\n\
a=ssrc:3735928559 cname:foo\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
c=IN IP4 0.0.0.0\r\n\
a=ice-ufrag:EsAw\r\n\
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n\
a=mid:v1\r\n\
a=sendrecv\r\n\
a=rtcp-mux\r\n\
a=rtpmap:96 VP8/90000\r\n";

fn answer_to(offer: &str) -> String {
    let offer = Offer::parse(offer).unwrap();
    let fingerprint = Fingerprint {
        hash: Hash::Sha256,
        digest: (0..32).collect(),
    };
    WebDescription {
        session_id: 7,
        version: 2,
        sections: &offer.sections,
        index: offer.audio.index,
        bundled: offer.audio.bundled,
        audio: Some(WebLine {
            transport: LocalTransport {
                candidates: &[
                    "192.0.2.1:4000".parse().unwrap(),
                    "[2001:db8::1]:4000".parse().unwrap(),
                ],
                takes_streams: true,
                fingerprint: &fingerprint,
                ice_ufrag: "ours",
                ice_pwd: "password",
            },
            setup: "passive",
            direction: offer.audio.direction.reversed(),
            formats: &offer.audio.formats[..2],
            pacing: description::Pacing::default(),
            ssrc: 99,
        }),
    }
    .to_string()
}

#[test]
fn reads_a_chromium_offer() {
    let offer = Offer::parse(CHROMIUM).unwrap();
    let audio = &offer.audio;
    assert_eq!((audio.index, audio.mid.as_deref()), (0, Some("a0")));
    assert!(audio.bundled);
    assert_eq!(audio.remote.ufrag, "EsAw");
    assert_eq!(audio.direction, Direction::SendRecv);
    assert_eq!(audio.remote.fingerprints[0].hash, Hash::Sha256);
    assert_eq!(audio.remote.fingerprints[0].digest[..2], [0x49, 0x66]);
    let formats = audio.formats.iter();
    let formats: Vec<_> = formats
        .map(|f| (f.payload_type, f.codec, f.clock_rate))
        .collect();
    let expected = [
        (111, Codec::Opus, 48_000),
        (9, Codec::G722, 8_000),
        (0, Codec::Pcmu, 8_000),
        (8, Codec::Pcma, 8_000),
        (110, Codec::TelephoneEvent, 48_000),
        (126, Codec::TelephoneEvent, 8_000),
    ];
    assert_eq!(formats, expected);
}

#[test]
fn writes_an_answer_line_for_line() {
    let expected = "v=0\r\n\
o=sidetone 7 2 IN IP4 0.0.0.0\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE a0\r\n\
a=ice-lite\r\n\
m=audio 4000 UDP/TLS/RTP/SAVPF 111 9\r\n\
c=IN IP4 192.0.2.1\r\n\
a=mid:a0\r\n\
a=ice-ufrag:ours\r\n\
a=ice-pwd:password\r\n\
a=fingerprint:sha-256 \
00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
a=setup:passive\r\n\
a=sendrecv\r\n\
a=rtcp-mux\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:9 G722/8000\r\n\
a=msid:sidetone sidetone-audio\r\n\
a=ssrc:99 cname:sidetone\r\n\
a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n\
a=candidate:2 1 udp 2130706175 2001:db8::1 4000 typ host\r\n\
a=candidate:3 1 tcp 1520435199 192.0.2.1 4000 typ host tcptype passive\r\n\
a=candidate:4 1 tcp 1520434943 2001:db8::1 4000 typ host tcptype passive\r\n\
a=end-of-candidates\r\n\
m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n\
c=IN IP4 0.0.0.0\r\n\
a=mid:v1\r\n\
a=inactive\r\n";
    assert_eq!(answer_to(CHROMIUM), expected);
}

#[test]
fn other_lines_keep_their_places_around_the_audio() {
    let (session, sections) = CHROMIUM.split_once("m=audio").unwrap();
    let (audio, video) = sections.split_once("m=video").unwrap();
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d2\r\n";
    let offer = format!("{session}m=video{video}m=audio{audio}{data}");
    let answer = answer_to(&offer);
    let lines: Vec<_> = answer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    let expected = [
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 9",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn answers_every_direction_with_its_counterpart() {
    for (offered, answered, sends) in [
        ("sendrecv", "a=sendrecv", true),
        ("sendonly", "a=recvonly", false),
        ("recvonly", "a=sendonly", true),
        ("inactive", "a=inactive", false),
    ] {
        let offer = CHROMIUM.replacen("a=sendrecv", &format!("a={offered}"), 1);
        let answer = answer_to(&offer);
        let audio = answer.split("m=video").next().unwrap();
        let directions: Vec<_> = audio
            .lines()
            .filter(|line| Direction::parse(&line[2..]).is_some())
            .collect();
        assert_eq!(directions, [answered]);
        assert_eq!(audio.contains("a=msid:"), sends);
    }
}

#[test]
fn session_level_attributes_hold_for_the_audio() {
    let moved = [
        "a=ice-ufrag:EsAw\r\n",
        "a=setup:actpass\r\n",
        "a=sendrecv\r\n",
    ];
    let (_, fingerprint) = CHROMIUM.split_once("a=fingerprint").unwrap();
    let fingerprint = format!(
        "a=fingerprint{}\r\n",
        fingerprint.split("\r\n").next().unwrap()
    );
    let mut offer = CHROMIUM.replacen(&fingerprint, "", 1);
    for line in moved {
        offer = offer.replacen(line, "", 1);
    }
    let session = format!("t=0 0\r\n{fingerprint}a=ice-ufrag:EsAw\r\na=recvonly\r\n");
    let audio = Offer::parse(&offer.replacen("t=0 0\r\n", &session, 1))
        .unwrap()
        .audio;
    assert_eq!(audio.remote.fingerprints.len(), 1);
    assert_eq!(audio.direction, Direction::RecvOnly);
}

#[test]
fn without_common_audio_there_is_no_answer() {
    let no_audio = CHROMIUM.replace("m=audio", "m=text");
    let refused = CHROMIUM.replace("m=audio 53711", "m=audio 0");
    let foreign = CHROMIUM.replace(" 111 63 9 0 8 13 110 126", " 63 13 126");
    for offer in [no_audio, refused, foreign] {
        assert!(matches!(Offer::parse(&offer), Err(MediaError::NoAudio)));
    }
}

#[test]
fn a_text_may_have_other_control_characters() {
    let plain = Offer::parse(CHROMIUM).unwrap();
    let tab = CHROMIUM.replace("\r\ns=-", "\r\ns=a\tcall\u{1}");
    assert_ne!(tab, CHROMIUM);
    assert_eq!(Offer::parse(&tab).unwrap().audio, plain.audio);
}

#[test]
fn offers_that_cannot_be_answered_say_why() {
    let no_name = CHROMIUM.replace("a=ice-ufrag:EsAw\r\n", "");
    let cases = [
        (String::new(), "v=0"),
        ("INVITE sip:600@demo.local".to_owned(), "v=0"),
        (CHROMIUM.replace("a=fingerprint", "a=x-fingerprint"), "DTLS"),
        (CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "DTLS"),
        (CHROMIUM.replace("a=rtcp-mux", "a=x"), "RTCP"),
        (CHROMIUM.replace("actpass", "passive"), "client"),
        (CHROMIUM.replace("m=audio 53711", "m=audio"), "port"),
        (CHROMIUM.replace("a=mid:a0", "a=mid:a\r0"), "CR"),
        (CHROMIUM.replace("a=mid:a0", "a=mid:\0"), "NUL"),
        (CHROMIUM.replace("a=sendrecv", "sendrecv"), "x="),
        (no_name, "ICE"),
        (CHROMIUM.repeat(60), "long"),
    ];
    for (offer, reason) in cases {
        match Offer::parse(&offer) {
            Err(MediaError::BadOffer(why)) => assert!(why.contains(reason), "{reason}: {why}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
}

const PBX: &str = "v=0\r\no=root 1 1 IN IP4 192.0.2.7\r\ns=Asterisk\r\nc=IN IP4 192.0.2.7\r\n\
t=0 0\r\nm=audio 18512 RTP/SAVP 0 8 101\r\na=rtcp:18515 IN IP4 192.0.2.8\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\n\
a=sendrecv\r\n";

#[test]
fn nonsense_never_panics() {
    let mut random = 5_u32;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below
    };
    let mut understood = 0;
    for text in [CHROMIUM, PBX] {
        for length in 0..text.len() {
            let _ = Offer::parse(&text[..length]);
            let _ = plain::PlainAudio::of_offer(&text[..length]);
        }
        for _ in 0..5000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=next(4) {
                let (at, from) = (next(bytes.len()), next(bytes.len()));
                match next(3) {
                    0 => bytes[at] = b"\r\n =:/|;0129a-"[next(14)],
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, bytes[from]),
                }
            }
            let text = String::from_utf8(bytes).unwrap();
            understood += usize::from(Offer::parse(&text).is_ok());
            understood += usize::from(plain::PlainAudio::of_offer(&text).is_ok());
            let _ = Audio::of_answer(&text, next(3));
            let _ = plain::PlainAudio::of_answer(&text, next(3));
        }
    }
    assert!((1000..9000).contains(&understood), "{understood} of 10,000");
}

#[test]
fn broken_fingerprints_are_not_taken() {
    for broken in [
        "sha-256",
        "sha-256 00:11",
        "md5 00:11",
        "sha-256 zz:11",
        "sha-256 +1:+2:+3:+4:+5:+6:+7:+8:+9:+1:+2:+3:+4:+5:+6:+7:+8:+9:+1:+2:+3:+4:+5:+6:+7:+8:\
+9:+1:+2:+3:+4:+5",
    ] {
        assert_eq!(Fingerprint::parse(broken), None, "{broken}");
    }
}
