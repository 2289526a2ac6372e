//! Packets come and go, and find their calls.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Token;
use mio::net::UdpSocket;
use tracing::{debug, trace};

use super::call::Call;
use super::level::TELLS_AGAIN;
use super::streams::{Frame, Streams};
use super::{CallId, Engine, MAX_DATAGRAM, SOCKET};
use crate::counters::{Dropped, Tally};
use crate::datagrams::{receive, send_to};
use crate::relay::bridge::Component;
use crate::transport::Path;
use crate::transport::demux::Protocol;
use crate::transport::ice::Check;

/// How many datagrams are read from one socket before others get their turn.
const BATCH: usize = 64;
/// A browser checks from each of its addresses; more than this many are not all its own.
pub(super) const MAX_ADDRESSES: usize = 16;
/// While a call is heard that often, nobody else can claim its addresses.
const ADDRESS_HOLD: Duration = Duration::from_secs(5);

impl Engine {
    /// `is_calm`: what has come is likely to be the only one.
    pub(super) fn on_browsers_readable(&mut self, now: Instant, is_calm: bool, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            match receive(&self.socket, &mut buffer[..MAX_DATAGRAM]) {
                Ok((length, from)) => {
                    let was_good = self.on_browser_packet(now, Path::Udp(from), buffer, length);
                    if was_good && is_calm && TELLS_AGAIN {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of some earlier datagram; it says nothing about the socket.
                Err(error) => debug!(%error, "media socket"),
            }
        }
        self.unread.push(SOCKET);
    }

    pub(super) fn on_connections(&mut self, now: Instant) {
        if let Some(streams) = &mut self.streams {
            streams.accept(now, self.poll.registry());
        }
    }

    pub(super) fn on_stream_readable(&mut self, now: Instant, token: Token, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            let Some(streams) = &mut self.streams else {
                return;
            };
            let Some(from) = streams.address(token) else {
                return;
            };
            match streams.read(token, &mut buffer[..MAX_DATAGRAM]) {
                Frame::Packet(length) => {
                    self.on_browser_packet(now, Path::Tcp(from), buffer, length);
                }
                Frame::Pending => return,
                Frame::Closed => return self.disclaim(Path::Tcp(from)),
            }
        }
        self.unread.push(token);
    }

    /// `path` leads nowhere any more.
    fn disclaim(&mut self, path: Path) {
        let holder = self.by_address.remove(&path);
        if let Some(slot) = holder.and_then(|id| self.calls.get_mut(&id)) {
            slot.addresses.retain(|address| *address != path);
        }
        self.gauge();
    }

    /// Answers whether it was of use.
    fn on_browser_packet(
        &mut self,
        now: Instant,
        from: Path,
        buffer: &mut [u8],
        length: usize,
    ) -> bool {
        let mut was_good = true;
        Tally::count(&self.tally.received);
        let holder = |engine: &Self| engine.by_address.get(&from).copied();
        let take = |engine: &mut Self| {
            if let Err(why) = engine.on_browser_datagram(now, from, buffer, length) {
                trace!(?from, ?why, length, "packet dropped");
                engine.tally.on_dropped(why);
                was_good = false;
            }
        };
        self.contain(holder, take);
        was_good
    }

