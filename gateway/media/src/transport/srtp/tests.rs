//! Against an implementation that is not ours, and against the vectors of the RFCs.

use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;

const SUITES: [(Suite, ProtectionProfile); 4] = [
    (
        Suite::AesCm128Sha1_80,
        ProtectionProfile::Aes128CmHmacSha1_80,
    ),
    (
        Suite::AesCm128Sha1_32,
        ProtectionProfile::Aes128CmHmacSha1_32,
    ),
    (Suite::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (Suite::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
];

fn master(suite: Suite) -> MasterKey {
    let joined: Vec<u8> = (0..suite.key_length() + suite.salt_length())
        .map(|n| (n * 7 + 3) as u8)
        .collect();
    MasterKey::from_joined(suite, &joined).unwrap()
}

/// The other implementation with the same key.
fn oracle(suite: Suite, profile: ProtectionProfile) -> Context {
    let joined = master(suite).joined();
    let (key, salt) = joined.split_at(suite.key_length());
    let crypto = rtc_crypto::default_provider().unwrap();
    Context::new(
        key,
        salt,
        profile,
        Some(srtp_replay_protection(128)),
        Some(srtcp_replay_protection(128)),
        crypto.crypto(),
    )
    .unwrap()
}

fn rtp(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 3, 192, 0xca, 0xfe, 0xba, 0xbe]);
    packet.extend(payload);
    packet
}

fn rtcp(word: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 2, 0xca, 0xfe, 0xba, 0xbe];
    packet.extend([word; 4]);
    packet
}

fn protected(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MAX_TRAILER, 0xee);
    let length = match packet[1] {
        200..=207 => protector.protect_rtcp(&mut buffer, packet.len()),
        _ => protector.protect_rtp(&mut buffer, packet.len()),
    };
    buffer.truncate(length.unwrap());
    buffer
}

fn unprotected(unprotector: &mut Unprotector, packet: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = packet.to_vec();
    let length = match packet[1] {
        200..=207 => unprotector.unprotect_rtcp(&mut buffer),
        _ => unprotector.unprotect_rtp(&mut buffer),
    }?;
    buffer.truncate(length);
    Some(buffer)
}

/// Sequence numbers with a wrap and some disorder.
fn sequences() -> impl Iterator<Item = u16> {
    let swapped = |n: u32| match n % 10 {
        4 => n + 1,
        5 => n - 1,
        _ => n,
    };
    (65_400..65_536 + 300).map(move |n| swapped(n) as u16)
}

#[test]
fn the_other_implementation_reads_what_we_protect() {
    for (suite, profile) in SUITES {
        let mut protector = Protector::new(&master(suite)).unwrap();
        let mut oracle = oracle(suite, profile);
        for (n, sequence) in sequences().enumerate() {
            let packet = rtp(sequence, &vec![n as u8; n % 200]);
            let sealed = protected(&mut protector, &packet);
            assert_eq!(oracle.decrypt_rtp(&sealed).unwrap()[..], packet[..]);
            let report = rtcp(n as u8);
            let sealed = protected(&mut protector, &report);
            assert_eq!(oracle.decrypt_rtcp(&sealed).unwrap()[..], report[..]);
        }
    }
}

#[test]
fn we_read_what_the_other_implementation_protects() {
    for (suite, profile) in SUITES {
        let mut unprotector = Unprotector::new(&master(suite)).unwrap();
        let mut oracle = oracle(suite, profile);
        for (n, sequence) in sequences().enumerate() {
            let packet = rtp(sequence, &vec![n as u8; n % 200]);
            let sealed = oracle.encrypt_rtp(&packet).unwrap();
            assert_eq!(unprotected(&mut unprotector, &sealed), Some(packet));
            assert_eq!(unprotected(&mut unprotector, &sealed), None, "a replay");
            let report = rtcp(n as u8);
            let sealed = oracle.encrypt_rtcp(&report).unwrap();
            assert_eq!(unprotected(&mut unprotector, &sealed), Some(report));
            assert_eq!(unprotected(&mut unprotector, &sealed), None, "a replay");
        }
    }
}

