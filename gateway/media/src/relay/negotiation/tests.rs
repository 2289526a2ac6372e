use super::*;
use crate::sdp::{Direction, Fingerprint, Hash};
use crate::transport::dtls::Role;

const FINGERPRINT: &str = "a=fingerprint:sha-256 \
00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";
const RTPMAPS: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
const ALL: &str = "111 9 0 8 110 126";

fn web(formats: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
         a=ice-ufrag:them\r\na=ice-pwd:secret\r\n{FINGERPRINT}\r\na=setup:actpass\r\n\
         a=rtcp-mux\r\n{RTPMAPS}{lines}"
    )
}

fn plain(media: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 9 9 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}\r\n{lines}"
    )
}

struct Call {
    negotiation: Negotiation,
    fingerprint: Fingerprint,
    /// Makes each key another one.
    keys: std::cell::Cell<u8>,
}

impl Call {
    fn new(srtp: PbxSrtp) -> Self {
        let local = "192.0.2.1:20000".parse().unwrap();
        Self {
            negotiation: Negotiation::new(local, srtp, [5, 6]),
            fingerprint: Fingerprint {
                hash: Hash::Sha256,
                digest: vec![0xab; 32],
            },
            keys: std::cell::Cell::new(0),
        }
    }

    fn browser_offers(&mut self, text: &str) -> String {
        let keys = &self.keys;
        let make = |suite: Suite| key(suite, keys);
        let offer = Offer::parse(text).unwrap();
        self.negotiation.on_browser_offer(offer, &make).unwrap()
    }

    fn pbx_answers(&mut self, text: &str) -> (Option<Agreement>, String) {
        let agreement = self.negotiation.on_pbx_answer(text).unwrap();
        let candidates = ["192.0.2.1:4000".parse().unwrap()];
        let transport = local(&self.fingerprint, &candidates);
        let answer = self
            .negotiation
            .answer_browser(agreement.as_ref(), transport, 99);
        (agreement, answer)
    }

    fn pbx_offers(&mut self, text: &str) -> Result<String, RelayError> {
        let candidates = ["192.0.2.1:4000".parse().unwrap()];
        let transport = local(&self.fingerprint, &candidates);
        self.negotiation.on_pbx_offer(text, transport, 99)
    }

    fn browser_answers(&mut self, text: &str) -> (Option<Agreement>, String) {
        let keys = &self.keys;
        let make = |suite: Suite| key(suite, keys);
        let settled = self.negotiation.on_browser_answer(text, &make).unwrap();
        let agreement = settled.map(|(agreement, _)| agreement);
        let answer = self.negotiation.answer_pbx(agreement.as_ref());
        (agreement, answer)
    }
}

fn key(suite: Suite, made: &std::cell::Cell<u8>) -> Option<MasterKey> {
    made.set(made.get() + 1);
    let joined = vec![made.get(); suite.key_length() + suite.salt_length()];
    MasterKey::from_joined(suite, &joined)
}

fn local<'a>(fingerprint: &'a Fingerprint, candidates: &'a [SocketAddr]) -> LocalTransport<'a> {
    LocalTransport {
        candidates,
        takes_streams: false,
        fingerprint,
        ice_ufrag: "ours",
        ice_pwd: "password",
    }
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    let mut lines = text.lines();
    lines
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no {start} in {text}"))
}

fn numbers(agreement: &Agreement) -> Vec<(u8, u8, u8, u8)> {
    let pairs = agreement.formats.iter();
    pairs
        .map(|p| (p.browser.hears, p.browser.sends, p.pbx.hears, p.pbx.sends))
        .collect()
}

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
fn keys_are_offered_and_one_is_chosen() {
    let mut call = Call::new(PbxSrtp::Sdes);
    let offer = call.browser_offers(&web(ALL, ""));
    assert!(line(&offer, "m=").starts_with("m=audio 20000 RTP/SAVP "));
    let offered: Vec<_> = offer
        .lines()
        .filter(|line| line.starts_with("a=crypto:"))
        .collect();
    assert_eq!(offered.len(), 4);
    for (n, suite) in SUITES.into_iter().enumerate() {
        let theirs =
            MasterKey::from_joined(suite, &vec![77; suite.key_length() + suite.salt_length()]);
        let chosen = Crypto {
            tag: n as u32 + 1,
            key: theirs.clone().unwrap(),
        };
        let answer = plain("m=audio 4444 RTP/SAVP 0", &format!("a=crypto:{chosen}\r\n"));
        let (agreement, text) = call.pbx_answers(&answer);
        let (ours, agreed) = agreement.unwrap().keys.unwrap();
        assert_eq!(Some(agreed), theirs);
        let ours = Crypto {
            tag: n as u32 + 1,
            key: ours,
        };
        assert_eq!(offered[n], format!("a=crypto:{ours}"));
        assert!(!text.contains("crypto"), "keys are between us and the PBX");
    }
}

