//! What sessions and registrations stand on: the transactions, the clock of this moment, the
//! accounts' identities, the dialogs by name and the events not yet fetched.

pub(crate) mod binding;
pub(crate) mod body;
pub(crate) mod config;
pub(crate) mod errand;
pub(crate) mod event;
pub(crate) mod facts;
pub(crate) mod held;
pub(crate) mod identity;
pub(crate) mod readers;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use config::{Config, LARGEST_MESSAGE, Origin};
use errand::Errand;
use event::{AccountId, ChallengeId, Event, OutgoingId, SessionEvent, SessionId};
use held::Held;
use identity::{Identity, Verdict};
use readers::Readers;

use crate::dialog::DialogId;
use crate::message::{
    AllowEvents, Contacts, HeaderName, Headers, Host, MinSe, RawHeader, SessionExpires, SipUri,
    Supported,
};
use crate::publication::PublicationId;
use crate::schedule::Schedule;
use crate::subscription::SubscriptionId;
use crate::table::Table;
use crate::transaction::{ClientId, FlowId, Persistence, ServerId, Transactions};
use crate::{
    Address, CommandError, Method, Moment, Request, Response, Status, Text, TokenSource, Uri,
};

/// Extensions this agent always knows (RFC 3262, RFC 6228, RFC 4028).
const SUPPORTED: &[&str] = &["100rel", "199", "timer"];

/// Methods within sessions, which the agent always knows.
const SESSION_METHODS: [Method; 8] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::Prack,
];

/// Whose request a client transaction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Registration(AccountId),
    Session(SessionId, Purpose),
    Outgoing(OutgoingId),
    Subscriber(SubscriptionId),
    Notifier(SubscriptionId),
    Publication(PublicationId),
}

/// What a session's request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Cancel,
    Reinvite,
    /// An offer (RFC 3311).
    Update,
    Prack,
    /// An UPDATE that only prolongs the session (RFC 4028).
    Refresh,
    Bye,
    Info,
    /// Does the peer still know this dialog?
    Probe,
    Refer,
    /// A NOTIFY of what becomes of the peer's REFER.
    Report,
}

/// What is noted down with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) owner: Owner,
    /// How many challenges the request has answered already.
    pub(crate) answered: u8,
}

/// A timer above the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Refresh, or try again.
    Registration(AccountId),
    Session(SessionId, SessionAlarm),
    /// Ask the flow for a sign of life, or give it up.
    KeepAlive(FlowId),
    Subscriber(SubscriptionId, SubscriberAlarm),
    /// The subscription expires.
    Notifier(SubscriptionId),
    /// Refresh, or try again.
    Publication(PublicationId),
    /// Stop waiting for the application's answer to a challenge.
    Challenge(ChallengeId),
}

/// A timer of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubscriberAlarm {
    /// Refresh, or subscribe again.
    Next,
    /// Stop waiting for a NOTIFY (RFC 6665 §4.1.2.4).
    Deadline,
}

/// A timer of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SessionAlarm {
    /// Repeat the provisional response so that proxies keep waiting (RFC 3261 §13.3.1.1).
    Provisional,
    /// Repeat the reliable provisional response (RFC 3262 §3).
    Reliable,
    /// Stop waiting for the PRACK.
    ReliableDeadline,
    /// Repeat the 2xx (RFC 3261 §13.3.1.4).
    Answer,
    /// Stop waiting for the ACK.
    AnswerDeadline,
    /// Stop waiting for the end of a cancelled INVITE (RFC 3261 §9.1).
    CancelDeadline,
    /// Make the offer again after 491 (RFC 3261 §14.1).
    OfferRetry,
    /// The peer's UPDATE was not answered in time.
    OfferExpiry,
    /// Stop waiting for reports on our REFER.
    Referral,
    /// Stop reporting on the peer's REFER.
    Referee,
    /// Refresh the session (RFC 4028 §7.4).
    Refresh,
    /// Nobody refreshed the session (RFC 4028 §10).
    Expiry,
}

impl SessionAlarm {
    /// Those of the session timer.
    pub(crate) const OF_TIMER: [Self; 2] = [Self::Refresh, Self::Expiry];

    /// Those that end with the answer to the INVITE.
    pub(crate) const OF_RINGING: [Self; 3] =
        [Self::Provisional, Self::Reliable, Self::ReliableDeadline];

