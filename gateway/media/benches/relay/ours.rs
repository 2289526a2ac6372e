//! The gateway's engine, in this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use sidetone_media::{BrowserOffer, Media, MediaConfig, PbxSrtp, Relay, RelayConfig};
use tokio::runtime::Runtime;

use super::Contender;
use super::cores::Time;
use super::load::{Identity, Keys, Line, Load, PROFILE};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pbx {
    Plain,
    Sdes,
}

pub(crate) struct Gateway {
    runtime: Runtime,
    media: Media,
    identity: Identity,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let config = MediaConfig {
            listen: SocketAddr::new(HERE, 0),
            advertise: Vec::new(),
            relay_ports: 22_000..=31_999,
        };
        let media = runtime.block_on(Media::start(config)).unwrap();
        Self {
            runtime,
            media,
            identity: Identity::new(),
        }
    }

    pub(crate) fn contender(&self, name: &'static str, pbx: Pbx) -> Contender<'_> {
        // The calls last as long as they are measured.
        let mut relays = Vec::new();
        let dial = move || {
            let (line, relay) = self.call(pbx);
            relays.push(relay);
            line
        };
        let time = || Time::of("self", Some("media"));
        Contender::new(name, Load::default(), Box::new(dial), Box::new(time))
    }

    fn call(&self, pbx: Pbx) -> (Line, Relay) {
        let mut line = Line::new();
        let config = RelayConfig {
            local: HERE,
            advertise: None,
            srtp: match pbx {
                Pbx::Plain => PbxSrtp::None,
                Pbx::Sdes => PbxSrtp::Sdes,
            },
            symmetric_rtp: false,
        };
        let relay = self.runtime.block_on(self.media.relay(config)).unwrap();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:load\r\na=rtcp-mux\r\n\
             a=fingerprint:{}\r\na=setup:actpass\r\n",
            self.identity.fingerprint
        );
        let offered = self.runtime.block_on(relay.offer_from_browser(&offer));
        let Ok(BrowserOffer::Offer(offer)) = offered else {
            panic!("no offer for the PBX")
        };
        let port = line.pbx_address().port();
        let (profile, crypto) = match pbx {
            Pbx::Plain => ("RTP/AVP", String::new()),
            Pbx::Sdes => {
                let theirs = value(&offer, "a=crypto:2 AEAD_AES_256_GCM inline:");
                let theirs = STANDARD.decode(theirs).unwrap();
                let ours = [7; 44];
                line.set_pbx_keys(Keys::of_sdes(&ours, &theirs));
                let ours = STANDARD.encode(ours);
                let crypto = format!("a=crypto:2 AEAD_AES_256_GCM inline:{ours}\r\n");
                ("RTP/SAVP", crypto)
            }
        };
        let answer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} {profile} 0\r\n{crypto}"
        );
        let pbx_port = value(&offer, "m=audio ").split(' ').next().unwrap();
        let pbx_to = SocketAddr::new(HERE, pbx_port.parse().unwrap());
        let answered = self.runtime.block_on(relay.answer_from_pbx("", &answer));
        let answer = answered.unwrap();
        self.runtime.block_on(relay.confirm("")).unwrap();
        line.set_relay([self.media.local_addr(), pbx_to]);
        let ufrag = value(&answer, "a=ice-ufrag:");
        line.browser_says(&check(ufrag, value(&answer, "a=ice-pwd:")));
        // What SRTP costs can be told from the difference as long as both sides use the same.
        let profile = line.shake_hands(&self.identity, true);
        assert_eq!(profile, Some(PROFILE));
        (line, relay)
    }
}

fn value<'a>(sdp: &'a str, start: &str) -> &'a str {
    sdp.lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap()
}

fn check(ufrag: &str, pwd: &str) -> Vec<u8> {
    let crypto = rtc_crypto::default_provider().unwrap();
    let mut request = Message::new();
    request.typ = BINDING_REQUEST;
    request.transaction_id = TransactionId::new();
    request.write_header();
    request.add(ATTR_USERNAME, format!("{ufrag}:load").as_bytes());
    request.add(ATTR_USE_CANDIDATE, &[]);
    MessageIntegrity::new_raw_integrity_with_provider(pwd.as_bytes(), crypto.crypto())
        .add_to(&mut request)
        .unwrap();
    FINGERPRINT.add_to(&mut request).unwrap();
    request.raw
}
