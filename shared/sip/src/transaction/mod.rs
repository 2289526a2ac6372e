//! Transactions (RFC 3261 §17 as updated by RFC 6026): the four machines, and the layer that
//! matches messages to them, keeps their timers and repeats their bytes.
//!
//! A user agent is driven by [`crate::UserAgent`]; the layer alone is for a server between two
//! agents, which forwards.

mod client_invite;
mod client_request;
mod keys;
mod layer;
mod server_invite;
mod server_request;
mod timers;

pub use timers::Timers;

pub use layer::{Happening, Persistence, Transactions};

use std::time::Duration;

use timers::Timer;

/// One connection to a peer; the driver hands them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// Why no response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResponse {
    /// None within 64·T1.
    TimedOut,
    /// The flow went down first.
    FlowDown,
}

/// Names a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(u64);

/// Names a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerId(pub(crate) u64);

/// What a machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send the request (client) or the user's last response (server).
    Send,
    /// Make a 100 response the last one and send it.
    SendTrying,
    /// Send the ACK for the refusal at hand.
    Acknowledge,
    /// Tell the user of the message at hand.
    Deliver,
    /// Start a timer, or start it anew.
    Start(Timer, Duration),
    /// Stop a timer if it runs.
    Stop(Timer),
    /// Tell the user that no final response came.
    TimeOut,
}
