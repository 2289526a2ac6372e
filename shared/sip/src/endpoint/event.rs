use std::time::Duration;

use super::config::Body;
use super::facts::CallFacts;
use crate::auth::Question;
use crate::message::{Reason, Replaces, Request, Response};
use crate::publication::{PublicationEvent, PublicationId};
use crate::subscription::{SubscriptionEvent, SubscriptionId};
use crate::transaction::{FlowId, NoResponse};
use crate::{Address, Status, Text};

/// Names an account within its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub(crate) u64);

/// Names a session within its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

/// Names a received request that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// Names a sent request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutgoingId(pub(crate) u64);

/// Names a challenge that waits for the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChallengeId(pub(crate) u64);

/// What the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An account's registration changed.
    Registration {
        /// Which.
        account: AccountId,
        /// To what.
        state: RegistrationState,
    },
    /// Something happened in a session.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
    /// A request outside of any session (REGISTER, OPTIONS, MESSAGE, …) wants
    /// [`crate::UserAgent::respond`].
    RequestReceived {
        /// To answer by.
        id: RequestId,
        /// Where it came in.
        flow: FlowId,
        /// The request.
        request: Box<Request>,
    },
    /// The final response to a request sent by [`crate::UserAgent::request`] or
    /// [`crate::UserAgent::query_contacts`].
    RequestAnswered {
        /// Which.
        id: OutgoingId,
        /// The response, or why there is none.
        outcome: Result<Box<Response>, NoResponse>,
    },
    /// Something happened to a subscription, of ours or to us.
    Subscription {
        /// Which.
        subscription: SubscriptionId,
        /// What.
        event: SubscriptionEvent,
    },
    /// Something happened to a publication of ours.
    Publication {
        /// Which.
        publication: PublicationId,
        /// What.
        event: PublicationEvent,
    },
    /// A request of an account whose secret is kept elsewhere was challenged, and waits for
    /// [`crate::UserAgent::answer_challenge`]. If it bears several credentials, each is asked for
    /// by a challenge of its own.
    Challenged {
        /// To answer by.
        challenge: ChallengeId,
        /// Whose request.
        account: AccountId,
        /// What to compute: [`Question::response`].
        question: Box<Question>,
    },
    /// A NOTIFY came that nobody subscribed to (and was answered with 200), of one of
    /// [`crate::Config::unsolicited`].
    Unsolicited {
        /// Where it came in.
        flow: FlowId,
        /// The account it is for.
        account: Option<AccountId>,
        /// The package.
        package: Text,
        /// The state.
        body: Option<Body>,
    },
    /// The peer on this flow answered a request or a keep-alive just now.
    FlowAnswered {
        /// Which flow.
        flow: FlowId,
    },
    /// No sign of life came in time: close this transport and open another.
    FlowSilent {
        /// Which flow.
        flow: FlowId,
    },
    /// A flow that an account registers with a `reg-id` went down, and is not to be formed again
    /// before this time (RFC 5626 §4.5). The account registers as soon as it is up.
    FlowFailed {
        /// Which flow.
        flow: FlowId,
        /// Zero if it was good.
        reconnect_in: Duration,
    },
}

/// The state of an account's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// A REGISTER is on its way. Not told when a granted registration is merely refreshed.
    Registering,
    /// The registrar granted it for so long from now; told again after each refresh.
    Registered {
        /// Time to expiry.
        expires: Duration,
    },
    /// It is not registered.
    Failed {
        /// Why.
        cause: RegistrationFailure,
        /// When the agent tries again by itself; `None`: it doesn't, until told to.
        retry_in: Option<Duration>,
    },
    /// Removed as wished.
    Unregistered,
}

/// Why a registration failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationFailure {
    /// The secret was refused (one retry was made where the challenge allowed it).
    WrongCredentials,
    /// The registrar said no otherwise.
    Refused {
        /// Its status.
        status: Status,
        /// Its phrase.
        reason: Text,
    },
    /// No answer came.
    NoAnswer(NoResponse),
}

