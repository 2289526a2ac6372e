//! Calls begin, change and end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::debug;

use super::call::{self, Call};
use super::{CallId, Command, Engine, Handle, Slot, level};
use crate::endpoint::Endpoint;
use crate::relay::bridge::{Bridge, Component};
use crate::relay::ports::PortPair;
use crate::relay::{Relay, RelayConfig, RelayError};
use crate::sdp::Offer;
use crate::transport::Path;
use crate::{Hold, Leg, MediaError, Program};

const EVENTS: usize = 32;

impl Engine {
    /// # Errors
    /// When the last handle is gone.
    pub(super) fn on_commands(&mut self) -> Result<(), TryRecvError> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => {
                    let id = command.call();
                    self.contain(|_| id, |engine| engine.on_command(command));
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(gone) => return Err(gone),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            // A caller that has gone away drops the call, and with it ends it.
            Command::Open {
                offer,
                program,
                handle,
                reply,
            } => {
                let _ = reply.send(self.open(now, &offer, program, handle));
            }
            Command::Relay {
                config,
                handle,
                reply,
            } => {
                let _ = reply.send(self.relay(now, &config, handle));
            }
            Command::Renegotiate { id, offer, reply } => {
                let answer = match self.calls.get_mut(&id).map(|slot| &mut slot.call) {
                    Some(Call::Leg(leg)) => leg.endpoint.renegotiate(now, &offer),
                    _ => Err(MediaError::Ended),
                };
                self.name(id);
                self.drain(id);
                let _ = reply.send(answer);
            }
            Command::Act(id, act) => {
                if let Some(Call::Relay(relay)) = self.calls.get_mut(&id).map(|s| &mut s.call) {
                    // Whoever is told that others may speak from now on may tell them at once.
                    relay.ports.set_peer(None);
                    act(&mut relay.bridge, now);
                }
                self.name(id);
                self.drain(id);
            }
            Command::End(id) => self.end(id),
        }
    }

    fn open(
        &mut self,
        now: Instant,
        offer: &Offer,
        program: Program,
        handle: Handle,
    ) -> Result<Leg, MediaError> {
        let (endpoint, answer) = Endpoint::open(self.shared.clone(), offer, program, now)?;
        let (sender, events) = mpsc::channel(EVENTS);
        let leg = call::Leg {
            endpoint,
            events: sender,
        };
        let id = self.new_id();
        self.insert(id, Call::Leg(Box::new(leg)));
        debug!(call = id.0, ?program, "media leg opened");
        Ok(Leg {
            answer,
            events,
            hold: Hold { id, handle },
        })
    }

    fn relay(
        &mut self,
        now: Instant,
        config: &RelayConfig,
        handle: Handle,
    ) -> Result<Relay, RelayError> {
        let mut ports = self.ports.open(config.local)?;
        let id = self.new_id();
        let (sender, events) = mpsc::channel(EVENTS);
        let made = self.register(id, &mut ports).and_then(|()| {
            Bridge::new(self.shared.clone(), config, ports.port(), now).map_err(RelayError::from)
        });
        let bridge = match made {
            Ok(bridge) => bridge,
            Err(error) => {
                self.ports.give_back(ports);
                return Err(error);
            }
        };
        debug!(call = id.0, port = ports.port(), "relay opened");
        let relay = call::Relay {
            bridge,
            ports,
            events: sender,
        };
        self.insert(id, Call::Relay(Box::new(relay)));
        Ok(Relay {
            events,
            hold: Hold { id, handle },
        })
    }

    fn register(&self, id: CallId, ports: &mut PortPair) -> Result<(), RelayError> {
        let registry = self.poll.registry();
        let register = |socket, component| level::watch(registry, socket, id.token(component));
        register(&mut ports.rtp, Component::Rtp).map_err(RelayError::Socket)?;
        register(&mut ports.rtcp, Component::Rtcp).map_err(RelayError::Socket)
    }

    fn new_id(&mut self) -> CallId {
        let id = CallId(self.next_id);
        self.next_id += 1;
        id
    }

    fn insert(&mut self, id: CallId, call: Call) {
        self.tally_of(&call).fetch_add(1, Relaxed);
        let slot = Slot {
            call,
            deadline: None,
            ufrags: Vec::new(),
            addresses: Vec::new(),
        };
        self.calls.insert(id, slot);
        self.name(id);
        self.drain(id);
    }

    pub(super) fn end(&mut self, id: CallId) {
        let Some(slot) = self.calls.remove(&id) else {
            return;
        };
        if let Some(deadline) = slot.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        for ufrag in &slot.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for path in &slot.addresses {
            self.by_address.remove(path);
            if let (Path::Tcp(address), Some(streams)) = (path, &mut self.streams) {
                streams.close_address(*address);
            }
        }
        self.tally_of(&slot.call).fetch_sub(1, Relaxed);
        if let Call::Relay(relay) = slot.call {
            self.ports.give_back(relay.ports);
        }
        self.gauge();
        debug!(call = id.0, "media ended");
    }

    fn tally_of(&self, call: &Call) -> &AtomicU64 {
        match call {
            Call::Leg(_) => &self.tally.legs,
            Call::Relay(_) => &self.tally.relays,
        }
    }

    pub(super) fn gauge(&self) {
        let addresses = self.by_address.len() as u64;
        self.tally.addresses.store(addresses, Relaxed);
    }
}
