//! Handshakes with a client over a link that loses what it is told to, in virtual time.

use dimpl::{Config, Dtls};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Dtls12,
    Dtls13,
}

/// Client and server over a link without delay.
struct Pair {
    now: Instant,
    client: Dtls,
    client_wake: Instant,
    client_keys: Option<Vec<u8>>,
    server: Association,
    server_wake: Instant,
    server_keys: Option<Vec<u8>>,
    /// Datagrams on their way to the server.
    up: Vec<Vec<u8>>,
    down: Vec<Bytes>,
    sent: usize,
}

impl Pair {
    fn new(version: Version, expected: impl FnOnce(&[u8]) -> Vec<Fingerprint>) -> Self {
        let now = Instant::now();
        // As small as to cut the hello and the certificate into pieces.
        let config = Config::builder()
            .mtu(100)
            .flight_start_rto(Duration::from_millis(50))
            .flight_retries(10);
        let config = Arc::new(config.build().unwrap());
        let made = rcgen::generate_simple_self_signed(["browser".to_owned()]).unwrap();
        let certificate = DtlsCertificate {
            certificate: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let expected = expected(&certificate.certificate);
        let mut client = match version {
            Version::Dtls12 => Dtls::new_12(config, certificate, now),
            Version::Dtls13 => Dtls::new_13(config, certificate, now),
        };
        client.set_active(true);
        client.handle_timeout(now).unwrap();
        Self {
            now,
            client,
            client_wake: now,
            client_keys: None,
            server: Association::new(&Identity::generate().unwrap(), expected, Role::Server, now),
            server_wake: now,
            server_keys: None,
            up: Vec::new(),
            down: Vec::new(),
            sent: 0,
        }
    }

    fn drain(&mut self, lost: &dyn Fn(usize) -> bool) -> Result<(), DtlsError> {
        let mut buffer = [0; 2048];
        loop {
            match self.client.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    if !lost(self.sent) {
                        self.up.push(packet.to_vec());
                    }
                    self.sent += 1;
                }
                Output::KeyingMaterial(keys, _) => self.client_keys = Some(keys.to_vec()),
                Output::Timeout(at) => {
                    self.client_wake = at;
                    break;
                }
                _ => {}
            }
        }
        loop {
            match self.server.poll_output()? {
                DtlsOutput::Transmit(packet) => {
                    if !lost(self.sent) {
                        self.down.push(packet);
                    }
                    self.sent += 1;
                }
                DtlsOutput::Established(keys, _) => self.server_keys = Some(keys.to_vec()),
                DtlsOutput::Timeout(at) => {
                    self.server_wake = at;
                    return Ok(());
                }
            }
        }
    }

    /// Runs until both ends have keys; answers how long that took.
    fn run(&mut self, lost: &dyn Fn(usize) -> bool) -> Result<Duration, DtlsError> {
        let start = self.now;
        while self.client_keys.is_none() || self.server_keys.is_none() {
            assert!(self.now < start + Duration::from_secs(60), "stuck");
            self.drain(lost)?;
            if self.up.is_empty() && self.down.is_empty() {
                let next = self.client_wake.min(self.server_wake);
                self.now = next.max(self.now);
                self.client.handle_timeout(self.now).unwrap();
                self.server.handle_timeout(self.now)?;
            }
            for packet in std::mem::take(&mut self.up) {
                self.server.handle_packet(self.now, &packet)?;
                self.drain(lost)?;
            }
            for packet in std::mem::take(&mut self.down) {
                self.client.handle_packet(&packet).unwrap();
                self.drain(lost)?;
            }
        }
        Ok(self.now - start)
    }
}

fn fingerprint_of(certificate: &[u8]) -> Vec<Fingerprint> {
    let hash = Hash::Sha256;
    let digest = digest(hash, certificate);
    vec![Fingerprint { hash, digest }]
}

#[test]
fn both_versions_agree_on_keys_from_hellos_in_pieces() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(version, fingerprint_of);
        pair.drain(&|_| false).unwrap();
        assert!(pair.up.len() > 1, "{version:?}: the hello is in pieces");
        let took = pair.run(&|_| false).unwrap();
        assert_eq!(pair.client_keys, pair.server_keys, "{version:?}");
        assert_eq!(
            took,
            Duration::ZERO,
            "{version:?}: nobody waited for a timer"
        );
    }
}

