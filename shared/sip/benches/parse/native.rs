//! Parsers in this process.

use std::hint::black_box;

use rsip::Header;
use rsip::prelude::{HasHeaders, HeadersExt, ToTypedHeader};

/// Microseconds per call.
pub(crate) fn micros(calls: u32, frame: &[u8], parse: fn(&[u8]) -> Vec<u8>) -> f64 {
    // The clock of a benchmark is the machine's; nothing of the core asks it.
    #[allow(clippy::disallowed_methods)]
    let start = std::time::Instant::now();
    for _ in 0..calls {
        black_box(parse(black_box(frame)));
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

/// The floor: to look at each byte for the end of a line, and to copy the message.
pub(crate) fn lines(frame: &[u8]) -> Vec<u8> {
    let lines = frame.split(|byte| *byte == b'\n').count();
    assert!(lines > 3);
    frame.to_vec()
}

/// As `ours`, with what `rsip` has a type for.
pub(crate) fn rsip(frame: &[u8]) -> Vec<u8> {
    let message = rsip::SipMessage::try_from(frame).expect("rsip reads it");
    let via = message.via_header().and_then(|via| via.typed());
    assert!(via.is_ok_and(|via| via.branch().is_some()));
    let from = message.from_header().and_then(|from| from.typed());
    assert!(from.is_ok_and(|from| from.tag().is_some()));
    assert!(message.to_header().and_then(|to| to.typed()).is_ok());
    assert!(message.cseq_header().and_then(|cseq| cseq.typed()).is_ok());
    for header in message.headers().iter() {
        match header {
            Header::Via(via) => assert!(via.typed().is_ok()),
            Header::RecordRoute(route) => assert!(route.typed().is_ok()),
            // It refuses one with an instance.
            Header::Contact(contact) => drop(black_box(contact.typed())),
            Header::ContentType(kind) => assert!(kind.typed().is_ok()),
            Header::Allow(allow) => assert!(allow.typed().is_ok()),
            _ => {}
        }
    }
    message.to_string().into_bytes()
}
