//! Event notification (RFC 6665): subscribers and notifiers.

mod notifier;
mod roles;
mod subscriber;

pub(crate) use notifier::Notifier;
pub(crate) use roles::{Notifying, Subscribing};
pub(crate) use subscriber::Subscriber;

use std::time::Duration;

use crate::endpoint::config::{Body, Origin};
use crate::message::{RawHeader, Substate, TerminationReason};
use crate::transaction::{FlowId, NoResponse};
use crate::{Address, Request, Status, Text, Uri};

/// Names a subscription, of either side, within its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub(crate) u64);

/// An event package (RFC 6665 §5) and the bodies that a subscriber to it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// As in the Event header.
    pub name: Text,
    /// The Accept header.
    pub accept: Text,
}

impl Package {
    const fn known(name: &'static str, accept: &'static str) -> Self {
        Self {
            name: Text::from_static(name),
            accept: Text::from_static(accept),
        }
    }

    /// What calls somebody has (RFC 4235 §3).
    pub const DIALOG: Self = Self::known("dialog", "application/dialog-info+xml");
    /// Waiting voice messages (RFC 3842 §3).
    pub const MESSAGE_SUMMARY: Self =
        Self::known("message-summary", "application/simple-message-summary");
    /// Presence (RFC 3856 §6).
    pub const PRESENCE: Self = Self::known("presence", "application/pidf+xml");
    /// Registrations of an address of record (RFC 3680 §4).
    pub const REG: Self = Self::known("reg", "application/reginfo+xml");
}

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Who subscribes.
    pub origin: Origin,
    /// The Request-URI.
    pub target: Uri,
    /// The To header, without a tag.
    pub to: Address,
    /// What is subscribed to: the first that the notifier does not refuse with 489.
    pub packages: Vec<Package>,
    /// The expiry to ask for, in seconds; it is refreshed before it runs out.
    pub expires: u32,
    /// Further headers of the first SUBSCRIBE.
    pub headers: Vec<RawHeader>,
}

/// What happened to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionEvent {
    /// To a notifier: somebody wants to subscribe. Accept or reject it.
    Requested {
        /// Where it came in.
        flow: FlowId,
        /// The package asked for, one of [`crate::Config::notifies`].
        package: Text,
        /// The expiry asked for, in seconds; 0: the state, once.
        expires: u32,
        /// The SUBSCRIBE.
        request: Box<Request>,
    },
    /// To a notifier: the subscriber refreshed, and wants [`crate::UserAgent::notify`] with the
    /// full state now (RFC 6665 §4.2.1.2).
    StateWanted,
    /// To a subscriber: a NOTIFY came (and was answered with 200).
    Notified {
        /// Which of the packages.
        package: Text,
        /// Whether it is active, pending or over.
        state: Substate,
        /// The state.
        body: Option<Body>,
    },
    /// To a subscriber: nothing is told any more for now.
    Lost {
        /// Why.
        cause: SubscriptionEnd,
        /// When the agent subscribes again; `None`: when the flow comes up.
        retry_in: Option<Duration>,
    },
    /// It is over. Nothing follows.
    Ended(SubscriptionEnd),
}

/// Why a subscription ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// A command of ours.
    Local,
    /// The subscriber does not want it any more.
    Unsubscribed,
    /// It was not refreshed in time.
    Expired,
    /// The notifier ended it.
    Terminated(Option<TerminationReason>),
    /// SUBSCRIBE or NOTIFY was refused. With 489, no package is left to fall back to.
    Refused {
        /// The status.
        status: Status,
        /// Its phrase.
        phrase: Text,
    },
    /// Our credentials were refused.
    WrongCredentials,
    /// SUBSCRIBE or NOTIFY was not answered.
    NoAnswer(NoResponse),
    /// SUBSCRIBE was accepted, but no NOTIFY came (RFC 6665 §4.1.2.4).
    NoNotify,
}

impl SubscriptionEnd {
    fn refused(response: &crate::Response) -> Self {
        Self::Refused {
            status: response.status,
            phrase: response.reason.detached(),
        }
    }
}
