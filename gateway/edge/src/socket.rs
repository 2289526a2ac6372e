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

use crate::Limits;

/// How long a client has to hang up after our Close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

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

/// What the gateway itself may end a flow for.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    /// From now on it is the gateway that ends, even if the upstream closes the flow.
    pub(crate) draining: &'a CancellationToken,
    /// Every flow is over.
    pub(crate) closing: &'a CancellationToken,
}

/// Carries messages until one side ends it.
pub(crate) async fn carry<S>(
    stream: S,
    inbound: mpsc::Sender<Vec<u8>>,
    mut outbound: mpsc::Receiver<Vec<u8>>,
    limits: &Limits,
    ends: Ends<'_>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let end = exchange(&mut socket, &inbound, &mut outbound, limits, ends).await;
    drop((inbound, outbound));
    // A client that doesn't hang up within the time has had its chance.
    let _ = timeout(CLOSE_PATIENCE, async {
        match end.close_code() {
            Some(code) => close(&mut socket, code, end).await,
            // The socket has queued the Close that answers the client's.
            None if end == End::PeerClosed => socket.flush().await,
            None => Ok(()),
        }
    })
    .await;
    end
}

async fn exchange<S>(
    socket: &mut WebSocketStream<S>,
    inbound: &mpsc::Sender<Vec<u8>>,
    outbound: &mut mpsc::Receiver<Vec<u8>>,
    limits: &Limits,
    ends: Ends<'_>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut next_ping = Instant::now() + limits.ping_interval;
    let mut asked = false;
    // A frame is only read when the upstream has room for what it may carry.
    let mut room = None;
    loop {
        let step = tokio::select! {
            () = ends.closing.cancelled() => Err(End::Shutdown),
            message = outbound.recv() => match message {
                Some(message) => send(socket, sip_message(message), limits).await,
                None => Err(End::Upstream),
            },
            permit = inbound.reserve(), if room.is_none() => match permit {
                Ok(permit) => {
                    room = Some(permit);
                    Ok(())
                }
                Err(_) => Err(End::Upstream),
            },
            frame = socket.next(), if room.is_some() => {
                asked = false;
                next_ping = Instant::now() + limits.ping_interval;
                match sip_bytes(frame) {
                    Ok(Some(bytes)) => {
                        if let Some(room) = room.take() {
                            room.send(bytes);
                        }
                        Ok(())
                    }
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            () = sleep_until(next_ping) => {
                // Silence means nothing while we do not listen.
                if asked && room.is_some() {
                    Err(End::Silent)
                } else {
                    asked = true;
                    next_ping = Instant::now() + limits.pong_timeout;
                    send(socket, Message::Ping(Bytes::new()), limits).await
                }
            }
        };
        match step {
            Err(End::Upstream) if ends.draining.is_cancelled() => return End::Shutdown,
            Err(end) => return end,
            Ok(()) => {}
        }
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
