//! Registration (RFC 3261 §10.2).

use std::time::Duration;

use crate::endpoint::config::Account;
use crate::endpoint::event::{AccountId, Event, RegistrationFailure, RegistrationState};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Endpoint, Owner, Task, contact, is_challenge};
use crate::message::{CSeq, Expires, HeaderName, Headers, MinExpires, RetryAfter};
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence};
use crate::{Address, Method, Request, Response, Status, Text, Uri};

/// The first wait before another try, doubled with each failure in a row (RFC 5626 §4.5).
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(1800);

/// One account's registration.
///
/// ```text
///                     flow up, or told to
///      +---------+ ------- REGISTER -------> +--------+
///      | Waiting |                           | Asking | --+ challenge, 423: REGISTER again
///      +---------+ <-- refused, no answer,   +--------+ <-+
///        ^     |       flow down              |  |    ^
///        |     | retry alarm: REGISTER     2xx|  |    | refresh alarm, flow up, or told to:
///        |     +------------> Asking          V  |    | REGISTER
///        |                              +---------+   |
///        +------------ flow down ------ | Granted | --+
///                                       +---------+
///      Asking -- the secret was refused --> Halted -- told to: REGISTER --> Asking
///      removed while Granted (or Asking, after its answer):
///                        REGISTER expires=0 --> Leaving -- any end --> Gone
/// ```
#[derive(Debug)]
pub(crate) struct Registration {
    id: AccountId,
    flow: FlowId,
    registrar: Uri,
    address_of_record: Address,
    contact: Address,
    expires: u32,
    call_id: Text,
    from_tag: Text,
    number: u32,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// Removed by the user; gone after the next answer.
    removed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Nothing but the user can help: a secret that is refused at each reconnect locks accounts.
    Halted,
    Asking {
        client: ClientId,
    },
    Granted,
    Leaving {
        client: ClientId,
    },
    Gone,
}

impl Registration {
    pub(crate) fn new(endpoint: &mut Endpoint, id: AccountId, account: Account) -> Self {
        Self {
            id,
            flow: account.flow,
            registrar: account.registrar,
            address_of_record: account.address_of_record,
            contact: account.contact,
            expires: account.expires,
            call_id: endpoint.call_id(),
            from_tag: endpoint.tokens.token().into(),
            number: 0,
            state: State::Waiting,
            failures: 0,
            removed: false,
        }
    }

    pub(crate) const fn flow(&self) -> FlowId {
        self.flow
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    pub(crate) const fn is_removed(&self) -> bool {
        self.removed
    }

    /// Registers because the user says so.
    pub(crate) fn refresh(&mut self, endpoint: &mut Endpoint) {
        if self.state == State::Halted {
            self.state = State::Waiting;
        }
        self.register(endpoint);
    }

    /// Registers now, if the flow is up and no REGISTER is on its way (RFC 3261 §10.2).
    pub(crate) fn register(&mut self, endpoint: &mut Endpoint) {
        if !matches!(self.state, State::Waiting | State::Granted)
            || !endpoint.transactions.is_up(self.flow)
        {
            return;
        }
        endpoint.alarms.stop(Alarm::Registration(self.id));
        if self.state == State::Waiting {
            self.tell(endpoint, RegistrationState::Registering);
        }
        let client = self.send(endpoint, self.expires);
        self.state = State::Asking { client };
    }

    pub(crate) fn remove(&mut self, endpoint: &mut Endpoint) {
        self.removed = true;
        endpoint.alarms.stop(Alarm::Registration(self.id));
        match self.state {
            State::Granted if endpoint.transactions.is_up(self.flow) => self.leave(endpoint),
            State::Asking { .. } | State::Leaving { .. } => {}
            State::Waiting | State::Halted | State::Granted | State::Gone => self.forget(endpoint),
        }
    }

    fn leave(&mut self, endpoint: &mut Endpoint) {
        let client = self.send(endpoint, 0);
        self.state = State::Leaving { client };
    }

    fn forget(&mut self, endpoint: &mut Endpoint) {
        self.state = State::Gone;
        self.tell(endpoint, RegistrationState::Unregistered);
    }

    fn send(&mut self, endpoint: &mut Endpoint, expires: u32) -> ClientId {
        let cseq = CSeq {
            number: self.next_number(),
            method: Method::Register,
        };
        let from = self.address_of_record.clone().with_tag(&self.from_tag);
        let to = self.address_of_record.clone();
        let mut headers = Headers::new(from, to, self.call_id.clone(), cseq);
        contact(&mut headers, &self.contact);
        headers.push(&Expires(expires));
        endpoint.list_methods(&mut headers);
        // RFC 3327 §5.1, RFC 5627 §4.2: a GRUU is for a contact that names its instance.
        let has_instance = self.contact.params.has("+sip.instance");
        let supported = if has_instance { "path, gruu" } else { "path" };
        headers.push_raw(HeaderName::Supported, supported);
        let uri = self.registrar.clone();
        let mut request = Request {
            method: Method::Register,
            uri,
            headers,
            body: Vec::new(),
        };
        if let Some(identity) = endpoint.identities.get_mut(&self.id) {
            identity.authorize(&mut request, endpoint.tokens.as_mut());
        }
        self.transmit(endpoint, request, 0)
    }

    fn transmit(&mut self, endpoint: &mut Endpoint, request: Request, answered: u8) -> ClientId {
        let task = Task {
            owner: Owner::Registration(self.id),
            answered,
        };
        endpoint.send(self.flow, request, Persistence::Fails, task)
    }

    fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    pub(crate) fn on_response(
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
            self.on_challenge(endpoint, client, answered, response);
        } else if let State::Leaving { .. } = self.state {
            self.forget(endpoint);
        } else if response.status.is_success() {
            self.on_granted(endpoint, response);
        } else if let Some(expires) = self.longer_expiry(response) {
            self.expires = expires;
            let client = self.send(endpoint, expires);
            self.state = State::Asking { client };
        } else {
            let cause = refused(response);
            let retry_after = response.headers.typed::<RetryAfter>().ok().flatten();
            let retry_in = retry_after.map_or_else(|| self.back_off(endpoint), |after| after.0);
            self.on_failure(endpoint, cause, Some(retry_in));
        }
    }

