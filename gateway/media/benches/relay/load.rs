//! Both ends of many calls: SRTP by `rtc-srtp`, DTLS by `dimpl`.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use rtc_srtp::config::Config as SrtpConfig;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use sha2::{Digest, Sha256};

use super::CALLS;

/// 20 ms of G.711.
const PAYLOAD: usize = 160;
/// What has not come by then is lost.
const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Keys of one end: for what it sends and for what it hears.
pub(crate) struct Keys {
    outbound: Context,
    inbound: Context,
}

impl Keys {
    /// Of what DTLS exported.
    fn of_dtls(material: &[u8], profile: SrtpProfile, is_client: bool) -> Self {
        let profile = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            SrtpProfile::AEAD_AES_128_GCM => ProtectionProfile::AeadAes128Gcm,
            _ => ProtectionProfile::AeadAes256Gcm,
        };
        let mut config = SrtpConfig {
            profile,
            ..SrtpConfig::default()
        };
        config
            .set_session_keys_from_keying_material(material, is_client)
            .unwrap();
        let keys = &config.keys;
        let ours = (&keys.local_master_key, &keys.local_master_salt);
        let theirs = (&keys.remote_master_key, &keys.remote_master_salt);
        Self {
            outbound: context(ours.0, ours.1, profile),
            inbound: context(theirs.0, theirs.1, profile),
        }
    }

    /// Of SDES with AES_CM_128_HMAC_SHA1_80.
    pub(crate) fn of_sdes(ours: &[u8], theirs: &[u8]) -> Self {
        let profile = ProtectionProfile::Aes128CmHmacSha1_80;
        Self {
            outbound: context(&ours[..16], &ours[16..], profile),
            inbound: context(&theirs[..16], &theirs[16..], profile),
        }
    }
}

fn context(key: &[u8], salt: &[u8], profile: ProtectionProfile) -> Context {
    let crypto = rtc_srtp::crypto::default_provider().unwrap();
    Context::new(key, salt, profile, None, None, crypto.crypto()).unwrap()
}

/// One end of a call.
struct End {
    socket: UdpSocket,
    to: SocketAddr,
    keys: Option<Keys>,
    sequence: u16,
    ssrc: u32,
}

impl End {
    fn send(&mut self) {
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([0xd5; PAYLOAD]);
        self.sequence = self.sequence.wrapping_add(1);
        let sent = match &mut self.keys {
            Some(keys) => {
                let sealed = keys.outbound.encrypt_rtp(&packet).unwrap();
                self.socket.send_to(&sealed, self.to)
            }
            None => self.socket.send_to(&packet, self.to),
        };
        sent.unwrap();
    }

    /// Whether the other end's next packet has come, and is what it was.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 2048];
        loop {
            let Ok(length) = self.socket.recv(&mut buffer) else {
                return false;
            };
            let packet = &buffer[..length];
            // Reports are not counted, nor is what is left of the handshake.
            if packet[0] >> 6 != 2 || (192..=223).contains(&packet[1]) {
                continue;
            }
            let opened = self
                .keys
                .as_mut()
                .map(|keys| keys.inbound.decrypt_rtp(packet));
            let plain = match &opened {
                Some(opened) => opened.as_ref().expect("authentic"),
                None => packet,
            };
            assert_eq!(plain[12..], [0xd5; PAYLOAD]);
            return true;
        }
    }
}

/// One call: a browser, a PBX, and a relay between.
pub(crate) struct Line {
    browser: End,
    pbx: End,
}

impl Line {
    /// A call whose ends send to these addresses, in plain RTP.
    pub(crate) fn new([browser_to, pbx_to]: [SocketAddr; 2]) -> Self {
        let end = |to, ssrc| End {
            socket: socket(),
            to,
            keys: None,
            sequence: 1,
            ssrc,
        };
        Self {
            browser: end(browser_to, 1),
            pbx: end(pbx_to, 2),
        }
    }

    pub(crate) fn browser_address(&self) -> SocketAddr {
        self.browser.socket.local_addr().unwrap()
    }

    pub(crate) fn pbx_address(&self) -> SocketAddr {
        self.pbx.socket.local_addr().unwrap()
    }

    /// Where the ends send from now on.
    pub(crate) fn set_relay(&mut self, [browser_to, pbx_to]: [SocketAddr; 2]) {
        (self.browser.to, self.pbx.to) = (browser_to, pbx_to);
    }

