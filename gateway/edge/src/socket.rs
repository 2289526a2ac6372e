//! One flow's socket: messages both ways, pings, and the end.
//!
//! ```text
//!             ping interval
//!   ┌────────┐ ─────────────► ┌───────────┐  pong timeout
//!   │ Lively │                │ Asked     │ ─────────────► Silent
//!   └────────┘ ◄───────────── └───────────┘
//!             any frame
//! ```

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use crate::door::{Door, Guest, Verdict};
use crate::{Boxed, Gone, Inbound, Limits};

/// How long a client has to hang up after our Close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The registered close code for who may not be here (any more).
const UNAUTHORIZED: u16 = 3000;

/// What is read at once. Each flow keeps as much, even if nothing is said over it for hours.
const READ_BUFFER: usize = 1024;

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    PeerClosed,
    Lost,
    Silent,
    Stalled,
    Oversized,
    BadText,
    BadFrame,
    Upstream,
    SignedOut,
    Shutdown,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerClosed => "the client closed it",
            Self::Lost => "the connection broke",
            Self::Silent => "the client did not answer a ping",
            Self::Stalled => "the client did not read",
            Self::Oversized => "a message was too long",
            Self::BadText => "a text message was not UTF-8",
            Self::BadFrame => "a frame broke the WebSocket protocol",
            Self::Upstream => "the upstream closed it",
            Self::SignedOut => "the person has signed out",
            Self::Shutdown => "the gateway shuts down",
        })
    }
}

impl End {
    /// What to tell the client, if it can still be told (RFC 6455 §7.4.1).
    const fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::PeerClosed | Self::Lost | Self::Silent | Self::Stalled => None,
            Self::Oversized => Some(CloseCode::Size),
            Self::BadText => Some(CloseCode::Invalid),
            Self::BadFrame => Some(CloseCode::Protocol),
            Self::Upstream => Some(CloseCode::Again),
            Self::SignedOut => Some(CloseCode::Library(UNAUTHORIZED)),
            Self::Shutdown => Some(CloseCode::Away),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::Oversized,
            Error::Utf8(_) => Self::BadText,
            Error::Protocol(_) => Self::BadFrame,
            Error::ConnectionClosed | Error::AlreadyClosed => Self::PeerClosed,
            _ => Self::Lost,
        }
    }
}

/// What is the same for all flows.
#[derive(Clone, Copy)]
pub(crate) struct House<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) door: &'a Door,
    /// From now on it is the gateway that ends, even if the upstream closes the flow.
    pub(crate) draining: &'a CancellationToken,
    /// Every flow is over.
    pub(crate) closing: &'a CancellationToken,
}

/// Carries messages until one side ends it.
pub(crate) async fn carry<S>(
    stream: S,
    mut inbound: Box<dyn Inbound>,
    mut outbound: mpsc::Receiver<Vec<u8>>,
    mut stay: Option<Boxed<'static, ()>>,
    house: House<'_>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = house.limits;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let end = exchange(&mut socket, &mut *inbound, &mut outbound, &mut stay, house).await;
    drop((inbound, outbound));
    // A client that doesn't hang up within the time has had its chance.
    let farewell = timeout(CLOSE_PATIENCE, async {
        match end.close_code() {
            Some(code) => close(&mut socket, code, end).await,
            // The socket has queued the Close that answers the client's.
            None if end == End::PeerClosed => socket.flush().await,
            None => Ok(()),
        }
    });
    // Boxed, so that a flow that waits is small.
    let _ = Box::pin(farewell).await;
    end
}

