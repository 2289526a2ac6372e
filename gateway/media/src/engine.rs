//! The thread that owns the socket and all legs.
//!
//! It polls by itself, not as a task of tokio: sound waits for nobody, and a readiness that was
//! seen costs no further wake-up. Reading and sending many datagrams by one system call gained
//! nothing over one by one.
//!
//! A datagram finds its leg by the user name of an ICE check, or by an address that an authentic
//! check came from. Everything else is dropped and counted.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, trace};

use crate::clock::WallClock;
use crate::counters::{Dropped, Tally};
use crate::endpoint::{Endpoint, Output, Shared};
use crate::program::announcement::Recording;
use crate::sdp::Offer;
use crate::transport::candidates::host_candidates;
use crate::transport::demux::Protocol;
use crate::transport::dtls::Identity;
use crate::transport::ice::Check;
use crate::{Hold, Leg, LegEvent, MediaConfig, MediaError, Program};

/// No path that carries calls takes larger datagrams.
const MAX_DATAGRAM: usize = 2048;
/// How many datagrams are read before timers and commands get their turn.
const BATCH: usize = 64;
/// A browser checks from each of its addresses; more than this many are not all its own.
const MAX_ADDRESSES: usize = 16;
/// While a leg is heard that often, nobody else can claim its addresses.
const ADDRESS_HOLD: Duration = Duration::from_secs(5);
const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
const EVENTS_AT_ONCE: usize = 256;
const EVENTS: usize = 32;
/// Room that key presses leave for the events that matter more.
const EVENTS_RESERVED: usize = 4;

/// Names a leg within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegId(u64);

/// What the handles ask of the engine.
pub(crate) enum Command {
    Open {
        offer: Offer,
        program: Program,
        /// For the hold of the new leg.
        handle: Handle,
        reply: oneshot::Sender<Result<Leg, MediaError>>,
    },
    Renegotiate {
        id: LegId,
        offer: Offer,
        reply: oneshot::Sender<Result<String, MediaError>>,
    },
    End(LegId),
}

/// Lets others talk to the engine, which stops when the last one is dropped.
pub(crate) struct Handle {
    /// `None` only while this is being dropped.
    commands: Option<Sender<Command>>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Whether the engine runs, so that it will see to it.
    pub(crate) fn send(&self, command: Command) -> bool {
        let sent = self
            .commands
            .as_ref()
            .is_some_and(|c| c.send(command).is_ok());
        sent && self.waker.wake().is_ok()
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.commands.take());
        // An engine that can't be woken is gone.
        let _ = self.waker.wake();
    }
}

/// The socket and the legs.
pub(crate) struct Engine {
    poll: Poll,
    commands: Receiver<Command>,
    /// Closed with the last handle, it could not tell of its end.
    _waker: Arc<Waker>,
    socket: UdpSocket,
    /// Whether the socket may have more than has been read.
    readable: bool,
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    legs: HashMap<LegId, Slot>,
    by_ufrag: HashMap<String, LegId>,
    by_address: HashMap<SocketAddr, LegId>,
    deadlines: BTreeSet<(Instant, LegId)>,
    next_id: u64,
}

struct Slot {
    endpoint: Endpoint,
    events: mpsc::Sender<LegEvent>,
    deadline: Option<Instant>,
    ufrags: Vec<String>,
    /// Oldest first.
    addresses: Vec<SocketAddr>,
}

