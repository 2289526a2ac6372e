//! The start line (RFC 3261 §7.1 and §7.2).

use super::Fault;
use super::lexer::{Class, number};
use super::span::Span;
use super::uri::uri;
use crate::Text;
use crate::message::{Method, Status, Uri};

/// A start line.
pub(super) enum Start {
    Request { method: Method, uri: Uri },
    Response { status: Status, reason: Text },
}

/// Exactly one space separates the parts; RFC 4475 §3.1.2.8 to §3.1.2.10.
pub(super) fn read(line: Span<'_>) -> Result<Start, Fault> {
    const MALFORMED: Fault = Fault::bad_request("the start line is malformed");
    if is_response(&line) {
        return response(line).ok_or(MALFORMED);
    }
    let (rest, version) = line.as_str().rsplit_once(' ').ok_or(MALFORMED)?;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(if is_version(version) {
            Fault {
                status: Status::VERSION_NOT_SUPPORTED,
                why: "the SIP version is not 2.0",
            }
        } else {
            MALFORMED
        });
    }
    let (method, target) = line.cut(rest).split_at_byte(b' ').ok_or(MALFORMED)?;
    if method.is_empty() || !Class::TOKEN.holds(&method) {
        return Err(MALFORMED);
    }
    let uri = uri(target)?;
    // RFC 3261 §19.1.1: headers are not allowed in a Request-URI.
    if uri.as_sip().is_some_and(|uri| uri.headers.is_some()) {
        return Err(Fault::bad_request("the Request-URI holds headers"));
    }
    Ok(Start::Request {
        method: method.method(),
        uri,
    })
}

/// Whether a start line is that of a response. No method holds a slash.
pub(super) fn is_response(line: &str) -> bool {
    line.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
}

/// Whether `word` names some version of SIP.
pub(super) fn is_version(word: &str) -> bool {
    is_response(word)
        && word[4..].split_once('.').is_some_and(|(major, minor)| {
            number(major, u32::MAX)
                .and(number(minor, u32::MAX))
                .is_some()
        })
}

fn response(line: Span<'_>) -> Option<Start> {
    let (version, rest) = line.as_str().split_once(' ')?;
    let code = rest.get(..3)?;
    let reason = &rest[3..];
    // RFC 4475 §3.1.1.13 keeps the space ahead of an empty phrase; some leave it out.
    if !version.eq_ignore_ascii_case("SIP/2.0") || !(reason.is_empty() || reason.starts_with(' ')) {
        return None;
    }
    let code = u16::try_from(number(code, 699)?).ok()?;
    Some(Start::Response {
        status: Status::new(code)?,
        reason: line.cut(reason.strip_prefix(' ').unwrap_or(reason)).share(),
    })
}
