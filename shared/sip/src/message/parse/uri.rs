//! URIs: `sip:`, `sips:`, `tel:` and any other (RFC 3261 §19.1, RFC 3966).

use super::HeaderError;
use super::ip;
use super::lexer::{Class, Lexer, number};
use super::params;
use super::span::Span;
use crate::Text;
use crate::message::uri::{Host, SipUri, TelUri, Uri};

/// Parses a whole text as one URI.
pub(crate) fn uri(text: Span<'_>) -> Result<Uri, HeaderError> {
    let (scheme, rest) = text
        .split_at_byte(b':')
        .ok_or(HeaderError("a URI has no scheme"))?;
    let secure = scheme.eq_ignore_ascii_case("sips");
    if secure || scheme.eq_ignore_ascii_case("sip") {
        sip(rest, secure).map(Uri::Sip)
    } else if scheme.eq_ignore_ascii_case("tel") {
        tel(rest).map(Uri::Tel)
    } else {
        other(scheme, rest)
    }
}

fn other(scheme: Span<'_>, opaque: Span<'_>) -> Result<Uri, HeaderError> {
    let mut bytes = scheme.bytes();
    let named = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !named || opaque.is_empty() || !Class::URI.holds(&opaque) {
        return Err(HeaderError("a URI is malformed"));
    }
    escapes(&opaque)?;
    Ok(Uri::Other {
        scheme: scheme.lowered(),
        opaque: opaque.share(),
    })
}

#[inline]
fn sip(text: Span<'_>, secure: bool) -> Result<SipUri, HeaderError> {
    let mut lexer = Lexer::new(text);
    let (user, password) = match lexer.take_until(b'@') {
        None => (None, None),
        Some(userinfo) => {
            lexer.eat(b'@');
            // RFC 3261 §25.1: the colon is no user character, so the first one splits.
            let userinfo = lexer.cut(userinfo);
            let (user, password) = match userinfo.split_at_byte(b':') {
                None => (userinfo, None),
                Some((user, password)) => (user, Some(password)),
            };
            if user.is_empty() || !Class::USER.holds(&user) {
                return Err(HeaderError("the user part of a URI is malformed"));
            }
            if !password.is_none_or(|password| Class::PASSWORD.holds(&password)) {
                return Err(HeaderError("the password of a URI is malformed"));
            }
            escapes(&userinfo)?;
            (Some(user.share()), password.map(Span::share))
        }
    };
    let (host, port) = host_port(&mut lexer)?;
    let params = params::of_uri(&mut lexer)?;
    let headers = if lexer.eat(b'?') {
        let headers = lexer.expect(Class::URI_HEADERS, "a URI has an empty header part")?;
        escapes(headers)?;
        Some(lexer.share(headers))
    } else {
        None
    };
    if !lexer.at_end() {
        return Err(HeaderError("a URI is malformed"));
    }
    Ok(SipUri {
        secure,
        user,
        password,
        host,
        port,
        params,
        headers,
    })
}

fn tel(text: Span<'_>) -> Result<TelUri, HeaderError> {
    let mut lexer = Lexer::new(text);
    let number = lexer.take(Class::PHONE);
    // RFC 3966 §3: a global number has digits only; phone-context, which a local one should have, is
    // often missing.
    let is_number = match number.strip_prefix('+') {
        Some(global) => {
            let is_written = |b: u8| b.is_ascii_digit() || b"-.()".contains(&b);
            global.bytes().all(is_written) && global.bytes().any(|b| b.is_ascii_digit())
        }
        None => {
            let dialable = |b: u8| b.is_ascii_hexdigit() || b == b'*' || b == b'#';
            !number.contains('+') && number.bytes().any(dialable)
        }
    };
    if !is_number {
        return Err(HeaderError("the number of a tel URI is malformed"));
    }
    let number = lexer.share(number);
    let params = params::of_uri(&mut lexer)?;
    if !lexer.at_end() {
        return Err(HeaderError("a tel URI is malformed"));
    }
    Ok(TelUri { number, params })
}

/// `host [":" port]`, without white space.
#[inline]
pub(super) fn host_port(lexer: &mut Lexer<'_>) -> Result<(Host, Option<u16>), HeaderError> {
    let host = host(lexer)?;
    let port = if lexer.eat(b':') {
        Some(port(lexer)?)
    } else {
        None
    };
    Ok((host, port))
}

/// The digits behind a colon.
pub(super) fn port(lexer: &mut Lexer<'_>) -> Result<u16, HeaderError> {
    number(lexer.take(Class::NAME), 65_535)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(HeaderError("a port is not a number up to 65535"))
}

#[inline]
pub(super) fn host(lexer: &mut Lexer<'_>) -> Result<Host, HeaderError> {
    const MALFORMED: HeaderError = HeaderError("a host is malformed");
    if lexer.eat(b'[') {
        let address = lexer.take_until(b']').ok_or(MALFORMED)?;
        lexer.eat(b']');
        return ip::v6(address).map(Host::V6).ok_or(MALFORMED);
    }
    let name = lexer.expect(Class::NAME, "a host is missing")?;
    if name.ends_with(|last: char| last.is_ascii_digit())
        && let Some(address) = ip::v4(name)
    {
        return Ok(Host::V4(address));
    }
    if named(name) {
        Ok(Host::Name(lexer.cut(name).lowered()))
    } else {
        Err(MALFORMED)
    }
}

/// Whether no label is empty and the last one starts with a letter, which tells names from
/// addresses (RFC 3261 §25.1). One dot may end it.
#[inline]
fn named(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut starts = true;
    let mut letter = false;
    for byte in name.bytes() {
        if starts {
            letter = byte.is_ascii_alphabetic();
        }
        if starts && byte == b'.' {
            return false;
        }
        starts = byte == b'.';
    }
    letter && !starts
}

/// Every `%` must start an escape.
#[inline]
pub(super) fn escapes(text: &str) -> Result<(), HeaderError> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'%' && !(hex(at + 1) && hex(at + 2)) {
            return Err(HeaderError("a URI holds a `%` that starts no escape"));
        }
    }
    Ok(())
}

/// `user` with every character that may not stand in a user part escaped. Escapes that are
/// there stay.
pub(crate) fn escaped_user(user: &str) -> Text {
    escaped(user, Class::USER)
}

/// `text` with every character that is not in `class` escaped. Escapes that are there stay.
pub(super) fn escaped(text: &str, class: Class) -> Text {
    if class.holds(text) && escapes(text).is_ok() {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() * 3);
    for (at, byte) in text.bytes().enumerate() {
        let starts_escape =
            byte == b'%' && text.get(at..at + 3).is_some_and(|e| escapes(e).is_ok());
        if starts_escape || (byte != b'%' && class.has(byte)) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped.into()
}

impl Host {
    /// Parses a host: a name, an IPv4 address or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`HeaderError`] if `text` is none of these.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        if let Some(address) = ip::v6(text) {
            return Ok(Self::V6(address));
        }
        let text = Text::from(text);
        let mut lexer = Lexer::new(Span::from(&text));
        let host = host(&mut lexer)?;
        if lexer.at_end() {
            Ok(host)
        } else {
            Err(HeaderError("a host is malformed"))
        }
    }
}
