//! Text messages between people (RFC 3428), and the sign that somebody writes one (RFC 3994).
//!
//! A message goes out by [`OutgoingRequest::message`]; [`Delivery::of`] says what became of it.
//! One that comes in ([`crate::Event::RequestReceived`], if MESSAGE is among
//! [`crate::Config::accepts`]) is read by [`InstantMessage::read`].

mod composing;
mod delivery;

pub use composing::{Composer, ComposingPeer};
pub use delivery::Delivery;

use crate::endpoint::body;
use crate::endpoint::config::{Answer, Body, Origin, OutgoingRequest};
use crate::message::{ContentType, HeaderName, RawHeader};
use crate::packages::IsComposing;
use crate::{Address, Method, Request, Status, Text, Uri};

const TEXT: &str = "text/plain";
const COMPOSING: &str = "application/im-iscomposing+xml";

impl OutgoingRequest {
    /// A MESSAGE to somebody. It has to be small, see [`crate::Config::largest_message`].
    #[must_use]
    pub const fn message(origin: Origin, target: Uri, body: Body) -> Self {
        Self {
            origin,
            method: Method::Message,
            target,
            headers: Vec::new(),
            body: Some(body),
        }
    }
}

impl Body {
    /// Text as people write it.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            content_type: Text::from_static("text/plain;charset=UTF-8"),
            bytes: text.as_bytes().to_vec(),
        }
    }
}

/// A MESSAGE that came in (RFC 3428 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstantMessage {
    /// Who says to have sent it.
    pub from: Address,
    /// Whom it is for.
    pub to: Address,
    /// Names it: one that comes again under this name is the same.
    pub call_id: Text,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Something to be read. It is text, whatever it looks like.
    Text(String),
    /// Whether its sender is writing.
    Composing(IsComposing),
    /// Something of one of the further types that are taken.
    Other(Body),
}

impl InstantMessage {
    /// Reads a MESSAGE of plain text or of a composing state, or with a body of one of the
    /// `further` types (in lower case). What is read is to be answered by
    /// [`InstantMessage::taken`] or [`InstantMessage::stored`].
    ///
    /// # Errors
    /// The answer that refuses it: 415 with the types that are taken, or 400 if it is not what its
    /// type says.
    pub fn read(request: &Request, further: &[&str]) -> Result<Self, Answer> {
        Ok(Self {
            from: request.headers.from.clone(),
            to: request.headers.to.clone(),
            call_id: request.headers.call_id.clone(),
            content: Content::read(request, further)?,
        })
    }

    /// It reached whom it is for. RFC 3428 §7: without a body or a Contact.
    #[must_use]
    pub const fn taken() -> Answer {
        Answer::of(Status::OK)
    }

    /// It is kept for whom it is for.
    #[must_use]
    pub const fn stored() -> Answer {
        Answer::of(Status::ACCEPTED)
    }
}

impl Content {
    fn read(request: &Request, further: &[&str]) -> Result<Self, Answer> {
        let Some(body) = body::read(&request.headers, &request.body) else {
            return Ok(Self::Text(String::new()));
        };
        let written = request.headers.typed::<ContentType>().ok().flatten();
        let written = written.ok_or_else(|| unsupported(further))?;
        let mut encodings = request.headers.raw(&HeaderName::ContentEncoding);
        if !encodings.all(|encoding| encoding.eq_ignore_ascii_case("identity")) {
            return Err(unsupported(further));
        }
        let unreadable = |_| Answer::of(Status::BAD_REQUEST);
        match written.media_type.as_str() {
            TEXT => {
                let charset = written.params.value("charset").unwrap_or("utf-8");
                text(body.bytes, charset, further).map(Self::Text)
            }
            COMPOSING => {
                let state = IsComposing::parse(&body.bytes).map_err(unreadable)?;
                Ok(Self::Composing(state))
            }
            other if further.contains(&other) => Ok(Self::Other(body)),
            _ => Err(unsupported(further)),
        }
    }
}

fn text(bytes: Vec<u8>, charset: &str, further: &[&str]) -> Result<String, Answer> {
    let is = |name: &str| charset.eq_ignore_ascii_case(name);
    if is("utf-8") || is("us-ascii") {
        String::from_utf8(bytes).map_err(|_| Answer::of(Status::BAD_REQUEST))
    } else if is("iso-8859-1") {
        Ok(bytes.into_iter().map(char::from).collect())
    } else {
        Err(unsupported(further))
    }
}

/// RFC 3261 §21.4.13.
fn unsupported(further: &[&str]) -> Answer {
    let types: Vec<&str> = [TEXT, COMPOSING].iter().chain(further).copied().collect();
    let accept = RawHeader {
        name: HeaderName::Accept,
        value: types.join(", ").into(),
    };
    Answer {
        headers: vec![accept],
        ..Answer::of(Status::UNSUPPORTED_MEDIA_TYPE)
    }
}
