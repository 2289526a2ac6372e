//! Flows over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod handshake;
mod messages;
mod silence;
mod the_end;
