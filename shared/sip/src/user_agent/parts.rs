//! What an agent does besides calls and registrations.

use super::challenges::Outcome;
use super::{Config, UserAgent};
use crate::endpoint::Owner;
use crate::endpoint::errand::Errand;
use crate::endpoint::event::ChallengeId;
use crate::endpoint::readers::Readers;
use crate::session::{Replacing, Transfers};
use crate::transaction::{ClientId, FlowId, ServerId};
use crate::{Request, Response, Status, TokenSource};

/// The ways to code that not every agent needs. There are no others, so that a program whose agents
/// do without doesn't carry it.
#[derive(Clone, Copy, Default)]
pub(super) struct Parts {
    /// For a SUBSCRIBE or a NOTIFY outside of dialogs.
    pub(super) on_event_request: Option<fn(&mut UserAgent, ServerId, FlowId, Request)>,
    pub(super) find_replaced: Option<FindReplaced>,
    pub(super) run_errand: Option<fn(&mut UserAgent, Errand)>,
    pub(super) hold: Option<fn(&mut UserAgent, ClientId, Owner, u8, &Response) -> bool>,
    pub(super) release: Option<fn(&mut UserAgent, ChallengeId, Outcome)>,
    pub(super) transfers: Transfers,
    pub(super) readers: Readers,
}

type FindReplaced = fn(&UserAgent, &Request) -> Result<Option<Replacing>, Status>;

impl Parts {
    const ALL: Self = Self {
        on_event_request: Some(UserAgent::on_event_request),
        find_replaced: Some(UserAgent::find_replaced),
        run_errand: Some(UserAgent::run_errand),
        hold: Some(UserAgent::hold),
        release: Some(UserAgent::release),
        transfers: Transfers::ALL,
        readers: Readers::ALL,
    };
}

impl UserAgent {
    /// An agent without accounts, sessions or flows.
    #[must_use]
    pub fn new(config: Config, tokens: Box<dyn TokenSource + Send>) -> Self {
        Self::of_parts(config, tokens, Parts::ALL)
    }

    /// An agent for a program that has to be small: it does what commands say, and takes calls.
    /// Whatever `config` says, it serves no events and lets no peer transfer or replace a call. It
    /// never asks the application for the answer to a challenge, so that an account needs its
    /// [`Secret`](crate::Secret); [`CallFacts`](crate::CallFacts) and
    /// [`Binding::push`](crate::Binding) stay empty.
    #[must_use]
    pub fn for_calls(mut config: Config, tokens: Box<dyn TokenSource + Send>) -> Self {
        config.notifies.clear();
        config.unsolicited.clear();
        config.takes_transfers = false;
        config.takes_replacements = false;
        Self::of_parts(config, tokens, Parts::default())
    }
}
