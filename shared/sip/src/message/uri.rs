mod equivalence;
mod headers;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Text;

/// A URI (RFC 3261 §19.1, RFC 3966).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`.
    Tel(TelUri),
    /// Any other scheme, kept whole. Phones answer it with 416.
    Other {
        /// The scheme in lower case.
        scheme: Text,
        /// What follows the colon.
        opaque: Text,
    },
}

/// A `sip:` or `sips:` URI. Texts are kept as written, that is with their `%` escapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// True for `sips:`.
    pub secure: bool,
    /// The part before the `@`, less the password.
    pub user: Option<Text>,
    /// The password, which nobody should use.
    pub password: Option<Text>,
    /// Where it is.
    pub host: Host,
    /// The port, if written.
    pub port: Option<u16>,
    /// `;name=value` parameters.
    pub params: Params,
    /// What follows the `?`, without it.
    pub headers: Option<Text>,
}

/// A `tel:` URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// The number as written, with its visual separators.
    pub number: Text,
    /// `;name=value` parameters, such as `phone-context`.
    pub params: Params,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, in lower case.
    Name(Text),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

/// `;`-separated parameters in the order written. Names compare without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Params(pub(crate) Vec<Param>);

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// The name as written.
    pub name: Text,
    /// The value as written, quotes included; none for a bare flag.
    pub value: Option<Text>,
}

impl Params {
    /// The value of `name` without its quotes; `Some("")` for a bare flag.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let param = self.0.iter().find(|p| p.name.eq_ignore_ascii_case(name))?;
        let value = param.value.as_deref().unwrap_or("");
        Some(
            value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(value),
        )
    }

    /// The value of `name` without its quotes and backslashes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<Text> {
        let param = self.0.iter().find(|p| p.name.eq_ignore_ascii_case(name))?;
        Some(super::parse::unquoted(param.value.as_ref()?.into()))
    }

    /// Whether `name` is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Sets `name` to `value` (as it is to be written), in place or at the end.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(Text::from);
        match self
            .0
            .iter_mut()
            .find(|p| p.name.eq_ignore_ascii_case(name))
        {
            Some(param) => param.value = value,
            None => self.0.push(Param {
                name: name.into(),
                value,
            }),
        }
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|p| !p.name.eq_ignore_ascii_case(name));
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SipUri {
    /// `sip:user@host`; what may not stand in a user part is escaped.
    #[must_use]
    pub fn new(user: &str, host: Host) -> Self {
        Self {
            secure: false,
            user: Some(super::parse::escaped_user(user)),
            password: None,
            host,
            port: None,
            params: Params::default(),
            headers: None,
        }
    }

    /// `sip:host`, such as a registrar has.
    #[must_use]
    pub fn of_host(host: Host) -> Self {
        Self {
            secure: false,
            user: None,
            password: None,
            host,
            port: None,
            params: Params::default(),
            headers: None,
        }
    }

    /// The user with its escapes decoded.
    #[must_use]
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(decode_escapes)
    }
}

/// Decodes `%HH` escapes; what does not decode to UTF-8 is replaced by U+FFFD.
pub(crate) fn decode_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = escape
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

impl Uri {
    /// Parses a whole text as one URI.
    ///
    /// # Errors
    /// [`super::HeaderError`] if `text` is not exactly one URI.
    pub fn parse(text: &str) -> Result<Self, super::HeaderError> {
        super::parse::uri((&Text::from(text)).into())
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4, RFC 3966 §4).
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        equivalence::equivalent(self, other)
    }

    /// The SIP URI, if it is one.
    #[must_use]
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The user of a SIP URI or the number of a `tel:` URI, decoded.
    #[must_use]
    pub fn user(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Sip(uri) => uri.user_decoded(),
            Self::Tel(uri) => Some(Cow::Borrowed(&uri.number)),
            Self::Other { .. } => None,
        }
    }
}
