//! Reads messages (RFC 3261 §7 and §25, with the judgements of RFC 4475).
//!
//! There are three answers to bad input: a request whose fault can be told is refused with a
//! status, everything else is dropped, and nothing is repaired in silence: only what a PBX sends is
//! repaired at all ([`Repair`]), and each repair is counted. Each byte is looked at
//! a bounded number of times. The head is copied once, into a buffer that all texts of the
//! message share; folded lines are joined by one space.

mod address;
mod head;
mod ip;
mod lexer;
mod lines;
mod list;
mod params;
mod refusal;
mod repair;
mod span;
mod start;
mod uri;
mod via;

pub(crate) use address::{address, addresses};
pub(crate) use head::rack;
pub(crate) use lexer::{number, unquoted};
pub(crate) use list::{items, media_type, number_and_params, token, tokens, value_and_params};
pub use repair::{Repair, Repairs};
pub(crate) use span::Span;
pub(crate) use uri::escaped_user;
pub(crate) use uri::uri;

use super::{Message, Response, Status};

/// Why a value could not be read, in words for a log or a reason phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HeaderError(pub &'static str);

/// How large a message may be. Beyond, a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole message.
    pub message: usize,
    /// Header lines.
    pub headers: usize,
    /// Bytes of one header line, folds included.
    pub line: usize,
    /// Via hops.
    pub vias: usize,
    /// Entries each of Contact, Route and Record-Route.
    pub addresses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            headers: 200,
            line: 8 * 1024,
            vias: 70,
            addresses: 100,
        }
    }
}

/// What one frame turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are messages, and each is taken apart at once"
)]
pub enum Incoming {
    /// A message, parsed and complete.
    Message(Message),
    /// CRLF CRLF: the peer wants a [`Incoming::Pong`] (RFC 5626 §3.5.1).
    Ping,
    /// A lone CRLF.
    Pong,
    /// A request with a fault that its sender should be told.
    Refused(Refusal),
    /// Nothing that could or should be answered; why, for the log.
    Dropped(&'static str),
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of [`Refusal::response`].
    pub status: Status,
    /// What is wrong with it; also the reason phrase.
    pub why: &'static str,
    /// Ready to be sent. Via, From, To, Call-ID and CSeq are those of the request as far as they
    /// could be read; a missing address is `sip:anonymous@anonymous.invalid`.
    pub response: Box<Response>,
}

/// What is wrong with a message, and how a request with that fault is answered.
struct Fault {
    status: Status,
    why: &'static str,
}

impl Fault {
    const fn bad_request(why: &'static str) -> Self {
        Self {
            status: Status::BAD_REQUEST,
            why,
        }
    }
}

impl From<HeaderError> for Fault {
    fn from(error: HeaderError) -> Self {
        Self::bad_request(error.0)
    }
}

/// Reads one WebSocket message or one datagram, which holds at most one SIP message.
///
/// - Content-Length may be missing: the body then is all that follows the head (RFC 7118 §5,
///   RFC 3261 §18.3). A longer body is cut to Content-Length and the rest thrown away
///   (§18.3); a shorter one makes the request a 400.
/// - Empty lines ahead of the start line are ignored (RFC 3261 §7.5).
/// - The head must be UTF-8, the body may be anything.
/// - Control characters are refused, but for a tab between words and any but CR and LF behind
///   the backslash of a quoted string.
/// - A response is never answered, nor is ACK: with a fault they are dropped.
#[must_use]
pub fn read_frame(frame: &[u8], limits: &Limits) -> Incoming {
    match frame {
        b"\r\n\r\n" => Incoming::Ping,
        b"\r\n" => Incoming::Pong,
        _ => match read_message(frame, limits) {
            Ok(message) => Incoming::Message(message),
            Err(fault) => refusal::refuse(frame, limits, &fault),
        },
    }
}

/// As [`read_frame`], for what comes from a PBX: a message that can't be read is mended first where
/// PBXs are known to be wrong ([`Repair`]), and what was mended is added to `repairs`. A message that
/// can't be read even so is answered or dropped as it came.
///
/// A frame that arrives whole may end before Content-Length says so; what is cut from a stream must
/// not be read by this until all of it is there.
#[must_use]
pub fn read_frame_of_pbx(frame: &[u8], limits: &Limits, repairs: &mut Repairs) -> Incoming {
    let incoming = read_frame(frame, limits);
    let is_faulty = matches!(incoming, Incoming::Refused(_) | Incoming::Dropped(_));
    if is_faulty
        && frame.len() <= limits.message
        && let Some((mended, made)) = repair::mend(without_empty_lines(frame), limits)
        && made != Repairs::default()
        && let Ok(message) = read_message(&mended, limits)
    {
        repairs.add(&made);
        return Incoming::Message(message);
    }
    incoming
}

fn read_message(frame: &[u8], limits: &Limits) -> Result<Message, Fault> {
    if frame.len() > limits.message {
        return Err(Fault {
            status: Status::MESSAGE_TOO_LARGE,
            why: "the message is too large",
        });
    }
    let lines = lines::Lines::read(without_empty_lines(frame), limits)?;
    let start = start::read(lines.start())?;
    head::read(&lines, start, limits)
}

fn without_empty_lines(mut frame: &[u8]) -> &[u8] {
    while let Some(rest) = frame.strip_prefix(b"\r\n") {
        frame = rest;
    }
    frame
}
