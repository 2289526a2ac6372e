//! What must hold of everything an agent says, whatever happens to it.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{
    Event, Message, Method, Moment, Response, SessionEvent, SessionId, TransferEvent,
};

/// Where a session is, as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Calling,
    Ringing,
    /// We answered, and wait for the ACK.
    Answered,
    Confirmed,
    Ended,
}

/// One session as its user sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    stage: Stage,
    /// An offer of ours waits for its answer.
    our_offer: bool,
    /// An offer of the peer waits for our answer.
    their_offer: bool,
    /// We asked the peer for an offer.
    we_ask: bool,
    /// The peer asked us for one.
    they_ask: bool,
    /// We asked the peer to call somebody else.
    refers: bool,
}

impl Seen {
    const fn new(stage: Stage, our_offer: bool, their_offer: bool) -> Self {
        Self {
            stage,
            our_offer,
            their_offer,
            we_ask: false,
            they_ask: false,
            refers: false,
        }
    }

    const fn is_quiet(&self) -> bool {
        !(self.our_offer || self.their_offer || self.we_ask)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Ended
    }
}

/// How long a request is known again (64·T1, RFC 3261 §17.2). One that is repeated later, because
/// its flow was down for so long, is a new one.
const MEMORY: Duration = Duration::from_secs(32);

/// The answers given to one request: Call-ID, branch, sequence number and method name it.
type Transaction = (String, String, u32, Method);

/// All that one agent said.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) sessions: BTreeMap<SessionId, Seen>,
    /// Offers are answered in reliable provisional responses, too. Then not every answer is told
    /// by an event of its own, so that only the agents know whether offers are in turn.
    is_early: bool,
    answers: BTreeMap<Transaction, (Moment, Vec<u8>)>,
    /// Set while the flow comes up again: what is sent now may have been given since.
    pub(crate) cut_at: Option<Moment>,
}

impl Watch {
    pub(crate) fn new(is_early: bool) -> Self {
        Self {
            is_early,
            ..Self::default()
        }
    }

    // Commands that were carried out

    pub(crate) fn on_invited(&mut self, session: SessionId, with_offer: bool) {
        let seen = Seen::new(Stage::Calling, with_offer, false);
        assert!(self.sessions.insert(session, seen).is_none());
    }

    pub(crate) fn on_accepted(&mut self, session: SessionId) {
        let seen = self.session(session);
        assert_eq!(seen.stage, Stage::Ringing);
        seen.stage = Stage::Answered;
        // Without an offer in the INVITE there is one in the answer.
        seen.our_offer = !seen.their_offer;
        seen.their_offer = false;
    }

    pub(crate) fn on_offered(&mut self, session: SessionId) {
        let is_early = self.is_early;
        let seen = self.session(session);
        assert!(is_early || seen.is_quiet(), "offers overlap");
        seen.our_offer = true;
    }

    pub(crate) fn on_offer_asked(&mut self, session: SessionId) {
        let is_early = self.is_early;
        let seen = self.session(session);
        assert_eq!(seen.stage, Stage::Confirmed);
        assert!(is_early || seen.is_quiet(), "offers overlap");
        seen.we_ask = true;
    }

    pub(crate) fn on_offer_answered(&mut self, session: SessionId) {
        self.on_offer_refused(session);
        let seen = self.session(session);
        // Who is asked for an offer makes one by this.
        seen.our_offer = std::mem::take(&mut seen.they_ask);
    }

    pub(crate) fn on_offer_refused(&mut self, session: SessionId) {
        let is_early = self.is_early;
        let seen = self.session(session);
        assert!(is_early || seen.their_offer, "there was no offer");
        seen.their_offer = false;
    }

    pub(crate) fn on_offer_withdrawn(&mut self, session: SessionId) {
        let is_early = self.is_early;
        let seen = self.session(session);
        assert!(
            is_early || seen.our_offer || seen.we_ask,
            "there was no offer"
        );
    }

    pub(crate) fn on_referred(&mut self, session: SessionId) {
        let seen = self.session(session);
        // RFC 3261 §12: the 2xx confirms the dialog.
        assert!(matches!(seen.stage, Stage::Answered | Stage::Confirmed));
        assert!(!seen.refers, "two transfers of one call");
        seen.refers = true;
    }

