//! What comes from the PBX's side, byte by byte.

use super::*;
use crate::relay::payloads::Payload;
use crate::relay::{BrowserOffer, PbxSrtp};
use crate::sdp::Codec;
use crate::transport::dtls::Identity;

const PBX: &str = "192.0.2.7:4444";

fn bridge() -> Bridge {
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
        srtp: PbxSrtp::None,
        symmetric_rtp: false,
    };
    let mut bridge = Bridge::new(Arc::new(shared), &config, 20_000, now).unwrap();
    let fingerprint = bridge.shared.identity.fingerprint().to_string();
    let offer = format!(
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:them\r\n\
         a=fingerprint:{fingerprint}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
    );
    let offer = bridge.on_browser_offer(now, &offer).unwrap();
    let BrowserOffer::Offer(offer) = offer else {
        panic!("{offer:?}")
    };
    assert!(
        offer.contains("c=IN IP4 198.51.100.1\r\n"),
        "what the NAT shows"
    );
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
