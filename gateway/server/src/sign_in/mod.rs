//! People who sign in at the gateway, and accounts whose secrets never leave it.
//!
//! ```text
//!  name, password ──▶ session (cookie) ──▶ ticket ──▶ SIP WebSocket that knows its person
//!                        │                                   │ challenges that came over it
//!                        └──▶ question about one of these ◀──┘
//!                                   └──▶ the response, and nothing else
//! ```
//!
//! A secret answers only what its own upstream has asked, over a flow of the person it belongs to, in
//! the realm it is bound to, and each question once: whoever holds a session can use the accounts
//! while it lasts, and takes nothing with them.

mod attempts;
mod challenges;
mod cookie;
mod routes;
mod sessions;
#[cfg(test)]
mod tests;
mod tickets;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sidetone_edge::{Origin, Person, TicketOffice};
use sidetone_store::Store;
use tokio::sync::Semaphore;

use self::attempts::Attempts;
use self::challenges::{Keeper, Unanswered};
use self::sessions::Sessions;
use self::tickets::Tickets;
use crate::config::{self, Config};

pub(crate) use self::routes::router;

/// Passwords that are checked at once: each takes 19 MiB and a core.
const CHECKS: usize = 2;

/// Everybody who may sign in. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct SignIns(Arc<Inner>);

struct Inner {
    people: Vec<config::Person>,
    /// What they may use, by their names.
    keepers: BTreeMap<String, Arc<Keeper>>,
    sessions: Sessions,
    tickets: Mutex<Tickets>,
    attempts: Mutex<Attempts>,
    checks: Semaphore,
    origins: Vec<Origin>,
}

impl SignIns {
    /// The people of a configuration; their sessions are kept in `store`.
    pub(crate) fn new(config: &Config, store: Store) -> Self {
        let keeper = |person: &config::Person| {
            let accounts = config.accounts.iter();
            let own = accounts.filter(|account| account.person == person.name);
            (person.name.clone(), Arc::new(Keeper::new(own.cloned())))
        };
        Self(Arc::new(Inner {
            keepers: config.people.iter().map(keeper).collect(),
            people: config.people.clone(),
            sessions: Sessions::new(store, config.switch.tenant.clone()),
            tickets: Mutex::default(),
            attempts: Mutex::default(),
            checks: Semaphore::new(CHECKS),
            origins: config.origins.clone(),
        }))
    }

    fn tickets(&self) -> std::sync::MutexGuard<'_, Tickets> {
        self.0
            .tickets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.0
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl TicketOffice for SignIns {
    fn redeem(&self, ticket: &str) -> Option<Arc<dyn Person>> {
        let person = self.tickets().redeem(Instant::now(), ticket)?;
        let keeper = Arc::clone(self.0.keepers.get(&person)?);
        Some(keeper)
    }
}

impl Person for Keeper {
    fn on_response(&self, upstream: Option<&str>, response: &sidetone_sip::Response) {
        self.handle_response(Instant::now(), upstream, response);
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper(…)")
    }
}

/// 32 random bytes in letters: nobody guesses them.
fn token() -> Option<String> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bits = [0; 32];
    SystemRandom::new().fill(&mut bits).ok()?;
    Some(BASE64.encode(bits))
}
