//! The thread that owns the sockets and all calls.
//!
//! A datagram of a browser finds its call by the user name of an ICE check, or by an address that
//! an authentic check came from; one of a PBX by the socket it comes to. Everything else is dropped
//! and counted.
//!
//! It polls by itself, not as a task of tokio: sound waits for nobody, and a readiness that was
//! seen costs no further wake-up. Reading and sending many datagrams by one system call gained
//! nothing over one by one.

mod call;
mod streams;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::SockRef;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, trace, warn};

use crate::clock::WallClock;
use crate::counters::{Dropped, Tally};
use crate::endpoint::{Endpoint, Shared};
use crate::program::announcement::Recording;
use crate::relay::bridge::{Bridge, Component};
use crate::relay::ports::{PortPair, Ports};
use crate::relay::{Relay, RelayConfig, RelayError};
use crate::sdp::Offer;
use crate::transport::Path;
use crate::transport::candidates::host_candidates;
use crate::transport::demux::Protocol;
use crate::transport::dtls::Identity;
use crate::transport::ice::Check;
use crate::transport::srtp::MAX_TRAILER;
use crate::{Hold, Leg, MediaConfig, MediaError, Program};
use call::{Call, Task};
use streams::{Frame, Streams};

/// No path that carries calls takes larger datagrams.
const MAX_DATAGRAM: usize = 2048;
/// How many datagrams are read from one socket before others get their turn.
const BATCH: usize = 64;
/// A browser checks from each of its addresses; more than this many are not all its own.
const MAX_ADDRESSES: usize = 16;
/// While a call is heard that often, nobody else can claim its addresses.
const ADDRESS_HOLD: Duration = Duration::from_secs(5);
/// What the shared socket holds while the thread is busy: a tenth of a second of 1,000 calls. The
/// system may give less.
const SOCKET_BUFFER: usize = 8 << 20;
const EVENTS: usize = 32;
const EVENTS_AT_ONCE: usize = 256;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
const LISTENER: Token = Token(2);
/// Tokens from here on are those of streams.
const FIRST_STREAM: usize = usize::MAX / 2;

/// Names a call within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(usize);

impl CallId {
    fn token(self, component: Component) -> Token {
        Token(2 * (self.0 + 2) + usize::from(component == Component::Rtcp))
    }

    /// The inverse; not for tokens of other things.
    fn from_token(token: Token) -> (Self, Component) {
        let component = match token.0 % 2 {
            0 => Component::Rtp,
            _ => Component::Rtcp,
        };
        (Self(token.0 / 2 - 2), component)
    }
}

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
        id: CallId,
        offer: Offer,
        reply: oneshot::Sender<Result<String, MediaError>>,
    },
    Relay {
        config: RelayConfig,
        /// For the hold of the new relay.
        handle: Handle,
        reply: oneshot::Sender<Result<Relay, RelayError>>,
    },
    /// Does something with a relay's bridge; dropped if there is no such relay.
    Act(CallId, Act),
    End(CallId),
}

impl Command {
    /// The call that it is for.
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Renegotiate { id, .. } | Self::Act(id, _) | Self::End(id) => Some(*id),
            Self::Open { .. } | Self::Relay { .. } => None,
        }
    }
}

pub(crate) type Act = Box<dyn FnOnce(&mut Bridge, Instant) + Send>;

/// Lets others talk to the engine, which stops when the last one is dropped.
pub(crate) struct Handle {
    /// `None` only while this is being dropped.
    commands: Option<Sender<Command>>,
    waker: Arc<Waker>,
}

impl Handle {
    /// An engine that is gone drops the command, and with it where its reply would go.
    pub(crate) fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
            let _ = self.waker.wake();
        }
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

/// The sockets and the calls.
pub(crate) struct Engine {
    poll: Poll,
    commands: Receiver<Command>,
    /// Closed with the last handle, it could not tell of its end.
    _waker: Arc<Waker>,
    socket: UdpSocket,
    /// `None` where somebody else has the port.
    streams: Option<Streams>,
    /// The sockets that may have more than has been read.
    unread: Vec<Token>,
    ports: Ports,
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    calls: HashMap<CallId, Slot>,
    by_ufrag: HashMap<String, CallId>,
    by_address: HashMap<Path, CallId>,
    deadlines: BTreeSet<(Instant, CallId)>,
    next_id: usize,
}

