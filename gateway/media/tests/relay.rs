//! Calls between a whole WebRTC peer and a PBX that knows nothing of it.

// Helpers of tests are test as well.
#![allow(clippy::unwrap_used)]

mod peer;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peer::pbx::{Pbx, SUITES};
use peer::{OPUS, PCMU, Peer, TELEPHONE_EVENT, media, media_with};
use sidetone_media::{
    BrowserOffer, Counters, Media, PbxSrtp, Relay, RelayConfig, RelayError, RelayEvent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const RTPMAPS: &str = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
                       a=rtpmap:101 telephone-event/8000\r\n";

fn config(srtp: PbxSrtp) -> RelayConfig {
    RelayConfig {
        local: IpAddr::from([127, 0, 0, 1]),
        advertise: None,
        srtp,
        symmetric_rtp: false,
    }
}

/// The offer for the PBX.
async fn offered(relay: &Relay, sdp: &str) -> String {
    match relay.offer_from_browser(sdp).await.unwrap() {
        BrowserOffer::Offer(offer) => offer,
        BrowserOffer::Answer(_) => panic!("nothing for the PBX"),
    }
}

/// Waits for the engine to have counted `done`.
async fn until(media: &Media, what: &str, done: impl Fn(&Counters) -> bool) {
    let waiting = async {
        while !done(&media.counters()) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(waited.is_ok(), "in vain for {what}: {:?}", media.counters());
}

struct Call {
    media: Media,
    relay: Relay,
    browser: Peer,
    pbx: Pbx,
    /// What the browser said of itself.
    description: String,
}

impl Call {
    /// From the browser to a PBX that speaks plain RTP, answered and connected.
    async fn plain(symmetric_rtp: bool) -> Self {
        Self::to_pbx(media().await, symmetric_rtp).await
    }

    /// From the PBX to a browser that says hello, connected.
    async fn to_browser(media: Media) -> Self {
        let (mut call, answer) = incoming(media, Peer::saying_hello().await).await;
        let answer = call.relay.answer_from_browser(&answer).await.unwrap();
        call.pbx.hear_of(&answer);
        call.browser.connect_relay(&mut call.relay).await;
        call
    }

    async fn to_pbx(media: Media, symmetric_rtp: bool) -> Self {
        let config = RelayConfig {
            symmetric_rtp,
            ..config(PbxSrtp::None)
        };
        let relay = media.relay(config).await.unwrap();
        let (mut browser, mut pbx) = (Peer::new(&[]).await, Pbx::new().await);
        let description = browser.offer();
        let offer = offered(&relay, &description).await;
        pbx.hear_of(&offer);
        let answer = pbx.sdp("RTP/AVP", "111 0 101", RTPMAPS);
        let mut call = Self {
            description,
            media,
            relay,
            browser,
            pbx,
        };
        call.answered(&answer).await;
        call
    }

    async fn answered(&mut self, answer: &str) {
        let answer = self.relay.answer_from_pbx("a", answer).await.unwrap();
        self.relay.confirm("a").await.unwrap();
        self.browser.accept(&answer);
        self.browser.connect_relay(&mut self.relay).await;
    }

    fn offer(&self, attributes: &str) -> String {
        let lines = format!("{RTPMAPS}{attributes}");
        self.pbx.sdp("RTP/AVP", "111 0 101", &lines)
    }

    /// A re-INVITE of the PBX with `offer`, which the browser hears as `offered` and answers with
    /// `answered`.
    async fn renegotiate(&mut self, offer: &str, offered: &str, answered: &str) {
        let offer = self.relay.offer_from_pbx(offer).await.unwrap();
        assert!(offer.contains(&format!("a={offered}\r\n")), "{offer}");
        let answer = self
            .description
            .replace("a=sendrecv", &format!("a={answered}"));
        let answer = self.relay.answer_from_browser(&answer).await.unwrap();
        assert!(answer.contains(&format!("a={answered}\r\n")), "{answer}");
        self.pbx.hear_of(&answer);
    }

    /// Two re-INVITEs of the browser.
    async fn hold_and_resume(&mut self) {
        let hold = self.description.replace("a=sendrecv", "a=inactive");
        let offer = offered(&self.relay, &hold).await;
        assert!(offer.ends_with("a=inactive\r\n"), "{offer}");
        let held = self.offer("a=inactive\r\n");
        self.relay.answer_from_pbx("a", &held).await.unwrap();
        self.relay.confirm("a").await.unwrap();
        let (received, heard) = (self.media.counters().received, self.browser.heard.len());
        self.pbx.send(OPUS, 0, b"nobody listens").await;
        until(&self.media, "the PBX", |c| c.received > received).await;
        let offer = offered(&self.relay, &self.description).await;
        self.pbx.hear_of(&offer);
        let resumed = self.offer("");
        self.relay.answer_from_pbx("a", &resumed).await.unwrap();
        self.relay.confirm("a").await.unwrap();
        assert_eq!(self.browser.heard.len(), heard);
        self.up(96_000, b"welcome back").await;
        self.down(96_000, b"here I am again").await;
        let other = self.relay.answer_from_pbx("other", &resumed).await;
        assert!(matches!(other, Err(RelayError::OtherBranch)));
    }

    /// What the browser says arrives as it was said.
    async fn up(&mut self, timestamp: u32, payload: &[u8]) -> peer::pbx::Heard {
        self.browser.send(OPUS, timestamp, payload);
        self.browser.flush().await;
        let heard = self.pbx.hear().await;
        assert_eq!(heard.payload, payload);
        heard
    }

    /// What the PBX says arrives as it was said.
    async fn down(&mut self, timestamp: u32, payload: &[u8]) {
        let before = self.browser.heard.len();
        self.pbx.send(OPUS, timestamp, payload).await;
        let arrived = |peer: &Peer| peer.heard.len() > before;
        self.browser
            .run_relay(&mut self.relay, "the PBX's sound", arrived)
            .await;
        assert_eq!(self.browser.heard[before].payload[..], *payload);
        assert_eq!(self.browser.heard.len(), before + 1);
    }

    /// Both directions, ten packets each, with numbers as they were sent.
    async fn speak(&mut self) {
        let mut sent = Vec::new();
        for n in 0..10_u32 {
            let sound = vec![n as u8; 40 + n as usize];
            sent.push(self.up(960 * n, &sound).await);
            self.down(960 * n, &sound).await;
        }
        for pair in sent.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(960));
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
        }
        let heard = &self.browser.heard[self.browser.heard.len() - 10..];
        for pair in heard.windows(2) {
            let (before, after) = (&pair[0].header, &pair[1].header);
            assert_eq!(
                after.sequence_number,
                before.sequence_number.wrapping_add(1)
            );
            assert_eq!(after.timestamp, before.timestamp.wrapping_add(960));
            assert_eq!(after.ssrc, before.ssrc);
        }
    }
}

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
        let media = media().await;
        let relay = media.relay(config(PbxSrtp::Sdes)).await.unwrap();
        let (mut browser, mut pbx) = (Peer::new(&[]).await, Pbx::new().await);
        let offer = offered(&relay, &browser.offer()).await;
        assert!(offer.contains("RTP/SAVP "));
        pbx.hear_of(&offer);
        let crypto = pbx.agree(&offer, suite);
        let answer = pbx.sdp("RTP/SAVP", "111", &format!("{RTPMAPS}{crypto}"));
        let mut call = Call {
            media,
            relay,
            browser,
            pbx,
            description: String::new(),
        };
        call.answered(&answer).await;
        call.speak().await;
    }
}

