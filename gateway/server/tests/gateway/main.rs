//! The whole gateway, on a free port, with real clients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod canary;
mod exhaustion;
mod http;
mod ice;
mod program;
mod sign_in;
mod sip;
mod start;
mod tls;
mod upstream;
