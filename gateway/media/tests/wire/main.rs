//! The engine on the loopback interface, against implementations that are not ours.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod engine;
mod legs;
mod peer;
mod relay;
