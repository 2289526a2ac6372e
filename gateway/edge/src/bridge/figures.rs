//! What an upstream has seen since the gateway started.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The figures of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamFigures {
    /// Its name in the configuration.
    pub name: String,
    /// Whether requests go there, as far as is known.
    pub is_reachable: bool,
    /// Calls that were answered, of each kind.
    pub answered: Vec<(CallKind, u64)>,
}

/// Who called, and who carries the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKind {
    /// Who called.
    pub caller: Caller,
    /// Who carries the sound.
    pub path: SoundPath,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A browser.
    Browser,
    /// The PBX.
    Pbx,
}

/// Who carries the sound of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoundPath {
    /// Browser and PBX themselves.
    Direct,
    /// The gateway.
    Relay,
}

impl CallKind {
    const ALL: [Self; 4] = [
        Self::new(Caller::Browser, SoundPath::Direct),
        Self::new(Caller::Browser, SoundPath::Relay),
        Self::new(Caller::Pbx, SoundPath::Direct),
        Self::new(Caller::Pbx, SoundPath::Relay),
    ];

    pub(crate) const fn new(caller: Caller, path: SoundPath) -> Self {
        Self { caller, path }
    }
}

/// Counts the answered calls of one upstream.
#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; CallKind::ALL.len()]);

impl Tally {
    pub(crate) fn count(&self, answered: CallKind) {
        for (kind, count) in CallKind::ALL.iter().zip(&self.0) {
            if *kind == answered {
                count.fetch_add(1, Relaxed);
            }
        }
    }

    pub(crate) fn read(&self) -> Vec<(CallKind, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        CallKind::ALL.into_iter().zip(counts).collect()
    }
}
