//! Registration (RFC 3261 §10.2), over client-initiated flows (RFC 5626 §4.2).

mod answers;
mod recovery;

use std::time::Duration;

use recovery::Recovery;

use crate::endpoint::config::Account;
use crate::endpoint::event::{AccountId, Event, RegistrationFailure, RegistrationState};
use crate::endpoint::{Alarm, Endpoint, Owner, Task, contact};
use crate::message::{CSeq, Expires, HeaderName, Headers};
use crate::push::{self, Push};
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence};
use crate::{Address, Method, Moment, Request, Text, Uri};

/// One account's registration.
///
/// ```text
///                     flow up, or told to
///      +---------+ ------- REGISTER -------> +--------+   challenge, 423, 439 (without
///      | Waiting |                           | Asking | --+ reg-id), 555 (without push):
///      +---------+ <-- refused, no answer,   +--------+ <-+ REGISTER again
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
    recovery: Recovery,
    /// The registrar says not to come before.
    not_before: Option<Moment>,
    /// The contact changed while a REGISTER was on its way.
    is_outdated: bool,
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
            recovery: Recovery::default(),
            not_before: None,
            is_outdated: false,
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
        self.not_before = None;
        self.register(endpoint);
    }

    /// The flow is there (again).
    pub(crate) fn on_flow_up(&mut self, endpoint: &mut Endpoint) {
        let wait = self.not_before.map(|moment| moment.since(endpoint.now));
        match wait.filter(|wait| !wait.is_zero()) {
            // RFC 5626 §4.5: a new flow is no reason to come before Retry-After.
            Some(wait) if self.state == State::Waiting => {
                endpoint.start_alarm(Alarm::Registration(self.id), wait);
            }
            _ => self.register(endpoint),
        }
    }

    /// Whether it asks for the flow to be kept (RFC 5626 §4.2.1).
    pub(crate) fn is_outbound(&self) -> bool {
        self.contact.instance().is_some() && self.contact.reg_id().is_some()
    }

    /// How a phone that sleeps is to be woken from now on.
    pub(crate) fn set_push(&mut self, endpoint: &mut Endpoint, push: Option<&Push>) {
        match push {
            Some(push) => push.write(&mut self.contact),
            None => push::erase(&mut self.contact),
        }
        self.on_contact_changed(endpoint);
        match self.state {
            State::Granted => self.register(endpoint),
            State::Asking { .. } => self.is_outdated = true,
            State::Waiting | State::Halted | State::Leaving { .. } | State::Gone => {}
        }
    }

    fn on_contact_changed(&self, endpoint: &mut Endpoint) {
        if let Some(identity) = endpoint.identities.get_mut(&self.id) {
            identity.register_as(&self.contact.uri);
        }
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
        let mut own = self.contact.clone();
        if expires == 0 {
            push::end(&mut own);
        }
        contact(&mut headers, &own);
        headers.push(&Expires(expires));
        endpoint.list_methods(&mut headers);
        // RFC 3327 §5.1, RFC 5627 §4.2: a GRUU is for a contact that names its instance.
        let has_instance = self.contact.params.has("+sip.instance");
        let supported = match has_instance {
            true if self.is_outbound() => "path, gruu, outbound",
            true => "path, gruu",
            false => "path",
        };
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

    /// A REGISTER without a Contact, which changes nothing (RFC 3261 §10.2.3). It has a Call-ID of
    /// its own, so that its place among those that do change something doesn't matter.
    pub(crate) fn query(&self, endpoint: &mut Endpoint) -> Request {
        let cseq = CSeq {
            number: 1,
            method: Method::Register,
        };
        let to = self.address_of_record.clone();
        let from = to.clone().with_tag(&endpoint.tokens.token());
        let headers = Headers::new(from, to, endpoint.call_id(), cseq);
        let mut request = Request::new(Method::Register, self.registrar.clone(), headers);
        if let Some(identity) = endpoint.identities.get_mut(&self.id) {
            identity.authorize(&mut request, endpoint.tokens.as_mut());
        }
        request
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

    pub(crate) fn awaits(&self, awaited: ClientId) -> bool {
        match self.state {
            State::Asking { client } | State::Leaving { client } => client == awaited,
            State::Waiting | State::Halted | State::Granted | State::Gone => false,
        }
    }

    pub(crate) fn on_sign_of_life(&mut self) {
        if self.state == State::Granted {
            self.recovery.on_sign_of_life();
        }
    }

    pub(crate) fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse) {
        let retry = match why {
            NoResponse::TimedOut => Retry::BackOff,
            NoResponse::FlowDown => Retry::WithFlow,
        };
        self.on_failure(endpoint, RegistrationFailure::NoAnswer(why), retry);
    }

    pub(crate) fn on_flow_down(&mut self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::Registration(self.id));
        if self.state == State::Granted {
            let cause = RegistrationFailure::NoAnswer(NoResponse::FlowDown);
            self.on_failure(endpoint, cause, Retry::WithFlow);
        }
    }

    /// How long to wait before the flow that failed is formed again (RFC 5626 §4.5).
    pub(crate) fn reconnect_after(&self, endpoint: &mut Endpoint) -> Duration {
        if self.recovery.is_proven() {
            Duration::ZERO
        } else {
            self.back_off(endpoint)
        }
    }

    fn on_failure(&mut self, endpoint: &mut Endpoint, cause: RegistrationFailure, retry: Retry) {
        self.is_outdated = false;
        if let Some(identity) = endpoint.identities.get_mut(&self.id) {
            identity.is_registered = false;
        }
        if self.removed {
            self.forget(endpoint);
            return;
        }
        // A flow that was good and then breaks is formed again at once.
        let was_good = self.state == State::Granted && self.recovery.is_proven();
        if !was_good {
            self.recovery.on_failure();
        }
        self.state = match retry {
            Retry::Never => State::Halted,
            Retry::WithFlow | Retry::BackOff | Retry::After(_) => State::Waiting,
        };
        let retry_in = match retry {
            Retry::BackOff => Some(self.back_off(endpoint)),
            Retry::After(wait) => Some(wait),
            Retry::WithFlow | Retry::Never => None,
        };
        if let Some(after) = retry_in {
            endpoint.start_alarm(Alarm::Registration(self.id), after);
        }
        self.tell(endpoint, RegistrationState::Failed { cause, retry_in });
    }

    fn back_off(&self, endpoint: &mut Endpoint) -> Duration {
        let is_one_left = endpoint.has_other_flow(self.id);
        self.recovery.wait(endpoint, is_one_left)
    }

    fn tell(&self, endpoint: &mut Endpoint, state: RegistrationState) {
        endpoint.tell(Event::Registration {
            account: self.id,
            state,
        });
    }
}

/// What follows a failure.
#[derive(Clone, Copy)]
enum Retry {
    BackOff,
    After(Duration),
    /// When the flow comes up.
    WithFlow,
    /// Only when told to.
    Never,
}
