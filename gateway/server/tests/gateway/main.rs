//! The whole gateway, on a free port, with real clients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod http;
mod program;
mod sip;
mod start;
mod tls;
mod upstream;
