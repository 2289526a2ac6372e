//! A PBX's end of a call: plain sockets, and SRTP by an implementation that is not ours.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use tokio::net::UdpSocket;

use super::DEADLINE;

/// A suite by its name in SDP, with the lengths of its key and salt.
pub(crate) type Suite = (&'static str, ProtectionProfile, usize, usize);

pub(crate) const SUITES: [Suite; 4] = [
    (
        "AES_CM_128_HMAC_SHA1_80",
        ProtectionProfile::Aes128CmHmacSha1_80,
        16,
        14,
    ),
    (
        "AES_CM_128_HMAC_SHA1_32",
        ProtectionProfile::Aes128CmHmacSha1_32,
        16,
        14,
    ),
    ("AEAD_AES_128_GCM", ProtectionProfile::AeadAes128Gcm, 16, 12),
    ("AEAD_AES_256_GCM", ProtectionProfile::AeadAes256Gcm, 32, 12),
];

/// One RTP packet as the PBX sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
}

/// The two sockets, and the keys of SDES if there are any.
pub(crate) struct Pbx {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// Where the gateway listens, by its description.
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) ssrc: u32,
    sequence: u16,
    keys: Option<(Context, Context)>,
}

impl Pbx {
    pub(crate) async fn new() -> Self {
        loop {
            let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let mut next = rtp.local_addr().unwrap();
            next.set_port(next.port() ^ 1);
            // RTCP one above.
            let Ok(other) = UdpSocket::bind(next).await else {
                continue;
            };
            let (rtp, rtcp) = match next.port() % 2 {
                0 => (other, rtp),
                _ => (rtp, other),
            };
            return Self {
                rtp,
                rtcp,
                gateway: None,
                ssrc: 0xbeef,
                sequence: 100,
                keys: None,
            };
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.rtp.local_addr().unwrap().port()
    }

    /// What the PBX says of itself; `attributes` are lines, `formats` payload types.
    pub(crate) fn sdp(&self, protocol: &str, formats: &str, attributes: &str) -> String {
        let port = self.port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} {protocol} {formats}\r\n{attributes}"
        )
    }

    /// Reads where the gateway listens.
    pub(crate) fn hear_of(&mut self, sdp: &str) {
        let line = |start: &str| {
            sdp.lines()
                .find_map(|line| line.strip_prefix(start))
                .unwrap()
        };
        let ip = line("c=IN IP4 ").parse().unwrap();
        let port = line("m=audio ").split(' ').next().unwrap().parse().unwrap();
        self.gateway = Some(SocketAddr::new(ip, port));
    }

    /// Takes the gateway's key of that suite out of its description, and gives the line with ours.
    pub(crate) fn agree(&mut self, sdp: &str, (name, profile, key, salt): Suite) -> String {
        let mut lines = sdp
            .lines()
            .filter_map(|line| line.strip_prefix("a=crypto:"));
        let theirs = lines.find(|line| line.contains(name)).unwrap();
        let (tag, _) = theirs.split_once(' ').unwrap();
        let theirs = theirs.split("inline:").nth(1).unwrap();
        let theirs = STANDARD.decode(theirs).unwrap();
        let ours: Vec<u8> = (0..key + salt).map(|n| (n * 3 + 1) as u8).collect();
        self.set_keys(profile, &ours, &theirs, key);
        format!("a=crypto:{tag} {name} inline:{}\r\n", STANDARD.encode(ours))
    }

    pub(crate) fn set_keys(
        &mut self,
        profile: ProtectionProfile,
        ours: &[u8],
        theirs: &[u8],
        key: usize,
    ) {
        let crypto = rtc_srtp::crypto::default_provider().unwrap();
        let context = |joined: &[u8]| {
            let (key, salt) = joined.split_at(key);
            Context::new(key, salt, profile, None, None, crypto.crypto()).unwrap()
        };
        self.keys = Some((context(ours), context(theirs)));
    }

    /// One packet, as it goes over the wire.
    pub(crate) fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        match &mut self.keys {
            Some((ours, _)) => ours.encrypt_rtp(&packet).unwrap().to_vec(),
            None => packet,
        }
    }

    pub(crate) async fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = self.packet(payload_type, timestamp, payload);
        self.rtp
            .send_to(&packet, self.gateway.unwrap())
            .await
            .unwrap();
    }

    /// The next packet of sound.
    ///
    /// # Panics
    /// When none comes.
    pub(crate) async fn hear(&mut self) -> Heard {
        let mut buffer = [0; 2048];
        let received = tokio::time::timeout(DEADLINE, self.rtp.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("nothing comes").unwrap();
        assert_eq!(Some(from), self.gateway, "from another address");
        self.read(&buffer[..length])
    }

    /// Whatever has come already, without waiting.
    pub(crate) fn heard(&mut self) -> Option<Heard> {
        let mut buffer = [0; 2048];
        let (length, _) = self.rtp.try_recv_from(&mut buffer).ok()?;
        Some(self.read(&buffer[..length]))
    }

    fn read(&mut self, packet: &[u8]) -> Heard {
        let plain = match &mut self.keys {
            Some((_, theirs)) => theirs.decrypt_rtp(packet).unwrap().to_vec(),
            None => packet.to_vec(),
        };
        assert_eq!(plain[0], 0x80);
        Heard {
            payload_type: plain[1] & 0x7f,
            sequence: u16::from_be_bytes([plain[2], plain[3]]),
            timestamp: u32::from_be_bytes(plain[4..8].try_into().unwrap()),
            ssrc: u32::from_be_bytes(plain[8..12].try_into().unwrap()),
            payload: plain[12..].to_vec(),
        }
    }

    /// The next report.
    ///
    /// # Panics
    /// When none comes.
    pub(crate) async fn report(&mut self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let deadline = DEADLINE + Duration::from_secs(10);
        let received = tokio::time::timeout(deadline, self.rtcp.recv_from(&mut buffer)).await;
        let (length, _) = received.expect("no report comes").unwrap();
        match &mut self.keys {
            Some((_, theirs)) => theirs.decrypt_rtcp(&buffer[..length]).unwrap().to_vec(),
            None => buffer[..length].to_vec(),
        }
    }
}