struct Slot {
    call: Call,
    deadline: Option<Instant>,
    ufrags: Vec<String>,
    /// Oldest first.
    addresses: Vec<Path>,
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
        let options = SockRef::from(&socket);
        options.set_recv_buffer_size(SOCKET_BUFFER)?;
        options.set_send_buffer_size(SOCKET_BUFFER)?;
        let registry = poll.registry();
        registry.register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(registry, WAKER)?);
        let streams = Streams::listen(local, registry, LISTENER, FIRST_STREAM);
        if let Err(error) = &streams {
            warn!(%local, %error, "no media over TCP: networks without UDP are shut out");
        }
        let streams = streams.ok();
        let crypto = rtc_crypto::default_provider()
            .map_err(|error| MediaError::Encryption(error.to_string()))?;
        let shared = Shared {
            identity: Identity::generate().map_err(MediaError::Encryption)?,
            recording: Recording::chime(),
            crypto,
            clock: WallClock::new(Instant::now()),
            candidates: host_candidates(local, &config.advertise)?,
            takes_streams: streams.is_some(),
        };
        info!(%local, candidates = ?shared.candidates, "media socket open");
        let (sender, commands) = channel();
        let engine = Self {
            poll,
            commands,
            _waker: waker.clone(),
            socket,
            streams,
            unread: Vec::new(),
            ports: Ports::new(&config.relay_ports),
            shared: Arc::new(shared),
            tally,
            calls: HashMap::new(),
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
        let mut buffer = vec![0; MAX_DATAGRAM + MAX_TRAILER];
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut readable = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != io::ErrorKind::Interrupted
            {
                error!(%error, "the media engine stops");
                return;
            }
            readable.append(&mut self.unread);
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    WAKER => {
                        if self.on_commands().is_err() {
                            return;
                        }
                    }
                    token => {
                        if event.is_writable()
                            && let Some(streams) = &mut self.streams
                        {
                            streams.on_writable(token);
                        }
                        readable.push(token);
                    }
                }
            }
            for token in readable.drain(..) {
                match token {
                    SOCKET => self.on_browsers_readable(now, &mut buffer),
                    LISTENER => self.on_connections(now),
                    Token(FIRST_STREAM..) => self.on_stream_readable(now, token, &mut buffer),
                    token => {
                        let (id, component) = CallId::from_token(token);
                        let read = |engine: &mut Self| {
                            engine.on_pbx_readable(now, id, component, &mut buffer);
                        };
                        self.contain(|_| Some(id), read);
                    }
                }
            }
            self.on_timeout(now);
        }
    }

    /// Does `work`. If there is a fault in how we, or those who read DTLS and STUN for us, take what
    /// has come, it ends the call `whose` it was and not all of them.
    fn contain(
        &mut self,
        whose: impl FnOnce(&Self) -> Option<CallId>,
        work: impl FnOnce(&mut Self),
    ) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_ok() {
            return;
        }
        let id = whose(self);
        error!(
            call = id.map(|id| id.0),
            "a fault in the media engine; the call ends"
        );
        if let Some(id) = id {
            if let Some(slot) = self.calls.get(&id) {
                slot.call.report_failure();
            }
            self.end(id);
        }
    }

    /// How long there is nothing to do but to wait for others.
    fn patience(&self) -> Option<Duration> {
        if !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        let streams = self.streams.as_ref();
        let due = [
            self.deadlines.first().map(|(at, _)| *at),
            streams.and_then(Streams::poll_timeout),
        ];
        let next = due.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// # Errors
    /// When the last handle is gone.
    fn on_commands(&mut self) -> Result<(), TryRecvError> {
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
        let register =
            |socket, component| registry.register(socket, id.token(component), Interest::READABLE);
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

    fn end(&mut self, id: CallId) {
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

    fn gauge(&self) {
        let addresses = self.by_address.len() as u64;
        self.tally.addresses.store(addresses, Relaxed);
    }

    fn on_browsers_readable(&mut self, now: Instant, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            match self.socket.recv_from(&mut buffer[..MAX_DATAGRAM]) {
                Ok((length, from)) => {
                    self.on_browser_packet(now, Path::Udp(from), buffer, length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of some earlier datagram; it says nothing about the socket.
                Err(error) => debug!(%error, "media socket"),
            }
        }
        self.unread.push(SOCKET);
    }

    fn on_connections(&mut self, now: Instant) {
        if let Some(streams) = &mut self.streams {
            streams.accept(now, self.poll.registry());
        }
    }

    fn on_stream_readable(&mut self, now: Instant, token: Token, buffer: &mut [u8]) {
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

    fn on_browser_packet(&mut self, now: Instant, from: Path, buffer: &mut [u8], length: usize) {
        Tally::count(&self.tally.received);
        let holder = |engine: &Self| engine.by_address.get(&from).copied();
        let take = |engine: &mut Self| {
            if let Err(why) = engine.on_browser_datagram(now, from, buffer, length) {
                trace!(?from, ?why, length, "packet dropped");
                engine.tally.on_dropped(why);
            }
        };
        self.contain(holder, take);
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
                send(&relay.ports.rtp, &self.tally, *to, &buffer[..*length]);
            }
            // A relay that only hears sound has nothing else to say.
            (Call::Relay(_), Ok(None)) if protocol == Protocol::Rtp => {}
            _ => self.drain(id),
        }
        result.map(|_| ())
    }

    fn on_pbx_readable(
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
            let (length, from) = match socket.recv_from(&mut buffer[..MAX_DATAGRAM]) {
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
                }
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
                }
            }
        }
        self.gauge();
    }

    /// Registers the user names of the call `id` as they are now.
    fn name(&mut self, id: CallId) {
        let Some(slot) = self.calls.get_mut(&id) else {
            return;
        };
        for ufrag in slot.ufrags.drain(..) {
            self.by_ufrag.remove(&ufrag);
        }
        slot.ufrags = slot.call.browser().ufrags().map(str::to_owned).collect();
        for ufrag in &slot.ufrags {
            self.by_ufrag.insert(ufrag.clone(), id);
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<CallId> = due.map(|(_, id)| *id).collect();
        if let Some(streams) = &mut self.streams {
            streams.handle_timeout(now);
        }
        for id in due {
            let wake = |engine: &mut Self| {
                if let Some(slot) = engine.calls.get_mut(&id) {
                    slot.call.handle_timeout(now);
                }
                engine.drain(id);
            };
            self.contain(|_| Some(id), wake);
        }
    }

    /// Does what the call `id` asks for, and notes when it wants to be woken.
    fn drain(&mut self, id: CallId) {
        let Some(slot) = self.calls.get_mut(&id) else {
            return;
        };
        let wake = loop {
            match slot.call.poll_task() {
                Task::ToBrowser(to, bytes) => {
                    send_to_browser(&self.socket, &mut self.streams, &self.tally, to, &bytes);
                }
                Task::ReportToPbx(to, report) => {
                    if let Call::Relay(relay) = &slot.call {
                        send(&relay.ports.rtcp, &self.tally, to, &report);
                    }
                }
                Task::End => return self.end(id),
                Task::Wait(at) => break at,
            }
        };
        if wake != slot.deadline {
            let former = slot.deadline.map(|deadline| (deadline, id));
            former.map(|former| self.deadlines.remove(&former));
            self.deadlines.extend(wake.map(|wake| (wake, id)));
            slot.deadline = wake;
        }
    }
}

