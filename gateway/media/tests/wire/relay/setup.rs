//! Who may begin, and in what order things may come.

use sidetone_media::{PbxSrtp, RelayError, RelayEvent};
use tokio::net::UdpSocket;

use super::{Call, config, incoming, offered};
use crate::peer::pbx::{Pbx, SUITES};
use crate::peer::{DEADLINE, OPUS, Peer, media, media_with, until};

#[tokio::test]
async fn a_call_to_a_plain_pbx_is_heard_both_ways() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
    let stats = call.relay.stats().await.unwrap();
    for stream in [stats.from_browser, stats.from_pbx] {
        assert_eq!((stream.packets, stream.forwarded), (10, 10));
        assert_eq!((stream.lost, stream.rejected), (0, 0));
        assert_eq!(stream.octets, (40..50).sum::<u64>());
        assert_eq!(stream.codec, Some("opus"));
    }
}

#[tokio::test]
async fn a_call_to_an_encrypting_pbx_is_heard_both_ways() {
    for suite in SUITES {
        Call::encrypted(suite).await.speak().await;
    }
}

#[tokio::test]
async fn a_call_from_the_pbx_is_heard_both_ways() {
    let (mut call, answer) = incoming(media().await, Peer::new(&[]).await).await;
    assert!(answer.contains("a=setup:passive"), "we say hello");
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    call.speak().await;
}

#[tokio::test]
async fn a_hello_may_overtake_the_answer() {
    let (mut call, answer) = incoming(media().await, Peer::saying_hello().await).await;
    assert!(answer.contains("a=setup:active"));
    let hello = |peer: &Peer| peer.wrote_dtls > 0;
    call.browser
        .run_relay(&mut call.relay, "a hello", hello)
        .await;
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    call.speak().await;
}

#[tokio::test]
async fn an_invite_without_an_offer_is_offered_by_the_answer() {
    let (mut call, answer) = incoming(media().await, Peer::saying_hello().await).await;
    // The offer came in a 200, the answer goes in the ACK.
    call.relay.confirm("a").await.unwrap();
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    call.speak().await;
    call.hold_and_resume().await;
}

#[tokio::test]
async fn what_nobody_agreed_to_is_not_passed_on() {
    let (mut call, _) = Call::offered(media().await, config(PbxSrtp::None)).await;
    // Before the answer nobody knows where the PBX is.
    let unknown = call.media.counters().unknown;
    call.pbx.send(OPUS, 0, b"who are you?").await;
    until(&call.media, "the PBX", |c| c.unknown == unknown + 1).await;
    // An answer of the other IP version can't be sent to.
    let answer = call.offer("").replace("IP4 127.0.0.1", "IP6 ::1");
    let refused = call.relay.answer_from_pbx("a", &answer).await;
    assert!(matches!(refused, Err(RelayError::BadDescription(_))));
    assert_eq!(call.media.counters().sent, 0);
}

#[tokio::test]
async fn ports_are_a_bounded_range_and_are_given_back() {
    let free = Pbx::new().await.port();
    let media = media_with(free..=free + 1).await;
    let relay = media.relay(config(PbxSrtp::None)).await.unwrap();
    assert_eq!(media.counters().relays, 1);
    match media.relay(config(PbxSrtp::None)).await {
        Err(RelayError::PortsExhausted { pairs: 1 }) => {}
        other => panic!("{:?}", other.err()),
    }
    drop(relay);
    until(&media, "the relay to end", |c| c.relays == 0).await;
    let again = media.relay(config(PbxSrtp::None)).await.unwrap();
    let mut browser = Peer::new(&[]).await;
    let offer = offered(&again, &browser.offer()).await;
    assert!(offer.contains(&format!("m=audio {free} RTP/AVP")));
    drop((again, media));
    let closed = async {
        while UdpSocket::bind(("127.0.0.1", free)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let closed = tokio::time::timeout(DEADLINE, closed).await;
    assert!(closed.is_ok(), "the port stays open");
}
