//! Packets of those who are not in the call.

use sidetone_media::{Media, RelayEvent};
use tokio::net::UdpSocket;

use super::Call;
use crate::peer::pbx::{Pbx, SUITES};
use crate::peer::{OPUS, media_with, until};

#[tokio::test]
async fn nobody_else_is_heard_or_answered() {
    let mut call = Call::plain(false).await;
    call.speak().await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let gateway = call.pbx.gateway.unwrap();
    for n in 0..50 {
        let packet = call.pbx.packet(OPUS, 960 * n, b"not the PBX");
        let unknown = call.media.counters().unknown;
        stranger.send_to(&packet, gateway).await.unwrap();
        until(&call.media, "a stranger", |c| c.unknown == unknown + 1).await;
    }
    call.speak().await;
    let stats = call.relay.stats().await.unwrap();
    assert_eq!(
        (stats.from_pbx.forwarded, stats.from_pbx.rejected),
        (20, 50)
    );
    assert_eq!(
        stranger.try_recv(&mut [0; 16]).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

/// Says hello to every port of the gateway, over and over, from many addresses.
async fn spray(media: Media, relays: std::ops::RangeInclusive<u16>) {
    const LENGTHS: [usize; 3] = [73, 30, 13];
    let gateway = media.local_addr();
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48];
    hello.resize(LENGTHS[0], 0);
    loop {
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let received = media.counters().received;
        for port in relays.clone().chain([gateway.port()]) {
            for length in LENGTHS {
                let to = (gateway.ip(), port);
                stranger.send_to(&hello[..length], to).await.unwrap();
            }
        }
        // The sockets' buffers are not to overflow: losses of the network are not the question.
        let enough = received + LENGTHS.len() as u64;
        until(&media, "the hellos", |c| c.received >= enough).await;
    }
}

#[tokio::test]
async fn hellos_of_strangers_lose_no_call() {
    let first = Pbx::new().await.port().min(60_000);
    let relays = first..=first + 19;
    let media = media_with(relays.clone()).await;
    let noise = tokio::spawn(spray(media.clone(), relays));
    for n in 0..10_u32 {
        let mut call = match n % 2 {
            0 => Call::to_pbx(media.clone(), false).await,
            _ => Call::to_browser(media.clone()).await,
        };
        call.up(960 * n, b"do you hear me?").await;
        call.down(960 * n, b"I do").await;
    }
    let unknown = media.counters().unknown;
    until(&media, "the strangers", |c| c.unknown > unknown.max(100)).await;
    noise.abort();
}

#[tokio::test]
async fn symmetric_rtp_locks_to_the_first_source() {
    let mut call = Call::plain(true).await;
    // What is no sound of the call teaches nothing.
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let gateway = call.pbx.gateway.unwrap();
    let other = call.pbx.packet(77, 0, b"no number of this call");
    for nonsense in [&b"nonsense"[..], &other] {
        let malformed = call.media.counters().malformed;
        stranger.send_to(nonsense, gateway).await.unwrap();
        until(&call.media, "nonsense", |c| c.malformed == malformed + 1).await;
    }
    // The PBX is behind a NAT: it sends from elsewhere than it said.
    let behind_nat = Pbx::new().await;
    call.pbx.rtp = behind_nat.rtp;
    call.down(0, b"here I am").await;
    call.speak().await;
    let unknown = call.media.counters().unknown;
    let packet = call.pbx.packet(OPUS, 0, b"too late");
    stranger.send_to(&packet, gateway).await.unwrap();
    until(&call.media, "the stranger", |c| c.unknown == unknown + 1).await;
    call.speak().await;
}

#[tokio::test]
async fn a_wrong_key_is_no_end() {
    let (_, profile, key, salt) = SUITES[0];
    let mut call = Call::encrypted(SUITES[0]).await;
    // The same address, another key.
    let mut impostor = Pbx::new().await;
    impostor.set_keys(profile, &vec![9; key + salt], &vec![9; key + salt], key);
    for _ in 0..20 {
        for n in 0..100_u32 {
            let packet = impostor.packet(OPUS, 960 * n, &[7; 80]);
            let gateway = call.pbx.gateway.unwrap();
            call.pbx.rtp.send_to(&packet, gateway).await.unwrap();
        }
        call.up(0, b"to let them be read").await;
    }
    // And in the name of the browser, from its address.
    let rejected = call.relay.stats().await.unwrap().from_browser.rejected;
    for n in 0..2000_u32 {
        let mut packet = vec![0x80, OPUS, 0, n as u8, 0, 0, 0, 0, 0, 0, 0x5e, 0xed];
        packet.extend([7; 80]);
        let unauthentic = call.media.counters().unauthentic;
        let gateway = call.media.local_addr();
        call.browser.socket.send_to(&packet, gateway).await.unwrap();
        if n % 100 == 0 {
            until(&call.media, "it", |c| c.unauthentic > unauthentic).await;
        }
    }
    call.speak().await;
    let stats = call.relay.stats().await.unwrap();
    assert_eq!(stats.from_pbx.forwarded, 10);
    assert_eq!(stats.from_pbx.rejected, 2000);
    assert_eq!(stats.from_browser.rejected, rejected + 2000);
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}
