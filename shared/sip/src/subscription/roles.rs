//! A subscriber and a notifier as the agent sees them. It knows no other names for them, so that an app
//! that subscribes to nothing, or to which nobody can subscribe, does not carry the code that does.

use crate::endpoint::config::Body;
use crate::endpoint::event::AccountId;
use crate::endpoint::{Endpoint, SubscriberAlarm};
use crate::message::{RawHeader, SubscriptionState};
use crate::transaction::{ClientId, FlowId, NoResponse, ServerId};
use crate::{CommandError, Request, Response, Status};

pub(super) type Command = Result<(), CommandError>;

/// A subscriber as the agent sees it.
pub(crate) trait Subscribing {
    fn flow(&self) -> FlowId;
    fn account(&self) -> Option<AccountId>;
    fn awaits(&self, client: ClientId) -> bool;
    /// Over for its user.
    fn is_leaving(&self) -> bool;
    fn is_over(&self) -> bool;
    fn forget(&mut self, endpoint: &mut Endpoint);
    fn ask(&mut self, endpoint: &mut Endpoint);
    fn leave(&mut self, endpoint: &mut Endpoint);
    fn on_response(&mut self, e: &mut Endpoint, client: ClientId, answered: u8, r: &Response);
    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse);
    fn on_alarm(&mut self, endpoint: &mut Endpoint, alarm: SubscriberAlarm);
    fn on_notify(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request);
    fn on_flow_down(&mut self, endpoint: &mut Endpoint);
}

/// A notifier as the agent sees it.
pub(crate) trait Notifying {
    fn flow(&self) -> FlowId;
    fn account(&self) -> Option<AccountId>;
    fn awaits(&self, client: ClientId) -> bool;
    fn is_over(&self) -> bool;
    fn rebind(&mut self, to: FlowId);
    fn forget(&self, endpoint: &mut Endpoint);
    fn accept(
        &mut self,
        endpoint: &mut Endpoint,
        expires: u32,
        is_pending: bool,
        body: Option<Body>,
    ) -> Command;
    fn reject(&mut self, e: &mut Endpoint, status: Status, headers: Vec<RawHeader>) -> Command;
    fn notify(&mut self, endpoint: &mut Endpoint, body: Option<Body>) -> Command;
    fn end(&mut self, e: &mut Endpoint, told: SubscriptionState, body: Option<Body>) -> Command;
    fn on_subscribe(&mut self, endpoint: &mut Endpoint, server: ServerId, request: &Request);
    fn on_expiry(&mut self, endpoint: &mut Endpoint);
    fn on_response(&mut self, e: &mut Endpoint, client: ClientId, answered: u8, r: &Response);
    fn on_unanswered(&mut self, endpoint: &mut Endpoint, why: NoResponse);
}
