//! The only impure part of the phone: the socket, the peer connections, the microphone, tones.

mod clock;
mod commands;
mod connection;
mod engine;
pub(crate) mod entropy;
mod media;
mod microphone;
mod peer;
mod sessions;
mod socket;
mod tones;

pub(crate) use engine::{Core, Engine, Shown};
pub(crate) use microphone::{devices, obstacle, watch_permission};
pub(crate) use socket::connects_early;
