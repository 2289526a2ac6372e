//! INVITEs that take the place of a call (RFC 3891).

use super::{CommandError, UserAgent};
use crate::dialog::DialogId;
use crate::endpoint::config::{Body, Invite};
use crate::endpoint::event::SessionId;
use crate::message::{HeaderName, Headers, Join, RawHeader, Replaces, Require, TypedHeader};
use crate::session::Replacing;
use crate::{Method, Moment, Request, Status};

impl UserAgent {
    /// Calls to take the place of another call: picks up what rings elsewhere, or takes over what
    /// somebody else has (RFC 3891 §4, RFC 5359 §2.16). The tags are as the called side sees them,
    /// which for a call that still rings has to be who made it. A peer that does not know Replaces
    /// refuses with 420 rather than take it for a call.
    ///
    /// # Errors
    /// Those of [`UserAgent::invite`].
    pub fn invite_replacing(
        &mut self,
        now: Moment,
        mut invite: Invite,
        replaced: &Replaces,
    ) -> Result<SessionId, CommandError> {
        invite.headers.extend(replacing_headers(replaced, true));
        self.invite(now, invite)
    }

    /// The Replaces by which somebody else takes our place towards the peer of a session: for who
    /// may pick up what rings here, or take over what is parked here (RFC 5359 §2.15, §2.16). That
    /// of a call that rings is good as long as it rings.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] for a call of ours that is not answered yet,
    /// [`CommandError::Gone`].
    pub fn replaces_of(&self, session: SessionId) -> Result<Replaces, CommandError> {
        let session = self.sessions.get(&session).ok_or(CommandError::Gone)?;
        session.replaces()
    }

    /// Accepts, unless the call whose place is taken is not the one that was meant any more.
    pub(super) fn accept_incoming(
        &mut self,
        now: Moment,
        id: SessionId,
        body: Body,
    ) -> Result<(), CommandError> {
        let replacing = self.sessions.get(&id).and_then(|s| s.replacing());
        let is_too_late = replacing.is_some_and(|replacing| {
            let replaced = self.sessions.get(&replacing.session);
            let refusal = replaced.map(|s| s.may_be_replaced(replacing.early_only));
            refusal == Some(Err(Status::BUSY_HERE))
        });
        self.command(now, id, |session, endpoint| {
            if is_too_late {
                session.reject(endpoint, Status::BUSY_HERE, Vec::new())
            } else {
                session.accept(endpoint, body)
            }
        })
    }

    /// Whether a request has a Replaces where none may be (RFC 3891 §3).
    pub(super) fn misplaces_replaces(&self, request: &Request) -> bool {
        self.endpoint.config.takes_replacements
            && request.method != Method::Invite
            && request.headers.raw(&Replaces::NAME).next().is_some()
    }

    /// What an INVITE outside of dialogs takes the place of, or how it is refused (RFC 3891 §3).
    pub(super) fn find_replaced(&self, invite: &Request) -> Result<Option<Replacing>, Status> {
        if !self.endpoint.config.takes_replacements {
            return Ok(None);
        }
        let replaces = match invite.headers.typed::<Replaces>() {
            Ok(Some(replaces)) if !joins(&invite.headers) => replaces,
            Ok(None) => return Ok(None),
            Ok(Some(_)) | Err(_) => return Err(Status::BAD_REQUEST),
        };
        let dialogs = &self.endpoint.dialogs;
        let mut found = DialogId::of_replaced(&replaces).filter_map(|id| dialogs.get(&id));
        let (Some(&session), None) = (found.next(), found.next()) else {
            return Err(Status::CALL_DOES_NOT_EXIST);
        };
        let early_only = replaces.early_only;
        let replaced = self.sessions.get(&session);
        replaced.map_or(Err(Status::CALL_DOES_NOT_EXIST), |replaced| {
            replaced.may_be_replaced(early_only)
        })?;
        Ok(Some(Replacing {
            session,
            early_only,
        }))
    }
}

/// Join contradicts Replaces (RFC 3911 §7.1).
fn joins(headers: &Headers) -> bool {
    headers.raw(&Join::NAME).next().is_some()
}

/// What an INVITE says to take the place of a call.
pub(super) fn replacing_headers(
    replaced: &Replaces,
    is_required: bool,
) -> impl Iterator<Item = RawHeader> {
    let required = is_required.then(|| RawHeader {
        name: HeaderName::Require,
        value: Require(vec!["replaces".into()]).to_string().into(),
    });
    let replaces = RawHeader {
        name: Replaces::NAME,
        value: replaced.to_string().into(),
    };
    [Some(replaces), required].into_iter().flatten()
}
