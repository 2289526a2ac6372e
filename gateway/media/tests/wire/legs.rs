//! Whole calls over real sockets against an independent WebRTC implementation.

use crate::peer::{OPUS, PCMU, Peer, TELEPHONE_EVENT, media};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sidetone_media::{LegEvent, Program};

#[tokio::test]
async fn echo_sends_back_what_it_hears() {
    let media = media().await;
    for profiles in [
        &[][..],
        &[SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80],
        &[SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm],
    ] {
        let mut peer = Peer::new(profiles).await;
        let mut leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
        peer.accept(&leg.answer);
        peer.connect(&mut leg).await;
        for n in 0..5_u32 {
            peer.send(OPUS, 960 * n, &[n as u8; 60]);
        }
        peer.run_until(&mut leg, "five packets", |peer| peer.heard.len() >= 5)
            .await;
        let first = peer.heard[0].header.clone();
        for (n, packet) in peer.heard.iter().enumerate() {
            let header = &packet.header;
            assert_eq!(packet.payload[..], [n as u8; 60]);
            assert_eq!(header.payload_type, OPUS);
            assert_eq!(header.ssrc, first.ssrc);
            let ahead = header.sequence_number.wrapping_sub(first.sequence_number);
            assert_eq!(usize::from(ahead), n);
            let elapsed = header.timestamp.wrapping_sub(first.timestamp);
            assert_eq!(elapsed, 960 * n as u32);
        }
        assert_eq!(peer.events, [LegEvent::Connected]);
    }
}

#[tokio::test]
async fn keys_are_heard_once_each_and_not_echoed() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let mut leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    peer.accept(&leg.answer);
    peer.connect(&mut leg).await;
    for (n, code) in [6, 0, 0, 11].into_iter().enumerate() {
        let timestamp = 1600 * n as u32;
        for end in [0, 0, 0x80, 0x80, 0x80] {
            peer.send(TELEPHONE_EVENT, timestamp, &[code, end | 10, 0, 160]);
        }
    }
    peer.send(PCMU, 9600, &[0xff; 160]);
    peer.run_until(&mut leg, "the sound after the keys", |peer| {
        !peer.heard.is_empty() && peer.events.len() >= 5
    })
    .await;
    let keys = ['6', '0', '0', '#'].map(LegEvent::Dtmf);
    assert_eq!(peer.events[0], LegEvent::Connected);
    assert_eq!(peer.events[1..], keys);
    assert_eq!(peer.heard.len(), 1);
    assert_eq!(peer.heard[0].header.payload_type, PCMU);
}

#[tokio::test]
async fn the_announcement_is_heard_to_its_end() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let offer = peer.offer();
    let mut leg = media.answer(&offer, Program::Announcement).await.unwrap();
    peer.accept(&leg.answer);
    peer.run_until(&mut leg, "the end", |peer| {
        peer.events.contains(&LegEvent::Finished)
    })
    .await;
    assert_eq!(peer.events, [LegEvent::Connected, LegEvent::Finished]);
    assert!(peer.heard.len() > 100, "{} packets", peer.heard.len());
    let sound =
        |packet: &&rtc::rtp::Packet| packet.payload.iter().any(|s| !(0x7e..=0xff).contains(s));
    assert!(peer.heard.iter().filter(sound).count() > 50);
    assert!(peer.heard.iter().all(|p| p.header.payload_type == PCMU));
}

#[tokio::test]
async fn a_call_goes_on_after_an_ice_restart() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let mut leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    peer.accept(&leg.answer);
    peer.connect(&mut leg).await;
    let before = leg.answer.clone();
    peer.restart_ice();
    let offer = peer.offer();
    let answer = media.renegotiate(&mut leg, &offer).await.unwrap();
    assert_ne!(ufrag(&answer), ufrag(&before));
    peer.accept(&answer);
    let mut timestamp = 0;
    while peer.heard.is_empty() {
        // The peer may drop what it is given before the new path is up.
        peer.send(OPUS, timestamp, b"after the restart");
        timestamp += 960;
        let packets = media.counters().received + 2;
        let counters = || media.counters().received;
        peer.run_until(&mut leg, "something to arrive", |peer| {
            !peer.heard.is_empty() || counters() >= packets
        })
        .await;
    }
    assert_eq!(peer.heard[0].payload[..], *b"after the restart");
    assert_eq!(peer.events, [LegEvent::Connected]);
    assert_eq!(media.counters().legs, 1);
}

fn ufrag(answer: &str) -> Option<&str> {
    answer.lines().find(|line| line.starts_with("a=ice-ufrag:"))
}
