//! What a user knows.

use sidetone_sip::{AccountId, Event, Method, Origin, SessionEvent, SessionId};

use super::{FLOW, Person, address, chosen};

impl Person {
    pub(super) fn open_sessions(&self) -> impl Iterator<Item = SessionId> {
        let sessions = self.watch.sessions.iter();
        sessions
            .filter(|(_, seen)| !seen.is_over())
            .map(|(id, _)| *id)
    }

    /// Mostly a session that goes on, sometimes one that is over.
    pub(super) fn session(&self, which: u8) -> Option<SessionId> {
        let all: Vec<SessionId> = match which {
            0..240 => self.open_sessions().collect(),
            _ => self.watch.sessions.keys().copied().collect(),
        };
        chosen(&all, which)
    }

    pub(super) fn account(&self, which: u8) -> Option<AccountId> {
        chosen(&self.accounts, which)
    }

    pub(super) fn origin(&self) -> Origin {
        match self.accounts.first() {
            Some(account) => Origin::Account(*account),
            None => Origin::Explicit {
                flow: FLOW,
                from: address("sip:me@example.org"),
                contact: address("sip:me@me.invalid"),
            },
        }
    }

    pub(super) fn on_event(&mut self, event: &Event) {
        self.watch.on_event(event);
        match event {
            Event::RequestReceived { id, .. } => self.requests.push_back(*id),
            Event::Challenged { challenge, .. } => self.challenges.push_back(*challenge),
            Event::Session {
                event: SessionEvent::Incoming { request, .. },
                ..
            } => assert_eq!(request.method, Method::Invite),
            _ => {}
        }
    }
}
