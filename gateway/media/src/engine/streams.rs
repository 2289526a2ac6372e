//! ICE over TCP (RFC 6544), for networks that let no UDP through: browsers connect to the number
//! that is our UDP port, and each packet goes with its length in front (RFC 4571).
//!
//! ```text
//!            accept             authentic check          end of the call, of the stream,
//! listening ───────▶ stranger ─────────────────▶ known ───────or bad framing────────────▶ closed
//!                        └──────────────10 s without one, bad framing────────────────────────▲
//! ```

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use tracing::debug;

/// So many browsers behind such networks at once.
const MAX_STREAMS: usize = 4096;
/// And so many who have yet to show that they are browsers; they must not use up our files.
const MAX_STRANGERS: usize = 128;
/// How long a stranger may take to show that it belongs to a call.
const STRANGER: Duration = Duration::from_secs(10);
/// How long whoever connects waits when there are no more files, until there may be again.
const RETRY: Duration = Duration::from_millis(100);
/// What the network doesn't take is old by the time this much has gathered.
const MAX_UNSENT: usize = 32 * 1024;
const LENGTH: usize = 2;

/// The listener and its streams.
pub(super) struct Streams {
    listener: TcpListener,
    /// When to look again who has connected: nobody tells a second time.
    accept_due: Option<Instant>,
    /// The token of the next stream.
    next: usize,
    streams: HashMap<Token, Stream>,
    by_address: HashMap<SocketAddr, Token>,
    /// Strangers, the oldest first; some have become known since, or have gone.
    strangers: VecDeque<(Instant, Token)>,
}

struct Stream {
    socket: TcpStream,
    from: SocketAddr,
    is_known: bool,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// What a stream gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A packet of this length lies in the buffer.
    Packet(usize),
    /// Nothing more for now.
    Pending,
    /// The stream is over.
    Closed,
}

impl Streams {
    /// Takes what comes to `listener`; tokens of streams begin with `first`.
    ///
    /// # Errors
    /// When the system can't watch it.
    pub(super) fn new(
        mut listener: TcpListener,
        registry: &Registry,
        listener_token: Token,
        first: usize,
    ) -> io::Result<Self> {
        registry.register(&mut listener, listener_token, Interest::READABLE)?;
        Ok(Self {
            listener,
            accept_due: None,
            next: first,
            streams: HashMap::new(),
            by_address: HashMap::new(),
            strangers: VecDeque::new(),
        })
    }

    /// Takes whoever has connected.
    pub(super) fn accept(&mut self, now: Instant, registry: &Registry) {
        self.accept_due = None;
        loop {
            match self.listener.accept() {
                Ok((socket, from)) if self.streams.len() < MAX_STREAMS => {
                    if let Err(error) = self.adopt(now, registry, socket, from) {
                        debug!(%from, %error, "stream not taken");
                    }
                }
                Ok((_, from)) => debug!(%from, "too many streams"),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Whoever connected has gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    debug!(%error, "no stream accepted");
                    self.accept_due = Some(now + RETRY);
                    return;
                }
            }
        }
    }

    fn adopt(
        &mut self,
        now: Instant,
        registry: &Registry,
        mut socket: TcpStream,
        from: SocketAddr,
    ) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let token = Token(self.next);
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        self.next += 1;
        let stream = Stream {
            socket,
            from,
            is_known: false,
            unread: Vec::new(),
            unsent: Vec::new(),
        };
        self.streams.insert(token, stream);
        self.by_address.insert(from, token);
        self.strangers.push_back((now + STRANGER, token));
        if self.strangers.len() > MAX_STRANGERS
            && let Some((_, oldest)) = self.strangers.pop_front()
        {
            self.close_stranger(oldest);
        }
        Ok(())
    }

    /// Whose stream it is.
    pub(super) fn address(&self, token: Token) -> Option<SocketAddr> {
        self.streams.get(&token).map(|stream| stream.from)
    }

    /// The next packet; to be asked until there is no more. What is closed is forgotten.
    pub(super) fn read(&mut self, token: Token, buffer: &mut [u8]) -> Frame {
        let Some(stream) = self.streams.get_mut(&token) else {
            return Frame::Closed;
        };
        let frame = stream.read(buffer);
        if frame == Frame::Closed {
            self.close(token);
        }
        frame
    }

    /// Sends what had to wait.
    pub(super) fn on_writable(&mut self, token: Token) {
        if let Some(stream) = self.streams.get_mut(&token) {
            stream.flush();
        }
    }

    /// Whether `packet` is on its way.
    pub(super) fn send(&mut self, to: SocketAddr, packet: &[u8]) -> bool {
        let token = self.by_address.get(&to);
        let stream = token.and_then(|token| self.streams.get_mut(token));
        stream.is_some_and(|stream| stream.send(packet))
    }

    /// An authentic check has come from there.
    pub(super) fn on_known(&mut self, from: SocketAddr) {
        let token = self.by_address.get(&from);
        if let Some(stream) = token.and_then(|token| self.streams.get_mut(token)) {
            stream.is_known = true;
        }
    }

    /// Its call has ended.
    pub(super) fn close_address(&mut self, from: SocketAddr) {
        if let Some(token) = self.by_address.get(&from) {
            self.close(*token);
        }
    }

    fn close(&mut self, token: Token) {
        if let Some(stream) = self.streams.remove(&token)
            && self.by_address.get(&stream.from) == Some(&token)
        {
            self.by_address.remove(&stream.from);
        }
    }

    fn close_stranger(&mut self, token: Token) {
        if self.streams.get(&token).is_some_and(|s| !s.is_known) {
            self.close(token);
        }
    }

    /// Closes strangers that have stayed so, and takes those who could not be taken.
    pub(super) fn handle_timeout(&mut self, now: Instant, registry: &Registry) {
        if self.accept_due.is_some_and(|due| due <= now) {
            self.accept(now, registry);
        }
        while let Some((until, token)) = self.strangers.front().copied() {
            if until > now {
                return;
            }
            self.strangers.pop_front();
            self.close_stranger(token);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let stranger = self.strangers.front().map(|(until, _)| *until);
        [stranger, self.accept_due].into_iter().flatten().min()
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> Frame {
        loop {
            if let Some((header, rest)) = self.unread.split_first_chunk::<LENGTH>() {
                let length = usize::from(u16::from_be_bytes(*header));
                if length > buffer.len() {
                    return Frame::Closed;
                }
                if let Some(packet) = rest.get(..length) {
                    buffer[..length].copy_from_slice(packet);
                    self.unread.drain(..LENGTH + length);
                    return Frame::Packet(length);
                }
            }
            match self.socket.read(buffer) {
                Ok(0) => return Frame::Closed,
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Frame::Pending,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Frame::Closed,
            }
        }
    }

    fn send(&mut self, packet: &[u8]) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else {
            return false;
        };
        let header = length.to_be_bytes();
        let mut sent = 0;
        if self.unsent.is_empty() {
            let parts = [IoSlice::new(&header), IoSlice::new(packet)];
            match self.socket.write_vectored(&parts) {
                Ok(written) => sent = written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Reading will tell that it is over.
                Err(_) => return false,
            }
        } else if self.unsent.len() + packet.len() > MAX_UNSENT {
            return false;
        }
        let left = header.iter().chain(packet).skip(sent);
        self.unsent.extend(left);
        true
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
