//! Calls whose sound the gateway carries: their session descriptions are rewritten on the way.
//!
//! Who offers follows from the message (RFC 3264, RFC 3261 §13.2.1, RFC 3311, RFC 3262 §5): a
//! description in INVITE or UPDATE is an offer, one in their responses the answer; an INVITE without
//! one asks the other side to offer, and is answered by its ACK or PRACK.
//!
//! In the mode *auto* an upstream is taken for one that speaks WebRTC until it refuses an offer with
//! 488, or answers without a DTLS fingerprint: the call is then offered again, anchored, and the
//! browser sees one call that rings.

mod anew;
mod farewell;
mod requests;
mod responses;

use std::net::SocketAddr;

use sidetone_sip::message::ContentType;
use sidetone_sip::{FlowId, Request, Status, Text};

use super::Phone;
use crate::bridge::anchor::{
    AnchorConfig, AnchorError, Anchored, Boxed, MediaStatistics, Rewritten, Step,
};
use crate::bridge::link;
use crate::bridge::pbx::Pbx;

/// A call that is anchored.
pub(super) struct Call {
    anchored: Box<dyn Anchored>,
    /// By how much the PBX's CSeq is ahead of the browser's.
    pub(super) shift: u8,
    established: bool,
    /// A request like the one that ends the call on the PBX's side, and its way.
    farewell: Option<(Request, FlowId)>,
    /// Offers came with the last INVITE, so that a PRACK's description is an offer of its own.
    offered: bool,
    /// The number of an INVITE that the gateway answered itself: its ACK goes no further.
    answered_here: Option<u32>,
    /// The last description in an ACK, and what became of it: an ACK may be repeated.
    acknowledged: Option<(Vec<u8>, String)>,
}

impl Call {
    /// How it is doing.
    pub(super) fn statistics(&self) -> Boxed<'_, Option<MediaStatistics>> {
        self.anchored.statistics()
    }
}

/// What a response's description became, as it may be repeated.
pub(super) struct Seen {
    branch: Text,
    body: Vec<u8>,
    rewritten: String,
}

/// How a request goes on.
pub(super) enum Passage {
    /// As it is now.
    Onward,
    /// It was answered here.
    Answered,
}

impl Phone {
    /// Ends a call's anchor.
    pub(super) fn release(&mut self, call_id: &Text) {
        if let Some(call) = self.calls.remove(call_id) {
            call.anchored.close();
        }
    }

    /// An INVITE that began a call has failed.
    pub(super) fn release_failed(&mut self, call_id: &Text) {
        if self
            .calls
            .get(call_id)
            .is_some_and(|call| !call.established)
        {
            self.release(call_id);
        }
    }

    async fn anchor(
        &mut self,
        pbx: &Pbx,
        peer: SocketAddr,
        call_id: &Text,
        shift: u8,
    ) -> Result<(), AnchorError> {
        let Some(media) = &self.shared.anchor else {
            return Err(AnchorError {
                status: Status::NOT_ACCEPTABLE_HERE,
                why: "no media engine is there".to_owned(),
            });
        };
        let local = link::local_towards(peer).ok_or_else(|| AnchorError {
            status: Status::SERVICE_UNAVAILABLE,
            why: format!("no way leads to {peer}"),
        })?;
        let config = AnchorConfig {
            upstream: pbx.config.name.clone(),
            local,
            advertise: self.shared.advertise,
            srtp: pbx.config.srtp,
            symmetric_rtp: pbx.config.symmetric_rtp,
        };
        let call = Call {
            anchored: media.anchor(config).await?,
            shift,
            established: false,
            farewell: None,
            offered: false,
            answered_here: None,
            acknowledged: None,
        };
        self.calls.insert(call_id.detached(), call);
        Ok(())
    }

    async fn rewrite(
        &self,
        call_id: &Text,
        step: Step<'_>,
        body: &[u8],
    ) -> Result<Rewritten, AnchorError> {
        let sdp = std::str::from_utf8(body).map_err(|_| AnchorError {
            status: Status::BAD_REQUEST,
            why: "a session description is not UTF-8".to_owned(),
        })?;
        match self.calls.get(call_id) {
            Some(call) => call.anchored.rewrite(step, sdp).await,
            None => Ok(Rewritten::Pass(sdp.to_owned())),
        }
    }
}

fn has_description(content_type: Option<ContentType>, body: &[u8]) -> bool {
    let is_sdp = |found: ContentType| &*found.media_type == "application/sdp";
    !body.is_empty() && content_type.is_some_and(is_sdp)
}

fn has_fingerprint(body: &[u8]) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"a=fingerprint:"))
}
