//! WebRTC legs that end in the gateway, and calls that it relays to a PBX without WebRTC.
//!
//! All browsers share one UDP port: datagrams find their call by ICE user name, then by the address
//! that ICE validated. Towards PBXs each call has a pair of ports of its own.
//!
//! ```text
//! Media ──command──▶ engine ──datagram──▶ endpoint ─┬─ transport  ICE-lite, DTLS, SRTP
//!   ▲                  │ a thread, has the sockets  ├─ rtp        packets, reports, key presses
//!   └──answer, events──┤                            └─ program    echo, announcement
//!                      └───────datagram──▶ relay ───── the same, and a PBX instead of a program
//! ```
//!
//! Endpoints and relays are sans-IO: they are given datagrams and the time and are asked for their
//! output, so that everything but the engine is tested with virtual time.

mod clock;
mod codec;
mod counters;
mod datagrams;
mod endpoint;
mod engine;
mod program;
mod relay;
mod rtp;
mod sdp;
mod transport;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

pub use counters::Counters;
pub use relay::{
    BrowserOffer, PbxSrtp, Relay, RelayConfig, RelayError, RelayEvent, RelayStats, StreamStats,
};

use counters::Tally;
use engine::{CallId, Command, Engine, Handle};
use relay::bridge::Bridge;
use sdp::Offer;

/// Where the engine listens and what it tells browsers.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The UDP socket of all legs; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Addresses offered as host candidates; empty: those of the machine's interfaces.
    pub advertise: Vec<IpAddr>,
    /// The ports towards PBXs; each relayed call takes an even one and the next. Usually
    /// [`MediaConfig::RELAY_PORTS`].
    pub relay_ports: RangeInclusive<u16>,
}

impl MediaConfig {
    /// Room for 5,000 calls, apart from what Linux gives to others and what Asterisk takes.
    pub const RELAY_PORTS: RangeInclusive<u16> = 20_000..=29_999;
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

/// Ends the leg or relay when dropped.
struct Hold {
    id: CallId,
    handle: Handle,
}

impl Hold {
    /// What `act` has to say of the relay's bridge; `None` if there is none any more.
    async fn with_bridge<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Bridge, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, done) = oneshot::channel();
        let act = move |bridge: &mut Bridge, now| {
            // Whoever asked may have gone.
            let _ = reply.send(act(bridge, now));
        };
        self.handle.send(Command::Act(self.id, Box::new(act)));
        done.await.ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.handle.send(Command::End(self.id));
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

    /// Opens a relay, which awaits the first offer of either side.
    ///
    /// # Errors
    /// [`RelayError::PortsExhausted`], [`RelayError::Socket`], [`RelayError::Encryption`].
    pub async fn relay(&self, config: RelayConfig) -> Result<Relay, RelayError> {
        let (reply, opened) = oneshot::channel();
        self.handle.send(Command::Relay {
            config,
            handle: self.handle.clone(),
            reply,
        });
        opened.await.map_err(|_| RelayError::Ended)?
    }
}
