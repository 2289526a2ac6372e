//! A call that rings at several places.

use sidetone_media::{Media, PbxSrtp, Relay, RelayError};

use super::{RTPMAPS, config, offered};
use crate::peer::pbx::Pbx;
use crate::peer::{OPUS, Peer, media, until};

/// A call that rings at two places, of which the first has answered with early sound.
struct Ringing {
    media: Media,
    relay: Relay,
    browser: Peer,
    first: Pbx,
    second: Pbx,
    /// What the browser was told.
    answer: String,
}

impl Ringing {
    async fn start() -> Self {
        let media = media().await;
        let mut relay = media.relay(config(PbxSrtp::None)).await.unwrap();
        let mut browser = Peer::new(&[]).await;
        let (mut first, mut second) = (Pbx::new().await, Pbx::new().await);
        let offer = offered(&relay, &browser.offer()).await;
        first.hear_of(&offer);
        second.hear_of(&offer);
        let early = first.sdp("RTP/AVP", "111", RTPMAPS);
        let answer = relay.answer_from_pbx("first", &early).await.unwrap();
        browser.accept(&answer);
        browser.connect_relay(&mut relay).await;
        Self {
            media,
            relay,
            browser,
            first,
            second,
            answer,
        }
    }
}

#[tokio::test]
async fn of_several_forks_the_first_to_speak_is_heard_until_one_answers() {
    let Ringing {
        media,
        mut relay,
        mut browser,
        mut first,
        mut second,
        answer,
    } = Ringing::start().await;
    let early = second.sdp("RTP/AVP", "111", RTPMAPS);
    let same = relay.answer_from_pbx("second", &early).await.unwrap();
    assert_eq!(same, answer, "the browser is told nothing new");

    second.send(OPUS, 0, b"second rings").await;
    browser
        .run_relay(&mut relay, "the second", |peer| peer.heard.len() == 1)
        .await;
    let received = media.counters().received;
    first.send(OPUS, 0, b"first rings").await;
    until(&media, "the first", |c| c.received > received).await;
    second.send(OPUS, 960, b"second rings").await;
    browser
        .run_relay(&mut relay, "the second", |peer| peer.heard.len() == 2)
        .await;
    assert!(
        browser
            .heard
            .iter()
            .all(|p| p.payload[..] == *b"second rings")
    );

    relay.confirm("first").await.unwrap();
    let unknown = media.counters().unknown;
    second.send(OPUS, 1920, b"second rings").await;
    until(&media, "the second", |c| c.unknown > unknown).await;
    first.send(OPUS, 960, b"first speaks").await;
    browser
        .run_relay(&mut relay, "the first", |peer| peer.heard.len() == 3)
        .await;
    assert_eq!(browser.heard[2].payload[..], *b"first speaks");
    let numbers = browser.heard.iter().map(|p| p.header.sequence_number);
    let numbers: Vec<u16> = numbers.collect();
    assert_eq!(
        numbers[2],
        numbers[1].wrapping_add(1),
        "one stream to the browser"
    );
    browser.send(OPUS, 0, b"to the first");
    browser.flush().await;
    assert_eq!(first.hear().await.payload, b"to the first");
    assert_eq!(second.heard(), None);
    let late = relay.answer_from_pbx("third", &early).await;
    assert!(matches!(late, Err(RelayError::OtherBranch)));
}

#[tokio::test]
async fn who_rings_later_is_let_in_beside_whom_alone_was_heard() {
    let Ringing {
        media,
        mut relay,
        mut browser,
        mut first,
        mut second,
        ..
    } = Ringing::start().await;
    first.send(OPUS, 0, b"first").await;
    browser
        .run_relay(&mut relay, "the first", |peer| peer.heard.len() == 1)
        .await;
    let early = second.sdp("RTP/AVP", "111", RTPMAPS);
    relay.answer_from_pbx("second", &early).await.unwrap();
    let before = media.counters();
    second.send(OPUS, 0, b"second").await;
    until(&media, "the second", |c| c.received > before.received).await;
    assert_eq!(media.counters().unknown, before.unknown);
    relay.confirm("second").await.unwrap();
    second.send(OPUS, 960, b"second").await;
    browser
        .run_relay(&mut relay, "the second", |peer| peer.heard.len() == 2)
        .await;
    assert_eq!(browser.heard[1].payload[..], *b"second");
}