/// What happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Somebody calls: progress, accept or reject.
    Incoming {
        /// Where it came in.
        flow: FlowId,
        /// The INVITE.
        request: Box<Request>,
        /// What it says of itself.
        facts: Box<CallFacts>,
    },
    /// A provisional response other than 100 to our INVITE. With a body, early media may start;
    /// 199 ends the early dialog (RFC 6228).
    Progress {
        /// Which.
        status: Status,
        /// To tag: one per early dialog when the call was forked.
        to_tag: Text,
        /// The body, if any.
        body: Option<Body>,
    },
    /// Our INVITE was answered with 300, 301 or 302, and the application chooses where to call
    /// instead ([`crate::Redirection::Ask`]): [`crate::UserAgent::follow_redirect`] or
    /// [`crate::UserAgent::end`].
    Redirected {
        /// Which; of an attempt that failed, why.
        status: Status,
        /// Where the call has not been yet, the best first.
        targets: Vec<Address>,
    },
    /// Our INVITE was answered; the ACK is sent. If the INVITE had no offer and `body` has one,
    /// the ACK waits for [`crate::UserAgent::answer_offer`].
    Accepted {
        /// The 2xx.
        response: Box<Response>,
        /// The answer, also if it came in a reliable provisional response already.
        body: Option<Body>,
    },
    /// The ACK to our answer is here.
    Confirmed,
    /// The peer makes a new offer: answer or refuse it. Also brings the offer asked for by
    /// [`crate::UserAgent::request_offer`], and one in a reliable provisional response to an
    /// INVITE that had none.
    Offer {
        /// The offer; `None`: we are to make one.
        body: Option<Body>,
    },
    /// The peer took the offer of [`Self::Offer`] back before it was answered.
    OfferWithdrawn,
    /// Our new offer was answered. Also follows [`Self::Confirmed`] when the INVITE had no offer,
    /// so that the body of [`crate::UserAgent::accept`] was one.
    OfferAnswered {
        /// The answer.
        body: Option<Body>,
    },
    /// Our new offer was refused; the session stays as it was.
    OfferRefused {
        /// Why; 408 if the flow was down for too long, 491 if the peer's offer came first, 487 if
        /// it was withdrawn.
        status: Status,
    },
    /// An INFO came (and was answered with 200).
    Info {
        /// Its body.
        body: Option<Body>,
    },
    /// A transfer was asked for, or goes on.
    Transfer(TransferEvent),
    /// The session is over. Nothing follows.
    Ended(Ended),
}

/// What happens to a transfer (RFC 3515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferEvent {
    /// The peer asks us to call somebody else: [`crate::UserAgent::follow_refer`],
    /// [`crate::UserAgent::accept_refer`] or [`crate::UserAgent::reject_refer`].
    Requested {
        /// Whom to call: Refer-To, without what it wants in the INVITE.
        target: Box<Address>,
        /// Who asks for it: Referred-By (RFC 3892).
        referred_by: Option<Box<Address>>,
        /// The call at the target that ours is to take the place of (attended transfer, RFC 5589
        /// §7.3).
        replaces: Option<Box<Replaces>>,
    },
    /// The peer reports on the call that we asked for.
    Progress {
        /// Such as 100 or 180.
        status: Status,
    },
    /// Our transfer is over; the session is as it was.
    Done(TransferOutcome),
}

/// How a transfer of ours ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The call we asked for was answered.
    Succeeded(Status),
    /// The REFER or the call was refused, or not answered (408).
    Failed(Status),
    /// The peer accepted it and says no more.
    Unreported,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who or what ended it.
    pub by: EndedBy,
    /// The final status, if it was refused.
    pub status: Option<Status>,
    /// The phrase that came with the status.
    pub phrase: Option<Text>,
    /// Reason headers of the BYE, CANCEL or final response.
    pub reasons: Vec<Reason>,
    /// Retry-After of a refusal.
    pub retry_after: Option<Duration>,
    /// The final response that refused it, for its other headers.
    pub response: Option<Box<Response>>,
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// A command of ours.
    Local,
    /// BYE from the peer.
    RemoteBye,
    /// CANCEL from the peer.
    RemoteCancel,
    /// A final response from the peer.
    Refused,
    /// Our credentials were refused.
    WrongCredentials,
    /// The peer did not answer.
    TimedOut,
    /// The flow went down before the session was answered.
    FlowDown,
    /// This session, just accepted, took its place (RFC 3891).
    Replaced(SessionId),
}
