//! One of the ends that a PBX may connect a call to.

use std::net::SocketAddr;

use crate::relay::negotiation::Agreement;
use crate::relay::payloads::Payloads;
use crate::transport::srtp::Unprotector;

/// What one answer of the PBX has settled, and what came of it.
pub(super) struct Branch {
    /// Empty until the PBX of a call that it has made itself answers something.
    pub(super) name: String,
    pub(super) agreement: Agreement,
    pub(super) from_browser: Payloads,
    pub(super) from_pbx: Payloads,
    /// Apart, as most PBXs don't encrypt.
    pub(super) unprotector: Option<Box<Unprotector>>,
    /// Whose RTP is taken: who was signalled last, be it that it wants none now.
    pub(super) signalled: Option<SocketAddr>,
    /// Where symmetric RTP was heard first.
    pub(super) learned_rtp: Option<SocketAddr>,
    pub(super) learned_rtcp: Option<SocketAddr>,
}

impl Branch {
    /// Whether RTP from `from` is this branch's, perhaps by learning so.
    pub(super) fn hears(&self, from: SocketAddr, learns: bool) -> bool {
        match self.learned_rtp {
            Some(learned) => learned == from,
            None => learns || self.signalled == Some(from),
        }
    }
}