fn send_to_browser(
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

fn send(socket: &UdpSocket, tally: &Tally, to: SocketAddr, bytes: &[u8]) {
    match socket.send_to(bytes, to) {
        Ok(_) => Tally::count(&tally.sent),
        Err(error) => {
            debug!(%to, %error, "datagram not sent");
            Tally::count(&tally.unsent);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::relay::{RelayConfig, RelayError, RelayEvent};
    use crate::{Media, MediaConfig, PbxSrtp};

    #[tokio::test]
    async fn a_fault_ends_the_call_it_is_in_and_no_other() {
        let here = "127.0.0.1:0".parse().unwrap();
        let config = MediaConfig {
            listen: here,
            advertise: Vec::new(),
            relay_ports: MediaConfig::RELAY_PORTS,
        };
        let media = Media::start(config).await.unwrap();
        let config = RelayConfig {
            local: here.ip(),
            advertise: None,
            srtp: PbxSrtp::None,
            symmetric_rtp: false,
        };
        let mut faulty = media.relay(config.clone()).await.unwrap();
        let other = media.relay(config).await.unwrap();
        let nothing = faulty.hold.with_bridge(|_, _| panic!("on purpose")).await;
        assert_eq!(nothing, None::<()>);
        assert_eq!(faulty.events.recv().await, Some(RelayEvent::Failed));
        assert_eq!(faulty.events.recv().await, None, "it has ended");
        assert!(matches!(faulty.stats().await, Err(RelayError::Ended)));
        assert!(other.stats().await.is_ok());
        assert_eq!(media.counters().relays, 1);
    }
}
