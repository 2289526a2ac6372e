use std::time::Duration;

use super::{PublicationEnd, PublicationEvent, PublicationId, Publish};
use crate::endpoint::config::Body;
use crate::endpoint::event::{AccountId, Event};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Endpoint, Owner, Speaker, Task, body, is_challenge};
use crate::message::{
    CSeq, EventType, Expires, Headers, MinExpires, RawHeader, RetryAfter, SipEtag, SipIfMatch,
};
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence};
use crate::{Address, Method, Request, Response, Status, Text, Uri};

/// A publication as the agent sees it. The agent knows no other name for one, so that an app that
/// publishes nothing doesn't carry the code that does.
pub(crate) trait Publisher {
    fn flow(&self) -> FlowId;
    fn account(&self) -> Option<AccountId>;
    fn awaits(&self, client: ClientId) -> bool;
    /// Over for its user.
    fn is_leaving(&self) -> bool;
    fn is_over(&self) -> bool;
    /// Publishes or refreshes, if the flow is up and nothing is on its way.
    fn publish(&mut self, endpoint: &mut Endpoint);
    fn modify(&mut self, endpoint: &mut Endpoint, body: Body);
    fn end(&mut self, endpoint: &mut Endpoint);
    fn on_response(&mut self, e: &mut Endpoint, client: ClientId, answered: u8, r: &Response);
    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse);
    fn on_flow_down(&mut self, endpoint: &mut Endpoint);
}

/// State that is kept published (RFC 3903 §4).
///
/// ```text
///       flow up, retry alarm:
///   +---------+ PUBLISH with the state  +--------+ challenge, 423, 412 (without the tag):
///   | Waiting | ----------------------> | Asking | --+ PUBLISH again
///   +---------+                         +--------+ <-+
///        ^  refused for now, no answer    |  |  ^
///        +--------------------------------+  |  | refresh alarm, flow up: PUBLISH with the tag
///                                   2xx: tag |  | modify(): PUBLISH with tag and state
///      refused for good                      V  |
///   Over <------------- Asking            +-----------+
///     ^                                   | Published |
///     |            any answer             +-----------+
///     +------------------------ Leaving <------+ end(): PUBLISH with the tag, expires=0
/// ```
#[derive(Debug)]
pub(crate) struct Publication {
    id: PublicationId,
    flow: FlowId,
    account: Option<AccountId>,
    from: Address,
    target: Uri,
    package: Text,
    body: Body,
    headers: Vec<RawHeader>,
    expires: u32,
    call_id: Text,
    number: u32,
    state: State,
    /// Names what is published, to the one who keeps it.
    tag: Option<Text>,
    /// What is published is not `body`.
    is_outdated: bool,
    is_challenged: bool,
    /// Failures in a row.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Asking(ClientId),
    Published,
    /// Ended by the user while a PUBLISH was on its way.
    LeavingSoon(ClientId),
    Leaving(ClientId),
    Over,
}

impl Publication {
    pub(crate) fn new(
        endpoint: &mut Endpoint,
        id: PublicationId,
        speaker: Speaker,
        wish: Publish,
    ) -> Self {
        Self {
            id,
            flow: speaker.flow,
            account: speaker.account,
            from: speaker.from.with_tag(&endpoint.tokens.token()),
            target: wish.target,
            package: wish.package,
            body: wish.body,
            headers: [speaker.privacy, wish.headers].concat(),
            expires: wish.expires,
            call_id: endpoint.call_id(),
            number: 0,
            state: State::Waiting,
            tag: None,
            is_outdated: true,
            is_challenged: false,
            failures: 0,
        }
    }

