use std::time::Duration;

use sidetone_sip::{Text, Timers};

use crate::directory::Directory;
use crate::registrar::RegistrarLimits;

/// How a switch behaves.
#[derive(Clone, Debug)]
pub struct SwitchConfig {
    /// Who is who.
    pub directory: Directory,
    /// The Server and User-Agent header, such as `Sidetone/0.1.0`.
    pub product: Text,
    /// The host of the switch's own Via and Contact headers. Phones never resolve it: their
    /// requests go over the socket they opened.
    pub via_host: Text,
    /// Bounds of registrations.
    pub registrar: RegistrarLimits,
    /// How long a phone may ring.
    pub no_answer: Duration,
    /// How long a call that is up waits for a phone whose connection was lost.
    pub return_grace: Duration,
    /// How long a call that rings does, or one that begins meanwhile.
    pub ring_grace: Duration,
    /// Calls that one extension may have at once.
    pub calls_per_extension: usize,
    /// The SIP timers.
    pub timers: Timers,
}

impl SwitchConfig {
    /// The usual settings for these people.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            product: concat!("Sidetone/", env!("CARGO_PKG_VERSION")).into(),
            via_host: "sidetone.invalid".into(),
            registrar: RegistrarLimits::default(),
            no_answer: Duration::from_secs(30),
            return_grace: Duration::from_secs(120),
            ring_grace: Duration::from_secs(5),
            calls_per_extension: 8,
            timers: Timers::default(),
        }
    }
}
