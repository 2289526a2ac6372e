//! What comes from the PBX's side, byte by byte.

use super::*;
use crate::relay::payloads::Payload;
use crate::relay::{BrowserOffer, PbxSrtp};
use crate::sdp::Codec;
use crate::sdp::crypto::Crypto;
use crate::transport::dtls::Identity;
use crate::transport::srtp::Suite;

const PBX: &str = "192.0.2.7:4444";

fn web(fingerprint: &str) -> String {
    format!(
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:them\r\n\
         a=fingerprint:{fingerprint}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
    )
}

/// With an offer of the browser that the PBX has not answered, and that offer.
fn offered(srtp: PbxSrtp) -> (Bridge, String) {
    let now = Instant::now();
    let shared = Shared {
        identity: Identity::generate().unwrap(),
        recording: crate::program::announcement::Recording::chime(),
        crypto: rtc_crypto::default_provider().unwrap(),
        clock: crate::clock::WallClock::new(now),
        candidates: vec!["192.0.2.1:4000".parse().unwrap()],
        takes_streams: false,
    };
    let config = RelayConfig {
        local: "192.0.2.1".parse().unwrap(),
        advertise: Some("198.51.100.1".parse().unwrap()),
        srtp,
        symmetric_rtp: false,
    };
    let mut bridge = Bridge::new(Arc::new(shared), &config, 20_000, now).unwrap();
    let fingerprint = bridge.shared.identity.fingerprint().to_string();
    let offer = bridge.on_browser_offer(now, &web(&fingerprint)).unwrap();
    let BrowserOffer::Offer(offer) = offer else {
        panic!("{offer:?}")
    };
    (bridge, offer)
}

fn bridge() -> Bridge {
    let (mut bridge, offer) = offered(PbxSrtp::None);
    assert!(
        offer.contains("c=IN IP4 198.51.100.1\r\n"),
        "what the NAT shows"
    );
    let now = Instant::now();
    let answer = "v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 4444 RTP/AVP 0\r\n";
    bridge.on_pbx_answer(now, "a", answer).unwrap();
    bridge.on_confirmed("a");
    bridge
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160, 0, 0, 0, 9]);
    packet.extend([0xd5; 160]);
    packet
}

fn take(bridge: &mut Bridge, from: &str, packet: &[u8]) -> Result<Forward<Path>, Dropped> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MAX_TRAILER, 0);
    let (now, from) = (Instant::now(), from.parse().unwrap());
    bridge.handle_pbx(now, Component::Rtp, from, &mut buffer, packet.len())
}

#[test]
fn others_are_let_in_when_a_pbx_is_silent() {
    let mut bridge = bridge();
    let peer = PBX.parse().ok();
    for sequence in 1..3 {
        assert_eq!(take(&mut bridge, PBX, &packet(sequence)), Ok(None));
        assert_eq!(bridge.rtp_peer(), peer);
        bridge.check_pbx(Instant::now() + Duration::from_secs(31));
        assert_eq!(bridge.rtp_peer(), None);
    }
}

#[test]
fn who_is_to_say_hello_stays_so_before_anybody_is_there() {
    let (bridge, _) = offered(PbxSrtp::None);
    let now = Instant::now();
    let fingerprint = bridge.shared.identity.fingerprint().to_string();
    let config = RelayConfig {
        local: "192.0.2.1".parse().unwrap(),
        advertise: None,
        srtp: PbxSrtp::None,
        symmetric_rtp: false,
    };
    let mut bridge = Bridge::new(bridge.shared, &config, 20_000, now).unwrap();
    let pbx = "v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 4444 RTP/AVP 0\r\n";
    bridge.on_pbx_offer(pbx).unwrap();
    let passive = web(&fingerprint).replace("actpass", "passive");
    bridge.on_browser_answer(now, &passive).unwrap();
    bridge.on_browser_offer(now, &web(&fingerprint)).unwrap();
    let told = bridge.on_pbx_answer(now, "", pbx).unwrap();
    assert!(told.contains("a=setup:active\r\n"), "{told}");
}

#[test]
fn a_pbx_of_the_other_ip_version_is_not_told_what_the_nat_shows() {
    let (bridge, _) = offered(PbxSrtp::None);
    let config = RelayConfig {
        local: "2001:db8::1".parse().unwrap(),
        advertise: Some("198.51.100.1".parse().unwrap()),
        srtp: PbxSrtp::None,
        symmetric_rtp: false,
    };
    let now = Instant::now();
    let mut bridge = Bridge::new(bridge.shared, &config, 20_000, now).unwrap();
    let fingerprint = bridge.shared.identity.fingerprint().to_string();
    match bridge.on_browser_offer(now, &web(&fingerprint)).unwrap() {
        BrowserOffer::Offer(offer) => assert!(offer.contains("c=IN IP6 2001:db8::1\r\n")),
        answer @ BrowserOffer::Answer(_) => panic!("{answer:?}"),
    }
}