    fn ask(&mut self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Publication(self.id));
        let client = self.send(endpoint, self.expires);
        self.state = State::Asking(client);
    }

    /// RFC 3903 §4.1: what is told once is refreshed without a body.
    fn send(&mut self, endpoint: &mut Endpoint, expires: u32) -> ClientId {
        let cseq = CSeq {
            number: self.next_number(),
            method: Method::Publish,
        };
        let to = Address::new(self.target.clone());
        let mut headers = Headers::new(self.from.clone(), to, self.call_id.clone(), cseq);
        headers.others.clone_from(&self.headers);
        headers.push(&EventType::of(self.package.clone()));
        headers.push(&Expires(expires));
        if let Some(tag) = &self.tag {
            headers.push(&SipIfMatch(tag.clone()));
        }
        let mut request = Request::new(Method::Publish, self.target.clone(), headers);
        if expires > 0 && (self.is_outdated || self.tag.is_none()) {
            let (headers, bytes) = (&mut request.headers, &mut request.body);
            body::write(headers, bytes, self.body.clone());
            self.is_outdated = false;
        }
        let account = self.account.filter(|_| self.is_challenged);
        let identity = account.and_then(|account| endpoint.identities.get_mut(&account));
        if let Some(identity) = identity {
            identity.authorize(&mut request, endpoint.tokens.as_mut());
        }
        self.transmit(endpoint, request, 0)
    }

    fn transmit(&self, endpoint: &mut Endpoint, request: Request, answered: u8) -> ClientId {
        let task = Task {
            owner: Owner::Publication(self.id),
            answered,
        };
        endpoint.send(self.flow, request, Persistence::Fails, task)
    }

    fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn leave(&mut self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Publication(self.id));
        self.state = if self.tag.is_some() && endpoint.transactions.is_up(self.flow) {
            State::Leaving(self.send(endpoint, 0))
        } else {
            State::Over
        };
    }

    fn on_published(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let tag = response.headers.typed::<SipEtag>().ok().flatten();
        self.tag = tag.map(|tag| tag.0.detached());
        self.failures = 0;
        if let State::LeavingSoon(_) = self.state {
            self.leave(endpoint);
            return;
        }
        if self.tag.is_none() {
            self.finish(endpoint, PublicationEnd::NoTag);
            return;
        }
        self.state = State::Published;
        let granted = response.headers.typed::<Expires>().ok().flatten();
        let seconds = granted.map_or(self.expires, |granted| granted.0);
        let refresh = seconds.saturating_sub(60).max(seconds / 2).max(1);
        let refresh = Duration::from_secs(refresh.into());
        endpoint.start_alarm(Alarm::Publication(self.id), refresh);
        if self.is_outdated {
            self.ask(endpoint);
        } else {
            let expires = Duration::from_secs(seconds.into());
            self.tell(endpoint, PublicationEvent::Published { expires });
        }
    }

    fn on_refused(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let headers = &response.headers;
        let least = headers.typed::<MinExpires>().ok().flatten();
        let least = least.filter(|least| least.0 > self.expires);
        let retry_after = headers.typed::<RetryAfter>().ok().flatten();
        let passes = matches!(response.status.code(), 408 | 480 | 500 | 503 | 504);
        // What was on its way has not arrived.
        self.is_outdated = true;
        match (response.status, least) {
            // RFC 3903 §4.1: it is forgotten, and made anew.
            (Status::CONDITIONAL_REQUEST_FAILED, _) if self.tag.take().is_some() => {
                self.ask(endpoint);
            }
            (Status::INTERVAL_TOO_BRIEF, Some(least)) => {
                self.expires = least.0;
                self.ask(endpoint);
            }
            _ if passes || retry_after.is_some() => {
                let wait = retry_after.map_or_else(|| self.back_off(endpoint), |after| after.0);
                self.lose(endpoint, PublicationEnd::refused(response), Some(wait));
            }
            _ => self.finish(endpoint, PublicationEnd::refused(response)),
        }
    }

    fn back_off(&self, endpoint: &mut Endpoint) -> Duration {
        endpoint.back_off(self.failures)
    }

    /// Publishes again in a while, as if for the first time: it may have expired.
    fn lose(&mut self, endpoint: &mut Endpoint, cause: PublicationEnd, retry: Option<Duration>) {
        self.state = State::Waiting;
        self.is_outdated = true;
        self.failures += 1;
        if let Some(wait) = retry {
            endpoint.start_alarm(Alarm::Publication(self.id), wait);
        }
        let retry_in = retry;
        self.tell(endpoint, PublicationEvent::Lost { cause, retry_in });
    }

    fn finish(&mut self, endpoint: &mut Endpoint, cause: PublicationEnd) {
        endpoint.alarms.stop(Alarm::Publication(self.id));
        self.state = State::Over;
        self.tell(endpoint, PublicationEvent::Ended(cause));
    }

    fn tell(&self, endpoint: &mut Endpoint, event: PublicationEvent) {
        endpoint.tell(Event::Publication {
            publication: self.id,
            event,
        });
    }
}

