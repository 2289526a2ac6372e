//! What an agent does besides calls and registrations.

use super::challenges::Outcome;
use super::requests::Answered;
use super::{Config, UserAgent};
use crate::endpoint::Owner;
use crate::endpoint::errand::Errand;
use crate::endpoint::event::{ChallengeId, OutgoingId};
use crate::endpoint::readers::Readers;
use crate::session::{Replacing, Transfers};
use crate::transaction::{ClientId, FlowId, NoResponse, ServerId};
use crate::{Request, Response, Status, TokenSource};

/// The ways to code that not every agent needs. There are no others, so that a program whose agents
/// do without doesn't carry it. What follows only from a command is set by that.
#[derive(Clone, Copy, Default)]
pub(super) struct Parts {
    /// For a SUBSCRIBE or a NOTIFY outside of dialogs.
    pub(super) on_event_request: Option<fn(&mut UserAgent, ServerId, FlowId, Request)>,
    /// For a request within a dialog that is no session's.
    pub(super) on_subscription_request: Option<fn(&mut UserAgent, ServerId, &Request)>,
    pub(super) on_outgoing_end: Option<OnOutgoingEnd>,
    pub(super) find_replaced: Option<FindReplaced>,
    pub(super) run_errand: Option<fn(&mut UserAgent, Errand)>,
    pub(super) hold: Option<Hold>,
    pub(super) release: Option<fn(&mut UserAgent, ChallengeId, Outcome)>,
    pub(super) transfers: Transfers,
    pub(super) readers: Readers,
}

type OnOutgoingEnd = fn(&mut UserAgent, OutgoingId, Result<Answered, NoResponse>);
type Hold = fn(&mut UserAgent, ClientId, Owner, u8, &Response) -> bool;
type FindReplaced = fn(&UserAgent, &Request) -> Result<Option<Replacing>, Status>;

impl Parts {
    const ALL: Self = Self {
        on_event_request: Some(UserAgent::on_event_request),
        on_subscription_request: Some(UserAgent::on_subscription_request),
        on_outgoing_end: None,
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
    /// Whatever `config` says, it serves no events and lets no peer transfer or replace a call. An
    /// account needs its [`Secret`](crate::auth::Secret), unless [`UserAgent::ask_for_responses`] is
    /// called; [`CallFacts`](crate::CallFacts) and [`Binding::push`](crate::Binding) stay empty.
    #[must_use]
    pub fn for_calls(mut config: Config, tokens: Box<dyn TokenSource + Send>) -> Self {
        config.notifies.clear();
        config.unsolicited.clear();
        config.takes_transfers = false;
        config.takes_replacements = false;
        Self::of_parts(config, tokens, Parts::default())
    }

    /// Makes an agent for calls ask for the answers to challenges of accounts whose secret is kept
    /// elsewhere ([`CredentialSource::Application`](crate::CredentialSource)), as others always do.
    pub fn ask_for_responses(&mut self) {
        self.parts.hold = Some(Self::hold);
        self.parts.release = Some(Self::release);
    }
}
