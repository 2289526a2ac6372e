//! How to read what not every application wants to know.

use super::event::SessionId;
use super::facts::CallFacts;
use crate::push::PushService;
use crate::{Headers, Request};

/// The ways to code that not every agent needs; without one, what it reads is never there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Readers {
    pub(crate) facts: Option<fn(&Request, Option<SessionId>) -> CallFacts>,
    pub(crate) push: Option<fn(&Headers) -> Vec<PushService>>,
}

impl Readers {
    pub(crate) const ALL: Self = Self {
        facts: Some(CallFacts::of),
        push: Some(PushService::all),
    };
}
