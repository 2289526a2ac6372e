//! Who may rewrite session descriptions, so that a PBX without WebRTC and a browser can talk.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use sidetone_sip::Status;

use super::config::Srtp;

/// What a call's sound needs on the PBX's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorConfig {
    /// The name of the PBX.
    pub upstream: String,
    /// The address of this machine that the PBX reaches.
    pub local: IpAddr,
    /// What the PBX is told instead, if anything.
    pub advertise: Option<IpAddr>,
    /// How sound is encrypted there.
    pub srtp: Srtp,
    /// Whether to learn where sound comes from.
    pub symmetric_rtp: bool,
}

/// A session description on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The browser offers.
    OfferFromBrowser,
    /// The PBX answers that. Several branches may answer one offer.
    AnswerFromPbx {
        /// The tag of the answering side.
        branch: &'a str,
    },
    /// The PBX offers.
    OfferFromPbx,
    /// The browser answers that.
    AnswerFromBrowser,
}

/// What becomes of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// This goes to the other side.
    Pass(String),
    /// Nothing goes to the other side, and this answers the offer.
    Answer(String),
}

/// Why a description can't be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct AnchorError {
    /// What to answer the offer with.
    pub status: Status,
    /// In words, for the log.
    pub why: String,
}

/// A future that a trait object can answer with.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes anchors; the server has one for its media engine.
pub trait MediaAnchor: Send + Sync + 'static {
    /// An anchor for one call.
    fn anchor(&self, config: AnchorConfig) -> Boxed<'_, Result<Box<dyn Anchored>, AnchorError>>;
}

/// The sound of one call, carried by the gateway. Dropping it gives everything back.
pub trait Anchored: Send + Sync {
    /// The description for the other side.
    fn rewrite<'a>(
        &'a self,
        step: Step<'a>,
        sdp: &'a str,
    ) -> Boxed<'a, Result<Rewritten, AnchorError>>;

    /// Of several branches this one has answered the call.
    fn confirm<'a>(&'a self, branch: &'a str) -> Boxed<'a, ()>;

    /// Whether the browser still sends sound, as far as is known.
    fn is_heard(&self) -> bool;

    /// How the call is doing; `None` if nobody knows any more.
    fn statistics(&self) -> Boxed<'_, Option<MediaStatistics>>;

    /// The call is over: the log may be told how it was.
    fn close(self: Box<Self>);
}

/// How the sound of a call went, seen from the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaStatistics {
    /// What the browser sent.
    pub from_browser: StreamStatistics,
    /// What the PBX sent.
    pub from_pbx: StreamStatistics,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStatistics {
    /// The codec of the last sound, as SDP calls it; `None`: there was none.
    pub codec: Option<&'static str>,
    /// What the gateway turned that into, where the sides share no codec.
    pub converted_to: Option<&'static str>,
    /// Packets that came.
    pub packets: u64,
    /// Packets that were sent and never came.
    pub lost: u64,
    /// How unevenly they came (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// From the gateway to the sender and back, if its reports told.
    pub round_trip: Option<Duration>,
}

/// As parameters of a header; times are in milliseconds.
impl fmt::Display for StreamStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codec = self.codec.unwrap_or("none");
        let mut converted = String::new();
        if let Some(to) = self.converted_to {
            converted = format!(";converted-to={to}");
        }
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "codec={codec}{converted};packets={};lost={};jitter={:.1}",
            self.packets,
            self.lost,
            millis(self.jitter)
        )?;
        match self.round_trip {
            Some(time) => write!(f, ";round-trip={:.1}", millis(time)),
            None => Ok(()),
        }
    }
}
