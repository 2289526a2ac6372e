//! Headers of event notification (RFC 6665 §8.2) and of publication (RFC 3903 §11.3).

use std::fmt;

use super::TypedHeader;
use crate::Text;
use crate::message::parse::{token, value_and_params};
use crate::message::{HeaderError, HeaderName, Params};

/// Event (RFC 6665 §8.2.1): which package, and which of several subscriptions to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The package with its templates, such as `dialog` or `presence.winfo`.
    pub package: Text,
    /// Tells subscriptions of one dialog apart.
    pub id: Option<Text>,
}

impl EventType {
    /// A package without an id.
    #[must_use]
    pub fn of(package: impl Into<Text>) -> Self {
        Self {
            package: package.into(),
            id: None,
        }
    }
}

impl TypedHeader for EventType {
    const NAME: HeaderName = HeaderName::Event;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (package, params) = value_and_params(value.into())?;
        token((&package).into())?;
        Ok(Self {
            package,
            id: params.value("id").map(Text::from),
        })
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package)?;
        match &self.id {
            Some(id) => write!(f, ";id={id}"),
            None => Ok(()),
        }
    }
}

/// The first word of Subscription-State (RFC 6665 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Substate {
    /// It was accepted.
    Active,
    /// Somebody still has to accept it.
    Pending,
    /// It is over.
    Terminated,
    /// Any other word.
    Other(Text),
}

/// Why a subscription was terminated (RFC 6665 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminationReason {
    /// Subscribe again at once, perhaps to another notifier.
    Deactivated,
    /// Subscribe again later.
    Probation,
    /// It was refused for good.
    Rejected,
    /// It was not refreshed in time.
    Timeout,
    /// Nobody decided in time; subscribe again later.
    GiveUp,
    /// What was watched is no more.
    NoResource,
    /// What is watched will never change again.
    Invariant,
    /// Any other word.
    Other(Text),
}

const REASONS: [(&str, TerminationReason); 7] = [
    ("deactivated", TerminationReason::Deactivated),
    ("probation", TerminationReason::Probation),
    ("rejected", TerminationReason::Rejected),
    ("timeout", TerminationReason::Timeout),
    ("giveup", TerminationReason::GiveUp),
    ("noresource", TerminationReason::NoResource),
    ("invariant", TerminationReason::Invariant),
];

impl From<&str> for TerminationReason {
    fn from(word: &str) -> Self {
        let known = REASONS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.map_or_else(|| Self::Other(word.into()), |(_, reason)| reason.clone())
    }
}

impl fmt::Display for TerminationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = REASONS.iter().find(|(_, reason)| reason == self);
        match (known, self) {
            (Some((name, _)), _) => f.write_str(name),
            (None, Self::Other(word)) => f.write_str(word),
            (None, _) => Ok(()),
        }
    }
}

/// Subscription-State (RFC 6665 §8.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Active, pending or over.
    pub state: Substate,
    /// Why it is over.
    pub reason: Option<TerminationReason>,
    /// Seconds that are left.
    pub expires: Option<u32>,
    /// Seconds to wait before subscribing again.
    pub retry_after: Option<u32>,
}

impl SubscriptionState {
    /// `active` or `pending` for so many seconds more.
    #[must_use]
    pub const fn lasting(state: Substate, expires: u32) -> Self {
        Self {
            state,
            reason: None,
            expires: Some(expires),
            retry_after: None,
        }
    }

    /// `terminated` for this reason.
    #[must_use]
    pub const fn terminated(reason: TerminationReason) -> Self {
        Self {
            state: Substate::Terminated,
            reason: Some(reason),
            expires: None,
            retry_after: None,
        }
    }
}

impl TypedHeader for SubscriptionState {
    const NAME: HeaderName = HeaderName::SubscriptionState;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (word, params) = value_and_params(value.into())?;
        let state = match word.to_ascii_lowercase().as_str() {
            "active" => Substate::Active,
            "pending" => Substate::Pending,
            "terminated" => Substate::Terminated,
            _ => Substate::Other(word),
        };
        Ok(Self {
            state,
            reason: params.value("reason").map(TerminationReason::from),
            expires: seconds(&params, "expires"),
            retry_after: seconds(&params, "retry-after"),
        })
    }
}

fn seconds(params: &Params, name: &str) -> Option<u32> {
    params.value(name)?.parse().ok()
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            Substate::Active => "active",
            Substate::Pending => "pending",
            Substate::Terminated => "terminated",
            Substate::Other(word) => word,
        })?;
        if let Some(reason) = &self.reason {
            write!(f, ";reason={reason}")?;
        }
        if let Some(expires) = self.expires {
            write!(f, ";expires={expires}")?;
        }
        if let Some(seconds) = self.retry_after {
            write!(f, ";retry-after={seconds}")?;
        }
        Ok(())
    }
}

macro_rules! entity_tags {
    ($($(#[$doc:meta])* $type:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type(pub Text);

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    token(value.into()).map(Self)
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
        )*
    };
}

entity_tags! {
    /// SIP-ETag (RFC 3903 §11.3.1): names what was published.
    SipEtag
    /// SIP-If-Match (RFC 3903 §11.3.2): which publication is meant.
    SipIfMatch
}
