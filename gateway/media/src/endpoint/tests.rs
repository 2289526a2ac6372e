//! One leg and a browser of its own, in virtual time.

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

#[test]
fn a_leg_that_nobody_calls_fails_after_30_seconds() {
    let mut call = Call::new(Program::Echo);
    call.pass(30 * SECOND - MS);
    assert_eq!(call.events, []);
    call.pass(MS);
    assert_eq!(call.events, [LegEvent::Failed]);
}

#[test]
fn checks_without_dtls_do_not_keep_a_leg_for_ever() {
    let mut call = Call::new(Program::Echo);
    for _ in 0..29 {
        call.check();
        call.pass(SECOND);
    }
    assert_eq!(call.events, []);
    call.check();
    call.pass(SECOND);
    assert_eq!(call.events, [LegEvent::Failed]);
}

#[test]
fn a_connected_leg_lives_as_long_as_it_is_checked() {
    let mut call = Call::connected(Program::Echo);
    for _ in 0..5 {
        call.pass(25 * SECOND);
        call.check();
    }
    assert_eq!(call.events, [LegEvent::Connected]);
    call.pass(30 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
}

#[test]
fn packets_that_are_not_authentic_are_no_sign_of_life() {
    let mut call = Call::connected(Program::Echo);
    let forged = Source::new(1, 1).write(111, false, 0, &[0; 80]);
    for _ in 0..29 {
        call.pass(SECOND);
        let dropped = call.receive(Protocol::Rtp, &forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
    }
    call.pass(SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
    assert_eq!(call.heard, []);
}

#[test]
fn the_browser_closing_dtls_ends_the_leg() {
    let mut call = Call::connected(Program::Echo);
    call.dtls.close().unwrap();
    call.talk_dtls();
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
}

#[test]
fn a_replayed_packet_is_echoed_once() {
    let mut call = Call::connected(Program::Echo);
    let packet = Source::new(1, 1).write(111, false, 0, b"once");
    let protected = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    assert_eq!(call.receive(Protocol::Rtp, &protected), Ok(()));
    let replayed = call.receive(Protocol::Rtp, &protected);
    assert_eq!(replayed, Err(Dropped::Unauthentic));
    assert_eq!(call.heard.len(), 1);
}

#[test]
fn keys_are_reported_and_not_echoed() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"a");
    for end in [0, 0, 0x80, 0x80, 0x80] {
        call.say(&mut microphone, 126, 960, &[11, end, 0, 160]);
    }
    call.say(&mut microphone, 111, 5760, b"b");
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Dtmf('#')]);
    let packets: Vec<_> = call
        .heard
        .iter()
        .map(|(_, p)| Packet::parse(p).unwrap())
        .collect();
    assert_eq!(packets.len(), 2);
    assert_eq!([packets[0].payload, packets[1].payload], [b"a", b"b"]);
    assert_eq!(packets[1].sequence, packets[0].sequence + 1);
    assert_eq!(
        packets[1].timestamp.wrapping_sub(packets[0].timestamp),
        5760
    );
}

#[test]
fn what_was_not_negotiated_is_dropped() {
    let mut call = Call::connected(Program::Echo);
    let packet = Source::new(1, 1).write(99, false, 0, b"what?");
    let protected = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    assert_eq!(
        call.receive(Protocol::Rtp, &protected),
        Err(Dropped::Malformed)
    );
    assert_eq!(call.heard, []);
}

#[test]
fn reports_come_regularly() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"a");
    call.pass(11 * SECOND);
    assert_eq!(call.reports.len(), 3, "at 0.5, 5.5 and 10.5 s");
    for report in &call.reports {
        assert_eq!(report[..2], [0x81, 200]);
    }
}

#[test]
fn the_announcement_is_played_in_time_and_then_finished() {
    let mut call = Call::connected(Program::Announcement);
    let start = call.now;
    call.check();
    call.pass(10 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Finished]);
    assert!(call.heard.len() > 100);
    let first = Packet::parse(&call.heard[0].1).unwrap();
    assert!(first.marker);
    for (n, (at, bytes)) in call.heard.iter().enumerate() {
        let packet = Packet::parse(bytes).unwrap();
        assert_eq!(*at, start + 20 * MS * n as u32);
        assert_eq!((packet.payload_type, packet.payload.len()), (0, 160));
        assert_eq!(packet.sequence.wrapping_sub(first.sequence), n as u16);
        let elapsed = packet.timestamp.wrapping_sub(first.timestamp);
        assert_eq!(elapsed, 160 * n as u32);
    }
}

#[test]
fn the_announcement_waits_while_on_hold() {
    let mut call = Call::connected(Program::Announcement);
    call.pass(SECOND);
    let before = call.heard.len();
    assert!(call.reoffer("them", "sendonly").contains("a=recvonly\r\n"));
    call.pass(5 * SECOND);
    assert_eq!(call.heard.len(), before);
    assert!(call.reoffer("them", "sendrecv").contains("a=sendrecv\r\n"));
    call.pass(10 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Finished]);
}

