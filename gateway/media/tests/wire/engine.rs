//! The engine under bad input, and what it leaves behind.

use std::time::Duration;

use crate::peer::{OPUS, Peer, media, until};
use sidetone_media::{Media, MediaConfig, MediaError, Program};
use tokio::net::UdpSocket;

#[tokio::test]
async fn a_dropped_leg_leaves_nothing_behind() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let mut leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    peer.accept(&leg.answer);
    peer.connect(&mut leg).await;
    let counters = media.counters();
    assert_eq!((counters.legs, counters.addresses), (1, 1));
    drop(leg);
    until(&media, "the leg to end", |c| c.legs == 0).await;
    assert_eq!(media.counters().addresses, 0);
    // Its address means nothing any more.
    let unknown = media.counters().unknown;
    let rtp = [0x80, OPUS, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    peer.socket.send_to(&rtp, media.local_addr()).await.unwrap();
    until(&media, "the datagram", |c| c.unknown == unknown + 1).await;
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_leaves_nothing_behind() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let offer = peer.offer();
    for _ in 0..10 {
        let answer = media.answer(&offer, Program::Echo);
        // Polled once: the engine has been asked, its answer finds nobody.
        let _ = tokio::time::timeout(Duration::ZERO, answer).await;
    }
    // The engine works through its commands in order.
    let last = media.answer(&offer, Program::Echo).await.unwrap();
    until(&media, "the others to end", |c| c.legs == 1).await;
    drop(last);
    until(&media, "the last to end", |c| c.legs == 0).await;
}

#[tokio::test]
async fn the_socket_closes_with_the_last_handle() {
    let media = media().await;
    let local = media.local_addr();
    let mut peer = Peer::new(&[]).await;
    let leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    drop(media.clone());
    drop(media);
    assert!(UdpSocket::bind(local).await.is_err(), "a leg is still up");
    drop(leg);
    let closed = async {
        while UdpSocket::bind(local).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(closed.is_ok(), "the socket stays open");
}

#[tokio::test]
async fn strangers_are_counted_and_disturb_nobody() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let mut leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    peer.accept(&leg.answer);
    peer.connect(&mut leg).await;

    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let before = media.counters();
    let mut random = 3_u32;
    for round in 1..=400_usize {
        let datagram: Vec<u8> = (1..round % 300)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            })
            .collect();
        stranger
            .send_to(&datagram, media.local_addr())
            .await
            .unwrap();
        // One at a time, lest the socket's buffer overflow.
        until(&media, "a stranger", |c| {
            c.unknown + c.malformed == before.unknown + before.malformed + round as u64
        })
        .await;
    }
    let after = media.counters();
    assert_eq!(after.addresses, 1);
    assert_eq!(after.unauthentic, before.unauthentic);

    peer.send(OPUS, 0, b"hello");
    peer.run_until(&mut leg, "the echo", |peer| !peer.heard.is_empty())
        .await;
    assert_eq!(peer.heard.len(), 1);
}

#[tokio::test]
async fn a_check_with_a_wrong_name_or_password_gains_no_address() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let leg = media.answer(&peer.offer(), Program::Echo).await.unwrap();
    let mut lines = leg.answer.lines();
    let ufrag = lines.find_map(|l| l.strip_prefix("a=ice-ufrag:")).unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (ufrag, right_name) in [("nobody", false), (ufrag, true)] {
        let before = media.counters();
        let name = format!("{ufrag}:them");
        let mut check = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        check.extend([7; 12]);
        check.extend([0, 6, 0, name.len() as u8]);
        check.extend(name.as_bytes());
        check.resize(check.len().next_multiple_of(4), 0);
        check.extend([0, 8, 0, 20]);
        check.extend([9; 20]);
        check[3] = (check.len() - 20) as u8;
        stranger.send_to(&check, media.local_addr()).await.unwrap();
        until(&media, "the check", |c| {
            let (unknown, unauthentic) = (before.unknown, before.unauthentic);
            (c.unknown, c.unauthentic)
                == (
                    unknown + u64::from(!right_name),
                    unauthentic + u64::from(right_name),
                )
        })
        .await;
    }
    let counters = media.counters();
    assert_eq!((counters.addresses, counters.sent), (0, 0));
}

#[tokio::test]
async fn a_bad_offer_leaves_a_leg_as_it_is() {
    let media = media().await;
    let mut peer = Peer::new(&[]).await;
    let offer = peer.offer();
    let mut leg = media.answer(&offer, Program::Echo).await.unwrap();
    let bad = media.renegotiate(&mut leg, "v=1").await;
    assert!(matches!(bad, Err(MediaError::BadOffer(_))));
    let first = leg.answer.clone();
    let again = media.renegotiate(&mut leg, &offer).await.unwrap();
    assert_eq!(again, leg.answer);
    // RFC 3264 §8: the same session, one version on.
    assert_ne!(again, first);
    assert_eq!(
        again.lines().skip(2).collect::<Vec<_>>(),
        first.lines().skip(2).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_so() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = MediaConfig {
        listen: taken.local_addr().unwrap(),
        advertise: Vec::new(),
        relay_ports: MediaConfig::RELAY_PORTS,
    };
    match Media::start(config).await {
        Err(MediaError::Socket(error)) => {
            assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        }
        other => panic!("{:?}", other.err()),
    }
}
