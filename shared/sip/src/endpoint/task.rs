//! Whose requests are on their way.

use super::event::{AccountId, OutgoingId, SessionId};
use crate::publication::PublicationId;
use crate::subscription::SubscriptionId;

/// Whose request a client transaction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Registration(AccountId),
    Session(SessionId, Purpose),
    Outgoing(OutgoingId),
    Subscriber(SubscriptionId),
    Notifier(SubscriptionId),
    Publication(PublicationId),
}

/// What a session's request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Cancel,
    Reinvite,
    /// An offer (RFC 3311).
    Update,
    Prack,
    /// An UPDATE that only prolongs the session (RFC 4028).
    Refresh,
    Bye,
    Info,
    /// Does the peer still know this dialog?
    Probe,
    Refer,
    /// A NOTIFY of what becomes of the peer's REFER.
    Report,
}

/// What is noted down with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) owner: Owner,
    /// How many challenges the request has answered already.
    pub(crate) answered: u8,
}
