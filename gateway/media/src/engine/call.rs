//! What the engine runs: legs of its own and relayed calls.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::LegEvent;
use crate::counters::Dropped;
use crate::endpoint::{Endpoint, Output};
use crate::relay::RelayEvent;
use crate::relay::bridge::{Bridge, BridgeOutput, Forward};
use crate::relay::ports::PortPair;
use crate::transport::Path;
use crate::transport::browser::Browser;
use crate::transport::demux::Protocol;
use crate::transport::ice::Check;

/// Room that key presses leave for the events that matter more.
const EVENTS_RESERVED: usize = 4;

pub(super) enum Call {
    Leg(Box<Leg>),
    Relay(Box<Relay>),
}

pub(super) struct Leg {
    pub(super) endpoint: Endpoint,
    pub(super) events: mpsc::Sender<LegEvent>,
}

pub(super) struct Relay {
    pub(super) bridge: Bridge,
    pub(super) ports: PortPair,
    pub(super) events: mpsc::Sender<RelayEvent>,
}

/// What is left to do for a call.
pub(super) enum Task {
    ToBrowser(Path, bytes::Bytes),
    ReportToPbx(SocketAddr, Vec<u8>),
    /// It is over.
    End,
    /// Nothing, until this instant.
    Wait(Option<Instant>),
}

impl Call {
    pub(super) fn browser(&self) -> &Browser {
        match self {
            Self::Leg(leg) => leg.endpoint.browser(),
            Self::Relay(relay) => relay.bridge.browser(),
        }
    }

    pub(super) fn handle_check(
        &mut self,
        now: Instant,
        from: Path,
        check: Check,
    ) -> Result<(), Dropped> {
        match self {
            Self::Leg(leg) => leg.endpoint.handle_check(now, from, check),
            Self::Relay(relay) => relay.bridge.handle_check(now, from, check),
        }
    }

    /// Takes the datagram in the first `length` bytes; a relay leaves there what goes to its PBX.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        protocol: Protocol,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<SocketAddr>, Dropped> {
        match self {
            Self::Leg(leg) => {
                let datagram = &mut buffer[..length];
                let handled = leg.endpoint.handle_datagram(now, protocol, datagram);
                handled.map(|()| None)
            }
            Self::Relay(relay) => relay.bridge.handle_browser(now, protocol, buffer, length),
        }
    }

    /// Tells whoever listens that nothing follows.
    pub(super) fn report_failure(&self) {
        // Nobody listens any more.
        let _ = match self {
            Self::Leg(leg) => leg.events.try_send(LegEvent::Failed).is_ok(),
            Self::Relay(relay) => relay.events.try_send(RelayEvent::Failed).is_ok(),
        };
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Leg(leg) => leg.endpoint.handle_timeout(now),
            Self::Relay(relay) => relay.bridge.handle_timeout(now),
        }
    }

    /// What is to be done, until it answers [`Task::Wait`] or [`Task::End`]. Events are reported on
    /// the way.
    pub(super) fn poll_task(&mut self) -> Task {
        match self {
            Self::Leg(leg) => leg.poll_task(),
            Self::Relay(relay) => relay.poll_task(),
        }
    }
}

impl Leg {
    fn poll_task(&mut self) -> Task {
        loop {
            match self.endpoint.poll_output() {
                Output::Transmit(to, bytes) => return Task::ToBrowser(to, bytes),
                Output::Event(event) => {
                    self.report(event);
                    if event == LegEvent::Failed {
                        return Task::End;
                    }
                }
                Output::Timeout(at) => return Task::Wait(at),
            }
        }
    }

    /// Never waits: a listener that does not listen loses key presses.
    fn report(&self, event: LegEvent) {
        let is_key = matches!(event, LegEvent::Dtmf(_));
        if !is_key || self.events.capacity() > EVENTS_RESERVED {
            // Nobody listens any more.
            let _ = self.events.try_send(event);
        }
    }
}

impl Relay {
    /// RTP of the PBX has come from `from`.
    pub(super) fn on_heard(&mut self, from: SocketAddr) {
        if self.ports.peer() != Some(from) && self.bridge.rtp_peer() == Some(from) {
            self.ports.set_peer(Some(from));
        }
    }

    fn poll_task(&mut self) -> Task {
        loop {
            match self.bridge.poll_output() {
                Some(BridgeOutput::ToBrowser(to, bytes)) => return Task::ToBrowser(to, bytes),
                Some(BridgeOutput::ReportToPbx(to, report)) => {
                    return Task::ReportToPbx(to, report);
                }
                Some(BridgeOutput::Event(event)) => {
                    // Nobody listens, or not for long.
                    let _ = self.events.try_send(event);
                }
                None => {
                    // It may have fallen silent.
                    if self.bridge.rtp_peer().is_none() {
                        self.ports.set_peer(None);
                    }
                    return Task::Wait(self.bridge.poll_timeout());
                }
            }
        }
    }
}
