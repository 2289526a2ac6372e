//! Our reliable provisional responses (RFC 3262 §3).

use std::collections::VecDeque;
use std::time::Duration;

use super::{Phase, Session};
use crate::endpoint::config::{Body, ReliableProvisionals};
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, SessionAlarm, body, contact};
use crate::message::{RAck, RSeq, Require, Supported};
use crate::transaction::ServerId;
use crate::{Method, Request, Response, Status};

/// RFC 3262 §3: reliable responses need not be renewed as often as others.
const RENEWAL: Duration = Duration::from_secs(150);

/// How many responses may wait for the PRACK to the one before.
const MOST_WAITING: usize = 16;

/// Provisional responses that are repeated until their PRACK comes, one at a time.
///
/// ```text
///                    progress(): send, start timers
///        +-------+ ------------------------------> +----------+ T1, 2·T1, …: send
///        | quiet |                                 | unacked  | progress(): queue
///        +-------+ <------------------------------ +----------+ accept(): hold
///                    PRACK: 200, the next of the        |
///                    queue, the held answer             | 64·T1: 504, call over
///                                                       V
/// ```
#[derive(Debug, Default)]
pub(super) struct Reliable {
    wish: Wish,
    /// The number of the last one; zero: there was none.
    last: u32,
    unacknowledged: Option<Sent>,
    waiting: VecDeque<(Status, Option<Body>)>,
    /// The answer of the user that waits for a PRACK.
    accepting: Option<Body>,
    exchange: Exchange,
}

/// What the caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wish {
    #[default]
    Unsupported,
    Supported,
    Required,
}

/// The session description in our reliable responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Exchange {
    /// There was none.
    #[default]
    Open,
    /// It waits for its PRACK.
    Sent,
    /// Offer and answer are complete.
    Settled,
}

#[derive(Debug)]
struct Sent {
    response: Response,
    rack: RAck,
    interval: Duration,
    describes: bool,
}

impl Reliable {
    pub(super) fn asked_by(invite: &Request) -> Self {
        let headers = &invite.headers;
        let required = headers.typed::<Require>().ok().flatten();
        let supported = headers.typed::<Supported>().ok().flatten();
        let wish = if required.is_some_and(|tags| tags.has("100rel")) {
            Wish::Required
        } else if supported.is_some_and(|tags| tags.has("100rel")) {
            Wish::Supported
        } else {
            Wish::Unsupported
        };
        Self {
            wish,
            ..Self::default()
        }
    }

    /// Whether a response is to be sent reliably.
    pub(super) fn covers(&self, policy: ReliableProvisionals, has_body: bool) -> bool {
        match self.wish {
            Wish::Required => true,
            Wish::Unsupported => false,
            Wish::Supported => match policy {
                ReliableProvisionals::IfRequired => false,
                ReliableProvisionals::WithBody => has_body,
                ReliableProvisionals::Always => true,
            },
        }
    }

    pub(super) const fn exchange(&self) -> Exchange {
        self.exchange
    }

    pub(super) const fn was_used(&self) -> bool {
        self.last != 0
    }

    /// Whether the user has answered already.
    pub(super) const fn is_accepting(&self) -> bool {
        self.accepting.is_some()
    }

    /// RFC 3262 §3: a 2xx waits for the PRACK to a response with a session description.
    pub(super) fn must_hold_answer(&self) -> bool {
        let describes = |(_, body): &(Status, Option<Body>)| body.is_some();
        self.exchange == Exchange::Sent || self.waiting.iter().any(describes)
    }

    pub(super) fn hold_answer(&mut self, answer: Body) {
        self.accepting = Some(answer);
    }

    /// The final response is sent: nothing is repeated any more (RFC 3262 §3).
    pub(super) fn finish(&mut self) {
        self.waiting.clear();
        self.accepting = None;
    }
}

impl Session {
    /// Sends a provisional response reliably, or has it wait for the PRACK to the one before.
    pub(super) fn progress_reliably(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
        body: Option<Body>,
    ) -> super::Command {
        if self.reliable.waiting.len() >= MOST_WAITING {
            return Err(crate::CommandError::WrongState);
        }
        self.reliable.waiting.push_back((status, body));
        self.send_next_reliable(endpoint);
        Ok(())
    }

