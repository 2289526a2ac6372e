//! Headers that are read on demand.

use std::fmt;
use std::time::Duration;

use super::{HeaderError, HeaderName};
use crate::Text;

/// A header with a type of its own. `Display` prints its value; parsing it again gives it back.
pub trait TypedHeader: Sized + fmt::Display {
    /// Its name.
    const NAME: HeaderName;

    /// Reads the value of one header line.
    ///
    /// # Errors
    /// [`HeaderError`] if the value does not follow the header's grammar.
    fn parse(value: &Text) -> Result<Self, HeaderError>;
}

/// Expires in seconds (RFC 3261 §20.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires(pub u32);

/// Min-Expires in seconds (RFC 3261 §20.23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinExpires(pub u32);

/// Content-Type (RFC 3261 §20.15): `type/subtype` in lower case, then parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// `application/sdp`.
    pub media_type: Text,
    /// Parameters such as `boundary`.
    pub params: super::Params,
}

/// Reason (RFC 3326): why a request was sent or a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `SIP` or `Q.850`.
    pub protocol: Text,
    /// The protocol's code, such as 200 or 16.
    pub cause: Option<u16>,
    /// Words for a person.
    pub text: Option<Text>,
}

/// Retry-After (RFC 3261 §20.33); comment and parameters are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);
