//! The agent: accounts, sessions and everything outside them, over any number of flows.

pub(crate) mod event;

pub use event::*;

use std::time::Duration;

use crate::auth::Secret;
use crate::message::{Address, RawHeader, Transport, Uri};
use crate::text::Text;
use crate::token::TokenSource;
use crate::{Moment, Status};

/// How an agent introduces itself, and its timers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The User-Agent (in responses: Server) header.
    pub product: Text,
    /// The host part of Via, such as `r4nd0m.invalid` (RFC 7118 §5).
    pub via_host: Text,
    /// T1, T2, T4 of RFC 3261 §17 (500 ms, 4 s, 5 s).
    pub timers: Timers,
    /// How often an idle flow is asked for a sign of life (RFC 5626 §3.5.1); `None`: never.
    pub keep_alive: Option<Duration>,
    /// How long a sign of life may take before [`Event::FlowSilent`].
    pub keep_alive_patience: Duration,
}

/// Round-trip estimates of RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Round-trip time estimate.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

/// One connection to a peer; the driver hands them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// What happens to an agent from outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// One WebSocket message or one datagram arrived.
    Received {
        /// On which flow.
        flow: FlowId,
        /// As it came.
        bytes: Vec<u8>,
    },
    /// The moment of the last [`Output::Timeout`] has come. Early or late is harmless.
    TimerFired,
    /// The flow can carry messages. Registers the accounts bound to it and sends what waited.
    TransportUp {
        /// Which flow.
        flow: FlowId,
        /// What it is, for Via and for the choice of timers.
        transport: Transport,
    },
    /// The flow can't carry messages until it comes up again. Confirmed sessions stay; requests
    /// within them wait for the flow until their transaction times out.
    TransportDown {
        /// Which flow.
        flow: FlowId,
    },
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes as one WebSocket message or datagram.
    Transmit {
        /// On which flow.
        flow: FlowId,
        /// Complete.
        bytes: Vec<u8>,
    },
    /// Tell the application.
    Event(Event),
    /// Nothing more until an input, or [`Input::TimerFired`] at this moment, if any.
    Timeout(Option<Moment>),
}

/// The driver broke the contract of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Outputs must be drained before the next input or command.
    #[error("outputs are waiting: call poll_output until it answers Timeout")]
    OutputPending,
    /// Time ran backwards.
    #[error("the moment given lies before an earlier one")]
    TimeRanBackwards,
}

/// A command could not be carried out; nothing was changed and nothing sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// See [`ContractError`].
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// No such account, session or request, or no longer.
    #[error("it has ended or was never there")]
    Gone,
    /// It exists, but its state does not allow this.
    #[error("not possible in the present state")]
    WrongState,
    /// The flow is down.
    #[error("there is no connection")]
    NoFlow,
}

/// An account: one address of record registered over one flow.
#[derive(Clone, Debug)]
pub struct Account {
    /// The flow it registers on.
    pub flow: FlowId,
    /// `"Alice" <sip:101@demo.local>`, without a tag.
    pub address_of_record: Address,
    /// The Request-URI of REGISTER, such as `sip:demo.local`.
    pub registrar: Uri,
    /// User name for digest, if it is not the user of the address of record.
    pub auth_user: Option<Text>,
    /// Password.
    pub secret: Secret,
    /// The Contact to register, with `+sip.instance` if it has one.
    pub contact: Address,
    /// The expiry to ask for, in seconds.
    pub expires: u32,
}

/// Who speaks in a new session or request.
#[derive(Clone, Debug)]
pub enum Origin {
    /// An account: its flow, its address, its secret when challenged.
    Account(AccountId),
    /// These, and no answer to a challenge.
    Explicit {
        /// Where it is sent.
        flow: FlowId,
        /// From, without a tag.
        from: Address,
        /// Contact.
        contact: Address,
    },
}

/// A session to be set up.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Who calls.
    pub origin: Origin,
    /// The Request-URI.
    pub target: Uri,
    /// The To header, without a tag.
    pub to: Address,
    /// Further headers.
    pub headers: Vec<RawHeader>,
    /// The offer.
    pub body: Option<Body>,
}

/// A body with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Such as `application/sdp`.
    pub content_type: Text,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A session description.
    #[must_use]
    pub fn sdp(text: &str) -> Self {
        Self { content_type: "application/sdp".into(), bytes: text.as_bytes().to_vec() }
    }
}

