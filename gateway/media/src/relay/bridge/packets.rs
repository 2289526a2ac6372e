//! The way of a packet through a relayed call: nothing here waits, and nothing allocates where the
//! sides share a codec.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Branch, Bridge, Component, Forward};
use crate::counters::Dropped;
use crate::rtp::packet::Packet;
use crate::transport::Path;
use crate::transport::demux::Protocol;

impl Bridge {
    /// Takes the datagram in the first `length` bytes of `buffer` from an address of the browser.
    /// What is to be forwarded lies there afterwards.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_browser(
        &mut self,
        now: Instant,
        protocol: Protocol,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<SocketAddr>, Dropped> {
        let result = match protocol {
            Protocol::Rtp => self.handle_browser_rtp(now, buffer, length),
            Protocol::Rtcp => self.handle_browser_rtcp(now, &mut buffer[..length]),
            Protocol::Dtls => {
                self.browser.handle_dtls(now, &buffer[..length]);
                self.drain_browser(now);
                Ok(None)
            }
            // Only checks matter to a lite agent, and they come by user name.
            Protocol::Stun => Err(Dropped::Unknown),
        };
        self.up.stats.rejected += u64::from(result.is_err());
        result
    }

    fn handle_browser_rtp(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<SocketAddr>, Dropped> {
        // Asked for before it is needed, it comes from memory while the packet is decrypted.
        let payload_type = buffer[1] & 0x7f;
        let branch = self.sending_index().map(|index| &self.branches[index]);
        let payload = branch.and_then(|branch| branch.from_browser.of(payload_type));
        let length = self.browser.unprotect_rtp(now, &mut buffer[..length])?;
        let packet = Packet::parse(&buffer[..length]).ok_or(Dropped::Malformed)?;
        let Some(branch) = branch else {
            return Ok(None);
        };
        let payload = payload.ok_or(Dropped::Malformed)?;
        self.up
            .on_received(now, &packet, payload, &mut self.browser_reporter);
        let Some(signalled) = branch.agreement.rtp else {
            return Ok(None);
        };
        let to = branch.learned_rtp.unwrap_or(signalled);
        if !branch.agreement.browser.sends() || !branch.agreement.pbx.receives() {
            return Ok(None);
        }
        let forwarded = self
            .up
            .forward(now, buffer, length, payload, &mut self.pbx_reporter);
        let Some(length) = forwarded else {
            return Ok(None);
        };
        let length = match self.protector.as_deref_mut() {
            Some((_, protector)) => protector.protect_rtp(buffer, length),
            None => Some(length),
        };
        self.up.stats.forwarded += u64::from(length.is_some());
        Ok(length.map(|length| (to, length)))
    }

    fn handle_browser_rtcp(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<Forward<SocketAddr>, Dropped> {
        let length = self.browser.unprotect_rtcp(now, datagram)?;
        let ssrc = self.down.source.ssrc;
        let understood = self
            .browser_reporter
            .handle_rtcp(now, ssrc, &datagram[..length]);
        understood.then_some(None).ok_or(Dropped::Malformed)
    }

    /// Takes the datagram in the first `length` bytes of `buffer` from the PBX's side, from anyone.
    /// What is to be forwarded lies there afterwards.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_pbx(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<Path>, Dropped> {
        let result = match (Protocol::of(&buffer[..length]), component) {
            (Some(Protocol::Rtp), Component::Rtp) => self.handle_pbx_rtp(now, from, buffer, length),
            // Some multiplex without asking (RFC 5761).
            (Some(Protocol::Rtcp), _) => {
                self.handle_pbx_rtcp(now, component, from, &mut buffer[..length])
            }
            _ => Err(Dropped::Malformed),
        };
        self.down.stats.rejected += u64::from(result.is_err());
        result
    }

    fn handle_pbx_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<Path>, Dropped> {
        let index = self.branch_of(from).ok_or(Dropped::Unknown)?;
        let branch = &mut self.branches[index];
        let length = match &mut branch.unprotector {
            Some(unprotector) => {
                let length = unprotector.unprotect_rtp(&mut buffer[..length]);
                length.ok_or(Dropped::Unauthentic)?
            }
            None => length,
        };
        let packet = Packet::parse(&buffer[..length]).ok_or(Dropped::Malformed)?;
        let payload = branch.from_pbx.of(packet.payload_type);
        let payload = payload.ok_or(Dropped::Malformed)?;
        if self.symmetric {
            branch.learned_rtp = Some(from);
        }
        match self.active {
            Some(active) if active != index => return Ok(None),
            Some(_) => {}
            None => {
                self.active = Some(index);
                self.protect_for_active();
            }
        }
        self.pbx_watch.on_heard(now);
        self.down
            .on_received(now, &packet, payload, &mut self.pbx_reporter);
        let agreement = &self.branches[index].agreement;
        if !agreement.pbx.sends() || !agreement.browser.receives() {
            return Ok(None);
        }
        if !self.browser.is_connected() {
            return Ok(None);
        }
        let forwarded = self
            .down
            .forward(now, buffer, length, payload, &mut self.browser_reporter);
        let Some(length) = forwarded else {
            return Ok(None);
        };
        let forward = self.browser.protect_rtp(buffer, length);
        self.down.stats.forwarded += u64::from(forward.is_some());
        Ok(forward)
    }

    fn handle_pbx_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Forward<Path>, Dropped> {
        let symmetric = self.symmetric;
        let is_from = |branch: &Branch| match component {
            Component::Rtp => branch.hears(from, symmetric),
            Component::Rtcp => match branch.learned_rtcp {
                Some(learned) => learned == from,
                None => symmetric || branch.agreement.rtcp == Some(from),
            },
        };
        let index = self.branches.iter().position(is_from);
        let branch = &mut self.branches[index.ok_or(Dropped::Unknown)?];
        let length = match &mut branch.unprotector {
            Some(unprotector) => {
                let length = unprotector.unprotect_rtcp(datagram);
                length.ok_or(Dropped::Unauthentic)?
            }
            None => datagram.len(),
        };
        let ssrc = self.up.source.ssrc;
        if !self
            .pbx_reporter
            .handle_rtcp(now, ssrc, &datagram[..length])
        {
            return Err(Dropped::Malformed);
        }
        if symmetric && component == Component::Rtcp {
            branch.learned_rtcp = Some(from);
        }
        self.pbx_watch.on_heard(now);
        Ok(None)
    }

    /// The one address that RTP comes from and goes to, as long as there is but one and it speaks: from
    /// where else it may come is to be counted once it is silent.
    pub(crate) fn rtp_peer(&self) -> Option<SocketAddr> {
        let [only] = &self.branches[..] else {
            return None;
        };
        let signalled = only.signalled.filter(|_| !self.symmetric);
        let peer = only.learned_rtp.or(signalled);
        peer.filter(|_| !self.pbx_watch.is_silent())
    }

    /// The branch whose RTP comes from `from`: by its signalled address before any that would
    /// learn one.
    fn branch_of(&self, from: SocketAddr) -> Option<usize> {
        let mut branches = self.branches.iter();
        let known = branches.position(|branch| branch.hears(from, false));
        let learns = || {
            let mut branches = self.branches.iter();
            branches.position(|branch| branch.hears(from, self.symmetric))
        };
        known.or_else(learns)
    }
}
