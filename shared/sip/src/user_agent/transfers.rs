//! Transfers as the application asks for them (RFC 3515, RFC 5589).

use super::{CommandError, UserAgent};
use crate::endpoint::config::{Invite, Refer};
use crate::endpoint::event::SessionId;
use crate::message::{RawHeader, ReferredBy, TypedHeader};
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

    /// Does what [`crate::TransferEvent::Requested`] asks for: answers the REFER with 202, makes
    /// this call, with Referred-By, and reports its fate to the peer until it is answered or over.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if nothing was asked for; those of [`UserAgent::invite`].
    pub fn follow_refer(
        &mut self,
        now: Moment,
        session: SessionId,
        mut invite: Invite,
        referred_by: Option<Address>,
    ) -> Result<SessionId, CommandError> {
        self.enter(now)?;
        let speaker = self.endpoint.speaker(invite.origin.clone())?;
        if !self.endpoint.transactions.is_up(speaker.flow) {
            return Err(CommandError::NoFlow);
        }
        let asked = self.sessions.get_mut(&session).ok_or(CommandError::Gone)?;
        asked.accept_refer(&mut self.endpoint)?;
        invite.headers.extend(referred_by.map(|referrer| RawHeader {
            name: ReferredBy::NAME,
            value: ReferredBy(referrer).to_string().into(),
        }));
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
            session.accept_refer(endpoint)
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

    /// Tells referrers how the calls go that they asked for.
    pub(super) fn report_followed(&mut self) {
        while let Some((session, status)) = self.endpoint.poll_report() {
            self.with_session(session, |session, endpoint| {
                // A referrer that does not listen any more misses nothing.
                let _ = session.report_refer(endpoint, status);
            });
        }
    }
}