#[test]
fn who_must_encrypt_is_not_talked_to_otherwise() {
    let mut call = Call::new(PbxSrtp::Sdes);
    call.browser_offers(&web(ALL, ""));
    let unencrypted = plain("m=audio 4444 RTP/AVP 0", "");
    let answered = call.negotiation.on_pbx_answer(&unencrypted);
    assert!(matches!(answered, Err(RelayError::Unencrypted)));
    assert!(matches!(
        call.pbx_offers(&unencrypted),
        Err(RelayError::Unencrypted)
    ));
}

#[test]
fn who_encrypts_unasked_is_answered_so() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = |byte: u8| {
        let key = MasterKey::from_joined(Suite::AeadAes256Gcm, &[byte; 44]).unwrap();
        let lines = format!(
            "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\na=crypto:3 {}\r\n",
            Crypto { tag: 3, key }.to_string().trim_start_matches("3 ")
        );
        plain("m=audio 4444 RTP/SAVP 0", &lines)
    };
    call.pbx_offers(&offer(1)).unwrap();
    let (agreement, first) = call.browser_answers(&web("0", ""));
    assert!(agreement.unwrap().keys.is_some());
    assert!(line(&first, "a=crypto").starts_with("a=crypto:3 AEAD_AES_256_GCM inline:"));
    // The same key again, and ours stays; another, and ours is another.
    call.pbx_offers(&offer(1)).unwrap();
    assert_eq!(call.browser_answers(&web("0", "")).1, first);
    call.pbx_offers(&offer(2)).unwrap();
    let changed = call.browser_answers(&web("0", "")).1;
    assert_ne!(line(&changed, "a=crypto"), line(&first, "a=crypto"));
    // What the browser offers then is encrypted as well.
    assert!(line(&call.browser_offers(&web(ALL, "")), "m=").contains("RTP/SAVP"));
}

#[test]
fn the_profile_stays_what_the_pbx_has_begun_with() {
    for profile in ["RTP/AVP", "RTP/AVPF"] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = plain(&format!("m=audio 4444 {profile} 0"), "");
        call.pbx_offers(&offer).unwrap();
        let (_, answer) = call.browser_answers(&web("0", ""));
        let expected = format!("m=audio 20000 {profile} 0");
        assert_eq!(line(&answer, "m="), expected);
        let offer = call.browser_offers(&web("0", "a=inactive\r\n"));
        assert_eq!(line(&offer, "m="), expected);
    }
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
            "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
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
fn the_browser_may_leave_the_hello_to_us() {
    for (setup, role) in [("active", Role::Server), ("passive", Role::Client)] {
        let mut call = Call::new(PbxSrtp::None);
        call.pbx_offers(&plain("m=audio 4444 RTP/AVP 0", ""))
            .unwrap();
        let answer = web("0", "").replace("actpass", setup);
        let make = |_: Suite| None;
        let settled = call.negotiation.on_browser_answer(&answer, &make).unwrap();
        assert_eq!(settled.unwrap().1.remote.role, role);
    }
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
    let foreign = call.negotiation.on_pbx_answer(&answer);
    assert!(matches!(foreign, Err(RelayError::NoAudio)));
    let fax = plain("m=image 4444 udptl t38", "");
    assert!(matches!(call.pbx_offers(&fax), Err(RelayError::NoAudio)));
    // The call goes on as it was.
    let right = plain("m=audio 4444 RTP/AVP 111", "a=rtpmap:111 opus/48000/2\r\n");
    assert!(call.pbx_answers(&right).0.is_some());
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
