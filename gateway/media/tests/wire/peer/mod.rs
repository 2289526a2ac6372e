//! A browser's end of a call, by an implementation that is not ours.

pub(crate) mod pbx;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate,
};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use sidetone_media::{Counters, Leg, LegEvent, Media, Relay, RelayEvent};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub(crate) const OPUS: u8 = 111;
pub(crate) const PCMU: u8 = 0;
pub(crate) const TELEPHONE_EVENT: u8 = 126;

/// Nothing here takes that long; a test that waits longer has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const SSRC: u32 = 0x5eed;

/// The peer, its socket and what it has heard.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    sequence: u16,
    pub(crate) heard: Vec<rtp::Packet>,
    state: RTCPeerConnectionState,
    pub(crate) events: Vec<LegEvent>,
    pub(crate) relay_events: Vec<RelayEvent>,
    /// Datagrams of DTLS that have been sent.
    pub(crate) wrote_dtls: usize,
}

impl Peer {
    pub(crate) async fn new(profiles: &[SrtpProtectionProfile]) -> Self {
        let mut settings = SettingEngineBuilder::new();
        if !profiles.is_empty() {
            settings = settings.with_srtp_protection_profiles(profiles.to_vec());
        }
        Self::with(settings, &[OPUS, PCMU, TELEPHONE_EVENT]).await
    }

    /// A peer that is the DTLS client of a call that it answers, as browsers are.
    pub(crate) async fn saying_hello() -> Self {
        Self::speaking(&[OPUS, PCMU, TELEPHONE_EVENT]).await
    }

    /// The same with these codecs alone.
    pub(crate) async fn speaking(payload_types: &[u8]) -> Self {
        let settings = SettingEngineBuilder::new();
        let settings = settings.with_answering_dtls_role(RTCDtlsRole::Client);
        Self::with(settings, payload_types).await
    }

