//! Our 2xx to an INVITE until its ACK (RFC 3261 §13.3.1.4).

use std::time::Duration;

use super::{Over, Phase, Session};
use crate::endpoint::config::Body;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, SessionAlarm, body, contact};
use crate::transaction::ServerId;
use crate::{Request, Response};

/// A 2xx that is repeated until its ACK comes, over reliable transports, too.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    server: ServerId,
    /// The number of the INVITE, which the ACK repeats.
    number: u32,
    interval: Duration,
    /// The body is an offer, so that the ACK brings the answer.
    makes_offer: bool,
    /// It answers the INVITE that set the session up.
    sets_up: bool,
}

impl Session {
    pub(super) fn send_answer(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        mut response: Response,
        answer: Option<Body>,
        makes_offer: bool,
        sets_up: bool,
    ) {
        contact(&mut response.headers, &self.contact);
        endpoint.list_abilities(&mut response.headers);
        if let Some(answer) = answer {
            self.description = Some(answer.clone());
            body::write(&mut response.headers, &mut response.body, answer);
        }
        let number = response.headers.cseq.number;
        let interval = endpoint.config.timers.t1;
        endpoint.respond(server, response);
        self.answer = Some(Unacknowledged {
            server,
            number,
            interval,
            makes_offer,
            sets_up,
        });
        self.start_alarm(endpoint, SessionAlarm::Answer, interval);
        let patience = endpoint.config.timers.patience();
        self.start_alarm(endpoint, SessionAlarm::AnswerDeadline, patience);
    }

    /// Whether the ACK to the INVITE that set the session up is still to come.
    pub(super) fn awaits_first_ack(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.sets_up)
    }

    /// Whether our 2xx made an offer, which only its ACK answers.
    pub(super) fn awaits_answer_in_ack(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.makes_offer)
    }

    pub(super) fn repeat_answer(&mut self, endpoint: &mut Endpoint) {
        let Some(answer) = &mut self.answer else {
            return;
        };
        endpoint.transactions.repeat_success(answer.server);
        answer.interval = (answer.interval * 2).min(endpoint.config.timers.t2);
        let interval = answer.interval;
        self.start_alarm(endpoint, SessionAlarm::Answer, interval);
    }

    pub(super) fn stop_answer(&mut self, endpoint: &mut Endpoint) -> Option<Unacknowledged> {
        self.stop_alarm(endpoint, SessionAlarm::Answer);
        self.stop_alarm(endpoint, SessionAlarm::AnswerDeadline);
        self.answer.take()
    }

    pub(crate) fn on_ack(&mut self, endpoint: &mut Endpoint, ack: &Request) {
        if self
            .answer
            .as_ref()
            .is_none_or(|answer| answer.number != ack.headers.cseq.number)
        {
            return;
        }
        let Some(answer) = self.stop_answer(endpoint) else {
            return;
        };
        if let Phase::Over(_) = self.phase {
            self.say_farewell(endpoint);
            return;
        }
        if answer.sets_up {
            self.tell(endpoint, SessionEvent::Confirmed);
        }
        if answer.makes_offer {
            let body = body::read(&ack.headers, &ack.body);
            self.tell(endpoint, SessionEvent::OfferAnswered { body });
        }
    }

    /// RFC 3261 §13.3.1.4: without an ACK the session is ended by a BYE.
    pub(super) fn on_no_ack(&mut self, endpoint: &mut Endpoint) {
        if let Phase::Over(_) = self.phase {
            self.stop_answer(endpoint);
            self.say_farewell(endpoint);
        } else {
            self.stop_answer(endpoint);
            self.hang_up(endpoint, Vec::new());
            self.tell_ended(endpoint, Ended::by(EndedBy::TimedOut));
        }
    }

    fn say_farewell(&mut self, endpoint: &mut Endpoint) {
        let Phase::Over(Over {
            farewell, dialog, ..
        }) = &mut self.phase
        else {
            return;
        };
        if let Some(waiting) = farewell.take() {
            let (mut speaking, headers) = *waiting;
            let mut bye = speaking.request(crate::Method::Bye);
            bye.headers.others.extend(headers);
            *dialog = Some(Box::new(speaking));
            self.send(endpoint, bye, crate::endpoint::Purpose::Bye, 0);
        }
    }
}
