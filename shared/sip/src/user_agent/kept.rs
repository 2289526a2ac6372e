//! Calls that go from one agent to another: a page was loaded again, or somebody else takes over.

use super::{CommandError, UserAgent};
use crate::dialog::{Dialog, DialogId};
use crate::endpoint::config::{Body, Invite, Origin};
use crate::endpoint::event::SessionId;
use crate::message::HeaderError;
use crate::session::{CallState, RestoreError, Session};
use crate::{Address, Method, Moment, Response, Uri};

impl UserAgent {
    /// What another agent needs to go on with a confirmed call. It may be kept while the call goes
    /// on here: requests sent since then don't matter, unless there are a thousand of them.
    ///
    /// A call that is not answered yet can't go on elsewhere, since its INVITE belongs to this agent:
    /// one of ours has to be made again, and one that rings here ends when its caller gives up.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless confirmed, [`CommandError::Gone`].
    pub fn export_call(&self, session: SessionId) -> Result<CallState, CommandError> {
        let session = self.sessions.get(&session).ok_or(CommandError::Gone)?;
        session.export()
    }

    /// Goes on with a call that another agent has left: afterwards it is a confirmed session here.
    /// Make a new offer at once ([`UserAgent::offer`]), which tells the peer where this agent is
    /// and where to send media. What the other agent was in the middle of is not continued.
    ///
    /// # Errors
    /// [`RestoreError::Unreadable`], [`RestoreError::Present`]; [`CommandError::Gone`] if the
    /// account is.
    pub fn restore_call(
        &mut self,
        now: Moment,
        origin: Origin,
        state: &CallState,
    ) -> Result<SessionId, RestoreError> {
        self.enter(now).map_err(CommandError::from)?;
        let speaker = self.endpoint.speaker(origin)?;
        let id = SessionId(self.next_id());
        let session = Session::restore(&mut self.endpoint, id, speaker, state)?;
        self.add_session(id, session);
        self.leave();
        Ok(id)
    }

    /// Sets a call up anew in place of one that another agent has left (RFC 3891), where its
    /// dialog itself can't be continued: from another address, or by another way.
    ///
    /// # Errors
    /// [`RestoreError::Unreadable`]; those of [`UserAgent::invite`].
    pub fn replace_call(
        &mut self,
        now: Moment,
        origin: Origin,
        state: &CallState,
        body: Option<Body>,
    ) -> Result<SessionId, RestoreError> {
        let dialog = Dialog::restore(&state.dialog)?;
        let peer = dialog.peer().ok_or(HeaderError("it has no SIP URI"))?;
        let target = Uri::Sip(peer.clone());
        let invite = Invite {
            origin,
            to: Address::new(target.clone()),
            target,
            headers: Vec::new(),
            body,
        };
        Ok(self.invite_replacing(now, invite, &dialog.replaces())?)
    }

    /// Acknowledges what an agent before us is waited for to acknowledge.
    pub(super) fn acknowledge_for_predecessor(&mut self, response: &Response) {
        let cseq = &response.headers.cseq;
        if cseq.method != Method::Invite || !response.status.is_success() {
            return;
        }
        let dialogs = &self.endpoint.dialogs;
        if let Some(&id) = dialogs.get(&DialogId::of_response(response)) {
            let number = cseq.number;
            self.with_session(id, |session, endpoint| {
                session.acknowledge_for_predecessor(endpoint, number);
            });
        }
    }
}