    pub(crate) fn set_pbx_keys(&mut self, keys: Keys) {
        self.pbx.keys = Some(keys);
    }

    /// Gives a datagram to the relay before the handshake.
    pub(crate) fn browser_says(&self, datagram: &[u8]) {
        self.browser
            .socket
            .send_to(datagram, self.browser.to)
            .unwrap();
    }

    /// DTLS of the browser's end.
    pub(crate) fn shake_hands(&mut self, identity: &Identity, is_client: bool) {
        let now = Instant::now();
        let certificate = identity.certificate.clone();
        let mut dtls = Dtls::new_12(Arc::new(Config::default()), certificate, now);
        dtls.set_active(is_client);
        let socket = &self.browser.socket;
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        let deadline = now + Duration::from_secs(10);
        let mut buffer = [0; 2048];
        let mut keys = None;
        // Once they are there, the last flight may have to be said again.
        let mut quiet = 0;
        while keys.is_none() || quiet < 4 {
            assert!(Instant::now() < deadline, "no handshake");
            dtls.handle_timeout(Instant::now()).unwrap();
            loop {
                match dtls.poll_output(&mut buffer) {
                    Output::Packet(packet) => {
                        socket.send_to(packet, self.browser.to).unwrap();
                    }
                    Output::KeyingMaterial(material, profile) => {
                        keys = Some(Keys::of_dtls(&material, profile, is_client));
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            match socket.recv(&mut buffer) {
                Ok(length) if (20..=63).contains(&buffer[0]) => {
                    let _ = dtls.handle_packet(&buffer[..length]);
                }
                Ok(_) => {}
                Err(error) => {
                    assert!(matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut
                    ));
                    quiet += usize::from(keys.is_some());
                }
            }
        }
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        self.browser.keys = keys;
    }
}

/// Who the browsers are.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    /// As SDP writes it.
    pub(crate) fingerprint: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["load".to_owned()]).unwrap();
        let certificate = DtlsCertificate {
            certificate: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let digest = Sha256::digest(&certificate.certificate);
        let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Self {
            certificate,
            fingerprint: format!("sha-256 {}", bytes.join(":")),
        }
    }
}

/// How the packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// One each way in every call, and then all that comes is read: a busy relay.
    Bursts,
    /// One at a time, each awaited before the next: an idle relay, which wakes for every packet.
    Single,
}

type Tell = Box<dyn Fn(&[usize])>;

/// All calls of one relay.
pub(crate) struct Load {
    lines: Vec<Line>,
    /// Told which of the relay's sockets, two for each call, have been sent to.
    tell: Option<Tell>,
    /// Microseconds from sending to hearing, of packets sent one at a time.
    pub(crate) delays: Vec<f64>,
}

impl Load {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        assert_eq!(lines.len(), CALLS);
        Self {
            lines,
            tell: None,
            delays: Vec::new(),
        }
    }

    pub(crate) fn telling(self, tell: Tell) -> Self {
        Self {
            tell: Some(tell),
            ..self
        }
    }

    /// One packet each way in every call, `times` times; answers how many were sent, and how many
    /// of them came.
    pub(crate) fn turn(&mut self, pattern: Pattern, times: usize) -> (usize, usize) {
        let mut heard = 0;
        for _ in 0..times {
            heard += match pattern {
                Pattern::Bursts => self.burst(),
                Pattern::Single => self.one_by_one(),
            };
        }
        (2 * self.lines.len() * times, heard)
    }

    fn burst(&mut self) -> usize {
        for line in &mut self.lines {
            line.browser.send();
            line.pbx.send();
        }
        if let Some(tell) = &self.tell {
            let all: Vec<usize> = (0..2 * self.lines.len()).collect();
            tell(&all);
        }
        let mut heard = 0;
        for line in &mut self.lines {
            heard += usize::from(line.browser.hear());
            heard += usize::from(line.pbx.hear());
        }
        heard
    }

    fn one_by_one(&mut self) -> usize {
        let mut heard = 0;
        for (index, Line { browser, pbx }) in self.lines.iter_mut().enumerate() {
            for socket in [2 * index, 2 * index + 1] {
                let start = Instant::now();
                browser.send();
                if let Some(tell) = &self.tell {
                    tell(&[socket]);
                }
                if pbx.hear() {
                    heard += 1;
                    self.delays.push(start.elapsed().as_secs_f64() * 1e6);
                }
                // And back.
                std::mem::swap(browser, pbx);
            }
        }
        heard
    }
}
