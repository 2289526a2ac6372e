//! What goes into an agent and comes out of it.

use crate::message::Transport;
use crate::{Event, FlowId, Moment};

/// What happens to an agent from outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// One WebSocket message or one datagram arrived.
    Received {
        /// On which flow.
        flow: FlowId,
        /// As it came.
        bytes: Vec<u8>,
    },
    /// The moment of the last [`Output::Timeout`] has come. Early or late is harmless.
    TimerFired,
    /// The flow can carry messages. Registers the accounts bound to it and sends what waited.
    TransportUp {
        /// Which flow.
        flow: FlowId,
        /// What it is, for Via and for the choice of timers.
        transport: Transport,
    },
    /// The flow can't carry messages until it comes up again. Confirmed sessions stay; requests
    /// within them wait for the flow until their transaction times out.
    TransportDown {
        /// Which flow.
        flow: FlowId,
    },
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes as one WebSocket message or datagram.
    Transmit {
        /// On which flow.
        flow: FlowId,
        /// Complete.
        bytes: Vec<u8>,
    },
    /// Tell the application.
    Event(Event),
    /// Nothing more until an input, or [`Input::TimerFired`] at this moment, if any.
    Timeout(Option<Moment>),
}

/// The driver broke the contract of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Outputs must be drained before the next input or command.
    #[error("outputs are waiting: call poll_output until it answers Timeout")]
    OutputPending,
    /// Time ran backwards.
    #[error("the moment given lies before an earlier one")]
    TimeRanBackwards,
}

/// A command could not be carried out; nothing was changed and nothing sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// See [`ContractError`].
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// No such account, session or request, or no longer.
    #[error("it has ended or was never there")]
    Gone,
    /// It exists, but its state does not allow this.
    #[error("not possible in the present state")]
    WrongState,
    /// The flow is down.
    #[error("there is no connection")]
    NoFlow,
    /// A MESSAGE is larger than its way allows, see [`crate::Config::largest_message`].
    #[error("the message has {size} bytes, but only {limit} are allowed: send it in parts")]
    TooLarge {
        /// Its size as it would be sent, with room for credentials.
        size: usize,
        /// The largest size.
        limit: usize,
    },
}
