//! Keys and reports, beside the sound itself.

use std::time::Duration;

use super::Call;
use crate::peer::{TELEPHONE_EVENT, until};

#[tokio::test]
async fn keys_pressed_arrive_under_the_number_of_the_pbx() {
    let mut call = Call::plain(false).await;
    call.browser.send(TELEPHONE_EVENT, 960, &[5, 10, 0, 160]);
    call.browser.flush().await;
    let heard = call.pbx.hear().await;
    assert_eq!(
        (heard.payload_type, &heard.payload[..]),
        (101, &[5, 10, 0, 160][..])
    );
    call.pbx.send(101, 0, &[6, 10, 0, 160]).await;
    call.browser
        .run_relay(&mut call.relay, "the key", |peer| !peer.heard.is_empty())
        .await;
    assert_eq!(call.browser.heard[0].header.payload_type, TELEPHONE_EVENT);
}

#[tokio::test]
async fn each_side_hears_reports_on_what_it_sent() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    let report = loop {
        let report = tokio::select! {
            report = call.pbx.report() => report,
            () = call.browser.run_relay(&mut call.relay, "never", |_| false) => unreachable!(),
        };
        // A sender report with a block on what the PBX sent.
        if report[..2] == [0x81, 200] {
            break report;
        }
    };
    let word = |n: usize| u32::from_be_bytes(report[4 * n..4 * n + 4].try_into().unwrap());
    assert_eq!(word(5), 10, "packets");
    assert_eq!(word(7), call.pbx.ssrc);
    assert_eq!(word(8), 0, "nothing lost");
    // The PBX's report on what it heard gives the round trip.
    let mut answer = vec![0x81, 201, 0, 7];
    let last_report = word(2) << 16 | word(3) >> 16;
    for word in [call.pbx.ssrc, word(1), 0, 0, 0, last_report, 0] {
        answer.extend(word.to_be_bytes());
    }
    let mut gateway = call.pbx.gateway.unwrap();
    gateway.set_port(gateway.port() + 1);
    let received = call.media.counters().received;
    call.pbx.rtcp.send_to(&answer, gateway).await.unwrap();
    until(&call.media, "the report", |c| c.received > received).await;
    let stats = call.relay.stats().await.unwrap();
    assert!(stats.from_pbx.round_trip.unwrap() < Duration::from_secs(5));
    assert_eq!(stats.from_pbx.rejected, 0);
}
