//! What sessions and registrations stand on: the transactions, the clock of this moment, the
//! accounts' identities, the dialogs by name and the events not yet fetched.

mod alarm;
mod answers;
pub(crate) mod binding;
pub(crate) mod body;
pub(crate) mod config;
pub(crate) mod errand;
pub(crate) mod event;
pub(crate) mod facts;
pub(crate) mod held;
pub(crate) mod identity;
pub(crate) mod readers;
mod speaker;
mod task;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub(crate) use alarm::{Alarm, SessionAlarm, SubscriberAlarm};
use config::{Config, LARGEST_MESSAGE};
use errand::Errand;
use event::{AccountId, ChallengeId, Event, SessionEvent, SessionId};
use held::Held;
use identity::{Identity, Verdict};
use readers::Readers;
pub(crate) use speaker::Speaker;
pub(crate) use task::{Owner, Purpose, Task};

use crate::dialog::DialogId;
use crate::message::{Contacts, HeaderName, Headers, Host};
use crate::schedule::Schedule;
use crate::subscription::SubscriptionId;
use crate::table::Table;
use crate::transaction::{ClientId, FlowId, Persistence, Transactions};
use crate::{Address, CommandError, Moment, Request, Response, Status, Text, TokenSource};

pub(crate) struct Endpoint {
    pub(crate) config: Config,
    pub(crate) readers: Readers,
    pub(crate) now: Moment,
    pub(crate) tokens: Box<dyn TokenSource + Send>,
    pub(crate) transactions: Transactions<Task>,
    pub(crate) alarms: Schedule<Alarm>,
    pub(crate) identities: Table<AccountId, Identity>,
    pub(crate) dialogs: HashMap<DialogId, SessionId>,
    /// By what their dialogs will have in common.
    pub(crate) subscribers: HashMap<DialogId, SubscriptionId>,
    pub(crate) notifiers: HashMap<DialogId, SubscriptionId>,
    /// Challenged requests that wait for the application, by the first of their challenges.
    pub(crate) held: Table<ChallengeId, Held>,
    /// What became of one of them.
    pub(crate) given: Option<(ClientId, Verdict)>,
    events: VecDeque<Event>,
    /// Calls that a REFER asked for, and the sessions it came in.
    followed: Table<SessionId, SessionId>,
    /// Consultations, and the sessions that refer to their peers when they are answered.
    consultations: Table<SessionId, SessionId>,
    errands: VecDeque<Errand>,
    /// [`Endpoint::note_errands`], once something can lead to one.
    notes: Option<fn(&mut Self, SessionId, &SessionEvent)>,
}

