//! The compositor by itself.

use sidetone_sip::message::{Expires, HeaderName, RawHeader, TypedHeader};
use sidetone_sip::{Body, Method, Moment, Request};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{ALICE, Composing, PIDF, presence};
use crate::harness::{address, uri};

fn request(headers: &[(HeaderName, &str)], body: Option<&Body>) -> Request {
    let cseq = sidetone_sip::message::CSeq {
        number: 1,
        method: Method::Publish,
    };
    let at = address(ALICE);
    let mut all = sidetone_sip::Headers::new(at.clone(), at, "c".into(), cseq);
    for (name, value) in headers {
        all.push_raw(name.clone(), *value);
    }
    let mut request = Request::new(Method::Publish, uri(ALICE), all);
    if let Some(body) = body {
        request
            .headers
            .push_raw(HeaderName::ContentType, body.content_type.clone());
        request.body.clone_from(&body.bytes);
    }
    request
}

/// The status of the answer, its headers, and whether something changed.
fn put(
    composing: &mut Composing,
    headers: &[(HeaderName, &str)],
    body: Option<&Body>,
) -> (u16, Vec<RawHeader>, bool) {
    let now = Moment::from_millis(0);
    let request = request(headers, body);
    let tokens = &mut composing.tokens;
    let done = composing.compositor.publish(now, ALICE, &request, tokens);
    (
        done.answer.status.code(),
        done.answer.headers,
        done.changed.is_some(),
    )
}

#[test]
fn what_a_compositor_does_not_take() {
    const EVENT: (HeaderName, &str) = (HeaderName::Event, "presence");
    const MATCH: (HeaderName, &str) = (HeaderName::SipIfMatch, "x");
    let state = presence("here");
    let text = Body {
        content_type: "text/plain".into(),
        bytes: b"here".to_vec(),
    };
    let brief = (HeaderName::Expires, "59");
    let never = (HeaderName::Expires, "0");
    let bad = (HeaderName::Expires, "soon");
    let packed = (HeaderName::ContentEncoding, "gzip");
    let says = |name: HeaderName, value: &str| Some((name, value.to_owned()));
    let cases: [(&[_], Option<&Body>, u16, Option<_>); 11] = [
        (
            &[],
            Some(&state),
            489,
            says(HeaderName::AllowEvents, "presence"),
        ),
        (
            &[(HeaderName::Event, "dialog")],
            Some(&state),
            489,
            says(HeaderName::AllowEvents, "presence"),
        ),
        (&[EVENT], None, 400, None),
        (&[EVENT, never.clone()], Some(&state), 400, None),
        (&[EVENT, bad], Some(&state), 400, None),
        (
            &[EVENT, brief],
            Some(&state),
            423,
            says(HeaderName::MinExpires, "60"),
        ),
        (&[EVENT], Some(&text), 415, says(HeaderName::Accept, PIDF)),
        (
            &[EVENT, packed],
            Some(&state),
            415,
            says(HeaderName::Accept, PIDF),
        ),
        (&[EVENT, MATCH], Some(&state), 412, None),
        (&[EVENT, MATCH, never], None, 412, None),
        (&[EVENT, MATCH, MATCH], Some(&state), 400, None),
    ];
    for (headers, body, status, says) in cases {
        let mut composing = Composing::new();
        let (given, with, is_changed) = put(&mut composing, headers, body);
        assert_eq!((given, is_changed), (status, false), "{headers:?}");
        let with = with.first().map(|h| (h.name.clone(), h.value.to_string()));
        assert_eq!(with, says);
        assert_eq!(composing.compositor.next_expiry(), None);
    }
}

#[test]
fn a_compositor_keeps_so_many_and_for_so_long() {
    const EVENT: (HeaderName, &str) = (HeaderName::Event, "presence");
    let mut composing = Composing::new();
    let state = presence("here");
    for _ in 0..8 {
        let long = (HeaderName::Expires, "86400");
        let (status, headers, is_changed) = put(&mut composing, &[EVENT, long], Some(&state));
        assert_eq!((status, is_changed), (200, true));
        let expires = headers.iter().find(|h| h.name == Expires::NAME);
        assert_eq!(expires.unwrap().value, "3600");
    }
    assert_eq!(put(&mut composing, &[EVENT], Some(&state)).0, 503);
    let until = Moment::from_millis(3_600_000);
    assert_eq!(composing.compositor.next_expiry(), Some(until));
    let count = |c: &Composing, now| c.compositor.bodies(now, ALICE, "presence").count();
    assert_eq!(count(&composing, Moment::from_millis(3_599_999)), 8);
    assert_eq!(count(&composing, until), 0);
    let early = Moment::from_millis(3_599_999);
    assert_eq!(composing.compositor.expire(early), []);
    assert_eq!(composing.compositor.expire(until).len(), 1);
}