    pub(crate) const ALL: [Self; 12] = [
        Self::Provisional,
        Self::Reliable,
        Self::ReliableDeadline,
        Self::Answer,
        Self::AnswerDeadline,
        Self::CancelDeadline,
        Self::OfferRetry,
        Self::OfferExpiry,
        Self::Referral,
        Self::Referee,
        Self::Refresh,
        Self::Expiry,
    ];
}

/// Who speaks, taken from an [`Origin`].
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) flow: FlowId,
    pub(crate) account: Option<AccountId>,
    pub(crate) from: Address,
    pub(crate) contact: Address,
    /// Headers that hide who it is.
    pub(crate) privacy: Vec<RawHeader>,
}

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
        let via_host = match config.via_host.parse() {
            Ok(address) => Host::V4(address),
            Err(_) => Host::Name(config.via_host.to_ascii_lowercase().into()),
        };
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

    /// Who speaks for `origin`.
    pub(crate) fn speaker(&self, origin: Origin) -> Result<Speaker, CommandError> {
        let identity = |account| self.identities.get(&account).ok_or(CommandError::Gone);
        match origin {
            Origin::Account(account) => {
                let identity = identity(account)?;
                Ok(Speaker {
                    flow: identity.flow,
                    account: Some(account),
                    from: identity.address_of_record.clone(),
                    contact: Address::new(identity.contact.uri.clone()),
                    privacy: Vec::new(),
                })
            }
            Origin::Anonymous(account) => {
                let identity = identity(account)?;
                Ok(Speaker {
                    flow: identity.flow,
                    account: Some(account),
                    from: anonymous(),
                    contact: Address::new(identity.anonymous_contact()),
                    privacy: identity.privacy(),
                })
            }
            Origin::Explicit {
                flow,
                from,
                contact,
            } => Ok(Speaker {
                flow,
                account: None,
                from,
                contact,
                privacy: Vec::new(),
            }),
        }
    }

    /// A new Call-ID.
    pub(crate) fn call_id(&mut self) -> Text {
        format!("{}{}", self.tokens.token(), self.tokens.token()).into()
    }

    /// The Service-Route of the account that a request is from, if it is outside of a dialog
    /// (RFC 3608 §5).
    fn service_route(&self, flow: FlowId, request: &Request) -> Vec<Address> {
        let headers = &request.headers;
        let is_outside = headers.to.tag().is_none() && request.method != Method::Register;
        if !is_outside || !headers.route.is_empty() {
            return Vec::new();
        }
        let contact = headers.contact.first();
        let speaks = |identity: &Identity| {
            identity.address_of_record.uri == headers.from.uri
                || contact.is_some_and(|contact| contact.uri == identity.anonymous_contact())
        };
        let mut accounts = self.identities.values();
        let account = accounts.find(|identity| identity.flow == flow && speaks(identity));
        account.map_or_else(Vec::new, |account| account.service_route.clone())
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

    /// Answers a request.
    pub(crate) fn respond(&mut self, server: ServerId, mut response: Response) {
        if response.headers.raw(&HeaderName::Server).next().is_none() {
            response
                .headers
                .push_raw(HeaderName::Server, self.config.product.clone());
        }
        self.transactions.respond(self.now, server, &response);
    }

    /// Answers a request with a bare status; To gets a new tag if it has none.
    pub(crate) fn respond_status(&mut self, server: ServerId, request: &Request, status: Status) {
        let tag = self.tokens.token();
        self.respond(server, Response::to(request, status, Some(&tag)));
    }

    /// Answers 405 (RFC 3261 §8.2.1).
    pub(crate) fn respond_not_allowed(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::METHOD_NOT_ALLOWED, Some(&tag));
        self.list_methods(&mut response.headers);
        self.respond(server, response);
    }

    /// Answers OPTIONS (RFC 3261 §11.2).
    pub(crate) fn respond_options(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::OK, Some(&tag));
        self.list_abilities(&mut response.headers);
        response
            .headers
            .push_raw(HeaderName::Accept, "application/sdp");
        self.respond(server, response);
    }

    /// Answers 500 because another INVITE is being served (RFC 3261 §14.2).
    pub(crate) fn respond_retry_later(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::SERVER_INTERNAL_ERROR, Some(&tag));
        let seconds = self.tokens.bits() % 11;
        response
            .headers
            .push_raw(HeaderName::RetryAfter, seconds.to_string());
        self.respond(server, response);
    }

    /// Refuses what a Require asks for and is not known (RFC 3261 §8.2.2.3) and a body that is not
    /// understood (§8.2.3). True if it was refused.
    pub(crate) fn refuse_unsupported(
        &mut self,
        server: ServerId,
        request: &Request,
        describes_session: bool,
    ) -> bool {
        let unknown: Vec<&str> = request
            .headers
            .raw(&HeaderName::Require)
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|tag| !tag.is_empty() && !self.supported().any(|known| known == *tag))
            .collect();
        let (status, name, value) = if !unknown.is_empty() {
            (
                Status::BAD_EXTENSION,
                HeaderName::Unsupported,
                unknown.join(", "),
            )
        } else if describes_session && !body::is_readable(request) {
            (
                Status::UNSUPPORTED_MEDIA_TYPE,
                HeaderName::Accept,
                "application/sdp".to_owned(),
            )
        } else if self.is_too_brief(request) {
            let least = MinSe(self.config.min_session_interval);
            let status = Status::SESSION_INTERVAL_TOO_SMALL;
            (status, HeaderName::MinSe, least.to_string())
        } else {
            return false;
        };
        let tag = self.tokens.token();
        let mut response = Response::to(request, status, Some(&tag));
        response.headers.push_raw(name, value);
        self.respond(server, response);
        true
    }

    /// RFC 4028 §9: whether the session interval is too short, and the peer can be told so.
    fn is_too_brief(&self, request: &Request) -> bool {
        let is_refresh = matches!(request.method, Method::Invite | Method::Update);
        let supported = request.headers.typed::<Supported>().ok().flatten();
        let asked = request.headers.typed::<SessionExpires>().ok().flatten();
        is_refresh
            && supported.is_some_and(|tags| tags.has("timer"))
            && asked.is_some_and(|asked| asked.interval < self.config.min_session_interval)
    }

    /// Adds Allow, and Allow-Events if there are any (RFC 6665 §8.2.2).
    pub(crate) fn list_methods(&self, headers: &mut Headers) {
        let mut methods: Vec<&str> = SESSION_METHODS.iter().map(Method::as_str).collect();
        let notifies = !self.config.notifies.is_empty();
        let is_notified = !self.config.unsolicited.is_empty();
        let transfers = self.config.takes_transfers;
        let of_events = [
            (notifies, Method::Subscribe),
            (is_notified || transfers, Method::Notify),
            (transfers, Method::Refer),
        ];
        let of_events = of_events.iter().filter(|(has, _)| *has).map(|(_, m)| m);
        for method in of_events.chain(&self.config.accepts) {
            if !methods.contains(&method.as_str()) {
                methods.push(method.as_str());
            }
        }
        headers.push_raw(HeaderName::Allow, methods.join(", "));
        self.list_events(headers);
    }

    fn list_events(&self, headers: &mut Headers) {
        if !self.config.notifies.is_empty() {
            headers.push(&AllowEvents(self.config.notifies.clone()));
        }
    }

    /// Answers 489 (RFC 6665 §7.3.2).
    pub(crate) fn respond_bad_event(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::BAD_EVENT, Some(&tag));
        self.list_events(&mut response.headers);
        self.respond(server, response);
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

    /// Extensions this agent knows: what a Require may ask for.
    fn supported(&self) -> impl Iterator<Item = &'static str> {
        let optional = [
            (self.config.takes_replacements, "replaces"),
            (self.config.takes_transfers, "norefersub"),
        ];
        let chosen = optional.into_iter().filter(|(is_on, _)| *is_on);
        SUPPORTED.iter().copied().chain(chosen.map(|(_, tag)| tag))
    }

    /// Adds Allow and Supported.
    pub(crate) fn list_abilities(&self, headers: &mut Headers) {
        self.list_methods(headers);
        let tags: Vec<&str> = self.supported().collect();
        headers.push_raw(HeaderName::Supported, tags.join(", "));
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

/// Who doesn't say who it is (RFC 3323 §4.1.1.3).
fn anonymous() -> Address {
    let uri = SipUri::new("anonymous", Host::Name("anonymous.invalid".into()));
    Address {
        display_name: Some("Anonymous".into()),
        ..Address::new(Uri::Sip(uri))
    }
}