/// A request outside of any session.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// Who asks.
    pub origin: Origin,
    /// What; neither INVITE, ACK nor CANCEL.
    pub method: crate::Method,
    /// The Request-URI, which is also To.
    pub target: Uri,
    /// Further headers.
    pub headers: Vec<RawHeader>,
    /// The body.
    pub body: Option<Body>,
}

/// An answer to [`Event::RequestReceived`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// A final status.
    pub status: Status,
    /// Contacts to list, for REGISTER.
    pub contacts: Vec<Address>,
    /// Further headers.
    pub headers: Vec<RawHeader>,
    /// The body.
    pub body: Option<Body>,
}

/// The user agent. See the crate's contract.
pub struct UserAgent {
    config: Config,
    tokens: Box<dyn TokenSource + Send>,
}

type Command = Result<(), CommandError>;

impl UserAgent {
    /// An agent without accounts, sessions or flows.
    #[must_use]
    pub fn new(config: Config, tokens: Box<dyn TokenSource + Send>) -> Self {
        Self { config, tokens }
    }

    /// Gives one input.
    ///
    /// # Errors
    /// [`ContractError`]; the input was not taken.
    pub fn handle_input(&mut self, now: Moment, input: Input) -> Result<(), ContractError> {
        todo!()
    }

    /// The next output; [`Output::Timeout`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        todo!()
    }

    /// Adds an account and registers it: now if its flow is up, else when it comes up. It is
    /// refreshed until it is removed, and registered again whenever the flow comes up.
    /// States are told by [`Event::Registration`].
    pub fn add_account(&mut self, now: Moment, account: Account) -> Result<AccountId, CommandError> {
        todo!()
    }

    /// Registers afresh at once, for example after the machine woke up or a failure was mended.
    pub fn refresh_account(&mut self, now: Moment, account: AccountId) -> Command {
        todo!()
    }

    /// Unregisters (if registered) and forgets the account; ends with
    /// [`RegistrationState::Unregistered`].
    pub fn remove_account(&mut self, now: Moment, account: AccountId) -> Command {
        todo!()
    }

    /// Starts a session. What becomes of it is told by [`Event::Session`].
    pub fn invite(&mut self, now: Moment, invite: Invite) -> Result<SessionId, CommandError> {
        todo!()
    }

    /// Sends a provisional response (101–199) to an incoming session, with a body if early media
    /// is wanted.
    pub fn progress(&mut self, now: Moment, session: SessionId, status: Status, body: Option<Body>) -> Command {
        todo!()
    }

    /// Answers an incoming session with 200 and this body; retransmitted until the ACK is here.
    pub fn accept(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Refuses an incoming session with a final status (300–699) and these headers. It then is
    /// [`SessionEvent::Ended`], too.
    pub fn reject(&mut self, now: Moment, session: SessionId, status: Status, headers: Vec<RawHeader>) -> Command {
        todo!()
    }

    /// Ends a session in any state: CANCEL before an answer (held back until a provisional
    /// response is here, RFC 3261 §9.1), 603 to an unanswered incoming one, else BYE.
    /// `reason` goes out as a Reason header.
    pub fn end(&mut self, now: Moment, session: SessionId, reason: Option<crate::message::Reason>) -> Command {
        todo!()
    }

    /// Makes a new offer within a confirmed session (re-INVITE).
    pub fn offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Answers [`SessionEvent::Offer`].
    pub fn answer_offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Refuses [`SessionEvent::Offer`]; the session stays as it was.
    pub fn reject_offer(&mut self, now: Moment, session: SessionId, status: Status) -> Command {
        todo!()
    }

    /// Sends an INFO within a confirmed session (RFC 6086).
    pub fn info(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Sends a request outside of any session; its end is told by [`Event::RequestAnswered`].
    pub fn request(&mut self, now: Moment, request: OutgoingRequest) -> Result<OutgoingId, CommandError> {
        todo!()
    }

    /// Answers [`Event::RequestReceived`].
    pub fn respond(&mut self, now: Moment, request: RequestId, answer: Answer) -> Command {
        todo!()
    }

    /// Moves sessions from one flow to another: a phone came back with a new connection. What
    /// waited for the old one is sent on the new one.
    pub fn rebind_flow(&mut self, now: Moment, from: FlowId, to: FlowId) -> Command {
        todo!()
    }

    /// Asks the flow for a sign of life now: [`Event::FlowAnswered`] or [`Event::FlowSilent`].
    pub fn probe_flow(&mut self, now: Moment, flow: FlowId) -> Command {
        todo!()
    }

    /// Whether nothing is left: no transaction, no timer, no session, no account.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        todo!()
    }
}
