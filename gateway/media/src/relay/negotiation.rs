//! Offers and answers between a browser and a PBX that knows no WebRTC (RFC 3264), sans-IO.
//!
//! ```text
//!              offer of the browser                  answer of the PBX, of any branch
//! ┌────────┐ ───────────────────────▶ ┌─────────┐ ─────────────────────────────────▶ ┌─────────┐
//! │ settled│                          │ offered │                                    │ settled │
//! └────────┘ ───────────────────────▶ └─────────┘ ─────────────────────────────────▶ └─────────┘
//!              offer of the PBX                      answer of the browser
//! ```
//!
//! An offer replaces one that nobody answered; what was settled holds until the next answer. A
//! further answer to the same offer is a fork's, or the final one after an early one.
//!
//! Each side keeps its own payload type numbers, `m=` lines and session version.

mod agreement;
mod by_browser;
mod by_pbx;
mod side;
mod substitutes;

use std::net::SocketAddr;

pub(super) use agreement::{Agreement, Numbers, Pair};
use side::Side;

use crate::relay::{PbxSrtp, RelayError};
use crate::sdp::crypto::{Crypto, SUITES};
use crate::sdp::plain::{PlainAudio, PlainDescription, PlainLine};
use crate::sdp::{Audio, Format, WebDescription, WebLine};
use crate::transport::srtp::{MasterKey, Suite};

/// Makes keys; `None` when there are no random numbers.
pub(super) type MakeKey<'a> = &'a dyn Fn(Suite) -> Option<MasterKey>;

/// An offer, and what the other side was told of it.
#[derive(Clone, Debug)]
enum Offered {
    ByBrowser {
        audio: Audio,
        /// Under the numbers of the PBX.
        formats: Vec<Format>,
    },
    ByPbx {
        audio: PlainAudio,
        /// Under the numbers of the browser.
        formats: Vec<Format>,
    },
}

/// Both sides of one call.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// Where the PBX is told to send.
    local: SocketAddr,
    srtp: PbxSrtp,
    browser: Side,
    pbx: Side,
    offered: Option<Offered>,
    /// One for each suite, made when it is needed.
    keys: Vec<MasterKey>,
    /// The key that the PBX used last.
    theirs: Option<MasterKey>,
}

impl Negotiation {
    pub(super) fn new(local: SocketAddr, srtp: PbxSrtp, session_ids: [u64; 2]) -> Self {
        Self {
            local,
            srtp,
            browser: Side::new(session_ids[0]),
            pbx: Side::new(session_ids[1]),
            offered: None,
            keys: Vec::new(),
            theirs: None,
        }
    }

    /// What the peer of one family is told, the other can't reach.
    fn check_family(&self, remote: Option<SocketAddr>) -> Result<(), RelayError> {
        if remote.is_some_and(|remote| remote.is_ipv4() != self.local.is_ipv4()) {
            let why = "its address is of the other IP version than ours";
            return Err(RelayError::BadDescription(why.to_owned()));
        }
        Ok(())
    }

    fn say_to_browser(&mut self, line: Option<WebLine<'_>>) -> String {
        let Side {
            origin,
            sections,
            index,
            bundled,
            ..
        } = &mut self.browser;
        origin.say(|session_id, version| {
            WebDescription {
                session_id,
                version,
                sections,
                index: *index,
                bundled: *bundled,
                audio: line.clone(),
            }
            .to_string()
        })
    }

    fn say_to_pbx(&mut self, line: Option<PlainLine<'_>>) -> String {
        let Side {
            origin,
            sections,
            index,
            ..
        } = &mut self.pbx;
        let (address, port) = (self.local.ip(), self.local.port());
        origin.say(|session_id, version| {
            PlainDescription {
                session_id,
                version,
                address,
                port,
                sections,
                index: *index,
                audio: line.clone(),
            }
            .to_string()
        })
    }

    fn our_key(&mut self, suite: Suite, make_key: MakeKey<'_>) -> Result<MasterKey, RelayError> {
        if let Some(key) = self.keys.iter().find(|key| key.suite == suite) {
            return Ok(key.clone());
        }
        let key = make_key(suite);
        let key = key.ok_or_else(|| RelayError::Encryption("no random numbers".to_owned()))?;
        self.keys.push(key.clone());
        Ok(key)
    }

    /// Whether `key`, one of ours, may be agreed on again.
    pub(super) fn may_use(&self, key: &MasterKey) -> bool {
        self.keys.contains(key)
    }

    /// Whether the PBX must encrypt: by what we were told, or because it has begun to.
    fn is_secure(&self) -> bool {
        self.srtp == PbxSrtp::Sdes || self.theirs.is_some()
    }

    fn offered_keys(&mut self, make_key: MakeKey<'_>) -> Result<Vec<Crypto>, RelayError> {
        // A key that was left for another is not used again: its numbers would come twice.
        let in_use = self.theirs.as_ref().map(|theirs| theirs.suite);
        self.keys.retain(|ours| Some(ours.suite) == in_use);
        let mut cryptos = Vec::new();
        for (tag, suite) in (1..).zip(SUITES) {
            let key = self.our_key(suite, make_key)?;
            cryptos.push(Crypto { tag, key });
        }
        Ok(cryptos)
    }
}

/// The codecs of an answer that were offered, in its order, but what is turned into another codec
/// behind what is shared, and keys last.
fn paired(
    answered: &[Format],
    pair: impl Fn(&Format) -> Option<Pair>,
) -> Result<Vec<Pair>, RelayError> {
    let mut pairs: Vec<Pair> = answered.iter().filter_map(pair).collect();
    pairs.sort_by_key(|pair| (!pair.format.is_sound(), pair.converted.is_some()));
    if pairs.iter().any(|pair| pair.format.is_sound()) {
        Ok(pairs)
    } else {
        Err(RelayError::NoAudio)
    }
}

/// Several may be turned into the same: it is told once.
fn distinct(formats: impl Iterator<Item = Format>) -> Vec<Format> {
    let mut distinct: Vec<Format> = Vec::new();
    for format in formats {
        if distinct.iter().all(|known| !known.is_same(&format)) {
            distinct.push(format);
        }
    }
    distinct
}

#[cfg(test)]
mod tests;
