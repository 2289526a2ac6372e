//! What an agent is made of and asked for: plain values.

use std::time::Duration;

use super::event::AccountId;
use crate::auth::Secret;
use crate::message::{Address, Limits, RawHeader, Uri};
use crate::transaction::{FlowId, Persistence, Timers};
use crate::{Method, Status, Text};

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
    /// How long a sign of life may take before [`super::Event::FlowSilent`].
    pub keep_alive_patience: Duration,
    /// Which requests outside of sessions the application answers ([`super::Event::RequestReceived`]).
    /// The agent answers OPTIONS itself if it is not among them, and all others with 405.
    pub accepts: Vec<Method>,
    /// Event packages that others may subscribe to ([`crate::SubscriptionEvent::Requested`]);
    /// other SUBSCRIBEs are answered with 489 (RFC 6665 §7.3.2).
    pub notifies: Vec<Text>,
    /// Event packages of which a NOTIFY is taken without a subscription, such as
    /// `message-summary` ([`super::Event::Unsolicited`]).
    pub unsolicited: Vec<Text>,
    /// Whether a peer may ask for a transfer by REFER ([`crate::TransferEvent::Requested`]); else
    /// it is answered with 405.
    pub takes_transfers: bool,
    /// Whether an INVITE may take the place of another call ([`crate::CallFacts::replaces`],
    /// RFC 3891); else Replaces means nothing, and is refused where it is required.
    pub takes_replacements: bool,
    /// What becomes of a call that is redirected by 300, 301 or 302.
    pub redirection: Redirection,
    /// How many bytes a MESSAGE of ours may have, with its headers (RFC 3428 §8). More than the
    /// default is only for those who know that it takes no congestion-unsafe way at any hop; over
    /// UDP the default counts always.
    pub largest_message: usize,
    /// How large a message may be that is received.
    pub limits: Limits,
    /// Which provisional responses are sent reliably to a caller that supports it.
    pub reliable_provisionals: ReliableProvisionals,
    /// For how long a session lasts without a refresh, which the agent sees to (RFC 4028);
    /// `None`: only as the peer wishes.
    pub session_interval: Option<Duration>,
    /// The shortest session interval that is taken; at least 90 s (RFC 4028 §5).
    pub min_session_interval: Duration,
    /// For a phone: how long a call that rings here outlasts its flow. It goes on ringing if by then
    /// its INVITE has come again, as servers repeat what they wait for on a new connection. `None`:
    /// it ends with the flow.
    pub rings_without_flow: Option<Duration>,
    /// For a server: an INVITE of ours waits for a flow that is down, and is repeated when that is up
    /// again ([`crate::UserAgent::rebind_flow`]). Else it fails with the flow.
    pub invites_wait: bool,
}

/// When [`crate::UserAgent::progress`] makes use of reliable provisional responses (RFC 3262 §3).
///
/// A session description in a reliable response is final: that of
/// [`crate::UserAgent::accept`] is then not sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReliableProvisionals {
    /// Only if the caller requires them.
    IfRequired,
    /// Also those with a body, if the caller supports it.
    WithBody,
    /// All, if the caller supports it.
    Always,
}

/// What becomes of a call of ours that is redirected (RFC 3261 §8.1.3.4). It goes nowhere twice,
/// the better targets by `q` come first, and those that can't be called are left out; so are those
/// without TLS if the first was a `sips:` URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirection {
    /// It ends, and [`crate::Ended::response`] names the targets.
    End,
    /// The application chooses ([`super::SessionEvent::Redirected`]), and again when what it chose
    /// does not answer and there are others.
    Ask,
    /// The targets are called one after the other until one answers.
    Follow {
        /// So many at most.
        most: u8,
    },
}

/// The size of a MESSAGE that any way takes, in bytes (RFC 3428 §8).
pub(crate) const LARGEST_MESSAGE: usize = 1300;

impl Config {
    /// The timers of RFC 3261, a keep-alive every 25 s with 10 s of patience, and no request
    /// outside of sessions for the application.
    #[must_use]
    pub fn new(product: &str, via_host: &str) -> Self {
        Self {
            product: product.into(),
            via_host: via_host.into(),
            timers: Timers::default(),
            keep_alive: Some(Duration::from_secs(25)),
            keep_alive_patience: Duration::from_secs(10),
            accepts: Vec::new(),
            notifies: Vec::new(),
            unsolicited: Vec::new(),
            takes_transfers: false,
            takes_replacements: false,
            redirection: Redirection::End,
            largest_message: LARGEST_MESSAGE,
            limits: Limits::default(),
            reliable_provisionals: ReliableProvisionals::IfRequired,
            session_interval: Some(Duration::from_secs(1800)),
            min_session_interval: Duration::from_secs(90),
            rings_without_flow: None,
            invites_wait: false,
        }
    }

    /// What becomes of an INVITE of ours when its flow is down.
    pub(crate) const fn invite_persistence(&self) -> Persistence {
        match self.invites_wait {
            true => Persistence::Waits,
            false => Persistence::Fails,
        }
    }
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
    /// Who answers challenges.
    pub credentials: CredentialSource,
    /// The Contact to register. With `+sip.instance` it names the device, for a GRUU (RFC 5627).
    /// With `reg-id` besides, the flow (RFC 5626): accounts of one device and one address of
    /// record, each with a `reg-id` and a flow of its own, make it reachable while any of them is
    /// up. What [`crate::push::Push::write`] puts there is shown to the registrar alone.
    pub contact: Address,
    /// The expiry to ask for, in seconds.
    pub expires: u32,
}

/// Who answers the challenges to an account's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The agent, with this password.
    Secret(Secret),
    /// The application, asked by [`super::Event::Challenged`]: the secret is kept elsewhere.
    Application,
}

impl From<Secret> for CredentialSource {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// Who speaks in a new session or request.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once per call and moved at most twice"
)]
pub enum Origin {
    /// An account: its flow, its address, its credentials when challenged.
    Account(AccountId),
    /// An account that doesn't say who it is: From is anonymous, Contact the temporary GRUU if the
    /// registrar gave one (RFC 5627 §4.4.1). Only the network is told, by P-Preferred-Identity, and
    /// asked by Privacy not to pass it on (RFC 3325 §5). The account still answers challenges; what
    /// else would tell is for the headers to leave out.
    Anonymous(AccountId),
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

/// A REFER to be sent (RFC 3515).
#[derive(Clone, Debug)]
pub struct Refer {
    /// Whom the peer is to call: Refer-To.
    pub target: Address,
    /// Who asks for it: Referred-By (RFC 3892).
    pub referred_by: Option<Address>,
    /// False: say that no report is needed (RFC 4488). The peer may report all the same.
    pub wants_reports: bool,
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
        Self {
            content_type: "application/sdp".into(),
            bytes: text.as_bytes().to_vec(),
        }
    }
}

/// A request outside of any session.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// Who asks.
    pub origin: Origin,
    /// What; neither INVITE, ACK nor CANCEL.
    pub method: Method,
    /// The Request-URI, which is also To.
    pub target: Uri,
    /// Further headers.
    pub headers: Vec<RawHeader>,
    /// The body.
    pub body: Option<Body>,
}

/// An answer to [`super::Event::RequestReceived`].
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

impl Answer {
    /// A bare status.
    #[must_use]
    pub const fn of(status: Status) -> Self {
        Self {
            status,
            contacts: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }
}
