//! Tickets for the SIP WebSocket. A browser shows cookies with a WebSocket, whichever page opens it; a
//! ticket shows that the page could read an answer of ours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::name;

/// How long a ticket is good.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// Tickets of one person that are good at once; beyond, the oldest is not any more.
const MOST: usize = 16;

/// The tickets that were given out and are still good, and the sessions that used some.
#[derive(Default)]
pub(super) struct Tickets {
    given: HashMap<[u8; 32], Given>,
    /// Dropped with its session; who came by a ticket of it holds the other end.
    stays: HashMap<[u8; 32], watch::Sender<()>>,
}

struct Given {
    person: String,
    /// In whose name it was asked for.
    session: [u8; 32],
    at: Instant,
}

impl Tickets {
    /// Notes that `ticket` is given to `person`.
    pub(super) fn give(&mut self, now: Instant, ticket: &str, person: &str, session: [u8; 32]) {
        self.given.retain(|_, given| given.is_good(now));
        let own = self
            .given
            .iter()
            .filter(|(_, given)| given.person == person);
        if own.clone().count() >= MOST
            && let Some((oldest, _)) = own.min_by_key(|(_, given)| given.at)
        {
            let oldest = *oldest;
            self.given.remove(&oldest);
        }
        let given = Given {
            person: person.to_owned(),
            session,
            at: now,
        };
        self.given.insert(name(ticket), given);
    }

    /// Whose ticket it is, for the first and only time, and what closes when the session is over.
    pub(super) fn redeem(
        &mut self,
        now: Instant,
        ticket: &str,
    ) -> Option<(String, watch::Receiver<()>)> {
        let given = self.given.remove(&name(ticket))?;
        if !given.is_good(now) {
            return None;
        }
        self.stays.retain(|_, stay| !stay.is_closed());
        let stay = self.stays.entry(given.session).or_default();
        Some((given.person, stay.subscribe()))
    }

    /// The session is over, and so are its tickets and whoever came by one.
    pub(super) fn revoke(&mut self, session: &[u8; 32]) {
        self.given.retain(|_, given| given.session != *session);
        self.stays.remove(session);
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

    fn person(tickets: &mut Tickets, now: Instant, ticket: &str) -> Option<String> {
        let (person, _) = tickets.redeem(now, ticket)?;
        Some(person)
    }

    #[test]
    fn a_ticket_is_good_once() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.give(now, "a", "ann", SESSION);
        tickets.give(now, "b", "ben", SESSION);
        assert_eq!(person(&mut tickets, now, "c"), None);
        assert_eq!(person(&mut tickets, now, "a").as_deref(), Some("ann"));
        assert_eq!(person(&mut tickets, now, "a"), None);
        assert_eq!(person(&mut tickets, now, "b").as_deref(), Some("ben"));
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
            assert_eq!(person(&mut tickets, now, "a"), None);
        }
    }

    #[test]
    fn tickets_end_with_their_session() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.give(now, "a", "ann", SESSION);
        tickets.give(now, "b", "ann", [2; 32]);
        tickets.revoke(&SESSION);
        assert_eq!(person(&mut tickets, now, "a"), None);
        assert_eq!(person(&mut tickets, now, "b").as_deref(), Some("ann"));
    }

    #[test]
    fn who_came_by_a_ticket_stays_as_long_as_the_session() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        for (ticket, session) in [("a", SESSION), ("b", SESSION), ("c", [2; 32])] {
            tickets.give(now, ticket, "ann", session);
        }
        let [a, b, c] = ["a", "b", "c"].map(|ticket| tickets.redeem(now, ticket).unwrap().1);
        let is_over = |stay: &watch::Receiver<()>| stay.has_changed().is_err();
        assert!(![&a, &b, &c].into_iter().any(is_over));
        tickets.revoke(&SESSION);
        assert!(is_over(&a) && is_over(&b) && !is_over(&c));
        // Nothing is kept for who is gone.
        drop(c);
        tickets.give(now, "d", "ann", [3; 32]);
        let _d = tickets.redeem(now, "d");
        assert_eq!(tickets.stays.len(), 1);
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
        assert_eq!(tickets.given.len(), MOST + 1);
        let then = now + Duration::from_millis(100);
        assert_eq!(person(&mut tickets, then, "83"), None);
        assert!(tickets.redeem(then, "84").is_some());
        assert!(tickets.redeem(then, "of ben").is_some());
    }
}
