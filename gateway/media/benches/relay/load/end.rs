//! One end of a call: it sends sound and hears that of the other end.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

use super::keys::Keys;

/// 20 ms of G.711.
const PAYLOAD: usize = 160;
const SOUND: u8 = 0xd5;
const MAX_TAG: usize = 16;
/// What has not come by then is lost.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// So many packets may be under way, of 20 ms each.
const MEMORY: usize = 16;

/// What has come.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) count: usize,
    /// Nanoseconds; how long it takes is noted of what was sent from then on.
    pub(super) since: u64,
    /// Microseconds.
    pub(super) delays: Vec<f64>,
}

impl Heard {
    fn add(&mut self, sent: u64, came: u64) {
        self.count += 1;
        if sent >= self.since {
            self.delays.push(came.saturating_sub(sent) as f64 / 1000.0);
        }
    }
}

/// As it is on the wire.
struct Packet {
    bytes: [u8; 12 + PAYLOAD + MAX_TAG],
    length: usize,
    sequence: u16,
}

pub(crate) struct End {
    /// Connected to the relay as soon as it is known, which may say hello before.
    pub(super) socket: UdpSocket,
    pub(super) keys: Option<Keys>,
    sequence: u16,
    ssrc: u32,
    /// Made before they are sent.
    ready: VecDeque<Packet>,
    /// How far ahead of the other end's the sequence numbers are that come here.
    shift: u16,
    /// When packets were sent that have not been heard, or 0; by sequence number.
    under_way: [u64; MEMORY],
}

impl End {
    pub(super) fn new(ssrc: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // By the system's own clock, so that it may lie for a while.
        setsockopt(&socket, ReceiveTimestampns, &true).unwrap();
        Self {
            socket,
            keys: None,
            sequence: 1,
            ssrc,
            ready: VecDeque::new(),
            shift: 0,
            under_way: [0; MEMORY],
        }
    }

    /// Makes the next `count` packets, so that to send them takes no longer than it must.
    pub(super) fn prepare(&mut self, count: u32) {
        for _ in 0..count {
            let packet = self.next();
            self.ready.push_back(packet);
        }
    }

    pub(super) fn send(&mut self) {
        let packet = self.ready.pop_front().unwrap_or_else(|| self.next());
        self.under_way[usize::from(packet.sequence) % MEMORY] = nanoseconds(now());
        self.socket.send(&packet.bytes[..packet.length]).unwrap();
    }

    fn next(&mut self) -> Packet {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let mut plain = [SOUND; 12 + PAYLOAD];
        plain[..2].copy_from_slice(&[0x80, 0]);
        plain[2..4].copy_from_slice(&sequence.to_be_bytes());
        plain[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        plain[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        let sealed = self
            .keys
            .as_mut()
            .map(|keys| keys.outbound.encrypt_rtp(&plain).unwrap());
        let wire = sealed.as_deref().unwrap_or(&plain);
        let mut bytes = [0; 12 + PAYLOAD + MAX_TAG];
        bytes[..wire.len()].copy_from_slice(wire);
        Packet {
            bytes,
            length: wire.len(),
            sequence,
        }
    }

    /// Whether what `other` has sent last comes, and is what it was.
    pub(super) fn hear(&mut self, other: &mut Self) -> bool {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let packet = &buffer[..length];
            let Some(sequence) = sequence_of_sound(packet) else {
                continue;
            };
            let opened = self
                .keys
                .as_mut()
                .map(|keys| keys.inbound.decrypt_rtp(packet));
            let plain = match &opened {
                Some(opened) => opened.as_ref().expect("authentic"),
                None => packet,
            };
            assert_eq!(plain[12..], [SOUND; PAYLOAD]);
            let last = other.sequence.wrapping_sub(1);
            self.shift = sequence.wrapping_sub(last);
            other.forget();
            return true;
        }
        false
    }

    /// Reads what has come of `other`.
    pub(super) fn collect(&mut self, other: &mut Self, heard: &mut Heard) {
        let mut buffer = [0; 2048];
        let mut control = nix::cmsg_space!(TimeSpec);
        while other.is_awaited() {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let socket = self.socket.as_raw_fd();
            let Ok(read) = recvmsg::<()>(socket, &mut slices, Some(&mut control), flags) else {
                return;
            };
            let came = read.cmsgs().unwrap().find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            });
            let length = read.bytes;
            let Some(sequence) = sequence_of_sound(&buffer[..length]) else {
                continue;
            };
            let sequence = usize::from(sequence.wrapping_sub(self.shift));
            // What has been given up is lost, even if it comes.
            let sent = std::mem::take(&mut other.under_way[sequence % MEMORY]);
            if sent > 0 {
                heard.add(sent, nanoseconds(came.unwrap()));
            }
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.under_way != [0; MEMORY]
    }

    /// Gives up what has not been heard.
    pub(super) fn forget(&mut self) {
        self.under_way = [0; MEMORY];
    }
}

/// Reports have none, nor has what is left of a handshake.
fn sequence_of_sound(packet: &[u8]) -> Option<u16> {
    let is_sound = packet[0] >> 6 == 2 && !(192..=223).contains(&packet[1]);
    is_sound.then(|| u16::from_be_bytes([packet[2], packet[3]]))
}

/// By the clock of the system's timestamps.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

pub(super) fn nanoseconds(of: Duration) -> u64 {
    of.as_nanos() as u64
}