#[test]
fn whichever_of_many_branches_answers_is_heard() {
    let (mut bridge, _) = offered(PbxSrtp::None);
    let now = Instant::now();
    let answer = |n: u16| format!("v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio {n} RTP/AVP 0\r\n");
    let name = |n: u16| format!("branch {n}");
    for n in 1..=100 {
        bridge.on_pbx_answer(now, &name(n), &answer(n)).unwrap();
        if n == 3 {
            // It plays music meanwhile, and goes on.
            assert_eq!(take(&mut bridge, "192.0.2.7:3", &packet(0)), Ok(None));
        }
    }
    assert!(bridge.branches.len() <= 16);
    assert_eq!(take(&mut bridge, "192.0.2.7:3", &packet(1)), Ok(None));
    assert_eq!(bridge.stats().from_pbx.packets, 2);
    bridge.on_confirmed(&name(100));
    let source = "192.0.2.7:3";
    assert_eq!(take(&mut bridge, source, &packet(2)), Err(Dropped::Unknown));
    assert_eq!(take(&mut bridge, "192.0.2.7:100", &packet(3)), Ok(None));
    assert_eq!(bridge.stats().from_pbx.packets, 3);
}

#[test]
fn a_key_that_is_used_again_counts_on() {
    let (mut bridge, offer) = offered(PbxSrtp::Sdes);
    assert!(offer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 "));
    let key = MasterKey::from_joined(Suite::AesCm128Sha1_80, &[7; 30]).unwrap();
    let crypto = Crypto { tag: 1, key };
    let answer = |port: u16| {
        format!("v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio {port} RTP/SAVP 0\r\na=crypto:{crypto}\r\n")
    };
    let now = Instant::now();
    for index in 1..5_u32 {
        bridge.on_pbx_answer(now, "a", &answer(4444)).unwrap();
        bridge.report(now);
        let Some(BridgeOutput::ReportToPbx(_, report)) = bridge.poll_output() else {
            panic!("no report");
        };
        let (word, _tag) = report[report.len() - 14..].split_at(4);
        assert_eq!(word, (index | 1 << 31).to_be_bytes());
        // Without sound for a while.
        bridge.on_pbx_answer(now, "a", &answer(0)).unwrap();
        bridge.report(now);
        assert!(bridge.poll_output().is_none(), "nobody to report to");
    }
}

#[test]
fn a_key_press_is_rewritten_wherever_it_lies() {
    let bridge = bridge();
    let (mut stream, mut reporter) = (Stream::new(1, 0, 0), bridge.pbx_reporter);
    let payload = Payload {
        number: 101,
        codec: Codec::TelephoneEvent,
        clock_rate: 48_000,
        converted: Some((Codec::TelephoneEvent, 8_000)),
    };
    let mut forward = |first: u8, rest: &[u8]| {
        let mut buffer = vec![first, 110, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        stream.splice.cut();
        buffer.extend(rest);
        let length = buffer.len();
        let now = Instant::now();
        let length = stream.forward(now, &mut buffer, length, payload, &mut reporter)?;
        assert_eq!((buffer[0], buffer[1]), (0x80, 0x80 | 101));
        Some(buffer[12..length].to_vec())
    };
    let expected = Some(vec![5, 0x8a, 0x03, 0x20]);
    assert_eq!(forward(0x80, &[5, 0x8a, 0x12, 0xc0]), expected);
    let padded = [5, 0x8a, 0x12, 0xc0, 0, 0, 0, 4];
    assert_eq!(forward(0xa0, &padded), expected, "padding");
    let extended = [0xbe, 0xde, 0, 1, 1, 2, 3, 4, 5, 0x8a, 0x12, 0xc0];
    assert_eq!(forward(0x90, &extended), expected, "an extension");
    assert_eq!(forward(0x80, &[5, 0x8a]), None, "no key");
}

#[test]
fn only_the_sound_of_the_call_is_counted() {
    let mut bridge = bridge();
    for n in 0..10 {
        // Nobody is there to hear it yet.
        assert_eq!(take(&mut bridge, PBX, &packet(n)), Ok(None));
    }
    let port = "192.0.2.7:4445";
    assert_eq!(take(&mut bridge, port, &packet(10)), Err(Dropped::Unknown));
    let address = "192.0.2.8:4444";
    assert_eq!(
        take(&mut bridge, address, &packet(11)),
        Err(Dropped::Unknown)
    );
    let mut foreign = packet(12);
    foreign[1] = 96;
    assert_eq!(take(&mut bridge, PBX, &foreign), Err(Dropped::Malformed));
    let stats = bridge.stats().from_pbx;
    assert_eq!((stats.packets, stats.octets, stats.rejected), (10, 1600, 3));
    assert_eq!((stats.lost, stats.forwarded), (0, 0));
}

#[test]
fn nonsense_never_panics() {
    let mut bridge = bridge();
    let mut random = 11_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) as usize
    };
    let mut taken = 0;
    for n in 0..20_000_u16 {
        let mut datagram = packet(n);
        // Headers that say anything, in datagrams of any length.
        datagram[0] = 0x80 | (next() as u8 & 0x3f);
        if next() % 2 == 0 {
            datagram[1] = next() as u8;
        }
        for _ in 0..4 {
            let at = next() % datagram.len();
            datagram[at] = next() as u8;
        }
        datagram.truncate(1 + next() % datagram.len());
        taken += usize::from(take(&mut bridge, PBX, &datagram).is_ok());
        let before = datagram.clone();
        let payload = Payload {
            number: 0,
            codec: Codec::Pcmu,
            clock_rate: 8000,
            converted: None,
        };
        let Bridge {
            down, pbx_reporter, ..
        } = &mut bridge;
        let length = datagram.len();
        if down
            .forward(Instant::now(), &mut datagram, length, payload, pbx_reporter)
            .is_some()
        {
            // The payload is as it was, wherever it begins.
            assert_eq!(before[12..], datagram[12..]);
        }
    }
    assert!(taken > 1000, "{taken}");
}