    pub(crate) fn awaits(&self, awaited: ClientId) -> bool {
        match self.state {
            State::Asking { client } | State::Leaving { client } => client == awaited,
            State::Waiting | State::Halted | State::Granted | State::Gone => false,
        }
    }

    fn on_challenge(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) {
        match endpoint.answer_challenge(Some(self.id), client, answered, response) {
            Verdict::Retry(mut request) => {
                request.headers.cseq.number = self.next_number();
                let again = self.transmit(endpoint, *request, answered + 1);
                match &mut self.state {
                    State::Asking { client } | State::Leaving { client } => *client = again,
                    State::Waiting | State::Halted | State::Granted | State::Gone => {}
                }
            }
            Verdict::WrongCredentials => {
                self.on_failure(endpoint, RegistrationFailure::WrongCredentials, None);
            }
            Verdict::NotOurs => self.on_failure(endpoint, refused(response), None),
        }
    }

    fn on_granted(&mut self, endpoint: &mut Endpoint, response: &Response) {
        self.failures = 0;
        self.state = State::Granted;
        if self.removed {
            self.leave(endpoint);
            return;
        }
        let seconds = self.granted_expiry(response);
        let refresh = seconds.saturating_sub(60).max(seconds / 2).max(1);
        let refresh = Duration::from_secs(refresh.into());
        endpoint.start_alarm(Alarm::Registration(self.id), refresh);
        let expires = Duration::from_secs(seconds.into());
        self.tell(endpoint, RegistrationState::Registered { expires });
    }

    /// RFC 3261 §10.2.4: what our Contact in the response says, else its Expires, else what we
    /// asked for.
    fn granted_expiry(&self, response: &Response) -> u32 {
        let ours = response
            .headers
            .contact
            .list()
            .iter()
            .find(|c| c.uri == self.contact.uri);
        let of_contact = ours.and_then(|c| c.params.value("expires")?.parse().ok());
        let of_header = || {
            response
                .headers
                .typed::<Expires>()
                .ok()
                .flatten()
                .map(|e| e.0)
        };
        of_contact.or_else(of_header).unwrap_or(self.expires)
    }

    /// RFC 3261 §10.2.8.
    fn longer_expiry(&self, response: &Response) -> Option<u32> {
        let least = response.headers.typed::<MinExpires>().ok().flatten()?.0;
        let too_brief = response.status == Status::INTERVAL_TOO_BRIEF;
        (too_brief && least > self.expires && !self.removed).then_some(least)
    }

    pub(crate) fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        let retry_in = match why {
            NoResponse::TimedOut => Some(self.back_off(endpoint)),
            // The flow coming up registers again.
            NoResponse::FlowDown => None,
        };
        self.on_failure(endpoint, RegistrationFailure::NoAnswer(why), retry_in);
    }

    pub(crate) fn on_flow_down(&mut self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Registration(self.id));
        if self.state == State::Granted {
            let cause = RegistrationFailure::NoAnswer(NoResponse::FlowDown);
            self.on_failure(endpoint, cause, None);
        }
    }

    fn on_failure(
        &mut self,
        endpoint: &mut Endpoint,
        cause: RegistrationFailure,
        retry_in: Option<Duration>,
    ) {
        if self.removed {
            self.forget(endpoint);
            return;
        }
        let is_hopeless =
            retry_in.is_none() && cause != RegistrationFailure::NoAnswer(NoResponse::FlowDown);
        self.state = if is_hopeless {
            State::Halted
        } else {
            State::Waiting
        };
        if let Some(after) = retry_in {
            self.failures += 1;
            endpoint.start_alarm(Alarm::Registration(self.id), after);
        }
        self.tell(endpoint, RegistrationState::Failed { cause, retry_in });
    }

    /// Half to all of the doubled wait, so that phones do not come back all at once.
    fn back_off(&self, endpoint: &mut Endpoint) -> Duration {
        let longest = FIRST_RETRY
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_RETRY);
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis / 2 + endpoint.tokens.bits() % (millis / 2 + 1))
    }

    fn tell(&self, endpoint: &mut Endpoint, state: RegistrationState) {
        endpoint.tell(Event::Registration {
            account: self.id,
            state,
        });
    }
}

fn refused(response: &Response) -> RegistrationFailure {
    RegistrationFailure::Refused {
        status: response.status,
        reason: response.reason.detached(),
    }
}
