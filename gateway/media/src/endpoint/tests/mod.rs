//! One leg and a browser of its own, in virtual time.

mod life;
mod offers;
mod sound;

use dimpl::{Config, Dtls, DtlsCertificate};
use rtc_srtp::config::Config as SrtpConfig;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::attributes::ATTR_USE_CANDIDATE;
use sha2::{Digest, Sha256};

use super::*;
use crate::sdp::{Fingerprint, Hash};
use crate::transport::ice::tests::check;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const BROWSER: &str = "192.0.2.9:5000";

fn shared(now: Instant) -> Arc<Shared> {
    Arc::new(Shared {
        identity: Identity::generate().unwrap(),
        recording: Recording::chime(),
        crypto: rtc_crypto::default_provider().unwrap(),
        clock: WallClock::new(now),
        candidates: vec!["192.0.2.1:4000".parse().unwrap()],
        takes_streams: false,
    })
}

fn offer(ufrag: &str, direction: &str, formats: &str, fingerprint: &Fingerprint) -> Offer {
    let text = format!(
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\na=mid:0\r\na=ice-ufrag:{ufrag}\r\n\
         a=fingerprint:{fingerprint}\r\na=setup:actpass\r\na={direction}\r\na=rtcp-mux\r\n\
         a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n"
    );
    Offer::parse(&text).unwrap()
}

/// A leg, the browser that called it, and all that the leg has said.
struct Call {
    now: Instant,
    endpoint: Endpoint,
    fingerprint: Fingerprint,
    dtls: Dtls,
    inbound: Option<Context>,
    outbound: Option<Context>,
    wake: Option<Instant>,
    events: Vec<LegEvent>,
    /// RTP the browser has heard, with the time.
    heard: Vec<(Instant, Vec<u8>)>,
    reports: Vec<Vec<u8>>,
}

const ALL: &str = "111 0 8 126";

impl Call {
    fn new(program: Program) -> Self {
        let now = Instant::now();
        let made = rcgen::generate_simple_self_signed(["browser".to_owned()]).unwrap();
        let certificate = DtlsCertificate {
            certificate: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let fingerprint = Fingerprint {
            hash: Hash::Sha256,
            digest: Sha256::digest(&certificate.certificate).to_vec(),
        };
        let mut dtls = Dtls::new_12(Arc::new(Config::default()), certificate, now);
        dtls.set_active(true);
        dtls.handle_timeout(now).unwrap();
        let offer = offer("them", "sendrecv", ALL, &fingerprint);
        let (endpoint, _) = Endpoint::open(shared(now), &offer, program, now).unwrap();
        let mut call = Self {
            now,
            endpoint,
            fingerprint,
            dtls,
            inbound: None,
            outbound: None,
            wake: None,
            events: Vec::new(),
            heard: Vec::new(),
            reports: Vec::new(),
        };
        call.drain();
        call
    }

    fn connected(program: Program) -> Self {
        let mut call = Self::new(program);
        call.check();
        call.talk_dtls();
        assert_eq!(call.events, [LegEvent::Connected]);
        call
    }

    fn check(&mut self) {
        let crypto = self.endpoint.shared.crypto.clone();
        let to = self.endpoint.browser.credentials().clone();
        let request = check(&*crypto, &to, &[ATTR_USE_CANDIDATE]);
        let check = Check::parse(&request).unwrap();
        let from = Path::Udp(BROWSER.parse().unwrap());
        self.endpoint.handle_check(self.now, from, check).unwrap();
        self.drain();
    }

    fn talk_dtls(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => {
                    let packet = packet.to_vec();
                    self.receive(Protocol::Dtls, &packet).unwrap();
                }
                dimpl::Output::KeyingMaterial(keys, profile) => {
                    assert_eq!(profile, dimpl::SrtpProfile::AEAD_AES_256_GCM);
                    self.on_keys(&keys);
                }
                dimpl::Output::Timeout(_) => return,
                _ => {}
            }
        }
    }

    fn on_keys(&mut self, material: &[u8]) {
        let profile = ProtectionProfile::AeadAes256Gcm;
        let mut config = SrtpConfig {
            profile,
            ..SrtpConfig::default()
        };
        config
            .set_session_keys_from_keying_material(material, true)
            .unwrap();
        let crypto = self.endpoint.shared.crypto.clone();
        let context = |key: &[u8], salt: &[u8]| {
            Some(Context::new(key, salt, profile, None, None, crypto.crypto()).unwrap())
        };
        let keys = &config.keys;
        self.outbound = context(&keys.local_master_key, &keys.local_master_salt);
        self.inbound = context(&keys.remote_master_key, &keys.remote_master_salt);
    }

    fn receive(&mut self, protocol: Protocol, datagram: &[u8]) -> Result<(), Dropped> {
        let result = {
            let mut datagram = datagram.to_vec();
            self.endpoint
                .handle_datagram(self.now, protocol, &mut datagram)
        };
        self.drain();
        result
    }

    /// What the browser sends, protected.
    fn say(&mut self, source: &mut Source, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = source.write(payload_type, false, timestamp, payload);
        let protected = self
            .outbound
            .as_mut()
            .unwrap()
            .encrypt_rtp(&packet)
            .unwrap();
        self.receive(Protocol::Rtp, &protected).unwrap();
    }

    fn drain(&mut self) {
        loop {
            match self.endpoint.poll_output() {
                Output::Transmit(to, bytes) => {
                    assert_eq!(to, Path::Udp(BROWSER.parse().unwrap()));
                    match Protocol::of(&bytes).unwrap() {
                        Protocol::Stun => {}
                        Protocol::Dtls => {
                            self.dtls.handle_packet(&bytes).unwrap();
                            self.talk_dtls();
                        }
                        Protocol::Rtp => {
                            let context = self.inbound.as_mut().unwrap();
                            let plain = context.decrypt_rtp(&bytes).unwrap();
                            self.heard.push((self.now, plain.to_vec()));
                        }
                        Protocol::Rtcp => {
                            let context = self.inbound.as_mut().unwrap();
                            let plain = context.decrypt_rtcp(&bytes).unwrap();
                            self.reports.push(plain.to_vec());
                        }
                    }
                }
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
            }
        }
    }

    /// Lets time pass, waking the leg exactly when it asks.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self
            .wake
            .filter(|wake| *wake <= end && !self.endpoint.failed)
        {
            self.now = wake.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn reoffer(&mut self, ufrag: &str, direction: &str) -> String {
        let offer = offer(ufrag, direction, ALL, &self.fingerprint);
        let answer = self.endpoint.renegotiate(self.now, &offer).unwrap();
        self.drain();
        answer
    }
}