/// A call from the PBX that the browser has answered, though we haven't heard of it yet.
async fn incoming(media: Media, mut browser: Peer) -> (Call, String) {
    let relay = media.relay(config(PbxSrtp::None)).await.unwrap();
    let pbx = Pbx::new().await;
    let offer = pbx.sdp("RTP/AVP", "111 0 101", RTPMAPS);
    let offer = relay.offer_from_pbx(&offer).await.unwrap();
    let answer = browser.answer(&offer);
    let call = Call {
        media,
        relay,
        browser,
        pbx,
        description: answer.clone(),
    };
    (call, answer)
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
async fn a_call_may_be_held_by_whom_it_came_to() {
    let mut call = Call::to_browser(media().await).await;
    call.speak().await;
    call.hold_and_resume().await;
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
#[ignore = "takes some minutes: --run-ignored all"]
async fn of_five_hundred_calls_in_a_row_none_is_silent() {
    let media = media().await;
    for n in 0..500_u32 {
        let mut call = match n % 2 {
            0 => Call::to_pbx(media.clone(), false).await,
            _ => Call::to_browser(media.clone()).await,
        };
        call.up(960 * n, b"do you hear me?").await;
        call.down(960 * n, b"I do").await;
    }
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
    let media = media().await;
    let relay = media.relay(config(PbxSrtp::Sdes)).await.unwrap();
    let (mut browser, mut pbx) = (Peer::new(&[]).await, Pbx::new().await);
    let offer = offered(&relay, &browser.offer()).await;
    pbx.hear_of(&offer);
    let (_, profile, key, salt) = SUITES[0];
    let crypto = pbx.agree(&offer, SUITES[0]);
    let answer = pbx.sdp("RTP/SAVP", "111", &format!("{RTPMAPS}{crypto}"));
    let mut call = Call {
        media,
        relay,
        browser,
        pbx,
        description: String::new(),
    };
    call.answered(&answer).await;
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

/// Stands between a peer that speaks UDP and the gateway's port for streams.
async fn carry(socket: UdpSocket, peer: SocketAddr, mut stream: TcpStream) {
    let mut buffer = [0; 2048];
    let mut unread = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received.unwrap();
                assert_eq!(from, peer);
                let header = (length as u16).to_be_bytes();
                stream.write_all(&[&header, &buffer[..length]].concat()).await.unwrap();
            }
            read = stream.read(&mut bytes) => match read.unwrap() {
                0 => return,
                length => unread.extend(&bytes[..length]),
            }
        }
        while let Some((header, rest)) = unread.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*header));
            let Some(packet) = rest.get(..length) else {
                break;
            };
            socket.send_to(packet, peer).await.unwrap();
            unread.drain(..2 + length);
        }
    }
}