#[test]
fn any_one_lost_datagram_is_made_up_for_quickly() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut whole = Pair::new(version, fingerprint_of);
        whole.run(&|_| false).unwrap();
        for victim in 0..whole.sent {
            let mut pair = Pair::new(version, fingerprint_of);
            let took = pair.run(&|n| n == victim).unwrap();
            assert_eq!(pair.client_keys, pair.server_keys, "{version:?} {victim}");
            assert!(
                took <= Duration::from_millis(200),
                "{version:?} {victim}: {took:?}"
            );
        }
    }
}

#[test]
fn a_lost_flight_of_ours_and_a_repeated_hello_do_not_lock_up() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut whole = Pair::new(version, fingerprint_of);
        whole.drain(&|_| false).unwrap();
        let hello = whole.sent;
        let mut pair = Pair::new(version, fingerprint_of);
        // The hello arrives; our answer and what follows it in the first rounds does not.
        let took = pair.run(&|n| (hello..hello + 6).contains(&n)).unwrap();
        assert!(took <= Duration::from_secs(1), "{version:?}: {took:?}");
    }
}

#[test]
fn a_certificate_that_was_not_offered_gets_no_keys() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(version, |_| fingerprint_of(b"another"));
        let error = pair.run(&|_| false).unwrap_err();
        assert!(matches!(error, DtlsError::WrongCertificate), "{error}");
        assert_eq!(pair.server_keys, None);
    }
}

/// A record as anybody could write it, without keys.
fn forged(kind: u8, epoch: u8, sequence: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, sequence];
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

#[test]
fn what_is_said_in_the_browsers_name_ends_nothing() {
    let [cipher, alert, handshake, data] = [20, 21, 22, 23];
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(version, fingerprint_of);
        pair.run(&|_| false).unwrap();
        let mut take = |what: &str, record: &[u8]| {
            let taken = pair.server.handle_packet(pair.now, record);
            let taken = taken.and_then(|()| pair.drain(&|_| false));
            taken.unwrap_or_else(|error| panic!("{version:?} {what}: {error}"));
        };
        for n in 0..=255_u8 {
            for epoch in 0..=3 {
                take("goodbye", &forged(alert, epoch, n, &[1, 0]));
                take("failure", &forged(alert, epoch, n, &[2, 40]));
                take("cipher", &forged(cipher, epoch, n, &[1]));
                take("data", &forged(data, epoch, n, &[n; 40]));
                // Each kind of message in each place, whole, and the first piece of a longer one.
                for length in [4, 40] {
                    let mut message = vec![n % 24, 0, 0, length, 0, n, 0, 0, 0, 0, 0, 4];
                    message.extend([n; 4]);
                    take("message", &forged(handshake, epoch, n, &message));
                }
            }
        }
    }
}

#[test]
fn broken_hellos_neither_panic_nor_answer_with_keys() {
    let mut pair = Pair::new(Version::Dtls12, fingerprint_of);
    pair.drain(&|_| false).unwrap();
    let hellos = std::mem::take(&mut pair.up);
    let identity = Identity::generate().unwrap();
    let mut random = 1_u32;
    for hello in &hellos {
        for round in 0..2_000 {
            let mut broken = hello.clone();
            for _ in 0..=round % 3 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = random as usize % broken.len();
                broken[at] ^= (random >> 24) as u8 | 1;
            }
            broken.truncate(broken.len() - random as usize % 2 * (round % broken.len()));
            let mut server = Association::new(&identity, Vec::new(), Role::Server, pair.now);
            if server.handle_packet(pair.now, &broken).is_err() {
                continue;
            }
            while let Ok(output) = server.poll_output() {
                match output {
                    DtlsOutput::Transmit(_) => {}
                    DtlsOutput::Timeout(_) => break,
                    DtlsOutput::Established(..) => panic!("keys from nothing"),
                }
            }
        }
    }
}