#[test]
fn nothing_is_echoed_on_hold() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    for (direction, heard) in [
        ("sendonly", 0),
        ("inactive", 0),
        ("recvonly", 0),
        ("sendrecv", 1),
    ] {
        call.reoffer("them", direction);
        call.say(&mut microphone, 111, 0, b"a");
        assert_eq!(call.heard.len(), heard, "{direction}");
    }
}

#[test]
fn an_ice_restart_changes_the_names_and_keeps_the_keys() {
    let mut call = Call::connected(Program::Echo);
    let before = call.endpoint.browser.credentials().clone();
    let same = call.reoffer("them", "sendrecv");
    assert!(same.contains(&format!("a=ice-ufrag:{}\r\n", before.ufrag)));
    let answer = call.reoffer("restarted", "sendrecv");
    let after = call.endpoint.browser.credentials().clone();
    assert_ne!(after, before);
    assert!(answer.contains(&format!("a=ice-ufrag:{}\r\n", after.ufrag)));
    assert!(answer.contains(&format!("a=ice-pwd:{}\r\n", after.pwd)));
    call.check();
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"still here");
    assert_eq!(call.heard.len(), 1);
    assert_eq!(call.events, [LegEvent::Connected]);
}

#[test]
fn an_offer_that_cannot_be_answered_changes_nothing() {
    let mut call = Call::connected(Program::Announcement);
    let names: Vec<String> = call
        .endpoint
        .browser()
        .ufrags()
        .map(str::to_owned)
        .collect();
    let opus_only = offer("other", "inactive", "111 126", &call.fingerprint);
    let error = call.endpoint.renegotiate(call.now, &opus_only).unwrap_err();
    assert!(matches!(error, MediaError::NoAudio));
    assert_eq!(call.endpoint.browser().ufrags().collect::<Vec<_>>(), names);
    call.pass(SECOND);
    assert_eq!(call.heard.len(), 51, "it plays on");
}

#[test]
fn programs_choose_the_codecs_they_speak() {
    let now = Instant::now();
    let fingerprint = Fingerprint {
        hash: Hash::Sha256,
        digest: vec![1; 32],
    };
    let cases = [
        (
            Program::Echo,
            "8 0 126 111",
            Some("m=audio 4000 UDP/TLS/RTP/SAVPF 111 0 8 126\r\n"),
        ),
        (
            Program::Announcement,
            "111 8 126 0",
            Some("m=audio 4000 UDP/TLS/RTP/SAVPF 0 8 126\r\n"),
        ),
        (Program::Announcement, "111 126", None),
    ];
    let shared = shared(now);
    for (program, formats, line) in cases {
        let offer = offer("them", "sendrecv", formats, &fingerprint);
        match (Endpoint::open(shared.clone(), &offer, program, now), line) {
            (Ok((_, answer)), Some(line)) => assert!(answer.contains(line), "{answer}"),
            (Err(MediaError::NoAudio), None) => {}
            _ => panic!("{program:?} {formats}"),
        }
    }
}

#[test]
fn nonsense_before_the_handshake_does_not_prevent_it() {
    let mut call = Call::new(Program::Echo);
    call.check();
    let mut random = 7_u32;
    for length in 0..1500 {
        let mut nonsense: Vec<u8> = Vec::with_capacity(length + 1);
        nonsense.push(22);
        nonsense.extend((0..length).map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        }));
        // A plausible record header every other time.
        if length > 13 && length % 2 == 0 {
            nonsense[1..13].copy_from_slice(&[254, 253, 0, 0, 0, 0, 0, 0, 0, length as u8, 0, 9]);
        }
        call.receive(Protocol::Dtls, &nonsense).unwrap();
        let _ = call.receive(Protocol::Rtp, &nonsense);
        let _ = call.receive(Protocol::Rtcp, &nonsense);
    }
    assert_eq!(call.events, []);
    call.talk_dtls();
    assert_eq!(call.events, [LegEvent::Connected]);
}

#[test]
fn nonsense_after_the_handshake_changes_nothing() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    let packet = microphone.write(111, false, 0, &[5; 40]);
    let whole = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    for length in 0..whole.len() {
        assert!(call.receive(Protocol::Rtp, &whole[..length]).is_err());
        assert!(call.receive(Protocol::Rtcp, &whole[..length]).is_err());
        call.receive(Protocol::Dtls, &whole[..length]).unwrap();
    }
    let mut alert = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2];
    alert.extend([2, 40]);
    call.receive(Protocol::Dtls, &alert).unwrap();
    call.receive(Protocol::Rtp, &whole).unwrap();
    assert_eq!(call.heard.len(), 1);
    assert_eq!(call.events, [LegEvent::Connected]);
}
