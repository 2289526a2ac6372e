//! What an offer and its answer settle.

use std::net::SocketAddr;

use crate::sdp::description::Pacing;
use crate::sdp::{Direction, Format};
use crate::transport::srtp::MasterKey;

/// What offer and answer have settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Agreement {
    pub(in crate::relay) rtp: Option<SocketAddr>,
    pub(in crate::relay) rtcp: Option<SocketAddr>,
    /// Ours and theirs.
    pub(in crate::relay) keys: Option<(MasterKey, MasterKey)>,
    pub(in crate::relay) formats: Vec<Pair>,
    /// As the browser sees it.
    pub(in crate::relay) browser: Direction,
    /// As the PBX sees it.
    pub(in crate::relay) pbx: Direction,
    pub(in crate::relay) pacing: Pacing,
}

/// One codec under the numbers of both sides, or two that are turned into each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Pair {
    /// The number the browser wants to hear, and the one it was told to send.
    pub(in crate::relay) browser: Numbers,
    pub(in crate::relay) pbx: Numbers,
    /// As the browser was told last.
    pub(in crate::relay) format: Format,
    /// What the PBX has in its place, where the sides share no codec.
    pub(in crate::relay) converted: Option<Format>,
}

impl Pair {
    /// What the PBX has.
    pub(in crate::relay) fn at_pbx(&self) -> &Format {
        self.converted.as_ref().unwrap_or(&self.format)
    }
}

/// RFC 3264 §5.1: each end may hear a codec under a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Numbers {
    pub(in crate::relay) hears: u8,
    pub(in crate::relay) sends: u8,
}
