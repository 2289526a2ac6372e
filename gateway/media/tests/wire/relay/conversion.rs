//! A client of Opus alone on a PBX of G.711 alone.

use opus_pure::{Application, OpusDecoder, OpusEncoder};
use sidetone_media::PbxSrtp;

use super::{Call, config};
use crate::peer::{OPUS, PCMU, media};

/// A loud buzz of 200 Hz, 20 ms of it at `rate`.
fn buzz(rate: usize) -> Vec<i16> {
    let period = rate / 200;
    (0..rate / 50)
        .map(|n| if n % period < period / 2 { 8000 } else { -8000 })
        .collect()
}

#[tokio::test]
async fn both_hear_each_other_in_their_own_codec() {
    let (mut call, _) = Call::offered(media().await, config(PbxSrtp::None)).await;
    call.description = call.description.replace("SAVPF 111 0 126", "SAVPF 111");
    let offer = super::offered(&call.relay, &call.description).await;
    assert!(offer.contains("RTP/AVP 111 0 8\r\n"), "{offer}");
    let answer = call.pbx.sdp("RTP/AVP", "0", "a=rtpmap:0 PCMU/8000\r\n");
    call.answered(&answer).await;

    let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).unwrap();
    let mut decoder = OpusDecoder::new(48_000, 1).unwrap();
    let (mut said, mut samples) = (vec![0; 1275], vec![0; 960]);
    let mut last = None;
    for n in 0..20_u32 {
        let length = encoder.encode_s16(&buzz(48_000), 960, &mut said).unwrap();
        call.browser.send(OPUS, 960 * n, &said[..length]);
        call.browser.flush().await;
        let heard = call.pbx.hear().await;
        assert_eq!((heard.payload_type, heard.payload.len()), (PCMU, 160));
        if let Some((sequence, timestamp)) = last {
            assert_eq!(heard.sequence.wrapping_sub(sequence), 1);
            assert_eq!(heard.timestamp.wrapping_sub(timestamp), 160);
        }
        last = Some((heard.sequence, heard.timestamp));
        // Codes of μ-law with the smaller part below 0x40 are loud.
        let loud = heard.payload.iter().filter(|code| **code & 0x7f < 0x40);
        assert!(n < 5 || loud.count() > 80, "{n}: {:x?}", heard.payload);

        let before = call.browser.heard.len();
        let codes: Vec<u8> = buzz(8_000)
            .iter()
            .map(|s| if *s > 0 { 0x9f } else { 0x1f })
            .collect();
        call.pbx.send(PCMU, 160 * n, &codes).await;
        call.browser
            .run_relay(&mut call.relay, "the PBX's sound", |peer| {
                peer.heard.len() > before
            })
            .await;
        let heard = &call.browser.heard[before];
        assert_eq!(heard.header.payload_type, OPUS);
        let count = decoder
            .decode_s16(&heard.payload, 960, &mut samples)
            .unwrap();
        assert_eq!(count, 960);
        let loud = samples.iter().filter(|sample| sample.abs() > 2000);
        assert!(n < 5 || loud.count() > 480, "{n}");
    }
    let ticks = call.browser.heard.windows(2).map(|pair| {
        let (before, after) = (&pair[0].header, &pair[1].header);
        after.timestamp.wrapping_sub(before.timestamp)
    });
    assert!(
        ticks.clone().all(|ticks| ticks == 960),
        "{:?}",
        ticks.collect::<Vec<_>>()
    );
    let stats = call.relay.stats().await.unwrap();
    let codecs = |s: sidetone_media::StreamStats| (s.codec, s.converted_to, s.packets, s.forwarded);
    let expected = (Some("opus"), Some("PCMU"), 20, 20);
    assert_eq!(codecs(stats.from_browser), expected);
    let expected = (Some("PCMU"), Some("opus"), 20, 20);
    assert_eq!(codecs(stats.from_pbx), expected);

    // What Opus can't be is not passed on, and ends nothing.
    call.browser.send(OPUS, 960 * 20, &[0xff; 3]);
    let length = encoder.encode_s16(&buzz(48_000), 960, &mut said).unwrap();
    call.browser.send(OPUS, 960 * 21, &said[..length]);
    call.browser.flush().await;
    let heard = call.pbx.hear().await;
    let (_, timestamp) = last.unwrap();
    assert_eq!(
        heard.timestamp.wrapping_sub(timestamp),
        320,
        "the gap stays"
    );
    assert_eq!(call.pbx.heard(), None);
}