#[test]
fn contributing_sources_and_extensions_stay_readable() {
    let mut packet = rtp(9, b"");
    packet[0] = 0x91;
    packet.extend([1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x12, 9, 9, 9]);
    let readable = packet.len();
    packet.extend(b"secret");
    for (suite, profile) in SUITES {
        let sealed = protected(&mut Protector::new(&master(suite)).unwrap(), &packet);
        assert_eq!(sealed[..readable], packet[..readable]);
        assert_ne!(sealed[readable..readable + 6], *b"secret");
        let opened = oracle(suite, profile).decrypt_rtp(&sealed).unwrap();
        assert_eq!(opened[..], packet[..]);
    }
}

#[test]
fn every_changed_bit_is_noticed_and_forgotten() {
    for (suite, _) in SUITES {
        let mut protector = Protector::new(&master(suite)).unwrap();
        let mut unprotector = Unprotector::new(&master(suite)).unwrap();
        for packet in [rtp(7, b"some sound"), rtcp(5)] {
            let sealed = protected(&mut protector, &packet);
            for bit in 0..8 * sealed.len() {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let opened = match packet[1] {
                    111 => unprotector.unprotect_rtp(&mut changed),
                    _ => unprotector.unprotect_rtcp(&mut changed),
                };
                assert_eq!(opened, None, "{suite:?}, bit {bit}");
            }
            for length in 0..sealed.len() {
                assert!(
                    unprotector
                        .unprotect_rtp(&mut sealed[..length].to_vec())
                        .is_none()
                );
                assert!(
                    unprotector
                        .unprotect_rtcp(&mut sealed[..length].to_vec())
                        .is_none()
                );
            }
            assert!(unprotected(&mut unprotector, &sealed).is_some());
            assert!(unprotector.others.is_empty(), "forgeries take no memory");
        }
    }
}

#[test]
fn unencrypted_reports_are_refused() {
    // RFC 3711 §3.4 lets a peer leave RTCP in the clear; we have not agreed to that.
    let suite = Suite::AesCm128Sha1_80;
    let cipher = Cipher::derive(&master(suite), Use::Rtcp).unwrap();
    let Cipher::Cm(cm) = cipher else { panic!() };
    let mut packet = rtcp(1);
    packet.extend([0, 0, 0, 1]);
    let tag = cm_tag(&cm, &packet);
    packet.extend(&tag[..10]);
    let mut unprotector = Unprotector::new(&master(suite)).unwrap();
    assert_eq!(unprotected(&mut unprotector, &packet), None);
}

fn cm_tag(cm: &cipher::CounterMode, packet: &[u8]) -> [u8; 20] {
    cm.sign(&[packet])
}

#[test]
fn session_keys_are_those_of_the_rfc() {
    // RFC 3711 §B.3.
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::new(Suite::AesCm128Sha1_80, &key, &salt).unwrap();
    let (mut key, mut salt) = ([0; 16], [0; 14]);
    master.cipher_key(Use::Rtp, &mut key);
    master.salt(Use::Rtp, &mut salt);
    assert_eq!(key[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = master.auth_key(Use::Rtp);
    assert_eq!(auth[..], hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn exported_keys_are_the_clients_then_the_servers() {
    let material: Vec<u8> = (0..60).collect();
    let [client, server] = MasterKey::from_dtls(Suite::AesCm128Sha1_80, &material).unwrap();
    assert_eq!(
        client.joined(),
        [&material[..16], &material[32..46]].concat()
    );
    assert_eq!(
        server.joined(),
        [&material[16..32], &material[46..]].concat()
    );
    assert!(MasterKey::from_dtls(Suite::AesCm128Sha1_80, &material[..59]).is_none());
}

#[test]
fn a_packet_without_room_for_its_tag_is_not_protected() {
    let mut protector = Protector::new(&master(Suite::AeadAes128Gcm)).unwrap();
    let mut packet = rtp(1, b"x");
    let length = packet.len();
    assert_eq!(protector.protect_rtp(&mut packet, length), None);
    assert_eq!(protector.protect_rtp(&mut packet, length + 1), None);
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}