    fn send_next_reliable(&mut self, endpoint: &mut Endpoint) {
        let Phase::Ringing(ringing) = &self.phase else {
            return;
        };
        let reliable = &mut self.reliable;
        if reliable.unacknowledged.is_some() {
            return;
        }
        let Some((status, body)) = reliable.waiting.pop_front() else {
            return;
        };
        reliable.last = match reliable.last {
            // RFC 3262 §3: between 1 and 2³¹ − 1.
            0 => u32::try_from(endpoint.tokens.bits() % 0x7fff_ffff).unwrap_or(0) + 1,
            last => last.wrapping_add(1).max(1),
        };
        let mut response = ringing.response(status);
        contact(&mut response.headers, &self.contact);
        endpoint.list_abilities(&mut response.headers);
        response.headers.push(&Require(vec!["100rel".into()]));
        response.headers.push(&RSeq(reliable.last));
        // RFC 3261 §13.2.1: only the first session description counts.
        let body = body.filter(|_| reliable.exchange == Exchange::Open);
        let describes = body.is_some();
        if let Some(body) = body {
            self.description = Some(body.clone());
            body::write(&mut response.headers, &mut response.body, body);
            reliable.exchange = Exchange::Sent;
        }
        let interval = endpoint.config.timers.t1;
        let rack = RAck {
            rseq: reliable.last,
            cseq: response.headers.cseq.clone(),
        };
        reliable.unacknowledged = Some(Sent {
            response: response.clone(),
            rack,
            interval,
            describes,
        });
        endpoint.respond(ringing.server(), response);
        self.start_alarm(endpoint, SessionAlarm::Reliable, interval);
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SessionAlarm::ReliableDeadline, patience);
        self.start_alarm(endpoint, SessionAlarm::Provisional, RENEWAL);
    }

    pub(super) fn repeat_reliable(&mut self, endpoint: &mut Endpoint) {
        let (Phase::Ringing(ringing), Some(sent)) =
            (&self.phase, &mut self.reliable.unacknowledged)
        else {
            return;
        };
        endpoint.respond(ringing.server(), sent.response.clone());
        sent.interval *= 2;
        let interval = sent.interval;
        self.start_alarm(endpoint, SessionAlarm::Reliable, interval);
    }

    /// RFC 3262 §3: without a PRACK within 64·T1 the INVITE is refused with a 5xx.
    pub(super) fn on_no_prack(&mut self, endpoint: &mut Endpoint) {
        if let Phase::Ringing(_) = self.phase {
            self.refuse(endpoint, Status::SERVER_TIMEOUT, Vec::new());
            self.tell_ended(endpoint, Ended::by(EndedBy::TimedOut));
        }
    }

    pub(super) fn on_prack(&mut self, endpoint: &mut Endpoint, server: ServerId, prack: Request) {
        let rack = prack.headers.typed::<RAck>().ok().flatten();
        let sent = self.reliable.unacknowledged.take();
        let (describes, sent) = match sent {
            Some(sent) if rack.as_ref() == Some(&sent.rack) => (sent.describes, sent),
            other => {
                self.reliable.unacknowledged = other;
                endpoint.respond_status(server, &prack, Status::CALL_DOES_NOT_EXIST);
                return;
            }
        };
        let has_body = !prack.body.is_empty();
        if has_body && endpoint.refuse_unsupported(server, &prack, true) {
            self.reliable.unacknowledged = Some(sent);
            return;
        }
        self.stop_alarm(endpoint, SessionAlarm::Reliable);
        self.stop_alarm(endpoint, SessionAlarm::ReliableDeadline);
        if describes {
            self.reliable.exchange = Exchange::Settled;
        }
        let made_offer = describes && self.invite_had_no_offer();
        if made_offer {
            endpoint.respond_status(server, &prack, Status::OK);
            let body = body::read(&prack.headers, &prack.body);
            self.tell(endpoint, SessionEvent::OfferAnswered { body });
        } else if has_body {
            self.on_offer_in_prack(endpoint, server, prack);
        } else {
            endpoint.respond_status(server, &prack, Status::OK);
        }
        if self.reliable.waiting.is_empty() {
            if let Some(answer) = self.reliable.accepting.take() {
                self.answer_invite(endpoint, answer);
            }
        } else {
            self.send_next_reliable(endpoint);
        }
    }

    fn invite_had_no_offer(&self) -> bool {
        matches!(&self.phase, Phase::Ringing(ringing) if !ringing.has_offer())
    }

    /// The 1xx is renewed so that proxies keep waiting; true if it was.
    pub(super) fn renew_reliable(&mut self, endpoint: &mut Endpoint, status: Status) -> bool {
        let is_due = self.reliable.was_used() && !self.reliable.is_accepting();
        is_due && self.progress_reliably(endpoint, status, None).is_ok()
    }
}

/// Whether a response wants a PRACK (RFC 3262 §4), and its number.
pub(super) fn wants_prack(response: &Response) -> Option<u32> {
    let required = response.headers.typed::<Require>().ok().flatten()?;
    let rseq = response.headers.typed::<RSeq>().ok().flatten()?;
    let is_invite = response.headers.cseq.method == Method::Invite;
    (is_invite && required.has("100rel")).then_some(rseq.0)
}
