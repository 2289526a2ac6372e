//! Who may rewrite session descriptions, so that a PBX without WebRTC and a browser can talk.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use sidetone_sip::Status;

use super::config::Srtp;

/// What a call's sound needs on the PBX's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorConfig {
    /// The address that the PBX is told to send to.
    pub local: IpAddr,
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

/// Why a description can't be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct AnchorError {
    /// What to answer the offer with.
    pub status: Status,
    /// In words, for the log.
    pub why: String,
}

/// What [`Anchored::rewrite`] answers.
pub type Rewriting<'a> = Pin<Box<dyn Future<Output = Result<String, AnchorError>> + Send + 'a>>;

/// Makes anchors; the server has one for its media engine.
pub trait MediaAnchor: Send + Sync + 'static {
    /// An anchor for one call. Nothing is set up before the first description.
    fn anchor(&self, config: AnchorConfig) -> Box<dyn Anchored>;
}

/// The sound of one call, carried by the gateway. Dropping it gives everything back.
pub trait Anchored: Send + Sync {
    /// The description to send to the other side.
    fn rewrite<'a>(&'a self, step: Step<'a>, sdp: &'a str) -> Rewriting<'a>;

    /// One line for the log: what was carried.
    fn summary(&self) -> String;
}