    fn on_browser_datagram(
        &mut self,
        now: Instant,
        from: Path,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<(), Dropped> {
        let protocol = Protocol::of(&buffer[..length]).ok_or(Dropped::Malformed)?;
        if protocol == Protocol::Stun {
            let check = Check::parse(&buffer[..length]).ok_or(Dropped::Malformed)?;
            return self.on_check(now, from, check);
        }
        let id = *self.by_address.get(&from).ok_or(Dropped::Unknown)?;
        let slot = self.calls.get_mut(&id).ok_or(Dropped::Unknown)?;
        let result = slot.call.handle_datagram(now, protocol, buffer, length);
        match (&slot.call, &result) {
            (Call::Relay(relay), Ok(Some((to, length)))) => {
                let sent = relay.ports.send_rtp(*to, &buffer[..*length]);
                count(&self.tally, *to, sent);
            }
            // A relay that only hears sound has nothing else to say.
            (Call::Relay(_), Ok(None)) if protocol == Protocol::Rtp => {}
            _ => self.drain(id),
        }
        result.map(|_| ())
    }

    pub(super) fn on_pbx_readable(
        &mut self,
        now: Instant,
        id: CallId,
        component: Component,
        buffer: &mut [u8],
    ) {
        // It may have ended since it was found readable.
        let Some(Call::Relay(relay)) = self.calls.get_mut(&id).map(|slot| &mut slot.call) else {
            return;
        };
        for _ in 0..BATCH {
            let socket = match component {
                Component::Rtp => &relay.ports.rtp,
                Component::Rtcp => &relay.ports.rtcp,
            };
            let (length, from) = match receive(socket, &mut buffer[..MAX_DATAGRAM]) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The PBX has closed its port; an earlier datagram of ours was in vain.
                Err(_) => continue,
            };
            Tally::count(&self.tally.received);
            let handled = relay
                .bridge
                .handle_pbx(now, component, from, buffer, length);
            match handled {
                Ok(Some((to, length))) => {
                    send_to_browser(
                        &self.socket,
                        &mut self.streams,
                        &self.tally,
                        to,
                        &buffer[..length],
                    );
                }
                Ok(None) => {}
                Err(why) => {
                    trace!(%from, ?why, length, "datagram of a PBX dropped");
                    self.tally.on_dropped(why);
                    continue;
                }
            }
            if component == Component::Rtp {
                relay.on_heard(from);
            }
            if TELLS_AGAIN {
                return;
            }
        }
        self.unread.push(id.token(component));
    }

    fn on_check(&mut self, now: Instant, from: Path, check: Check) -> Result<(), Dropped> {
        let found = self.by_ufrag.get(&check.local_ufrag);
        let id = *found.ok_or(Dropped::Unknown)?;
        // Whoever could forge source addresses would otherwise divert another call's sound.
        let holder = self.by_address.get(&from).filter(|holder| **holder != id);
        let holder = holder.and_then(|holder| self.calls.get(holder));
        if holder.is_some_and(|slot| now < slot.call.browser().heard() + ADDRESS_HOLD) {
            return Err(Dropped::Unknown);
        }
        let slot = self.calls.get_mut(&id).ok_or(Dropped::Unknown)?;
        slot.call.handle_check(now, from, check)?;
        if let (Path::Tcp(address), Some(streams)) = (from, &mut self.streams) {
            streams.on_known(address);
        }
        let renamed = slot.call.browser().ufrags().count() != slot.ufrags.len();
        self.claim(id, from);
        if renamed {
            self.name(id);
        }
        self.drain(id);
        Ok(())
    }

    /// Makes `from` an address of the call `id`.
    fn claim(&mut self, id: CallId, from: Path) {
        let former = self.by_address.insert(from, id);
        if former == Some(id) {
            return;
        }
        if let Some(former) = former.and_then(|former| self.calls.get_mut(&former)) {
            former.addresses.retain(|address| *address != from);
        }
        if let Some(slot) = self.calls.get_mut(&id) {
            slot.addresses.push(from);
            if slot.addresses.len() > MAX_ADDRESSES {
                let in_use = [slot.call.browser().path(), Some(from)];
                let mut addresses = slot.addresses.iter();
                let idle = addresses.position(|address| !in_use.contains(&Some(*address)));
                if let Some(index) = idle {
                    let dropped = slot.addresses.remove(index);
                    self.by_address.remove(&dropped);
                    if let (Path::Tcp(address), Some(streams)) = (dropped, &mut self.streams) {
                        streams.close_address(address);
                    }
                }
            }
        }
        self.gauge();
    }
}

pub(super) fn send_to_browser(
    socket: &UdpSocket,
    streams: &mut Option<Streams>,
    tally: &Tally,
    to: Path,
    bytes: &[u8],
) {
    let sent = match to {
        Path::Udp(to) => return send(socket, tally, to, bytes),
        Path::Tcp(to) => streams.as_mut().is_some_and(|s| s.send(to, bytes)),
    };
    Tally::count(if sent { &tally.sent } else { &tally.unsent });
}

pub(super) fn send(socket: &UdpSocket, tally: &Tally, to: SocketAddr, bytes: &[u8]) {
    count(tally, to, send_to(socket, to, bytes));
}

fn count(tally: &Tally, to: SocketAddr, sent: io::Result<usize>) {
    match sent {
        Ok(_) => Tally::count(&tally.sent),
        Err(error) => {
            debug!(%to, %error, "datagram not sent");
            Tally::count(&tally.unsent);
        }
    }
}
