//! Messages: our own parser and printer (RFC 3261 §7, §20, §25).
//!
//! Everything above this module sees parsed, complete messages only. The six headers that every
//! message needs and those that steer it are fields of [`Headers`]; the others are kept in order
//! as text and read on demand through [`Headers::typed`].

mod address;
mod control;
mod extensions;
mod headers;
mod method;
mod parse;
mod print;
mod request;
mod response;
mod status;
mod typed;
mod uri;
mod via;

pub use address::Address;
pub use extensions::*;
pub use headers::{CSeq, Contacts, HeaderName, Headers, RawHeader};
pub use method::Method;
pub use parse::{
    HeaderError, Incoming, Limits, Refusal, Repair, Repairs, read_frame, read_frame_of_pbx,
};
pub(crate) use parse::{Span, addresses, items, unquoted};
pub(crate) use print::Quoted;
pub use status::Status;
pub use typed::*;
pub(crate) use uri::decode_escapes;
pub use uri::{Host, Param, Params, SipUri, TelUri, Uri};
pub use via::{Transport, Via};

use crate::Text;

/// A whole text as one address.
pub(crate) fn read_address(text: &str) -> Result<Address, HeaderError> {
    parse::address((&Text::from(text)).into())
}

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The headers.
    pub headers: Headers,
    /// The body, empty if there is none. Its type is the Content-Type header.
    pub body: Vec<u8>,
}

/// A response (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: Status,
    /// The reason phrase as sent.
    pub reason: Text,
    /// The headers.
    pub headers: Headers,
    /// The body, empty if there is none.
    pub body: Vec<u8>,
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl Message {
    /// The headers of either kind.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}
