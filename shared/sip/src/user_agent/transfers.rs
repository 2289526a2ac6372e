//! Transfers as the application asks for them (RFC 3515, RFC 5589).

use super::replacements::replacing_headers;
use super::{CommandError, UserAgent};
use crate::endpoint::config::{Body, Invite, Origin, Refer};
use crate::endpoint::errand::Errand;
use crate::endpoint::event::SessionId;
use crate::message::{Params, RawHeader, ReferredBy, TypedHeader};
use crate::{Address, Moment, Status};

type Command = Result<(), CommandError>;

impl UserAgent {
    /// Asks the peer of a confirmed session to call somebody else (blind transfer, RFC 3515). How
    /// it goes is told by [`crate::SessionEvent::Transfer`]; the session stays as it is until
    /// [`UserAgent::end`], so that the call can be taken back when the transfer fails.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless confirmed and without another transfer under way.
    pub fn refer(&mut self, now: Moment, session: SessionId, refer: Refer) -> Command {
        self.command(now, session, |session, endpoint| {
            session.refer(endpoint, refer)
        })
    }

    /// Asks the peer of a confirmed session to call the peer of `consultation` in our place
    /// (attended transfer, RFC 5589 §7.3). If the consultation is not answered yet, that is done
    /// as soon as it is (semi-attended, §7.5); if it fails, so does the transfer.
    ///
    /// When the transfer has succeeded, the peer of the consultation has ended that; the session
    /// itself stays until [`UserAgent::end`].
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless the session is confirmed and without another transfer
    /// under way, and if the consultation came in and rings, or is the same.
    pub fn refer_to_peer(
        &mut self,
        now: Moment,
        session: SessionId,
        consultation: SessionId,
        referred_by: Option<Address>,
    ) -> Command {
        let consulted = self.sessions.get(&consultation).ok_or(CommandError::Gone)?;
        let target = consulted.replacement()?;
        if session == consultation {
            return Err(CommandError::WrongState);
        }
        self.parts.run_errand = Some(Self::run_errand);
        self.command(now, session, |session, endpoint| match target {
            Some(target) => {
                let refer = Refer {
                    target,
                    referred_by,
                    wants_reports: true,
                };
                session.refer(endpoint, refer)
            }
            None => session.refer_when_answered(endpoint, consultation, referred_by),
        })
    }

    /// Does what [`crate::TransferEvent::Requested`] asks for: answers the REFER with 202, makes
    /// the call with this offer, with Referred-By and Replaces as wanted, and reports its fate to
    /// the peer until it is answered or over. The session stays as it is; the peer ends it when
    /// the call succeeded.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if nothing was asked for; those of [`UserAgent::invite`].
    pub fn follow_refer(
        &mut self,
        now: Moment,
        session: SessionId,
        origin: Origin,
        body: Option<Body>,
    ) -> Result<SessionId, CommandError> {
        self.enter(now)?;
        let speaker = self.endpoint.speaker(origin.clone())?;
        if !self.endpoint.transactions.is_up(speaker.flow) {
            return Err(CommandError::NoFlow);
        }
        let asked = self.sessions.get_mut(&session).ok_or(CommandError::Gone)?;
        let wanted = asked.accept_refer(&mut self.endpoint)?;
        let referred_by = wanted.referred_by.map(|referrer| RawHeader {
            name: ReferredBy::NAME,
            value: referrer.to_string().into(),
        });
        let replaces = wanted.replaces.iter();
        let replaces = replaces.flat_map(|r| replacing_headers(r, wanted.requires_replaces));
        let invite = Invite {
            origin,
            target: wanted.target.uri.clone(),
            to: Address {
                params: Params::default(),
                ..wanted.target
            },
            headers: referred_by.into_iter().chain(replaces).collect(),
            body,
        };
        let call = self.start_call(speaker, invite);
        self.endpoint.follow(call, session);
        self.leave();
        Ok(call)
    }

    /// Answers [`crate::TransferEvent::Requested`] with 202; what is done then is the
    /// application's, and so are the reports.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if nothing was asked for.
    pub fn accept_refer(&mut self, now: Moment, session: SessionId) -> Command {
        self.command(now, session, |session, endpoint| {
            session.accept_refer(endpoint).map(drop)
        })
    }

    /// Reports on an accepted REFER; a final status is the last (RFC 3515 §2.4.5).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if there is nothing to be reported on, or nobody listens.
    pub fn report_refer(&mut self, now: Moment, session: SessionId, status: Status) -> Command {
        self.command(now, session, |session, endpoint| {
            session.report_refer(endpoint, status)
        })
    }

    /// Refuses [`crate::TransferEvent::Requested`] with a final status (300–699).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if nothing was asked for, and for any other status.
    pub fn reject_refer(&mut self, now: Moment, session: SessionId, status: Status) -> Command {
        self.command(now, session, |session, endpoint| {
            session.reject_refer(endpoint, status)
        })
    }

    /// Does what one session has to do because of another.
    pub(super) fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Report(session, status) => self.with_session(session, |session, endpoint| {
                // A referrer that does not listen any more misses nothing.
                let _ = session.report_refer(endpoint, status);
            }),
            Errand::Refer {
                session,
                consultation,
                status,
            } => {
                let consulted = self.sessions.get(&consultation);
                let target = consulted.and_then(|s| s.replacement().ok().flatten());
                let outcome = target.filter(|_| status.is_success());
                let failure = if status.is_success() {
                    Status::REQUEST_TERMINATED
                } else {
                    status
                };
                self.with_session(session, |session, endpoint| {
                    session.on_consultation(endpoint, consultation, outcome.ok_or(failure));
                });
            }
            Errand::Yield { session, to } => {
                self.with_session(session, |session, endpoint| session.give_way(endpoint, to));
            }
        }
    }
}
