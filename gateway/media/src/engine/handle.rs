//! The way to talk to the engine.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::AcqRel;
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
#[derive(Clone)]
pub(crate) struct Handle {
    commands: Arc<Commands>,
}

impl Handle {
    pub(super) fn new(commands: Sender<Command>, bell: Arc<Bell>) -> Self {
        let commands = Some(commands);
        Self {
            commands: Arc::new(Commands { commands, bell }),
        }
    }

    /// An engine that is gone drops the command, and with it where its reply would go.
    pub(crate) fn send(&self, command: Command) {
        if let Some(commands) = &self.commands.commands {
            let _ = commands.send(command);
            self.commands.bell.ring();
        }
    }
}

/// What all handles share.
struct Commands {
    /// `None` only while this is being dropped.
    commands: Option<Sender<Command>>,
    bell: Arc<Bell>,
}

impl Drop for Commands {
    fn drop(&mut self) {
        drop(self.commands.take());
        self.bell.ring();
    }
}

/// Wakes the engine; once for all who ring before it looks.
pub(super) struct Bell {
    waker: Waker,
    is_rung: AtomicBool,
}

impl Bell {
    pub(super) const fn new(waker: Waker) -> Self {
        Self {
            waker,
            is_rung: AtomicBool::new(false),
        }
    }

    /// There is something in the channel, or nobody left who could put something in.
    fn ring(&self) {
        if !self.is_rung.swap(true, AcqRel) {
            // An engine that can't be woken is gone.
            let _ = self.waker.wake();
        }
    }

    /// To be called before the channel is looked into: who rings from now on wakes anew.
    pub(super) fn on_heard(&self) {
        self.is_rung.swap(false, AcqRel);
    }
}
