//! The way to talk to the engine.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use mio::{Token, Waker};
use tokio::sync::oneshot;

use crate::relay::bridge::{Bridge, Component};
use crate::relay::{Relay, RelayConfig, RelayError};
use crate::sdp::Offer;
use crate::{Leg, MediaError, Program};

/// Names a call within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub(super) usize);

impl CallId {
    pub(super) fn token(self, component: Component) -> Token {
        Token(2 * (self.0 + 2) + usize::from(component == Component::Rtcp))
    }

    /// The inverse; not for tokens of other things.
    pub(super) fn from_token(token: Token) -> (Self, Component) {
        let component = match token.0 % 2 {
            0 => Component::Rtp,
            _ => Component::Rtcp,
        };
        (Self(token.0 / 2 - 2), component)
    }
}

/// What the handles ask of the engine.
pub(crate) enum Command {
    Open {
        offer: Offer,
        program: Program,
        /// For the hold of the new leg.
        handle: Handle,
        reply: oneshot::Sender<Result<Leg, MediaError>>,
    },
    Renegotiate {
        id: CallId,
        offer: Offer,
        reply: oneshot::Sender<Result<String, MediaError>>,
    },
    Relay {
        config: RelayConfig,
        /// For the hold of the new relay.
        handle: Handle,
        reply: oneshot::Sender<Result<Relay, RelayError>>,
    },
    /// Does something with a relay's bridge; dropped if there is no such relay.
    Act(CallId, Act),
    End(CallId),
}

impl Command {
    /// The call that it is for.
    pub(super) fn call(&self) -> Option<CallId> {
        match self {
            Self::Renegotiate { id, .. } | Self::Act(id, _) | Self::End(id) => Some(*id),
            Self::Open { .. } | Self::Relay { .. } => None,
        }
    }
}

pub(crate) type Act = Box<dyn FnOnce(&mut Bridge, Instant) + Send>;

/// Lets others talk to the engine, which stops when the last one is dropped.
pub(crate) struct Handle {
    /// `None` only while this is being dropped.
    pub(super) commands: Option<Sender<Command>>,
    pub(super) waker: Arc<Waker>,
}

impl Handle {
    /// An engine that is gone drops the command, and with it where its reply would go.
    pub(crate) fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
            let _ = self.waker.wake();
        }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.commands.take());
        // An engine that can't be woken is gone.
        let _ = self.waker.wake();
    }
}
