//! A call that outlives its agent: its state is kept elsewhere, and another agent goes on with it.

use super::confirmed::Confirmed;
use super::offers::Offers;
use super::reliable::Reliable;
use super::timer::SessionTimer;
use super::{Phase, Session, Transfers};
use crate::CommandError;
use crate::dialog::{Dialog, KeptDialog};
use crate::endpoint::event::SessionId;
use crate::endpoint::{Endpoint, Speaker};
use crate::message::HeaderError;

/// A confirmed call as it can be kept outside of an agent ([`crate::UserAgent::export_call`]).
///
/// What it holds is for nobody else: who has it can take over the call. With the cargo feature
/// `serde` it can be written and read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CallState {
    pub(crate) dialog: KeptDialog,
    is_caller: bool,
    peer_updates: bool,
    timer: Option<KeptTimer>,
}

/// The session timer that was agreed on (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct KeptTimer {
    pub(crate) seconds: u64,
    pub(crate) is_ours: bool,
}

/// A kept call could not be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// See [`CommandError`].
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It is none, or was changed.
    #[error("the kept call can't be read: {0}")]
    Unreadable(#[from] HeaderError),
    /// This agent has it.
    #[error("the call is here already")]
    Present,
}

impl Session {
    pub(crate) fn export(&self) -> Result<CallState, CommandError> {
        match &self.phase {
            Phase::Confirmed(confirmed) => Ok(CallState {
                dialog: confirmed.dialog.export(),
                is_caller: self.is_caller,
                peer_updates: self.peer_updates,
                timer: self.timer.export(),
            }),
            Phase::Over(_) => Err(CommandError::Gone),
            Phase::Calling(_) | Phase::Ringing(_) => Err(CommandError::WrongState),
        }
    }

    /// A session that goes on where another agent has left it.
    pub(crate) fn restore(
        endpoint: &mut Endpoint,
        id: SessionId,
        speaker: Speaker,
        state: &CallState,
    ) -> Result<Self, RestoreError> {
        let dialog = Dialog::restore(&state.dialog)?;
        if endpoint.dialogs.contains_key(&dialog.id()) {
            return Err(RestoreError::Present);
        }
        let confirmed = Confirmed {
            dialog: dialog.clone(),
        };
        let mut session = Self {
            id,
            flow: speaker.flow,
            account: speaker.account,
            contact: speaker.contact,
            is_caller: state.is_caller,
            phase: Phase::Confirmed(Box::new(confirmed)),
            names: Vec::new(),
            is_probing: false,
            is_challenged: false,
            tasks: 0,
            acks: Vec::new(),
            answer: None,
            offers: Offers::default(),
            peer_updates: state.peer_updates,
            reliable: Reliable::default(),
            predecessor: Some(dialog.last_number()),
            referral: None,
            referee: None,
            transfers: Transfers::default(),
            timer: SessionTimer::restore(state.timer),
            description: None,
        };
        session.take_name(endpoint, &dialog);
        session.start_session_timer(endpoint);
        Ok(session)
    }

    /// A 2xx to an INVITE within the dialog. Who sent that may not be there any more to
    /// acknowledge it, without which the peer would hang up (RFC 3261 §13.2.2.4, §13.3.1.4).
    pub(crate) fn acknowledge_for_predecessor(&mut self, endpoint: &mut Endpoint, number: u32) {
        if let Phase::Confirmed(confirmed) = &self.phase
            && self.predecessor.is_some_and(|last| number <= last)
        {
            let mut ack = confirmed.dialog.ack(number);
            ack.headers.max_forwards = Some(70);
            let branch = endpoint.tokens.token();
            endpoint.transactions.send_ack(self.flow, &mut ack, &branch);
        }
    }
}