#[tokio::test]
async fn a_call_goes_over_tcp_where_there_is_no_udp() {
    let media = media().await;
    let relay = media.relay(config(PbxSrtp::None)).await.unwrap();
    let (mut browser, mut pbx) = (Peer::new(&[]).await, Pbx::new().await);
    let offer = offered(&relay, &browser.offer()).await;
    pbx.hear_of(&offer);
    let answer = pbx.sdp("RTP/AVP", "111 0 101", RTPMAPS);
    let answer = relay.answer_from_pbx("a", &answer).await.unwrap();

    let port = media.local_addr().port();
    let offered = format!(" tcp 1520435199 127.0.0.1 {port} typ host tcptype passive\r\n");
    assert!(answer.contains(&offered), "{answer}");
    let stream = TcpStream::connect(media.local_addr()).await.unwrap();
    let between = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other_port = between.local_addr().unwrap().port();
    let peer = browser.socket.local_addr().unwrap();
    let carrier = tokio::spawn(carry(between, peer, stream));
    let lines = answer.lines().filter(|line| !line.contains(" tcp "));
    let answer: String = lines.map(|line| format!("{line}\r\n")).collect();
    let udp = format!("127.0.0.1 {port} typ");
    browser.accept(&answer.replace(&udp, &format!("127.0.0.1 {other_port} typ")));

    let mut call = Call {
        media,
        relay,
        browser,
        pbx,
        description: String::new(),
    };
    call.browser.connect_relay(&mut call.relay).await;
    call.speak().await;
    // The stream ends with the call.
    drop(call.relay);
    let ended = tokio::time::timeout(Duration::from_secs(20), carrier).await;
    ended.expect("the stream stays open").unwrap();
    until(&call.media, "its address", |c| c.addresses == 0).await;
}

#[tokio::test]
async fn of_several_forks_the_first_to_speak_is_heard_until_one_answers() {
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
    let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(closed.is_ok(), "the port stays open");
}

#[tokio::test]
async fn what_nobody_agreed_to_is_not_passed_on() {
    let media = media().await;
    let relay = media.relay(config(PbxSrtp::None)).await.unwrap();
    let (mut browser, mut pbx) = (Peer::new(&[]).await, Pbx::new().await);
    let offer = offered(&relay, &browser.offer()).await;
    pbx.hear_of(&offer);
    // Before the answer nobody knows where the PBX is.
    let unknown = media.counters().unknown;
    pbx.send(OPUS, 0, b"who are you?").await;
    until(&media, "the PBX", |c| c.unknown == unknown + 1).await;
    // An answer of the other IP version can't be sent to.
    let answer = pbx
        .sdp("RTP/AVP", "111", RTPMAPS)
        .replace("IP4 127.0.0.1", "IP6 ::1");
    let refused = relay.answer_from_pbx("a", &answer).await;
    assert!(matches!(refused, Err(RelayError::BadDescription(_))));
    assert_eq!(media.counters().sent, 0);
}
