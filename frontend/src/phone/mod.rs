//! The only impure part of the phone: the socket, the peer connections, the microphone, tones.

mod account;
mod clock;
mod codecs;
mod commands;
mod connection;
mod engine;
pub(crate) mod entropy;
mod media;
mod microphone;
mod peer;
mod sessions;
mod socket;
mod speaker;
mod tones;

pub(crate) use engine::{Core, Engine, Shown};
pub(crate) use microphone::{devices, obstacle, watch_permission};
pub(crate) use socket::connects_early;
