//! Bodies and their types.

use super::config::Body;
use crate::message::{ContentType, HeaderName, Headers};
use crate::{Request, Text};

/// The body of a message, if it has one.
pub(crate) fn read(headers: &Headers, bytes: &[u8]) -> Option<Body> {
    if bytes.is_empty() {
        return None;
    }
    let content_type = match headers.typed::<ContentType>() {
        Ok(Some(ContentType { media_type, params })) if params.is_empty() => media_type,
        _ => headers
            .raw(&HeaderName::ContentType)
            .next()
            .cloned()
            .unwrap_or_default(),
    };
    Some(Body {
        content_type,
        bytes: bytes.to_vec(),
    })
}

/// Gives a message its body.
pub(crate) fn write(headers: &mut Headers, bytes: &mut Vec<u8>, body: Body) {
    headers.remove(&HeaderName::ContentType);
    headers.push_raw(HeaderName::ContentType, body.content_type);
    *bytes = body.bytes;
}

/// Whether an INVITE has no body or one that describes a session in the open.
pub(super) fn is_readable(request: &Request) -> bool {
    if request.body.is_empty() {
        return true;
    }
    let encoded = request
        .headers
        .raw(&HeaderName::ContentEncoding)
        .any(|encoding: &Text| !encoding.eq_ignore_ascii_case("identity"));
    let described = matches!(
        request.headers.typed::<ContentType>(),
        Ok(Some(content)) if content.media_type == "application/sdp"
    );
    described && !encoded
}
