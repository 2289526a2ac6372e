//! What the app links of the reader and the printer, on top of what it has anyway. Their share of the
//! app is what this module weighs more than that of `floor.rs`: `cargo xtask bench size` builds both as
//! the app is built.
#![cfg(target_arch = "wasm32")]

mod anyway;

use sidetone_sip::message::{
    Allow, ContentType, Expires, FlowTimer, Incoming, Limits, MinExpires, MinSe, RAck, RSeq,
    Require, RetryAfter, SessionExpires, Supported, TypedHeader, read_frame,
};
use sidetone_sip::{Headers, Message};
use wasm_bindgen::prelude::wasm_bindgen;

/// Reads a message, all its headers that an agent for calls looks at, and prints it and what such an
/// agent prints by itself.
#[wasm_bindgen]
pub fn through(message: &str) -> Vec<u8> {
    let read = match read_frame(message.as_bytes(), &Limits::default()) {
        Incoming::Message(message) => message,
        Incoming::Refused(refusal) => Message::Response(*refusal.response),
        Incoming::Ping | Incoming::Pong => return Vec::new(),
        Incoming::Dropped(why) => return why.as_bytes().to_vec(),
    };
    let seen = looks(read.headers()) + anyway::anyway(message).len();
    let mut printed = read.to_bytes();
    let uri = read.headers().from.uri.to_string();
    printed.extend_from_slice(uri.as_bytes());
    printed.truncate(seen);
    printed
}

fn looks(headers: &Headers) -> usize {
    headers.reasons().len()
        + is_there::<Allow>(headers)
        + is_there::<ContentType>(headers)
        + is_there::<FlowTimer>(headers)
        + is_there::<MinExpires>(headers)
        + is_there::<RAck>(headers)
        + is_there::<RetryAfter>(headers)
        + is_there::<Supported>(headers)
        + said::<Expires>(headers)
        + said::<MinSe>(headers)
        + said::<RSeq>(headers)
        + said::<Require>(headers)
        + said::<SessionExpires>(headers)
}

fn is_there<T: TypedHeader>(headers: &Headers) -> usize {
    usize::from(matches!(headers.typed::<T>(), Ok(Some(_))))
}

/// Of a header that is also sent.
fn said<T: TypedHeader>(headers: &Headers) -> usize {
    let read = headers.typed::<T>().ok().flatten();
    read.map_or(0, |header| header.to_string().len())
}