impl Endpoint {
    pub(crate) fn new(
        config: Config,
        tokens: Box<dyn TokenSource + Send>,
        readers: Readers,
    ) -> Self {
        let via_host = Host::parse(&config.via_host)
            .unwrap_or_else(|_| Host::Name(config.via_host.to_ascii_lowercase().into()));
        Self {
            now: Moment::default(),
            tokens,
            transactions: Transactions::new(config.timers, via_host),
            alarms: Schedule::new(),
            identities: Table::new(),
            dialogs: HashMap::new(),
            subscribers: HashMap::new(),
            notifiers: HashMap::new(),
            held: Table::new(),
            given: None,
            events: VecDeque::new(),
            followed: Table::new(),
            consultations: Table::new(),
            errands: VecDeque::new(),
            notes: None,
            config,
            readers,
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn tell_session(&mut self, session: SessionId, event: SessionEvent) {
        if let Some(note) = self.notes {
            note(self, session, &event);
        }
        self.tell(Event::Session { session, event });
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A new Call-ID.
    pub(crate) fn call_id(&mut self) -> Text {
        format!("{}{}", self.tokens.token(), self.tokens.token()).into()
    }

    /// Sends a request in a transaction of its own.
    pub(crate) fn send(
        &mut self,
        flow: FlowId,
        mut request: Request,
        persistence: Persistence,
        task: Task,
    ) -> ClientId {
        self.complete(flow, &mut request);
        let branch = self.tokens.token();
        self.transactions
            .request(self.now, flow, request, &branch, persistence, task)
    }

    /// Adds what every request has.
    fn complete(&self, flow: FlowId, request: &mut Request) {
        request.headers.max_forwards.get_or_insert(70);
        let route = self.service_route(flow, request);
        request.headers.route.extend(route);
        if request.headers.raw(&HeaderName::UserAgent).next().is_none() {
            request
                .headers
                .push_raw(HeaderName::UserAgent, self.config.product.clone());
        }
    }

    /// RFC 3428 §8: refuses a MESSAGE that is too large for its way. It may have to be sent again
    /// with credentials.
    pub(crate) fn admit_message(
        &self,
        flow: FlowId,
        account: Option<AccountId>,
        request: &mut Request,
    ) -> Result<(), CommandError> {
        self.complete(flow, request);
        let identity = account.and_then(|account| self.identities.get(&account));
        let credentials = identity.map_or(0, Identity::room_for_credentials);
        let size = self.transactions.size_on(flow, request) + credentials;
        let limit = if self.transactions.is_reliable(flow) {
            self.config.largest_message
        } else {
            LARGEST_MESSAGE
        };
        if size > limit {
            return Err(CommandError::TooLarge { size, limit });
        }
        Ok(())
    }

    /// The wait before another try: half a minute doubled with each failure, at most half an hour,
    /// and half to all of that.
    pub(crate) fn back_off(&mut self, failures: u32) -> Duration {
        const FIRST: Duration = Duration::from_secs(30);
        const LONGEST: Duration = Duration::from_secs(1800);
        let doubled = FIRST.saturating_mul(1 << failures.min(16));
        self.jittered(doubled.min(LONGEST))
    }

    /// Half to all of a wait, so that phones do not come back all at once.
    pub(crate) fn jittered(&mut self, longest: Duration) -> Duration {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis / 2 + self.tokens.bits() % (millis / 2 + 1))
    }

    /// The request of `client`, again, with credentials for the challenge in `response`. It still
    /// has its old CSeq number.
    pub(crate) fn answer_challenge(
        &mut self,
        account: Option<AccountId>,
        client: ClientId,
        answered: u8,
        response: &Response,
    ) -> Verdict {
        if let Some((_, verdict)) = self.given.take_if(|(given, _)| *given == client) {
            return verdict;
        }
        let identity = account.and_then(|account| self.identities.get_mut(&account));
        let request = self.transactions.request_of(client);
        let (Some(identity), Some(request)) = (identity, request) else {
            return Verdict::NotOurs;
        };
        identity.answer(request.clone(), answered, response, self.tokens.as_mut())
    }

    /// Takes what a 2xx to the request of `client` says about authentication.
    pub(crate) fn on_success(&mut self, account: AccountId, client: ClientId, response: &Response) {
        let identity = self.identities.get_mut(&account);
        if let Some((identity, request)) = identity.zip(self.transactions.request_of(client)) {
            identity.on_success(request, response, self.readers);
        }
    }

    pub(crate) fn start_alarm(&mut self, alarm: Alarm, after: Duration) {
        self.alarms.start(alarm, self.now + after);
    }

    /// Whether another flow registers the same device for the same address of record.
    pub(crate) fn has_other_flow(&self, account: AccountId) -> bool {
        let Some(own) = self.identities.get(&account) else {
            return false;
        };
        let mut others = self.identities.iter().filter(|(id, _)| **id != account);
        others.any(|(_, other)| {
            other.is_registered
                && other.contact.instance() == own.contact.instance()
                && other.address_of_record.uri == own.address_of_record.uri
        })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.transactions.is_idle()
            && self.identities.is_empty()
            && self.dialogs.is_empty()
            && self.subscribers.is_empty()
            && self.notifiers.is_empty()
            && self.followed.is_empty()
            && self.held.is_empty()
            && self.consultations.is_empty()
            && self.events.is_empty()
    }
}

/// Sets Contact.
pub(crate) fn contact(headers: &mut Headers, address: &Address) {
    headers.contact = Contacts::one(address.clone());
}

pub(crate) const fn is_challenge(status: Status) -> bool {
    matches!(status.code(), 401 | 407)
}
