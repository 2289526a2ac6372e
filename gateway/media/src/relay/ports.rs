//! The ports towards PBXs: pairs of a bounded range, RTP on the even one (RFC 3550 §11).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use mio::net::UdpSocket;
use rustix::net::connect_unspec;

use super::RelayError;
use crate::datagrams::{send, send_to};

/// So many ports of somebody else are passed over, which takes some milliseconds; sound doesn't wait
/// for more. Other programs hold many in a row: a PBX on the same machine, another relay.
const MAX_TRIES: usize = 1024;

/// The pairs that are free, the longest unused first: what comes late for an old call must not
/// disturb a new one.
#[derive(Debug)]
pub(crate) struct Ports {
    free: VecDeque<u16>,
    pairs: usize,
}

/// A pair in use; to be given back.
#[derive(Debug)]
pub(crate) struct PortPair {
    port: u16,
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// Whom alone the system lets in, and to whom it knows the way.
    peer: Option<SocketAddr>,
}

impl PortPair {
    /// Where RTP is heard.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Exchanges RTP with `peer` alone from now on: the system then looks up no route for each packet,
    /// and keeps others out. `None`: with anybody.
    pub(crate) fn set_peer(&mut self, peer: Option<SocketAddr>) {
        if peer == self.peer {
            return;
        }
        // What can't be had costs time, and no sound.
        self.peer = match peer {
            Some(peer) => self.rtp.connect(peer).is_ok().then_some(peer),
            None => connect_unspec(&self.rtp).err().and(self.peer),
        };
    }

    /// # Errors
    /// Those of the system.
    pub(crate) fn send_rtp(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
        if self.peer != Some(to) {
            return send_to(&self.rtp, to, bytes);
        }
        // What went wrong may have been an earlier one.
        send(&self.rtp, bytes).or_else(|_| send(&self.rtp, bytes))
    }
}

impl Ports {
    pub(crate) fn new(range: &RangeInclusive<u16>) -> Self {
        let even = |port: &u16| port.is_multiple_of(2);
        let free: VecDeque<u16> = (*range.start()..*range.end()).filter(even).collect();
        let pairs = free.len();
        Self { free, pairs }
    }

