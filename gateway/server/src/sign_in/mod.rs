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
//!
//! When somebody signs out, the WebSockets of the session are closed.
//!
//! Who signs in at a PBX only, with its password, is a visitor.

mod attempts;
mod challenges;
mod cookie;
mod routes;
mod sessions;
#[cfg(test)]
mod tests;
mod tickets;
mod visitors;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;
use sidetone_edge::{Admitted, Origin, Peer, Person, TicketOffice, Visit};
use sidetone_store::Store;
use tokio::sync::Semaphore;

use self::attempts::Attempts;
use self::challenges::{Keeper, Unanswered};
use self::sessions::Sessions;
use self::tickets::Tickets;
use self::visitors::Visitors;
use crate::config::{self, Config, IceServer};

pub(crate) use self::routes::{Refusal, router};

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
    visitors: Arc<Visitors>,
    /// Whether there is something for visitors that strangers don't get.
    has_visitors: bool,
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
            visitors: Arc::default(),
            has_visitors: config.ice_servers.iter().any(IceServer::asks),
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
    fn redeem(&self, ticket: &str) -> Option<Admitted> {
        let (person, mut stay) = self.tickets().redeem(Instant::now(), ticket)?;
        let person = Arc::clone(self.0.keepers.get(&person)?);
        // Nothing is ever sent: it ends with its other end.
        let stay = Box::pin(async move { while stay.changed().await.is_ok() {} });
        Some(Admitted { person, stay })
    }

    fn visit(&self, peer: Peer, headers: &HeaderMap) -> Option<Visit> {
        if !self.0.has_visitors {
            return None;
        }
        Visitors::open(&self.0.visitors, peer, headers)
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

/// By what a token is known: no comparison tells how much of a guess was right, and what is kept
/// opens nothing.
fn name(token: &str) -> [u8; 32] {
    use ring::digest::{SHA256, digest};
    let mut name = [0; 32];
    name.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    name
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
