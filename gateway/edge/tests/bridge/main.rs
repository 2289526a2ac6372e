//! Browsers on one side, a PBX that the test plays on the other, and the bridge between them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod media;
mod registration;
mod strangers;
mod support;
mod takeover;
mod transports;
