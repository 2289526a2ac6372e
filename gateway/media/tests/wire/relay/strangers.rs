//! Packets of those who are not in the call.

use std::io::ErrorKind;
use std::net::SocketAddr;

use sidetone_media::{Media, RelayEvent};
use tokio::net::UdpSocket;

use super::Call;
use super::many::{AT_ONCE, calls};
use crate::peer::pbx::{Pbx, SUITES};
use crate::peer::{OPUS, media_with, until};

#[tokio::test]
async fn nobody_else_is_heard_or_answered() {
    let mut call = Call::plain(false).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let gateway = call.pbx.gateway.unwrap();
    for n in 0..50 {
        let packet = call.pbx.packet(OPUS, 960 * n, b"not the PBX");
        let unknown = call.media.counters().unknown;
        stranger.send_to(&packet, gateway).await.unwrap();
        until(&call.media, "a stranger", |c| c.unknown == unknown + 1).await;
    }
    let answer = stranger.try_recv(&mut [0; 16]).unwrap_err();
    assert_eq!(answer.kind(), ErrorKind::WouldBlock);
    call.speak().await;
    is_kept_out(&stranger, &mut call).await;
    call.speak().await;
    let stats = call.relay.stats().await.unwrap();
    assert_eq!(
        (stats.from_pbx.forwarded, stats.from_pbx.rejected),
        (20, 50)
    );
}

/// Now that the PBX is heard, the system doesn't let others in.
async fn is_kept_out(stranger: &UdpSocket, call: &mut Call) {
    stranger.connect(call.pbx.gateway.unwrap()).await.unwrap();
    for _ in 0..50 {
        let packet = call.pbx.packet(OPUS, 0, b"not the PBX");
        stranger.send(&packet).await.unwrap();
        let refused = stranger.recv(&mut [0; 16]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
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
async fn hellos_of_strangers_lose_none_of_two_hundred_calls() {
    // Room for the calls at a time, and for those whose ports are just being given back; below what
    // the system gives to the test's own sockets, which are not to be sprayed.
    let relays = 30_000..=30_000 + 4 * AT_ONCE as u16;
    let media = media_with(relays.clone()).await;
    let noise = tokio::spawn(spray(media.clone(), relays));
    calls(&media, 200).await;
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
    is_kept_out(&stranger, &mut call).await;
    call.speak().await;
}

/// A million packets in all: so many times so many, from either side.
const PARTS: u32 = 20;
const PART: u32 = 25_000;

/// Sends a part of them, each a little different, and waits until all were read.
async fn send_unsigned(media: &Media, from: &UdpSocket, to: SocketAddr, packet: &[u8]) {
    // The sockets' buffers are not to overflow.
    const BATCH: u32 = 100;
    let mut packet = packet.to_vec();
    let before = media.counters().unauthentic;
    for n in 1..=PART {
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        from.send_to(&packet, to).await.unwrap();
        if n % BATCH == 0 {
            let read = before + u64::from(n);
            until(media, "them to be read", |c| c.unauthentic >= read).await;
        }
    }
}

#[tokio::test]
async fn a_million_packets_with_bad_tags_are_no_end() {
    let (_, profile, key, salt) = SUITES[0];
    let mut call = Call::encrypted(SUITES[0]).await;
    // The same address, another key; and from the browser's, in its name.
    let mut impostor = Pbx::new().await;
    impostor.set_keys(profile, &vec![9; key + salt], &vec![9; key + salt], key);
    let as_pbx = impostor.packet(OPUS, 960, &[7; 80]);
    let mut as_browser = vec![0x80, OPUS, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xed];
    as_browser.extend([7; 80]);
    let before = call.relay.stats().await.unwrap().from_browser.rejected;
    let (pbx_side, browser_side) = (call.pbx.gateway.unwrap(), call.media.local_addr());
    for n in 0..PARTS {
        send_unsigned(&call.media, &call.pbx.rtp, pbx_side, &as_pbx).await;
        call.up(960 * n, b"can you still hear me?").await;
        send_unsigned(&call.media, &call.browser.socket, browser_side, &as_browser).await;
        call.down(960 * n, b"I can").await;
    }
    call.speak().await;
    let stats = call.relay.stats().await.unwrap();
    let (of_browser, of_pbx) = (stats.from_browser, stats.from_pbx);
    let spoken = u64::from(PARTS) + 10;
    assert_eq!((of_browser.forwarded, of_pbx.forwarded), (spoken, spoken));
    let unsigned = u64::from(PARTS * PART);
    assert_eq!(of_browser.rejected, before + unsigned);
    assert_eq!(of_pbx.rejected, unsigned);
    assert_eq!(call.browser.relay_events, [RelayEvent::Connected]);
}
