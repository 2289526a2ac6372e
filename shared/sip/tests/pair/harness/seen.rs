//! What happened, and whether anything is left.

use std::time::Duration;

use sidetone_sip::{Ended, Event, Message, Method, SessionEvent, SessionId};

use super::Side::{A, B};
use super::{Pair, Side};

impl Pair {
    /// The next event of a side, if there is one.
    pub(crate) fn next_event(&mut self, side: Side) -> Option<Event> {
        self.events.get_mut(&side).unwrap().pop_front()
    }

    /// The next event of a side.
    pub(crate) fn event(&mut self, side: Side) -> Event {
        self.events
            .get_mut(&side)
            .unwrap()
            .pop_front()
            .expect("an event")
    }

    /// The next event of a side, which must be of this session.
    pub(crate) fn session_event(&mut self, side: Side, expected: SessionId) -> SessionEvent {
        match self.event(side) {
            Event::Session { session, event } if session == expected => event,
            other => panic!("{side:?} has {other:?}"),
        }
    }

    pub(crate) fn ended(&mut self, side: Side, session: SessionId) -> Ended {
        match self.session_event(side, session) {
            SessionEvent::Ended(ended) => ended,
            other => panic!("{side:?} has {other:?}"),
        }
    }

    pub(crate) fn incoming(&mut self, side: Side) -> SessionId {
        match self.event(side) {
            Event::Session {
                session,
                event: SessionEvent::Incoming { .. },
            } => session,
            other => panic!("{side:?} has {other:?}"),
        }
    }

    pub(crate) fn no_events(&self) {
        for (side, events) in &self.events {
            assert!(events.is_empty(), "{side:?} has {events:?}");
        }
    }

    /// What went over the wire since the last call.
    #[track_caller]
    pub(crate) fn sent(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.trace), expected);
    }

    pub(crate) fn trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }

    /// The last message of this description.
    pub(crate) fn last_request(&self, method: &Method) -> &sidetone_sip::Request {
        let requests = self
            .messages
            .iter()
            .rev()
            .filter_map(|message| match message {
                Message::Request(request) => Some(request),
                Message::Response(_) => None,
            });
        requests
            .into_iter()
            .find(|request| request.method == *method)
            .expect("a request")
    }

    pub(crate) fn last_response(&self, status: u16, method: &Method) -> &sidetone_sip::Response {
        let responses = self
            .messages
            .iter()
            .rev()
            .filter_map(|message| match message {
                Message::Response(response) => Some(response),
                Message::Request(_) => None,
            });
        let wanted = |r: &&sidetone_sip::Response| {
            r.status.code() == status && r.headers.cseq.method == *method
        };
        responses.into_iter().find(wanted).expect("a response")
    }

    /// Waits for the last timer and checks that nothing is left over.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.run(Duration::from_secs(200));
        self.sent(&[]);
        self.no_events();
        for side in [A, B] {
            assert!(self.agents[&side].is_idle(), "{side:?} is not idle");
            assert!(
                !self.timeouts.contains_key(&side),
                "{side:?} has a timer left"
            );
        }
    }
}
