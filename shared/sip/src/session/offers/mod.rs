//! Offers and answers within a session (RFC 3264 §4, RFC 3261 §14, RFC 3311).

mod ours;
mod theirs;

use super::early::{Early, HeldPrack};
use super::reliable::Exchange;
use super::{Phase, Session};
use crate::endpoint::config::Body;
use crate::endpoint::event::SessionEvent;
use crate::endpoint::{Endpoint, SessionAlarm};
use crate::transaction::{ClientId, ServerId};
use crate::{Method, Request, Status, Text};

/// What is being negotiated. At most one of the three is there, except that an offer of ours can
/// wait for its turn.
///
/// ```text
///            offer()                       offer received
///   +---------+ <------------- +-------+ ----------------> +--------+
///   | Pending |                | quiet |                   | remote |
///   +---------+ -------------> +-------+ <---------------- +--------+
///      |   ^    answered,          ^      answer_offer(), reject_offer(),
///  491 |   |    refused,           |      withdrawn, call over
///      V   |    withdrawn          |
///  +-----------+                   |
///  | Postponed | ------------------+ withdrawn, the peer offers
///  +-----------+
/// ```
#[derive(Debug, Default)]
pub(super) struct Offers {
    local: LocalOffer,
    /// The peer's re-INVITE, UPDATE or PRACK that waits for the user.
    remote: Option<(ServerId, Request)>,
    /// The ACK that waits for our answer to the offer in a 2xx.
    held_ack: Option<HeldAck>,
    /// The PRACK that waits for our answer to the offer in a reliable provisional response.
    held_prack: Option<HeldPrack>,
    /// The remote tag of the early dialog that this is about, as long as we are calling.
    fork: Text,
}

/// Our new offer.
#[derive(Debug, Default)]
enum LocalOffer {
    #[default]
    None,
    /// In a request that is not answered yet.
    Pending(Pending),
    /// To be made again after 491, or after a Retry-After.
    Postponed(Draft),
}

/// A re-INVITE or UPDATE of ours; without a body it asks for an offer.
#[derive(Clone, Debug)]
struct Draft {
    method: Method,
    body: Option<Body>,
    /// It changes nothing; the user is not told (RFC 4028 §7.4).
    is_refresh: bool,
    /// How often it was sent.
    tries: u8,
}

#[derive(Debug)]
struct Pending {
    client: ClientId,
    draft: Draft,
    /// A provisional response came: now it can be cancelled (RFC 3261 §9.1).
    is_provisional: bool,
    is_withdrawn: bool,
    is_cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offerer {
    We,
    Peer,
}

#[derive(Debug)]
struct HeldAck {
    client: ClientId,
    to_tag: Text,
    ack: Request,
}

impl Offers {
    fn is_quiet(&self) -> bool {
        matches!(self.local, LocalOffer::None) && self.remote.is_none() && !self.holds_answer()
    }

    /// Whether the peer waits for an answer of ours in an ACK or a PRACK.
    fn holds_answer(&self) -> bool {
        self.held_ack.is_some() || self.held_prack.is_some()
    }

    pub(super) fn hold_prack(&mut self, held: HeldPrack) {
        self.fork = held.to_tag.clone();
        self.held_prack = Some(held);
    }

    pub(super) fn holds_prack(&self) -> bool {
        self.held_prack.is_some()
    }

    /// The early dialog that is negotiated in.
    pub(super) fn fork(&self) -> &str {
        &self.fork
    }

    /// Turns to another early dialog; false if something is under way in the one before.
    pub(super) fn choose_fork(&mut self, to_tag: &str) -> bool {
        let is_free = self.is_of_fork(to_tag);
        if is_free {
            self.fork = to_tag.into();
        }
        is_free
    }

    /// Whether nothing is under way in other early dialogs.
    pub(super) fn is_of_fork(&self, to_tag: &str) -> bool {
        self.fork == *to_tag || self.is_quiet()
    }

    /// The offer that `client` carried.
    fn take_pending(&mut self, client: ClientId) -> Option<Pending> {
        match std::mem::take(&mut self.local) {
            LocalOffer::Pending(pending) if pending.client == client => Some(pending),
            other => {
                self.local = other;
                None
            }
        }
    }

    pub(super) fn hold_ack(&mut self, client: ClientId, to_tag: &str, ack: Request) {
        self.held_ack = Some(HeldAck {
            client,
            to_tag: to_tag.into(),
            ack,
        });
    }

    pub(super) fn holds_ack(&self, to_tag: &str) -> bool {
        self.held_ack
            .as_ref()
            .is_some_and(|held| held.to_tag == *to_tag)
    }

    /// The re-INVITE was sent again, with credentials.
    pub(super) fn resent(&mut self, again: ClientId) {
        if let LocalOffer::Pending(pending) = &mut self.local {
            pending.client = again;
            pending.is_provisional = false;
            pending.is_cancelled = false;
        }
    }

    /// The request that is still to be answered by the peer, which is not waited for any more.
    pub(super) fn abandon(&mut self) -> Option<ClientId> {
        match std::mem::take(&mut self.local) {
            LocalOffer::Pending(pending) => Some(pending.client),
            LocalOffer::None | LocalOffer::Postponed(_) => None,
        }
    }
}

impl Session {
    /// Whose offer of the INVITE is still open.
    fn initial_offer(&self) -> Option<Offerer> {
        match &self.phase {
            Phase::Calling(calling) => {
                let of_fork = |e: &&Early| e.dialog.remote_tag() == self.offers.fork();
                let early = calling.early.iter().find(of_fork);
                let is_settled = early.is_some_and(|early| early.is_settled);
                (!is_settled).then_some(Offerer::We)
            }
            Phase::Ringing(ringing) => match self.reliable.exchange() {
                Exchange::Settled => None,
                Exchange::Sent if !ringing.has_offer() => Some(Offerer::We),
                Exchange::Sent | Exchange::Open => Some(Offerer::Peer),
            },
            Phase::Confirmed(_) => self.awaits_answer_in_ack().then_some(Offerer::We),
            Phase::Over(_) => None,
        }
    }

    /// Whatever is under way has become pointless: its early dialog is gone.
    pub(super) fn drop_offers(&mut self, endpoint: &mut Endpoint) {
        self.stop_alarm(endpoint, SessionAlarm::OfferRetry);
        if !matches!(std::mem::take(&mut self.offers.local), LocalOffer::None) {
            self.tell_offer_refused(endpoint, Status::REQUEST_TERMINATED);
        }
        let held = self.offers.held_prack.take().is_some();
        if held || self.refuse_remote_offer(endpoint, Status::REQUEST_TERMINATED) {
            self.tell(endpoint, SessionEvent::OfferWithdrawn);
        }
    }
}
