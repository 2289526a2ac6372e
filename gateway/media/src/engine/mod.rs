//! The thread that owns the sockets and all calls.
//!
//! A datagram of a browser finds its call by the user name of an ICE check, or by an address that
//! an authentic check came from; one of a PBX by the socket it comes to. Everything else is dropped
//! and counted.
//!
//! It polls by itself, not as a task of tokio: sound waits for nobody, and a readiness that was
//! seen costs no further wake-up. Reading and sending many datagrams by one system call gained
//! nothing over one by one.

mod alarm;
mod call;
mod calls;
mod handle;
mod level;
mod packets;
mod sockets;
mod streams;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use mio::net::UdpSocket;
use mio::{Events, Poll, Token, Waker};
use socket2::SockRef;
use tracing::{error, info, warn};

use crate::clock::WallClock;
use crate::counters::Tally;
use crate::endpoint::Shared;
use crate::program::announcement::Recording;
use crate::relay::ports::Ports;
use crate::transport::Path;
use crate::transport::candidates::host_candidates;
use crate::transport::dtls::Identity;
use crate::transport::srtp::MAX_TRAILER;
use crate::{MediaConfig, MediaError};
use alarm::Alarm;
use call::{Call, Task};
use handle::Bell;
pub(crate) use handle::{CallId, Command, Handle};
use packets::{send, send_to_browser};
use streams::Streams;

/// No path that carries calls takes larger datagrams.
const MAX_DATAGRAM: usize = 2048;
/// What the shared socket holds while the thread is busy: a tenth of a second of 1,000 calls. The
/// system may give less.
const SOCKET_BUFFER: usize = 8 << 20;
const EVENTS_AT_ONCE: usize = 256;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
const LISTENER: Token = Token(2);
const ALARM: Token = Token(3);
/// Tokens from here on are those of streams.
const FIRST_STREAM: usize = usize::MAX / 2;

/// The sockets and the calls.
pub(crate) struct Engine {
    poll: Poll,
    alarm: Alarm,
    commands: Receiver<Command>,
    /// Closed with the last handle, it could not tell of its end.
    bell: Arc<Bell>,
    socket: UdpSocket,
    /// `None` where somebody else has the port.
    streams: Option<Streams>,
    /// The sockets that may have more than has been read.
    unread: Vec<Token>,
    ports: Ports,
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    calls: HashMap<CallId, Slot, RandomState>,
    by_ufrag: HashMap<String, CallId>,
    by_address: HashMap<Path, CallId, RandomState>,
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
        let (mut socket, listener) = sockets::bind(config.listen)?;
        let local = socket.local_addr()?;
        let options = SockRef::from(&socket);
        options.set_recv_buffer_size(SOCKET_BUFFER)?;
        options.set_send_buffer_size(SOCKET_BUFFER)?;
        let registry = poll.registry();
        level::watch(registry, &mut socket, SOCKET)?;
        let bell = Arc::new(Bell::new(Waker::new(registry, WAKER)?));
        let alarm = Alarm::new(registry, ALARM)?;
        let streams =
            listener.and_then(|listener| Streams::new(listener, registry, LISTENER, FIRST_STREAM));
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
            alarm,
            commands,
            bell: bell.clone(),
            socket,
            streams,
            unread: Vec::new(),
            ports: Ports::new(&config.relay_ports),
            shared: Arc::new(shared),
            tally,
            calls: HashMap::default(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::default(),
            deadlines: BTreeSet::new(),
            next_id: 0,
        };
        let thread = thread::Builder::new().name("media".to_owned());
        thread.spawn(move || engine.run())?;
        Ok((Handle::new(sender, bell), local))
    }

    /// Runs until the last handle is gone.
    fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM + MAX_TRAILER];
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut readable = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            let due = self.poll_timeout();
            let wait = self.alarm.set(due).and_then(|patience| {
                let at_once = (!self.unread.is_empty()).then_some(Duration::ZERO);
                self.poll.poll(&mut events, at_once.or(patience))
            });
            if let Err(error) = wait
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
                        self.bell.on_heard();
                        if self.on_commands().is_err() {
                            return;
                        }
                    }
                    ALARM => self.alarm.on_rung(),
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
            let is_calm = readable.len() == 1;
            for token in readable.drain(..) {
                match token {
                    SOCKET => self.on_browsers_readable(now, is_calm, &mut buffer),
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
            if due.is_some_and(|due| due <= now) {
                self.on_timeout(now);
            }
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

    /// When [`Engine::on_timeout`] has something to do.
    fn poll_timeout(&self) -> Option<Instant> {
        let streams = self.streams.as_ref();
        let due = [
            self.deadlines.first().map(|(at, _)| *at),
            streams.and_then(Streams::poll_timeout),
        ];
        due.into_iter().flatten().min()
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
            streams.handle_timeout(now, self.poll.registry());
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::packets::MAX_ADDRESSES;
    use crate::relay::{RelayConfig, RelayError, RelayEvent};
    use crate::transport::ice::{Credentials, tests::check};
    use crate::{Media, MediaConfig, PbxSrtp, Program};

    #[tokio::test]
    async fn a_stream_that_gave_way_to_others_is_closed() {
        let config = MediaConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            advertise: Vec::new(),
            relay_ports: MediaConfig::RELAY_PORTS,
        };
        let media = Media::start(config).await.unwrap();
        let fingerprint = ["AB"; 32].join(":");
        let offer = format!(
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:them\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
        );
        let leg = media.answer(&offer, Program::Echo).await.unwrap();
        let value = |start: &str| {
            let mut lines = leg.answer.lines();
            lines.find_map(|line| line.strip_prefix(start)).unwrap()
        };
        let credentials = Credentials {
            ufrag: value("a=ice-ufrag:").to_owned(),
            pwd: value("a=ice-pwd:").to_owned(),
        };
        let check = check(&*rtc_crypto::default_provider().unwrap(), &credentials, &[]);
        let connect = || {
            let mut stream = TcpStream::connect(media.local_addr()).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let length = (check.len() as u16).to_be_bytes();
            stream.write_all(&[&length, &check[..]].concat()).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer).unwrap();
            stream
        };
        let mut streams: Vec<TcpStream> = (0..=MAX_ADDRESSES).map(|_| connect()).collect();
        assert_eq!(media.counters().addresses, MAX_ADDRESSES as u64);
        let mut first = streams.remove(0);
        assert_eq!(first.read(&mut [0]).unwrap(), 0, "the oldest is closed");
        for stream in &mut streams {
            stream.set_nonblocking(true).unwrap();
            let nothing = stream.read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        }
    }

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