async fn exchange<S>(
    socket: &mut WebSocketStream<S>,
    inbound: &mut dyn Inbound,
    outbound: &mut mpsc::Receiver<Vec<u8>>,
    stay: &mut Option<Boxed<'static, ()>>,
    house: House<'_>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let House { limits, door, .. } = house;
    let mut closing = pin!(house.closing.cancelled());
    let mut silence = Silence::new(limits);
    let mut alarm = pin!(sleep_until(silence.until));
    // A frame is only read when the upstream has room for what it may carry.
    let mut room = false;
    let mut guest = Guest::new(door);
    loop {
        let step = tokio::select! {
            () = &mut closing => Err(End::Shutdown),
            () = poll_fn(|context| poll_end(stay, context)), if stay.is_some() => {
                Err(End::SignedOut)
            }
            message = outbound.recv() => match message {
                Some(message) => {
                    guest.on_sent(&message);
                    send(socket, sip_message(message), limits).await
                }
                None => Err(End::Upstream),
            },
            ready = poll_fn(|context| inbound.poll_ready(context)), if !room => {
                room = true;
                ready.map_err(End::from)
            }
            verdict = poll_fn(|context| guest.poll_verdict(context)), if !guest.is_heard() => {
                obey(verdict, socket, inbound, &mut room, limits).await
            }
            frame = socket.next(), if room && guest.is_heard() => {
                silence.broken(limits);
                if silence.until < alarm.deadline() {
                    alarm.as_mut().reset(silence.until);
                }
                match sip_bytes(frame) {
                    Ok(Some(bytes)) => {
                        let verdict = guest.on_received(bytes);
                        obey(verdict, socket, inbound, &mut room, limits).await
                    }
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            () = &mut alarm => {
                guest.give_up();
                let asks = silence.on_alarm(limits, room && guest.is_heard());
                alarm.as_mut().reset(silence.until);
                match asks {
                    Ok(true) => send(socket, Message::Ping(Bytes::new()), limits).await,
                    Ok(false) => Ok(()),
                    Err(end) => Err(end),
                }
            }
        };
        match step {
            Err(End::Upstream) => {
                // It may have spoken before it was found to be gone.
                while let Ok(message) = outbound.try_recv() {
                    if let Err(end) = send(socket, sip_message(message), limits).await {
                        return end;
                    }
                }
                let draining = house.draining.is_cancelled();
                return if draining {
                    End::Shutdown
                } else {
                    End::Upstream
                };
            }
            Err(end) => return end,
            Ok(()) => {}
        }
    }
}

/// Does with a message what the door says, if it says anything.
async fn obey<S>(
    verdict: Option<Verdict>,
    socket: &mut WebSocketStream<S>,
    inbound: &mut dyn Inbound,
    room: &mut bool,
    limits: &Limits,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match verdict {
        Some(Verdict::Enters(bytes)) => {
            *room = false;
            inbound.deliver(bytes).map_err(End::from)
        }
        Some(Verdict::Refused(answer)) => send(socket, sip_message(answer), limits).await,
        Some(Verdict::Dropped) | None => Ok(()),
    }
}

fn poll_end<F: Future<Output = ()> + ?Sized>(
    future: &mut Option<Pin<Box<F>>>,
    context: &mut Context<'_>,
) -> Poll<()> {
    match future {
        Some(future) => future.as_mut().poll(context),
        None => Poll::Ready(()),
    }
}

/// How long nothing has been heard.
struct Silence {
    /// When it is too long: for a ping, or after it for the flow. The alarm may ring before, since
    /// setting it anew for each frame would cost more than ringing once in vain.
    until: Instant,
    asked: bool,
}

impl Silence {
    fn new(limits: &Limits) -> Self {
        Self {
            until: Instant::now() + limits.ping_interval,
            asked: false,
        }
    }

    fn broken(&mut self, limits: &Limits) {
        *self = Self::new(limits);
    }

    /// Whether to ping now. Silence means nothing while we do not listen.
    fn on_alarm(&mut self, limits: &Limits, listening: bool) -> Result<bool, End> {
        if Instant::now() < self.until {
            return Ok(false);
        }
        if self.asked && listening {
            return Err(End::Silent);
        }
        self.asked = true;
        self.until = Instant::now() + limits.pong_timeout;
        Ok(true)
    }
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Upstream
    }
}

/// What a frame has for the upstream, if it has anything.
fn sip_bytes(frame: Option<Result<Message, Error>>) -> Result<Option<Vec<u8>>, End> {
    match frame.ok_or(End::Lost)?? {
        Message::Text(text) => Ok(Some(Bytes::from(text).into())),
        Message::Binary(bytes) => Ok(Some(bytes.into())),
        Message::Close(_) => Err(End::PeerClosed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

async fn send<S>(
    socket: &mut WebSocketStream<S>,
    message: Message,
    limits: &Limits,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(limits.send_timeout, socket.send(message)).await {
        Ok(sent) => sent.map_err(End::from),
        Err(_) => Err(End::Stalled),
    }
}

fn sip_message(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(not_text) => Message::binary(not_text.into_bytes()),
    }
}

/// Says why, stops writing, and reads what is still on its way: closing a TCP socket with unread
/// bytes resets it, and the client would never see the reason.
async fn close<S>(socket: &mut WebSocketStream<S>, code: CloseCode, end: End) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reason = Utf8Bytes::from(end.to_string());
    socket
        .send(Message::Close(Some(CloseFrame { code, reason })))
        .await?;
    let stream = socket.get_mut();
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
