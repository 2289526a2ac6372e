//! Whole calls over real sockets against an independent WebRTC implementation.

mod peer;

use peer::{OPUS, PCMU, Peer, TELEPHONE_EVENT, media};
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
            assert_eq!(
                header.timestamp.wrapping_sub(first.timestamp),
                960 * n as u32
            );
        }
        assert_eq!(peer.events, [LegEvent::Connected]);
    }
}
