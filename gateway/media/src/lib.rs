//! WebRTC legs that end in the gateway.
//!
//! All of them share one UDP port: datagrams find their leg by ICE user name, then by the address
//! that ICE validated.
//!
//! ```text
//! Media ──command──▶ engine ──datagram──▶ endpoint ─┬─ transport  ICE-lite, DTLS, SRTP
//!   ▲                  │ a thread, has the socket   ├─ rtp        packets, reports, key presses
//!   └──answer, events──┘                            └─ program    echo, announcement
//! ```
//!
//! An endpoint is sans-IO: it is given datagrams and the time and is asked for its output, so that
//! everything but the engine is tested with virtual time.

mod clock;
mod counters;
mod endpoint;
mod engine;
mod program;
mod rtp;
mod sdp;
mod transport;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use counters::Counters;

use counters::Tally;
use engine::{Command, Engine, Handle, LegId};
use sdp::Offer;

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
    /// The certificate or the keys of this engine could not be made.
    #[error("no media encryption: {0}")]
    Encryption(String),
    /// The leg has failed, or the engine has stopped.
    #[error("the media leg has ended")]
    Ended,
}

/// The engine; cloning gives another handle. It stops when the last handle and leg are dropped.
#[derive(Clone)]
pub struct Media {
    handle: Handle,
    tally: Arc<Tally>,
    local: SocketAddr,
}

/// One leg. Dropping it ends it.
pub struct Leg {
    /// The answer to send to the browser.
    pub answer: String,
    /// What happens.
    pub events: mpsc::Receiver<LegEvent>,
    hold: Hold,
}

/// Ends the leg when dropped.
struct Hold {
    id: LegId,
    handle: Handle,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A stopped engine has no legs left to end.
        let _ = self.handle.send(Command::End(self.id));
    }
}

impl Media {
    /// Opens the socket and starts the engine's thread.
    ///
    /// # Errors
    /// [`MediaError::Socket`], [`MediaError::Encryption`].
    pub async fn start(config: MediaConfig) -> Result<Self, MediaError> {
        let tally = Arc::new(Tally::default());
        let (handle, local) = Engine::start(&config, tally.clone())?;
        Ok(Self {
            handle,
            tally,
            local,
        })
    }

    /// The address the socket is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What has happened so far, for metrics.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.tally.snapshot()
    }

    /// Makes a leg that answers `offer` and runs `program`.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`], [`MediaError::NoAudio`].
    pub async fn answer(&self, offer: &str, program: Program) -> Result<Leg, MediaError> {
        let offer = Offer::parse(offer)?;
        let (reply, opened) = oneshot::channel();
        self.handle.send(Command::Open {
            offer,
            program,
            handle: self.handle.clone(),
            reply,
        });
        // An engine that is gone has dropped the command, and with it the reply.
        opened.await.map_err(|_| MediaError::Ended)?
    }

    /// A fresh answer within an existing leg, for a new offer (ICE restart, hold).
    ///
    /// # Errors
    /// As [`Media::answer`]; the leg then goes on as before. [`MediaError::Ended`] if it has
    /// failed already.
    pub async fn renegotiate(&self, leg: &mut Leg, offer: &str) -> Result<String, MediaError> {
        let offer = Offer::parse(offer)?;
        let (reply, answered) = oneshot::channel();
        self.handle.send(Command::Renegotiate {
            id: leg.hold.id,
            offer,
            reply,
        });
        let answer = answered.await.map_err(|_| MediaError::Ended)??;
        leg.answer.clone_from(&answer);
        Ok(answer)
    }
}