    /// A command that needs a session that goes on.
    pub(crate) fn on_command(&mut self, session: SessionId) {
        assert_ne!(self.session(session).stage, Stage::Ended);
    }

    // Events

    pub(crate) fn on_event(&mut self, event: &Event) {
        let Event::Session { session, event } = event else {
            return;
        };
        if let SessionEvent::Incoming { request, .. } = event {
            let seen = Seen::new(Stage::Ringing, false, !request.body.is_empty());
            assert!(self.sessions.insert(*session, seen).is_none());
            return;
        }
        let is_early = self.is_early;
        let seen = self.session(*session);
        assert_ne!(seen.stage, Stage::Ended, "{event:?} after the end");
        seen.on_event(event, is_early);
    }

    fn session(&mut self, session: SessionId) -> &mut Seen {
        let seen = self.sessions.get_mut(&session);
        seen.expect("a session that was announced")
    }

    // Bytes

    /// What is sent can be read, and no request is answered in two ways.
    pub(crate) fn on_transmit(&mut self, now: Moment, bytes: &[u8]) {
        match read_frame(bytes, &Limits::default()) {
            Incoming::Message(Message::Response(response)) => {
                self.on_response(now, &response, bytes);
            }
            Incoming::Message(Message::Request(_)) | Incoming::Ping | Incoming::Pong => {}
            other => panic!(
                "an agent sent {other:?}: {}",
                String::from_utf8_lossy(bytes)
            ),
        }
    }

    fn on_response(&mut self, now: Moment, response: &Response, bytes: &[u8]) {
        if response.status.is_provisional() {
            return;
        }
        let headers = &response.headers;
        let branch = headers
            .via
            .first()
            .and_then(|via| via.params.value("branch"));
        let transaction = (
            headers.call_id.to_string(),
            branch.unwrap_or_default().to_owned(),
            headers.cseq.number,
            headers.cseq.method.clone(),
        );
        let given = self.cut_at.unwrap_or(now);
        let answer = || (given, bytes.to_vec());
        let first = self.answers.entry(transaction).or_insert_with(answer);
        if now.since(first.0) >= MEMORY {
            *first = answer();
        }
        assert_eq!(
            String::from_utf8_lossy(&first.1),
            String::from_utf8_lossy(bytes),
            "one request, two answers"
        );
    }
}

impl Seen {
    fn on_event(&mut self, event: &SessionEvent, is_early: bool) {
        match event {
            SessionEvent::Progress { .. } => assert_eq!(self.stage, Stage::Calling),
            SessionEvent::Accepted { body, .. } => {
                assert_eq!(self.stage, Stage::Calling);
                self.stage = Stage::Confirmed;
                self.their_offer = !self.our_offer && body.is_some();
                self.our_offer = false;
            }
            SessionEvent::Confirmed => {
                assert_eq!(self.stage, Stage::Answered);
                self.stage = Stage::Confirmed;
            }
            SessionEvent::Offer { body } => {
                let overlap = self.our_offer || self.their_offer;
                assert!(is_early || !overlap, "offers overlap");
                self.their_offer = true;
                self.they_ask = body.is_none();
                self.we_ask = false;
            }
            SessionEvent::OfferWithdrawn => {
                assert!(is_early || self.their_offer, "no offer to withdraw");
                self.their_offer = false;
                self.they_ask = false;
            }
            SessionEvent::OfferAnswered { .. } => {
                assert!(is_early || self.our_offer, "no offer to answer");
                self.our_offer = false;
            }
            SessionEvent::OfferRefused { .. } => {
                assert!(
                    is_early || self.our_offer || self.we_ask,
                    "no offer to refuse"
                );
                self.our_offer = false;
                self.we_ask = false;
            }
            SessionEvent::Transfer(TransferEvent::Requested { .. }) => {}
            SessionEvent::Transfer(TransferEvent::Progress { .. }) => {
                assert!(self.refers, "a report on nothing");
            }
            SessionEvent::Transfer(TransferEvent::Done(_)) => {
                assert!(self.refers, "no transfer to end");
                self.refers = false;
            }
            SessionEvent::Ended(_) => {
                assert!(!self.refers, "a transfer without an end");
                self.stage = Stage::Ended;
            }
            _ => {}
        }
    }
}
