//! Transfers, for the sessions that know them.

use super::Session;
use super::referee::RefereeInput;
use super::referral::ReferralInput;
use crate::Status;
use crate::endpoint::Endpoint;
use crate::endpoint::event::{SessionEvent, TransferEvent, TransferOutcome};

/// The way to the code for transfers. There is no other, so that a program whose sessions do
/// without doesn't carry it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transfers {
    /// For our REFER; who sends one sets it.
    pub(super) referral: Option<fn(&mut Session, &mut Endpoint, ReferralInput<'_>)>,
    /// For the peer's REFER.
    referee: Option<fn(&mut Session, &mut Endpoint, RefereeInput<'_>)>,
}

impl Transfers {
    /// Both.
    pub(crate) const ALL: Self = Self {
        referral: Some(Session::on_referral_input),
        referee: Some(Session::on_referee_input),
    };
}

impl Session {
    pub(crate) const fn know(&mut self, transfers: Transfers) {
        self.transfers = transfers;
    }

    pub(super) fn handle_referral(&mut self, endpoint: &mut Endpoint, input: ReferralInput<'_>) {
        match (self.transfers.referral, input) {
            (Some(on_input), input) => on_input(self, endpoint, input),
            (None, ReferralInput::Report(server, request)) => {
                endpoint.respond_status(server, request, Status::CALL_DOES_NOT_EXIST);
            }
            (None, _) => {}
        }
    }

    pub(super) fn handle_referee(&mut self, endpoint: &mut Endpoint, input: RefereeInput<'_>) {
        match (self.transfers.referee, input) {
            (Some(on_input), input) => on_input(self, endpoint, input),
            (None, RefereeInput::Refer(server, request)) => {
                endpoint.respond_not_allowed(server, &request);
            }
            (None, _) => {}
        }
    }

    /// The session is over, and transfers with it.
    pub(super) fn end_transfers(&mut self, endpoint: &mut Endpoint) {
        self.handle_referral(endpoint, ReferralInput::End(TransferOutcome::Unreported));
        self.handle_referee(endpoint, RefereeInput::End);
    }

    pub(super) fn tell_transfer(&self, endpoint: &mut Endpoint, event: TransferEvent) {
        self.tell(endpoint, SessionEvent::Transfer(event));
    }
}