impl Engine {
    /// Opens the socket and starts the thread; answers the way to talk to it and its address.
    ///
    /// # Errors
    /// [`MediaError::Socket`], [`MediaError::Encryption`].
    pub(crate) fn start(
        config: &MediaConfig,
        tally: Arc<Tally>,
    ) -> Result<(Handle, SocketAddr), MediaError> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(config.listen)?;
        let local = socket.local_addr()?;
        let registry = poll.registry();
        registry.register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(registry, WAKER)?);
        let crypto = rtc_crypto::default_provider()
            .map_err(|error| MediaError::Encryption(error.to_string()))?;
        let shared = Shared {
            identity: Identity::generate().map_err(MediaError::Encryption)?,
            recording: Recording::chime(),
            crypto,
            clock: WallClock::new(Instant::now()),
            candidates: host_candidates(local, &config.advertise)?,
        };
        info!(%local, candidates = ?shared.candidates, "media socket open");
        let (sender, commands) = channel();
        let engine = Self {
            poll,
            commands,
            _waker: waker.clone(),
            socket,
            readable: false,
            shared: Arc::new(shared),
            tally,
            legs: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            deadlines: BTreeSet::new(),
            next_id: 0,
        };
        let thread = thread::Builder::new().name("media".to_owned());
        thread.spawn(move || engine.run())?;
        let commands = Some(sender);
        Ok((Handle { commands, waker }, local))
    }

    /// Runs until the last handle is gone.
    fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                error!(%error, "the media engine stops");
                return;
            }
            for event in &events {
                match event.token() {
                    SOCKET => self.readable = true,
                    _ => {
                        if self.on_commands().is_err() {
                            return;
                        }
                    }
                }
            }
            if self.readable {
                self.on_readable(&mut buffer);
            }
            self.on_timeout(Instant::now());
        }
    }

    /// How long there is nothing to do but to wait for others.
    fn patience(&self) -> Option<Duration> {
        if self.readable {
            return Some(Duration::ZERO);
        }
        let next = self.deadlines.first();
        next.map(|(at, _)| at.saturating_duration_since(Instant::now()))
    }

    /// # Errors
    /// When the last handle is gone.
    fn on_commands(&mut self) -> Result<(), TryRecvError> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.on_command(command),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(gone) => return Err(gone),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Open {
                offer,
                program,
                handle,
                reply,
            } => {
                // A caller that has gone away drops the leg, and with it ends it.
                let _ = reply.send(self.open(now, &offer, program, handle));
            }
            Command::Renegotiate { id, offer, reply } => {
                let answer = match self.legs.get_mut(&id) {
                    Some(slot) => slot.endpoint.renegotiate(now, &offer),
                    None => Err(MediaError::Ended),
                };
                self.name(id);
                self.drain(id);
                let _ = reply.send(answer);
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
        let id = LegId(self.next_id);
        self.next_id += 1;
        let (events, receiver) = mpsc::channel(EVENTS);
        let slot = Slot {
            endpoint,
            events,
            deadline: None,
            ufrags: Vec::new(),
            addresses: Vec::new(),
        };
        self.legs.insert(id, slot);
        self.name(id);
        self.drain(id);
        self.gauge();
        debug!(leg = id.0, ?program, "media leg opened");
        Ok(Leg {
            answer,
            events: receiver,
            hold: Hold { id, handle },
        })
    }

    fn end(&mut self, id: LegId) {
        let Some(slot) = self.legs.remove(&id) else {
            return;
        };
        if let Some(deadline) = slot.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        for ufrag in &slot.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for address in &slot.addresses {
            self.by_address.remove(address);
        }
        self.gauge();
        debug!(leg = id.0, "media leg ended");
    }

    fn gauge(&self) {
        self.tally.legs.store(self.legs.len() as u64, Relaxed);
        let addresses = self.by_address.len() as u64;
        self.tally.addresses.store(addresses, Relaxed);
    }

    fn on_readable(&mut self, buffer: &mut [u8]) {
        let now = Instant::now();
        for _ in 0..BATCH {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => self.on_datagram(now, from, &mut buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return;
                }
                // An ICMP error of some earlier datagram; it says nothing about the socket.
                Err(error) => debug!(%error, "media socket"),
            }
        }
    }

    fn on_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        Tally::count(&self.tally.received);
        let length = datagram.len();
        if let Err(why) = self.dispatch(now, from, datagram) {
            trace!(%from, ?why, length, "datagram dropped");
            self.tally.on_dropped(why);
        }
    }

    fn dispatch(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<(), Dropped> {
        let protocol = Protocol::of(datagram).ok_or(Dropped::Malformed)?;
        if protocol == Protocol::Stun {
            let check = Check::parse(datagram).ok_or(Dropped::Malformed)?;
            return self.dispatch_check(now, from, check);
        }
        let id = *self.by_address.get(&from).ok_or(Dropped::Unknown)?;
        let slot = self.legs.get_mut(&id).ok_or(Dropped::Unknown)?;
        let result = slot.endpoint.handle_datagram(now, protocol, datagram);
        self.drain(id);
        result
    }

    fn dispatch_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        check: Check,
    ) -> Result<(), Dropped> {
        let found = self.by_ufrag.get(&check.local_ufrag);
        let id = *found.ok_or(Dropped::Unknown)?;
        // Whoever could forge source addresses would otherwise divert another leg's sound.
        let holder = self.by_address.get(&from).filter(|holder| **holder != id);
        let holder = holder.and_then(|holder| self.legs.get(holder));
        if holder.is_some_and(|slot| now < slot.endpoint.browser().heard() + ADDRESS_HOLD) {
            return Err(Dropped::Unknown);
        }
        let slot = self.legs.get_mut(&id).ok_or(Dropped::Unknown)?;
        slot.endpoint.handle_check(now, from, check)?;
        let renamed = slot.endpoint.browser().ufrags().count() != slot.ufrags.len();
        self.claim(id, from);
        if renamed {
            self.name(id);
        }
        self.drain(id);
        Ok(())
    }

    /// Makes `from` an address of the leg `id`.
    fn claim(&mut self, id: LegId, from: SocketAddr) {
        let former = self.by_address.insert(from, id);
        if former == Some(id) {
            return;
        }
        if let Some(former) = former.and_then(|former| self.legs.get_mut(&former)) {
            former.addresses.retain(|address| *address != from);
        }
        if let Some(slot) = self.legs.get_mut(&id) {
            slot.addresses.push(from);
            if slot.addresses.len() > MAX_ADDRESSES {
                let in_use = [slot.endpoint.browser().address(), Some(from)];
                let mut addresses = slot.addresses.iter();
                let idle = addresses.position(|address| !in_use.contains(&Some(*address)));
                if let Some(index) = idle {
                    let dropped = slot.addresses.remove(index);
                    self.by_address.remove(&dropped);
                }
            }
        }
        self.gauge();
    }

    /// Registers the user names of the leg `id` as they are now.
    fn name(&mut self, id: LegId) {
        let Some(slot) = self.legs.get_mut(&id) else {
            return;
        };
        for ufrag in slot.ufrags.drain(..) {
            self.by_ufrag.remove(&ufrag);
        }
        slot.ufrags = slot
            .endpoint
            .browser()
            .ufrags()
            .map(str::to_owned)
            .collect();
        for ufrag in &slot.ufrags {
            self.by_ufrag.insert(ufrag.clone(), id);
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<LegId> = due.map(|(_, id)| *id).collect();
        for id in due {
            if let Some(slot) = self.legs.get_mut(&id) {
                slot.endpoint.handle_timeout(now);
            }
            self.drain(id);
        }
    }

    /// Does what the leg `id` asks for, and notes when it wants to be woken.
    fn drain(&mut self, id: LegId) {
        let mut failed = false;
        let Some(slot) = self.legs.get_mut(&id) else {
            return;
        };
        let wake = loop {
            match slot.endpoint.poll_output() {
                Output::Transmit(to, bytes) => send(&self.socket, &self.tally, to, &bytes),
                Output::Event(event) => {
                    failed |= event == LegEvent::Failed;
                    report(&slot.events, event);
                }
                Output::Timeout(at) => break at,
            }
        };
        if wake != slot.deadline {
            let former = slot.deadline.map(|deadline| (deadline, id));
            former.map(|former| self.deadlines.remove(&former));
            self.deadlines.extend(wake.map(|wake| (wake, id)));
            slot.deadline = wake;
        }
        if failed {
            self.end(id);
        }
    }
}

fn send(socket: &UdpSocket, tally: &Tally, to: SocketAddr, bytes: &[u8]) {
    match socket.send_to(bytes, to) {
        Ok(_) => Tally::count(&tally.sent),
        Err(error) => {
            debug!(%to, %error, "datagram not sent");
            Tally::count(&tally.unsent);
        }
    }
}

/// Never waits: a listener that does not listen loses key presses.
fn report(events: &mpsc::Sender<LegEvent>, event: LegEvent) {
    let is_key = matches!(event, LegEvent::Dtmf(_));
    if !is_key || events.capacity() > EVENTS_RESERVED {
        // Nobody listens any more.
        let _ = events.try_send(event);
    }
}
