//! Browsers on one side, a PBX that the test plays on the other, and the bridge between them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod absence;
mod calls;
mod check;
mod failures;
mod figures;
mod media;
mod registration;
mod returns;
mod strangers;
mod support;
mod takeover;
mod transports;
