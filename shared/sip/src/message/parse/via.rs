//! Via (RFC 3261 §20.42).

use super::HeaderError;
use super::lexer::{Class, Lexer};
use super::span::Span;
use super::{params, uri};
use crate::message::{Transport, Via};

/// One or more hops, appended to `list`, which may grow to `most`.
pub(super) fn vias(value: Span<'_>, list: &mut Vec<Via>, most: usize) -> Result<(), HeaderError> {
    let mut lexer = Lexer::new(value);
    loop {
        if list.len() >= most {
            return Err(HeaderError("there are too many Via hops"));
        }
        list.push(next(&mut lexer)?);
        if !lexer.eat_spaced(b',') {
            return lexer.finish();
        }
    }
}

/// Reads one hop up to the comma or the end behind it.
#[inline]
pub(super) fn next(lexer: &mut Lexer<'_>) -> Result<Via, HeaderError> {
    lexer.skip_space();
    let protocol = lexer.take(Class::TOKEN);
    let slash = lexer.eat_spaced(b'/');
    let version = lexer.take(Class::TOKEN);
    let sip = protocol.eq_ignore_ascii_case("SIP") && slash && version == "2.0";
    if !(sip || lexer.lenient) {
        return Err(HeaderError("Via does not start with SIP/2.0"));
    }
    if !lexer.eat_spaced(b'/') {
        return Err(HeaderError("Via names no transport"));
    }
    let transport = lexer.expect(Class::TOKEN, "Via names no transport")?;
    let transport = known(transport).unwrap_or_else(|| Transport::Other(lexer.share(transport)));
    if !matches!(lexer.peek(), Some(b' ' | b'\t')) {
        return Err(HeaderError("Via names no sender"));
    }
    lexer.skip_space();
    let host = uri::host(lexer)?;
    // RFC 3261 §25.1: this colon is a COLON, with white space around it.
    let port = if lexer.eat_spaced(b':') {
        Some(uri::port(lexer)?)
    } else {
        None
    };
    Ok(Via {
        transport,
        host,
        port,
        params: params::of_header(lexer)?,
    })
}

fn known(token: &str) -> Option<Transport> {
    let is = |name: &str| token.eq_ignore_ascii_case(name);
    Some(match token.len() {
        2 if is("WS") => Transport::Ws,
        3 if is("WSS") => Transport::Wss,
        3 if is("UDP") => Transport::Udp,
        3 if is("TCP") => Transport::Tcp,
        3 if is("TLS") => Transport::Tls,
        _ => return None,
    })
}
