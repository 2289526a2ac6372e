//! The timers above the transactions.

use super::event::{AccountId, ChallengeId, SessionId};
use crate::publication::PublicationId;
use crate::subscription::SubscriptionId;
use crate::transaction::FlowId;

/// A timer above the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Refresh, or try again.
    Registration(AccountId),
    Session(SessionId, SessionAlarm),
    /// Ask the flow for a sign of life, or give it up.
    KeepAlive(FlowId),
    Subscriber(SubscriptionId, SubscriberAlarm),
    /// The subscription expires.
    Notifier(SubscriptionId),
    /// Refresh, or try again.
    Publication(PublicationId),
    /// Stop waiting for the application's answer to a challenge.
    Challenge(ChallengeId),
}

/// A timer of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubscriberAlarm {
    /// Refresh, or subscribe again.
    Next,
    /// Stop waiting for a NOTIFY (RFC 6665 §4.1.2.4).
    Deadline,
}

/// A timer of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SessionAlarm {
    /// Repeat the provisional response so that proxies keep waiting (RFC 3261 §13.3.1.1).
    Provisional,
    /// Repeat the reliable provisional response (RFC 3262 §3).
    Reliable,
    /// Stop waiting for the PRACK.
    ReliableDeadline,
    /// Stop ringing if the flow was lost and the INVITE has not come again.
    RingingDeadline,
    /// Repeat the 2xx (RFC 3261 §13.3.1.4).
    Answer,
    /// Stop waiting for the ACK.
    AnswerDeadline,
    /// Stop waiting for the end of a cancelled INVITE (RFC 3261 §9.1).
    CancelDeadline,
    /// Make the offer again after 491 (RFC 3261 §14.1).
    OfferRetry,
    /// The peer's UPDATE was not answered in time.
    OfferExpiry,
    /// Stop waiting for reports on our REFER.
    Referral,
    /// Stop reporting on the peer's REFER.
    Referee,
    /// Refresh the session (RFC 4028 §7.4).
    Refresh,
    /// Nobody refreshed the session (RFC 4028 §10).
    Expiry,
}

impl SessionAlarm {
    /// Those of the session timer.
    pub(crate) const OF_TIMER: [Self; 2] = [Self::Refresh, Self::Expiry];

    /// Those that end with the answer to the INVITE.
    pub(crate) const OF_RINGING: [Self; 4] = [
        Self::Provisional,
        Self::Reliable,
        Self::ReliableDeadline,
        Self::RingingDeadline,
    ];

    pub(crate) const ALL: [Self; 13] = [
        Self::Provisional,
        Self::Reliable,
        Self::ReliableDeadline,
        Self::RingingDeadline,
        Self::Answer,
        Self::AnswerDeadline,
        Self::CancelDeadline,
        Self::OfferRetry,
        Self::OfferExpiry,
        Self::Referral,
        Self::Referee,
        Self::Refresh,
        Self::Expiry,
    ];
}
