//! How long to wait before a registration is tried again (RFC 5626 §4.5).

use std::time::Duration;

use crate::endpoint::Endpoint;

/// The base if no flow of this phone to the registrar is left.
const NONE_LEFT: Duration = Duration::from_secs(30);
/// The base if another flow still works.
const ONE_LEFT: Duration = Duration::from_secs(90);
const LONGEST: Duration = Duration::from_secs(1800);

/// Counts the failures in a row of one registration.
///
/// ```text
///              granted              sign of life on the flow
///   +--------+ -------> +---------+ ------------> +--------+
///   | Failed |          | OnTrial |               | Proven |  no failures
///   +--------+ <------- +---------+               +--------+
///        ^      failed                                |
///        +------------------- failed -----------------+
/// ```
#[derive(Debug, Default)]
pub(super) struct Recovery {
    failures: u32,
    is_on_trial: bool,
}

impl Recovery {
    pub(super) fn on_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.is_on_trial = false;
    }

    /// A flow is good once it has carried a sign of life after the registration, if any are asked
    /// for.
    pub(super) fn on_granted(&mut self, asks_signs_of_life: bool) {
        self.is_on_trial = asks_signs_of_life;
        if !asks_signs_of_life {
            self.failures = 0;
        }
    }

    pub(super) fn on_sign_of_life(&mut self) {
        if self.is_on_trial {
            *self = Self::default();
        }
    }

    /// Whether the last registration over this flow was good.
    pub(super) const fn is_proven(&self) -> bool {
        self.failures == 0 && !self.is_on_trial
    }

    /// Half to all of the base doubled with each failure, so that phones don't come back all at
    /// once.
    pub(super) fn wait(&self, endpoint: &mut Endpoint, is_one_left: bool) -> Duration {
        let base = if is_one_left { ONE_LEFT } else { NONE_LEFT };
        let doubled = base.saturating_mul(1 << self.failures.min(16));
        endpoint.jittered(doubled.min(LONGEST))
    }
}