impl Publisher for Publication {
    fn flow(&self) -> FlowId {
        self.flow
    }

    fn account(&self) -> Option<AccountId> {
        self.account
    }

    fn awaits(&self, awaited: ClientId) -> bool {
        match self.state {
            State::Asking(client) | State::LeavingSoon(client) | State::Leaving(client) => {
                client == awaited
            }
            State::Waiting | State::Published | State::Over => false,
        }
    }

    fn is_leaving(&self) -> bool {
        matches!(
            self.state,
            State::LeavingSoon(_) | State::Leaving(_) | State::Over
        )
    }

    fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn publish(&mut self, endpoint: &mut Endpoint) {
        let is_free = matches!(self.state, State::Waiting | State::Published);
        if is_free && endpoint.transactions.is_up(self.flow) {
            self.ask(endpoint);
        }
    }

    fn modify(&mut self, endpoint: &mut Endpoint, body: Body) {
        self.body = body;
        self.is_outdated = true;
        if self.state == State::Published {
            self.publish(endpoint);
        }
    }

    /// Over for the user at once; what was published is still taken back.
    fn end(&mut self, endpoint: &mut Endpoint) {
        self.tell(endpoint, PublicationEvent::Ended(PublicationEnd::Local));
        match self.state {
            State::Asking(client) => self.state = State::LeavingSoon(client),
            _ => self.leave(endpoint),
        }
    }

    fn on_response(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) {
        if !self.awaits(client) || response.status.is_provisional() {
            return;
        }
        if is_challenge(response.status) {
            let verdict = endpoint.answer_challenge(self.account, client, answered, response);
            match (verdict, &self.state) {
                (Verdict::Retry(mut request), _) => {
                    self.is_challenged = true;
                    request.headers.cseq.number = self.next_number();
                    let again = self.transmit(endpoint, *request, answered + 1);
                    match &mut self.state {
                        State::Asking(client)
                        | State::LeavingSoon(client)
                        | State::Leaving(client) => *client = again,
                        State::Waiting | State::Published | State::Over => {}
                    }
                }
                (_, State::LeavingSoon(_) | State::Leaving(_)) => self.state = State::Over,
                (Verdict::WrongCredentials, _) => {
                    self.finish(endpoint, PublicationEnd::WrongCredentials);
                }
                (Verdict::NotOurs, _) => self.finish(endpoint, PublicationEnd::refused(response)),
            }
            return;
        }
        match self.state {
            State::Leaving(_) => self.state = State::Over,
            _ if response.status.is_success() => self.on_published(endpoint, response),
            State::LeavingSoon(_) => self.leave(endpoint),
            _ => self.on_refused(endpoint, response),
        }
    }

    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        let cause = PublicationEnd::NoAnswer(why);
        match (self.state, why) {
            (State::Asking(_), NoResponse::TimedOut) => {
                let wait = self.back_off(endpoint);
                self.lose(endpoint, cause, Some(wait));
            }
            (State::Asking(_), NoResponse::FlowDown) => self.lose(endpoint, cause, None),
            (State::LeavingSoon(_) | State::Leaving(_), _) => self.state = State::Over,
            (State::Waiting | State::Published | State::Over, _) => {}
        }
    }

    /// What is published stays so until it expires; the flow coming up refreshes it.
    fn on_flow_down(&mut self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Publication(self.id));
    }
}