    /// Opens the next free pair at `address`. Ports that somebody else has are passed over.
    ///
    /// # Errors
    /// [`RelayError::PortsExhausted`], or [`RelayError::Socket`] when the address can't be used or
    /// there are no more files.
    pub(crate) fn open(&mut self, address: IpAddr) -> Result<PortPair, RelayError> {
        for _ in 0..self.free.len().min(MAX_TRIES) {
            let Some(port) = self.free.pop_front() else {
                break;
            };
            let bind = |port| UdpSocket::bind(SocketAddr::new(address, port));
            match bind(port).and_then(|rtp| Ok((rtp, bind(port + 1)?))) {
                Ok((rtp, rtcp)) => {
                    return Ok(PortPair {
                        port,
                        rtp,
                        rtcp,
                        peer: None,
                    });
                }
                Err(error) => {
                    self.free.push_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(RelayError::Socket(error));
                    }
                }
            }
        }
        Err(RelayError::PortsExhausted { pairs: self.pairs })
    }

    pub(crate) fn give_back(&mut self, pair: PortPair) {
        self.free.push_back(pair.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::datagrams::receive;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Six ports that are free now.
    fn range() -> RangeInclusive<u16> {
        let any = std::net::UdpSocket::bind((HERE, 0)).unwrap();
        let port = any.local_addr().unwrap().port() & !1;
        let first = if port > 60_000 { port - 6 } else { port };
        first..=first + 5
    }

    #[test]
    fn pairs_are_even_and_next_to_each_other() {
        for (range, pairs) in [(4000..=4003, 2), (4001..=4004, 1), (4000..=4000, 0)] {
            let ports = Ports::new(&range);
            assert_eq!(ports.pairs, pairs, "{range:?}");
            assert!(ports.free.iter().all(|port| port % 2 == 0));
        }
        assert_eq!(Ports::new(&(u16::MAX - 1..=u16::MAX)).free, [u16::MAX - 1]);
        assert_eq!(Ports::new(&(u16::MAX..=u16::MAX)).free, []);
    }

    #[test]
    fn a_full_range_says_so_and_serves_again_when_a_pair_is_back() {
        let mut ports = Ports::new(&range());
        let mut open: Vec<PortPair> = (0..3).map(|_| ports.open(HERE).unwrap()).collect();
        match ports.open(HERE) {
            Err(RelayError::PortsExhausted { pairs: 3 }) => {}
            other => panic!("{other:?}"),
        }
        let returned = open.remove(1);
        let port = returned.port();
        ports.give_back(returned);
        let again = ports.open(HERE).unwrap();
        assert_eq!(again.port(), port);
        let rtcp = again.rtcp.local_addr().unwrap().port();
        assert_eq!(rtcp, port + 1);
    }

    #[test]
    fn a_port_of_somebody_else_is_passed_over() {
        let range = range();
        let _taken = std::net::UdpSocket::bind((HERE, range.start() + 1)).unwrap();
        let mut ports = Ports::new(&range);
        assert_eq!(ports.open(HERE).unwrap().port(), range.start() + 2);
    }

    #[test]
    fn many_ports_of_somebody_else_in_a_row_are_passed_over() {
        let bind = |port| std::net::UdpSocket::bind((HERE, port)).ok();
        // As many as another relay may have, and two that are free now.
        let (first, taken) = (20_000..60_000)
            .step_by(1000)
            .find_map(|first: u16| {
                let all: Option<Vec<_>> = (first..first + 402).map(bind).collect();
                let mut all = all?;
                all.truncate(400);
                Some((first, all))
            })
            .expect("400 ports in a row");
        let mut ports = Ports::new(&(first..=first + 401));
        assert_eq!(ports.open(HERE).unwrap().port(), first + 400);
        drop(taken);
    }

    #[test]
    fn a_peer_is_exchanged_with_alone_until_it_is_none_any_more() {
        let bind = || std::net::UdpSocket::bind((HERE, 0)).unwrap();
        let (peer, stranger) = (bind(), bind());
        let of_peer = peer.local_addr().unwrap();
        let mut ports = Ports::new(&range());
        let mut pair = ports.open(HERE).unwrap();
        let ours = pair.rtp.local_addr().unwrap();
        // Whoever speaks to the loopback address is heard at once.
        let heard = |pair: &PortPair| {
            let mut buffer = [0; 16];
            let received = receive(&pair.rtp, &mut buffer).ok();
            received.map(|(_, from)| from)
        };
        pair.set_peer(Some(of_peer));
        stranger.send_to(b"x", ours).unwrap();
        assert_eq!(heard(&pair), None);
        peer.send_to(b"x", ours).unwrap();
        assert_eq!(heard(&pair), Some(of_peer));
        let of_stranger = stranger.local_addr().unwrap();
        assert_eq!(pair.send_rtp(of_stranger, b"y").unwrap(), 1);
        pair.set_peer(None);
        stranger.send_to(b"x", ours).unwrap();
        assert_eq!(heard(&pair), Some(of_stranger));
        assert_eq!(pair.rtp.local_addr().unwrap(), ours, "the port is the same");
    }

    #[test]
    fn what_follows_a_refusal_is_sent() {
        let peer = std::net::UdpSocket::bind((HERE, 0)).unwrap();
        let to = peer.local_addr().unwrap();
        let mut ports = Ports::new(&range());
        let mut pair = ports.open(HERE).unwrap();
        pair.set_peer(Some(to));
        drop(peer);
        pair.send_rtp(to, b"to nobody").unwrap();
        let peer = std::net::UdpSocket::bind(to).unwrap();
        let wait = std::time::Duration::from_secs(20);
        peer.set_read_timeout(Some(wait)).unwrap();
        pair.send_rtp(to, b"to somebody").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(peer.recv(&mut buffer).unwrap(), b"to somebody".len());
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error() {
        let mut ports = Ports::new(&range());
        let foreign = "192.0.2.1".parse().unwrap();
        assert!(matches!(ports.open(foreign), Err(RelayError::Socket(_))));
        assert_eq!(ports.free.len(), 3, "and nothing is lost");
    }
}
