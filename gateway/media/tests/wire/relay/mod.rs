//! Calls between a whole WebRTC peer and a PBX that knows nothing of it.

mod changes;
mod conversion;
mod forks;
mod many;
mod setup;
mod sound;
mod strangers;
mod tcp;

use std::net::IpAddr;

use sidetone_media::{BrowserOffer, Media, PbxSrtp, Relay, RelayConfig, RelayError};

use crate::peer::pbx::{Heard, Pbx, Suite};
use crate::peer::{OPUS, Peer, media, until};

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
        let (mut call, _) = Self::offered(media, config).await;
        let answer = call.offer("");
        call.answered(&answer).await;
        call
    }

    /// From the browser to a PBX that demands encryption, answered and connected.
    async fn encrypted(suite: Suite) -> Self {
        let (mut call, offer) = Self::offered(media().await, config(PbxSrtp::Sdes)).await;
        assert!(offer.contains("RTP/SAVP "));
        let crypto = call.pbx.agree(&offer, suite);
        let lines = format!("{RTPMAPS}{crypto}");
        let answer = call.pbx.sdp("RTP/SAVP", "111", &lines);
        call.answered(&answer).await;
        call
    }

    /// From the browser to a PBX that has not answered yet, and the offer that it has.
    async fn offered(media: Media, config: RelayConfig) -> (Self, String) {
        Self::offered_by(Peer::new(&[]).await, media, config).await
    }

    async fn offered_by(mut browser: Peer, media: Media, config: RelayConfig) -> (Self, String) {
        let relay = media.relay(config).await.unwrap();
        let mut pbx = Pbx::new().await;
        let description = browser.offer();
        let offer = offered(&relay, &description).await;
        pbx.hear_of(&offer);
        let call = Self {
            media,
            relay,
            browser,
            pbx,
            description,
        };
        (call, offer)
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
    async fn up(&mut self, timestamp: u32, payload: &[u8]) -> Heard {
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

/// A call from the PBX that the browser has answered, though we haven't heard of it yet.
async fn incoming(media: Media, browser: Peer) -> (Call, String) {
    let (call, _, answer) = incoming_with(media, browser, "111 0 101").await;
    (call, answer)
}

/// The same from a PBX with these payload types, and what the browser was offered.
async fn incoming_with(media: Media, mut browser: Peer, formats: &str) -> (Call, String, String) {
    let relay = media.relay(config(PbxSrtp::None)).await.unwrap();
    let pbx = Pbx::new().await;
    let offer = pbx.sdp("RTP/AVP", formats, RTPMAPS);
    let offer = relay.offer_from_pbx(&offer).await.unwrap();
    let answer = browser.answer(&offer);
    let call = Call {
        media,
        relay,
        browser,
        pbx,
        description: answer.clone(),
    };
    (call, offer, answer)
}