    async fn with(settings: SettingEngineBuilder, payload_types: &[u8]) -> Self {
        let codec = |mime: &str, clock_rate, channels, payload_type| RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: mime.to_owned(),
                clock_rate,
                channels,
                ..RTCRtpCodec::default()
            },
            payload_type,
        };
        let codecs = [
            codec(MIME_TYPE_OPUS, 48_000, 2, OPUS),
            codec(MIME_TYPE_PCMU, 8_000, 1, PCMU),
            codec(MIME_TYPE_TELEPHONE_EVENT, 8_000, 1, TELEPHONE_EVENT),
        ];
        let known = |codec: &RTCRtpCodecParameters| payload_types.contains(&codec.payload_type);
        let codecs: Vec<_> = codecs.into_iter().filter(known).collect();
        let mut engine = MediaEngine::default();
        for codec in &codecs {
            engine
                .register_codec(codec.clone(), RtpCodecKind::Audio)
                .unwrap();
        }
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings.build())
            .build(Instant::now())
            .unwrap();
        let encodings = codecs.into_iter().map(|codec| RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(SSRC),
                ..RTCRtpCodingParameters::default()
            },
            codec: codec.rtp_codec,
            ..RTCRtpEncodingParameters::default()
        });
        let name = || "microphone".to_owned();
        let kind = RtpCodecKind::Audio;
        let track = MediaStreamTrack::new(name(), name(), name(), kind, encodings.collect());
        let sender = connection.add_track(track).unwrap();
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            connection,
            sender,
            sequence: 0,
            heard: Vec::new(),
            state: RTCPeerConnectionState::New,
            events: Vec::new(),
            relay_events: Vec::new(),
            wrote_dtls: 0,
        }
    }

    /// An offer with the peer's one candidate.
    pub(crate) fn offer(&mut self) -> String {
        self.gather();
        let offer = self.connection.create_offer(None).unwrap();
        let sdp = offer.sdp.clone();
        self.connection
            .set_local_description(Instant::now(), offer)
            .unwrap();
        sdp
    }

    /// The answer to `offer`.
    pub(crate) fn answer(&mut self, offer: &str) -> String {
        let offer = RTCSessionDescription::offer(offer.to_owned()).unwrap();
        self.connection
            .set_remote_description(Instant::now(), offer)
            .unwrap();
        self.gather();
        let answer = self.connection.create_answer(None).unwrap();
        let sdp = answer.sdp.clone();
        self.connection
            .set_local_description(Instant::now(), answer)
            .unwrap();
        sdp
    }

    fn gather(&mut self) {
        let local = self.socket.local_addr().unwrap();
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: local.ip().to_string(),
                port: local.port(),
                component: 1,
                ..CandidateConfig::default()
            },
            ..CandidateHostConfig::default()
        }
        .new_candidate_host()
        .unwrap();
        let candidate = RTCIceCandidate::from(&candidate).to_json().unwrap();
        self.connection.add_local_candidate(candidate).unwrap();
    }

    pub(crate) fn restart_ice(&mut self) {
        self.connection.restart_ice();
    }

    pub(crate) fn accept(&mut self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned()).unwrap();
        self.connection
            .set_remote_description(Instant::now(), answer)
            .unwrap();
    }

    /// Sends one packet; sequence numbers count up by themselves.
    pub(crate) fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: SSRC,
                ..rtp::Header::default()
            },
            payload: Bytes::copy_from_slice(payload),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut sender = self.connection.rtp_sender(self.sender).unwrap();
        sender.write_rtp(Instant::now(), packet).unwrap();
    }

    /// Runs the connection, collecting packets and the events of `leg`, until `done`.
    ///
    /// # Panics
    /// When that takes too long.
    pub(crate) async fn run_until(
        &mut self,
        leg: &mut Leg,
        what: &str,
        done: impl Fn(&Self) -> bool,
    ) {
        let note = |peer: &mut Self, event| peer.events.push(event);
        self.run(&mut leg.events, note, what, done).await;
    }

    /// The same for a relay.
    pub(crate) async fn run_relay(
        &mut self,
        relay: &mut Relay,
        what: &str,
        done: impl Fn(&Self) -> bool,
    ) {
        let note = |peer: &mut Self, event| peer.relay_events.push(event);
        self.run(&mut relay.events, note, what, done).await;
    }

    async fn run<E>(
        &mut self,
        events: &mut mpsc::Receiver<E>,
        note: impl Fn(&mut Self, E),
        what: &str,
        done: impl Fn(&Self) -> bool,
    ) {
        let deadline = Instant::now() + DEADLINE;
        let local = self.socket.local_addr().unwrap();
        let mut buffer = [0; 2048];
        while !done(self) {
            self.drain().await;
            let now = Instant::now();
            assert!(now < deadline, "waited in vain for: {what}");
            let wake = self.connection.poll_timeout().unwrap_or(deadline);
            let wake = wake.min(deadline);
            if wake <= now {
                self.connection.handle_timeout(now).unwrap();
                continue;
            }
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, from) = received.unwrap();
                    self.receive(local, from, &buffer[..length]);
                }
                Some(event) = events.recv() => note(self, event),
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            while let Some(TaggedRTCMessage { message, .. }) = self.connection.poll_read() {
                if let RTCMessage::RtpPacket(_, packet) = message {
                    self.heard.push(packet);
                }
            }
            while let Some(event) = self.connection.poll_event() {
                if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                    self.state = state;
                }
            }
        }
        self.drain().await;
    }

    fn receive(&mut self, local_addr: SocketAddr, peer_addr: SocketAddr, datagram: &[u8]) {
        let tagged = TaggedBytesMut {
            now: Instant::now(),
            transport: TransportContext {
                local_addr,
                peer_addr,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        };
        self.connection.handle_read(tagged).unwrap();
    }

    async fn drain(&mut self) {
        while let Some(out) = self.connection.poll_write() {
            let to = out.transport.peer_addr;
            self.wrote_dtls += usize::from((20..=63).contains(&out.message[0]));
            self.socket.send_to(&out.message, to).await.unwrap();
        }
    }

    /// Runs until a relay's DTLS is up at both ends.
    pub(crate) async fn connect_relay(&mut self, relay: &mut Relay) {
        self.run_relay(relay, "the relay to connect", |peer| {
            let up = peer.state == RTCPeerConnectionState::Connected;
            up && peer.relay_events.contains(&RelayEvent::Connected)
        })
        .await;
    }

    /// Hands what was said to the network.
    pub(crate) async fn flush(&mut self) {
        self.drain().await;
    }

    /// Runs until DTLS is up at both ends.
    pub(crate) async fn connect(&mut self, leg: &mut Leg) {
        self.run_until(leg, "the leg to connect", |peer| {
            let up = peer.state == RTCPeerConnectionState::Connected;
            up && peer.events.contains(&LegEvent::Connected)
        })
        .await;
    }
}

/// An engine on loopback.
pub(crate) async fn media() -> Media {
    media_with(sidetone_media::MediaConfig::RELAY_PORTS).await
}

/// The same with a range for relays.
pub(crate) async fn media_with(relay_ports: std::ops::RangeInclusive<u16>) -> Media {
    let config = sidetone_media::MediaConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: Vec::new(),
        relay_ports,
    };
    Media::start(config).await.unwrap()
}

/// Waits for the engine to have counted `done`.
pub(crate) async fn until(media: &Media, what: &str, done: impl Fn(&Counters) -> bool) {
    let waiting = async {
        while !done(&media.counters()) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(waited.is_ok(), "in vain for {what}: {:?}", media.counters());
}
