//! One call as a card shows it.

/// Names a call for as long as its card is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// Who is at the other end. Texts come from the peer and are shown as text only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// A display name other than the number.
    pub name: Option<String>,
    /// What would be dialled to reach them.
    pub number: String,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// We called.
    Outgoing,
    /// They called.
    Incoming,
}

/// Where a call stands.
///
/// ```text
/// Calling → Ringing ─┐
///                    ├→ Connecting → Active → Ended
/// Incoming ──────────┘        (any) ────────→ Ended
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Our INVITE is out.
    Calling,
    /// The other phone rings.
    Ringing {
        /// The far end plays its own tone or voice; we play none.
        early_media: bool,
    },
    /// It rings here.
    Incoming,
    /// Answered; sound is being set up.
    Connecting {
        /// Why there is none, once that is known: the user is told.
        silent: Option<Silence>,
    },
    /// They talk.
    Active {
        /// When it was answered, in milliseconds of the page's clock (`performance.now()`).
        since: f64,
        /// Sound has stopped flowing and is being repaired.
        interrupted: bool,
    },
    /// Over; the card goes away by itself or when dismissed.
    Ended {
        /// Why.
        reason: EndReason,
        /// Talking time in seconds, if it was answered.
        seconds: Option<u32>,
    },
}

/// Why an answered call has no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// A repair didn't bring it either.
    Network,
    /// The other side names no port but such as browsers block; this is the first.
    Blocked(u16),
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We hung up.
    HungUp,
    /// They hung up.
    PeerHungUp,
    /// We gave up before an answer.
    Cancelled,
    /// We rejected it.
    Rejected,
    /// They called and gave up: a missed call.
    Missed,
    /// Another of our devices took it: not missed.
    AnsweredElsewhere,
    /// They are busy.
    Busy,
    /// They rejected it.
    Declined,
    /// They didn't answer.
    NoAnswer,
    /// Nobody is registered under that number now.
    Unavailable,
    /// There is no such number.
    UnknownNumber,
    /// The connection failed; the sentence says what happened and what to do.
    Failed(String),
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its name.
    pub key: CallKey,
    /// Which way.
    pub direction: Direction,
    /// With whom.
    pub peer: Party,
    /// Where it stands.
    pub phase: Phase,
    /// The microphone is off in this call.
    pub muted: bool,
    /// Another call is in front: until this one comes back, neither side hears the other.
    pub background: bool,
    /// Keys sent so far.
    pub keys: String,
}

impl Phase {
    /// Answered and not over.
    #[must_use]
    pub fn is_talking(&self) -> bool {
        matches!(self, Self::Connecting { .. } | Self::Active { .. })
    }

    /// Not over.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Ended { .. })
    }
}

impl EndReason {
    /// For how many milliseconds the card stays: longer when there is something to read.
    #[must_use]
    pub fn linger(&self) -> f64 {
        match self {
            Self::HungUp
            | Self::PeerHungUp
            | Self::Cancelled
            | Self::Rejected
            | Self::AnsweredElsewhere => 5_000.0,
            Self::Missed | Self::Failed(_) => 60_000.0,
            _ => 12_000.0,
        }
    }
}
