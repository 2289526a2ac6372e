//! The link between the two.

use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{SeededTokens, TokenSource};

use crate::proxies::Chain;

/// What the link does to a message.
pub(crate) struct Link {
    pub(crate) transport: Transport,
    pub(crate) delay: Duration,
    /// Up to so many milliseconds come to the delay, so that messages overtake each other.
    pub(crate) jitter: u64,
    /// Through whom messages go.
    pub(crate) proxies: Chain,
    /// Of a hundred messages, how many are lost.
    pub(crate) loss: u64,
    /// Of a hundred messages, how many arrive twice.
    pub(crate) duplication: u64,
    /// The other end is played by the test: nothing is delivered, and nothing counts as lost.
    pub(crate) is_scripted: bool,
    /// Says which messages get lost besides, by their line in the trace.
    pub(crate) swallow: Box<dyn FnMut(&str) -> bool>,
    pub(super) tokens: SeededTokens,
}

impl Link {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            delay: Duration::from_millis(10),
            jitter: 0,
            proxies: Chain::default(),
            loss: 0,
            duplication: 0,
            is_scripted: false,
            swallow: Box::new(|_| false),
            tokens: SeededTokens::new(7),
        }
    }

    pub(crate) fn lossy(seed: u64, loss: u64, duplication: u64) -> Self {
        let tokens = SeededTokens::new(seed);
        Self {
            loss,
            duplication,
            tokens,
            ..Self::new(Transport::Udp)
        }
    }

    pub(super) fn copies(&mut self, line: &str) -> usize {
        if (self.swallow)(line) || self.tokens.bits() % 100 < self.loss {
            return 0;
        }
        if self.tokens.bits() % 100 < self.duplication {
            2
        } else {
            1
        }
    }
}
