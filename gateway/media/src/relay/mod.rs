//! Calls between a browser and a PBX that knows no WebRTC.
//!
//! ```text
//! browser ⇄ ICE-lite, DTLS-SRTP, one port ⇄ bridge ⇄ RTP or SDES-SRTP, a port pair ⇄ PBX
//!                                             │
//!                                        negotiation  offers and answers of both sides
//! ```
//!
//! Sound is passed on as it is. Both sides have a codec in common wherever RFC 7874 §3 is obeyed, for
//! it obliges browsers to speak G.711; between a client of Opus alone and a PBX of G.711 alone each
//! packet is turned into the other codec. Whoever might need that is offered the other codec as well,
//! behind all others, and a packet is turned only if it really comes in a codec that isn't shared.

pub(crate) mod bridge;
mod conversion;
mod negotiation;
mod payloads;
pub(crate) mod ports;
mod splice;
mod stats;
mod watch;

use std::net::IpAddr;
use std::time::Instant;

use tokio::sync::mpsc;

pub use stats::{RelayStats, StreamStats};

use crate::{Hold, MediaError};
use bridge::Bridge;

/// How a call reaches its PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    /// The address of this machine that the PBX can reach; the sockets are bound to it.
    pub local: IpAddr,
    /// What the PBX is told instead, where this machine is behind a NAT; of the same IP version, or
    /// it is not told.
    pub advertise: Option<IpAddr>,
    /// Whether the PBX must encrypt. One that offers encryption by itself gets it anyway.
    pub srtp: PbxSrtp,
    /// Take RTP from wherever the first packet comes, and send there; for PBXs behind a NAT. The
    /// source is locked then. Otherwise only what comes from the signalled address is taken.
    pub symmetric_rtp: bool,
}

/// How media towards a PBX is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PbxSrtp {
    /// RTP/AVP.
    #[default]
    None,
    /// RTP/SAVP with keys in the session description (RFC 4568); plain RTP is refused.
    Sdes,
}

/// What a relay reports. None of it ends the relay; dropping it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEvent {
    /// DTLS with the browser is up, sound flows.
    Connected,
    /// The browser has not been heard for 30 seconds. An offer of it may bring it back.
    BrowserSilent,
    /// The PBX, which was to send, has not been heard for 30 seconds.
    PbxSilent,
    /// DTLS with the browser failed, or the browser closed it. An offer of it may bring it back,
    /// unless nothing follows this.
    Failed,
}

/// Why a description can't be passed on, or a relay can't be made. The relay stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// A session description that is not one, or of a kind that this side can't send.
    #[error("the session description can't be used: {0}")]
    BadDescription(String),
    /// No audio, or no codec in common.
    #[error("no common audio codec")]
    NoAudio,
    /// The PBX does not encrypt, and must.
    #[error("the PBX does not encrypt its media, and this upstream demands it")]
    Unencrypted,
    /// All port pairs towards PBXs are in use: as many calls are up.
    #[error(
        "all {pairs} pairs of media ports are in use; widen the range of relay ports, or try later"
    )]
    PortsExhausted {
        /// As many the range has.
        pairs: usize,
    },
    /// A socket could not be opened.
    #[error("no media socket towards the PBX: {0}")]
    Socket(std::io::Error),
    /// An answer without an offer.
    #[error("no offer awaits this answer")]
    NoOffer,
    /// An answer of a branch other than the confirmed one.
    #[error("another branch has been confirmed")]
    OtherBranch,
    /// There are no keys.
    #[error("no media encryption: {0}")]
    Encryption(String),
    /// The engine has stopped.
    #[error("the relay has ended")]
    Ended,
}

impl From<MediaError> for RelayError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::BadOffer(why) => Self::BadDescription(why),
            MediaError::NoAudio => Self::NoAudio,
            MediaError::Socket(error) => Self::Socket(error),
            MediaError::Encryption(why) => Self::Encryption(why),
            MediaError::Ended => Self::Ended,
        }
    }
}

/// What becomes of a browser's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserOffer {
    /// Pass this offer on to the PBX, and its answer to [`Relay::answer_from_pbx`].
    Offer(String),
    /// Answer the browser with this: it has restarted ICE, and nothing has changed that the PBX
    /// would have to know.
    Answer(String),
}

/// One call. Dropping it closes its ports.
pub struct Relay {
    /// What happens.
    pub events: mpsc::Receiver<RelayEvent>,
    pub(crate) hold: Hold,
}

impl Relay {
    /// Takes an offer of the browser: of its INVITE, a re-INVITE, an UPDATE, or a 200 to an INVITE
    /// without one.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn offer_from_browser(&self, sdp: &str) -> Result<BrowserOffer, RelayError> {
        let sdp = sdp.to_owned();
        self.with(move |bridge, now| bridge.on_browser_offer(now, &sdp))
            .await
    }

    /// Takes an answer of the PBX to the browser's last offer and gives the one for the browser.
    /// `branch` keeps the answers of a forked call apart; what names the dialog will do, as the To
    /// tag. Until [`Relay::confirm`], the branch is heard that sends first.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn answer_from_pbx(&self, branch: &str, sdp: &str) -> Result<String, RelayError> {
        let (branch, sdp) = (branch.to_owned(), sdp.to_owned());
        self.with(move |bridge, now| bridge.on_pbx_answer(now, &branch, &sdp))
            .await
    }

    /// The branch has answered the call: it is the one to be heard, and the others are forgotten.
    /// To be called with every 2xx, after its description has been passed on, if it has one.
    ///
    /// # Errors
    /// [`RelayError::Ended`].
    pub async fn confirm(&self, branch: &str) -> Result<(), RelayError> {
        let branch = branch.to_owned();
        self.with(move |bridge, _| {
            bridge.on_confirmed(&branch);
            Ok(())
        })
        .await
    }

    /// Takes an offer of the PBX, as [`Relay::offer_from_browser`] does, and gives the one for the
    /// browser.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn offer_from_pbx(&self, sdp: &str) -> Result<String, RelayError> {
        let sdp = sdp.to_owned();
        self.with(move |bridge, _| bridge.on_pbx_offer(&sdp)).await
    }

    /// Takes the answer of the browser to the PBX's last offer and gives the one for the PBX.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn answer_from_browser(&self, sdp: &str) -> Result<String, RelayError> {
        let sdp = sdp.to_owned();
        self.with(move |bridge, now| bridge.on_browser_answer(now, &sdp))
            .await
    }

    /// How the call is doing.
    ///
    /// # Errors
    /// [`RelayError::Ended`].
    pub async fn stats(&self) -> Result<RelayStats, RelayError> {
        self.with(|bridge, _| Ok(bridge.stats())).await
    }

    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Bridge, Instant) -> Result<T, RelayError> + Send + 'static,
    ) -> Result<T, RelayError> {
        self.hold
            .with_bridge(act)
            .await
            .unwrap_or(Err(RelayError::Ended))
    }
}
