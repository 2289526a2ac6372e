//! WebRTC legs that end in the gateway.
//!
//! All of them share one UDP port: datagrams find their leg by ICE user name, then by the address
//! that ICE validated.

use std::net::{IpAddr, SocketAddr};

use tokio::sync::mpsc;

/// Where the engine listens and what it tells browsers.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The UDP socket of all legs; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Addresses offered as host candidates; empty: those of the machine's interfaces.
    pub advertise: Vec<IpAddr>,
}

/// What a leg does with sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Sends back what it hears, until it is dropped.
    Echo,
    /// Plays the announcement once and then ends with [`LegEvent::Finished`].
    Announcement,
}

/// What a leg reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// DTLS is up, sound flows.
    Connected,
    /// A key was pressed (RFC 4733).
    Dtmf(char),
    /// The program has come to its end.
    Finished,
    /// ICE or DTLS failed or fell silent; nothing follows.
    Failed,
}

/// Why a leg can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The offer is not a session description this engine understands.
    #[error("the session description can't be used: {0}")]
    BadOffer(String),
    /// The offer has no audio, or no codec in common.
    #[error("no common audio codec")]
    NoAudio,
    /// A socket could not be opened.
    #[error("no media socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// The engine; cloning gives another handle.
#[derive(Clone)]
pub struct Media {}

/// One leg. Dropping it ends it.
pub struct Leg {
    /// The answer to send to the browser.
    pub answer: String,
    /// What happens.
    pub events: mpsc::Receiver<LegEvent>,
}

impl Media {
    /// Opens the socket and starts the engine. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`MediaError::Socket`].
    pub async fn start(_config: MediaConfig) -> Result<Self, MediaError> {
        todo!()
    }

    /// Makes a leg that answers `offer` and runs `program`.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`], [`MediaError::NoAudio`].
    pub async fn answer(&self, _offer: &str, _program: Program) -> Result<Leg, MediaError> {
        todo!()
    }

    /// A fresh answer within an existing leg, for a new offer (ICE restart, hold).
    ///
    /// # Errors
    /// As [`Media::answer`].
    pub async fn renegotiate(&self, _leg: &mut Leg, _offer: &str) -> Result<String, MediaError> {
        todo!()
    }
}
