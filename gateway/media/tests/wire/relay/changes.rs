//! What changes while a call is up.

use sidetone_media::{BrowserOffer, RelayEvent};

use super::{Call, incoming, offered};
use crate::peer::pbx::Pbx;
use crate::peer::{OPUS, PCMU, Peer, media, until};

#[tokio::test]
async fn a_call_may_be_held_by_whom_it_came_to() {
    let mut call = Call::to_browser(media().await).await;
    call.speak().await;
    call.hold_and_resume().await;
}

#[tokio::test]
async fn who_said_hello_is_told_so_in_later_answers() {
    // The browser has left that to us.
    let (mut call, answer) = incoming(media().await, Peer::new(&[]).await).await;
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    let offer = call.browser.offer();
    assert!(offer.contains("a=setup:actpass\r\n"), "{offer}");
    offered(&call.relay, &offer).await;
    let answer = call.offer("");
    let answer = call.relay.answer_from_pbx("a", &answer).await.unwrap();
    assert!(answer.contains("a=setup:active\r\n"), "{answer}");
    call.browser.accept(&answer);
    call.speak().await;
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}

#[tokio::test]
async fn a_held_call_is_silent_and_goes_on_at_the_same_ports() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    let gateway = call.pbx.gateway;
    let elsewhere = |sdp: String| sdp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    for n in 1..=20_u32 {
        // What the PBX offers, what the browser is offered, what it answers, who speaks.
        let (offer, offered, answered) = match n % 4 {
            0 => (call.offer("a=sendonly\r\n"), "sendonly", "recvonly"),
            1 => (elsewhere(call.offer("")), "sendonly", "recvonly"),
            2 => (call.offer("a=inactive\r\n"), "inactive", "inactive"),
            _ => (
                elsewhere(call.offer("a=inactive\r\n")),
                "inactive",
                "inactive",
            ),
        };
        call.renegotiate(&offer, offered, answered).await;
        let (before, heard) = (call.media.counters().received, call.browser.heard.len());
        call.browser.send(OPUS, 96_000 * n, b"nobody listens");
        call.browser.flush().await;
        until(&call.media, "the browser", |c| c.received > before).await;
        if offered == "sendonly" {
            call.down(96_000 * n, b"music").await;
        } else {
            let before = call.media.counters().received;
            call.pbx.send(OPUS, 96_000 * n, b"nobody listens").await;
            until(&call.media, "the PBX", |c| c.received > before).await;
        }
        let resumed = call.offer("");
        call.renegotiate(&resumed, "sendrecv", "sendrecv").await;
        assert_eq!(call.pbx.gateway, gateway);
        let heard = heard + usize::from(n % 4 <= 1);
        assert_eq!(call.browser.heard.len(), heard, "hold {n}");
        call.up(96_000 * n + 960, b"welcome back").await;
        call.down(96_000 * n + 960, b"here I am again").await;
    }
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}

#[tokio::test]
async fn a_pbx_that_was_heard_may_move() {
    let mut call = Call::plain(false).await;
    for ssrc in 1..=3 {
        call.speak().await;
        let mut elsewhere = Pbx::new().await;
        elsewhere.ssrc = ssrc;
        let gateway = call.pbx.gateway;
        let mut former = std::mem::replace(&mut call.pbx, elsewhere);
        call.pbx.gateway = gateway;
        let offer = call.offer("");
        call.renegotiate(&offer, "sendrecv", "sendrecv").await;
        let unknown = call.media.counters().unknown;
        former.send(OPUS, 96_000, b"still here").await;
        until(&call.media, "the former", |c| c.unknown > unknown).await;
    }
    call.speak().await;
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}

#[tokio::test]
async fn an_ice_restart_is_between_us_and_the_browser() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    call.browser.restart_ice();
    let offer = call.browser.offer();
    let answer = match call.relay.offer_from_browser(&offer).await.unwrap() {
        BrowserOffer::Answer(answer) => answer,
        BrowserOffer::Offer(offer) => panic!("the PBX is told: {offer}"),
    };
    call.browser.accept(&answer);
    let mut timestamp = 20 * 960;
    let heard = loop {
        // The peer may drop what it is given before the new path is up.
        call.browser.send(OPUS, timestamp, b"after the restart");
        timestamp += 960;
        let received = call.media.counters().received;
        let counters = || call.media.counters().received;
        call.browser
            .run_relay(&mut call.relay, "something to arrive", |_| {
                counters() > received
            })
            .await;
        if let Some(heard) = call.pbx.heard() {
            break heard;
        }
    };
    assert_eq!(heard.payload, b"after the restart");
    call.down(9600, b"and down").await;
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}

#[tokio::test]
async fn the_codec_may_change_in_mid_call() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    let lines = "a=rtpmap:0 PCMU/8000\r\n";
    let offer = call.pbx.sdp("RTP/AVP", "0", lines);
    let offer = call.relay.offer_from_pbx(&offer).await.unwrap();
    let answer = call.browser.answer(&offer);
    call.relay.answer_from_browser(&answer).await.unwrap();
    call.browser.send(PCMU, 0, &[0xff; 160]);
    call.browser.flush().await;
    assert_eq!(call.pbx.hear().await.payload_type, PCMU);
    let before = call.browser.heard.len();
    call.pbx.send(PCMU, 0, &[0xd5; 160]).await;
    call.browser
        .run_relay(&mut call.relay, "PCMU", |peer| peer.heard.len() > before)
        .await;
    assert_eq!(call.browser.heard[before].header.payload_type, PCMU);
    let stats = call.relay.stats().await.unwrap();
    assert_eq!(stats.from_pbx.codec, Some("PCMU"));
}
