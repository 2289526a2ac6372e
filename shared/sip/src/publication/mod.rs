//! Publication of event state (RFC 3903): those who publish, and who puts together what they do.

mod compositor;
mod publisher;

pub use compositor::{Compositor, PublicationRules, Published, Publishes};
pub(crate) use publisher::{Publication, Publisher};

use std::time::Duration;

use crate::endpoint::config::{Body, Origin};
use crate::message::RawHeader;
use crate::transaction::NoResponse;
use crate::{Response, Status, Text, Uri};

/// Names a publication within its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicationId(pub(crate) u64);

/// A publication to be made.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Who publishes.
    pub origin: Origin,
    /// Whose state it is: the Request-URI, which is also To.
    pub target: Uri,
    /// The event package, such as `presence`.
    pub package: Text,
    /// The state.
    pub body: Body,
    /// The expiry to ask for, in seconds; it is refreshed before it runs out.
    pub expires: u32,
    /// Further headers of every PUBLISH.
    pub headers: Vec<RawHeader>,
}

/// What happened to a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicationEvent {
    /// The state last given is published, for so long from now. Told again after each refresh.
    Published {
        /// Time to expiry.
        expires: Duration,
    },
    /// It is not published for now.
    Lost {
        /// Why.
        cause: PublicationEnd,
        /// When the agent publishes again; `None`: when the flow comes up.
        retry_in: Option<Duration>,
    },
    /// It is over. Nothing follows.
    Ended(PublicationEnd),
}

/// Why a publication ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicationEnd {
    /// A command of ours.
    Local,
    /// PUBLISH was refused.
    Refused {
        /// The status.
        status: Status,
        /// Its phrase.
        phrase: Text,
    },
    /// Our credentials were refused.
    WrongCredentials,
    /// PUBLISH was not answered.
    NoAnswer(NoResponse),
    /// It was accepted, but without the tag by which it could be refreshed (RFC 3903 §4.1).
    NoTag,
}

impl PublicationEnd {
    fn refused(response: &Response) -> Self {
        Self::Refused {
            status: response.status,
            phrase: response.reason.detached(),
        }
    }
}
