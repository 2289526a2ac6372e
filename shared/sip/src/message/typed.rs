//! Headers that are read on demand.

mod answering;
mod events;
mod identity;
mod registration;
mod transfer;

pub use answering::*;
pub use events::*;
pub use identity::*;
pub use registration::*;
pub use transfer::*;

use std::fmt;
use std::time::Duration;

use super::parse::{items, media_type, number_and_params, tokens, value_and_params};
use super::print::Quoted;
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

    /// Takes in a further header line of the same name. Lists grow; of all others the first
    /// line counts.
    fn join(&mut self, _next: Self) {}
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

macro_rules! seconds {
    ($($type:ident)*) => {
        $(
            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    number_and_params(value.into()).map(|(seconds, _)| Self(seconds))
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}", self.0)
                }
            }
        )*
    };
}

seconds! { Expires MinExpires }

impl TypedHeader for RetryAfter {
    const NAME: HeaderName = HeaderName::RetryAfter;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (seconds, _) = number_and_params(value.into())?;
        Ok(Self(Duration::from_secs(u64::from(seconds))))
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs())
    }
}

impl TypedHeader for ContentType {
    const NAME: HeaderName = HeaderName::ContentType;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        // RFC 3261 §25.1 allows blanks around the slash.
        let (written, params) = media_type(value.into())?;
        Ok(Self {
            media_type: written,
            params,
        })
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.media_type, self.params)
    }
}

impl TypedHeader for Reason {
    const NAME: HeaderName = HeaderName::Reason;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (protocol, params) = value_and_params(value.into())?;
        Ok(Self {
            protocol,
            cause: params.value("cause").and_then(|cause| cause.parse().ok()),
            text: params.unquoted("text"),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            write!(f, ";text={}", Quoted(text))?;
        }
        Ok(())
    }
}

macro_rules! token_lists {
    ($($(#[$doc:meta])* $type:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Default)]
            pub struct $type(pub Vec<Text>);

            impl $type {
                /// Whether `token` is in the list, in whatever case.
                #[must_use]
                pub fn has(&self, token: &str) -> bool {
                    self.0.iter().any(|item| item.eq_ignore_ascii_case(token))
                }
            }

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    tokens(value.into()).map(Self)
                }

                fn join(&mut self, next: Self) {
                    self.0.extend(next.0);
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    comma_list(f, &self.0)
                }
            }
        )*
    };
}

token_lists! {
    /// Supported (RFC 3261 §20.37): option tags.
    Supported
    /// Require (RFC 3261 §20.32): option tags.
    Require
    /// Proxy-Require (RFC 3261 §20.29): option tags.
    ProxyRequire
    /// Unsupported (RFC 3261 §20.40): option tags.
    Unsupported
    /// Allow (RFC 3261 §20.5): methods.
    Allow
    /// Allow-Events (RFC 6665 §8.2.2): event packages.
    AllowEvents
}

/// Accept (RFC 3261 §20.1): media ranges; parameters are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Accept(pub Vec<Text>);

impl Accept {
    /// Whether `media_type`, in lower case, is among the ranges.
    #[must_use]
    pub fn allows(&self, media_type: &str) -> bool {
        let class = media_type.split('/').next().unwrap_or_default();
        self.0.iter().any(|range| {
            range == "*/*" || range == media_type || range.strip_suffix("/*") == Some(class)
        })
    }
}

impl TypedHeader for Accept {
    const NAME: HeaderName = HeaderName::Accept;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let ranges = items(value).map(|item| media_type(item).map(|(range, _)| range));
        ranges.collect::<Result<_, _>>().map(Self)
    }

    fn join(&mut self, next: Self) {
        self.0.extend(next.0);
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        comma_list(f, &self.0)
    }
}

fn comma_list(f: &mut fmt::Formatter<'_>, items: &[Text]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        f.write_str(item)?;
    }
    Ok(())
}
