//! Tickets for the SIP WebSocket. A browser shows cookies with a WebSocket, whichever page opens it; a
//! ticket shows that the page could read an answer of ours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::name;

/// How long a ticket is good.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// Tickets of one person that are good at once; beyond, the oldest is not any more.
const MOST: usize = 16;

/// The tickets that were given out and are still good.
#[derive(Default)]
pub(super) struct Tickets(HashMap<[u8; 32], Given>);

struct Given {
    person: String,
    /// In whose name it was asked for.
    session: [u8; 32],
    at: Instant,
}

impl Tickets {
    /// Notes that `ticket` is given to `person`.
    pub(super) fn give(&mut self, now: Instant, ticket: &str, person: &str, session: [u8; 32]) {
        self.0.retain(|_, given| given.is_good(now));
        let own = self.0.iter().filter(|(_, given)| given.person == person);
        if own.clone().count() >= MOST
            && let Some((oldest, _)) = own.min_by_key(|(_, given)| given.at)
        {
            let oldest = *oldest;
            self.0.remove(&oldest);
        }
        let given = Given {
            person: person.to_owned(),
            session,
            at: now,
        };
        self.0.insert(name(ticket), given);
    }

    /// Whose ticket it is, for the first and only time.
    pub(super) fn redeem(&mut self, now: Instant, ticket: &str) -> Option<String> {
        let given = self.0.remove(&name(ticket))?;
        given.is_good(now).then_some(given.person)
    }

    /// The session is over, and so are its tickets.
    pub(super) fn revoke(&mut self, session: &[u8; 32]) {
        self.0.retain(|_, given| given.session != *session);
    }
}

impl Given {
    fn is_good(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < GOOD_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: [u8; 32] = [1; 32];

    #[test]
    fn a_ticket_is_good_once() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.give(now, "a", "ann", SESSION);
        tickets.give(now, "b", "ben", SESSION);
        assert_eq!(tickets.redeem(now, "c"), None);
        assert_eq!(tickets.redeem(now, "a").as_deref(), Some("ann"));
        assert_eq!(tickets.redeem(now, "a"), None);
        assert_eq!(tickets.redeem(now, "b").as_deref(), Some("ben"));
    }

    #[test]
    fn a_ticket_is_good_for_less_than_a_minute() {
        let now = Instant::now();
        for (age, good) in [(59_999, true), (60_000, false), (3_600_000, false)] {
            let mut tickets = Tickets::default();
            tickets.give(now, "a", "ann", SESSION);
            let then = now + Duration::from_millis(age);
            assert_eq!(tickets.redeem(then, "a").is_some(), good, "{age} ms");
            // One that came too late is not good at an earlier time either.
            assert_eq!(tickets.redeem(now, "a"), None);
        }
    }

    #[test]
    fn tickets_end_with_their_session() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.give(now, "a", "ann", SESSION);
        tickets.give(now, "b", "ann", [2; 32]);
        tickets.revoke(&SESSION);
        assert_eq!(tickets.redeem(now, "a"), None);
        assert_eq!(tickets.redeem(now, "b").as_deref(), Some("ann"));
    }

    #[test]
    fn nobody_can_hoard_them() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.give(now, "of ben", "ben", SESSION);
        for number in 0..100_u64 {
            let then = now + Duration::from_millis(number);
            tickets.give(then, &number.to_string(), "ann", SESSION);
        }
        assert_eq!(tickets.0.len(), MOST + 1);
        let then = now + Duration::from_millis(100);
        assert_eq!(tickets.redeem(then, "83"), None);
        assert!(tickets.redeem(then, "84").is_some());
        assert!(tickets.redeem(then, "of ben").is_some());
    }
}
