//! Phones whose connection was lost, and the calls that wait for them to come back.

use std::collections::BTreeMap;

use sidetone_sip::{FlowId, Moment, SessionId};

use super::flows::{ByAddress, Devices};
use super::{Alarm, Exchange};
use crate::call::Leg;
use crate::directory::AddressOfRecord;
use crate::registrar::Binding;

/// A flow that is gone while its phones are expected back, or calls over it go on.
#[derive(Debug)]
struct LostFlow {
    devices: Devices,
    /// Its contacts, as long as new calls wait for them.
    contacts: Vec<(AddressOfRecord, Vec<Binding>)>,
    /// There are or were calls of which its phones have not heard everything.
    has_calls: bool,
}

/// The flows that are gone.
#[derive(Debug, Default)]
pub(super) struct LostFlows {
    lost: BTreeMap<FlowId, LostFlow>,
    by_address: ByAddress,
}

impl LostFlows {
    fn insert(&mut self, flow: FlowId, lost: LostFlow) {
        for aor in lost.devices.addresses() {
            self.by_address.insert(aor, flow);
        }
        self.lost.insert(flow, lost);
    }

    fn remove(&mut self, flow: FlowId) -> Option<LostFlow> {
        let removed = self.lost.remove(&flow)?;
        for aor in removed.devices.addresses() {
            self.by_address.remove(aor, flow);
        }
        Some(removed)
    }

    /// A call was placed over `flow`.
    pub(super) fn note_call(&mut self, flow: FlowId) {
        if let Some(lost) = self.lost.get_mut(&flow) {
            lost.has_calls = true;
        }
    }

    /// The contacts of phones that are expected back soon.
    pub(super) fn contacts(&self, aor: &AddressOfRecord) -> impl Iterator<Item = &Binding> {
        let flows = self.by_address.of(aor);
        let contacts = flows.filter_map(|flow| Some(&self.lost.get(&flow)?.contacts));
        let of_aor = contacts.flatten().filter(move |(other, _)| other == aor);
        of_aor.flat_map(|(_, bindings)| bindings)
    }

    /// Those that had no other phones than `devices`.
    fn formers(&self, devices: &Devices) -> Vec<FlowId> {
        let sharing = self.by_address.sharing(devices).into_iter();
        let is_former = |flow: &FlowId| {
            let lost = self.lost.get(flow);
            lost.is_some_and(|lost| lost.devices.are_among(devices))
        };
        sharing.filter(is_former).collect()
    }
}

impl Exchange {
    /// The flow of these phones is gone. A page that is loaded anew is back within a second, and so is
    /// who has found another network; a call that is up waits longer.
    pub(super) fn expect_back(
        &mut self,
        now: Moment,
        flow: FlowId,
        devices: Devices,
        contacts: Vec<(AddressOfRecord, Vec<Binding>)>,
    ) {
        let has_calls = self.legs.values().any(|leg| leg.flow == flow);
        if devices.is_empty() && !has_calls {
            return;
        }
        let lost = LostFlow {
            devices,
            contacts,
            has_calls,
        };
        self.lost.insert(flow, lost);
        self.alarms
            .insert((now + self.config.ring_grace, Alarm::NotBack(flow)));
        if has_calls {
            self.alarms
                .insert((now + self.config.return_grace, Alarm::LostForGood(flow)));
        }
    }

    /// Nobody waits any more for an answer from there.
    pub(super) fn on_not_back(&mut self, now: Moment, flow: FlowId) {
        let Some(lost) = self.lost.lost.get_mut(&flow) else {
            return;
        };
        lost.contacts.clear();
        for session in self.ringing_over(flow) {
            // It ends, and tells so by an event.
            if let Err(error) = self.agent.command(|ua| ua.end(now, session, None)) {
                tracing::debug!(flow = flow.0, %error, "a call that rang is over already");
            }
        }
        self.settle(now);
        if !self.legs.values().any(|leg| leg.flow == flow) {
            self.lost.remove(flow);
        }
    }

    /// The sessions that ring, or would if the phone were there.
    fn ringing_over(&self, flow: FlowId) -> Vec<SessionId> {
        let legs = self.legs.iter().filter(|(_, place)| place.flow == flow);
        let rings = |call| {
            self.conversations
                .get(call)
                .is_some_and(|c| c.call.is_ringing())
        };
        let ringing = legs.filter(|(_, place)| place.leg != Leg::Caller && rings(&place.call));
        ringing.map(|(session, _)| *session).collect()
    }

    pub(super) fn on_lost_for_good(&mut self, now: Moment, flow: FlowId) {
        if self.lost.remove(flow).is_none() {
            return;
        }
        let legs: Vec<_> = self
            .legs
            .values()
            .filter(|leg| leg.flow == flow)
            .map(|leg| (leg.call, leg.leg))
            .collect();
        for (call, leg) in legs {
            self.with_call(now, call, |call| call.handle_abandoned(leg));
        }
    }

    /// The phones of `flow` have just proved who they are. Flows that had no other phones than
    /// these are their former connections: what is still open closes, and their calls move here.
    pub(super) fn claim_former_flows(&mut self, now: Moment, flow: FlowId) {
        for former in self.former_flows(flow) {
            self.close_flow(now, former);
        }
        let Some(here) = self.flows.get(flow) else {
            return;
        };
        for former in self.lost.formers(&here.devices) {
            if self.lost.remove(former).is_some_and(|lost| lost.has_calls) {
                self.move_calls(now, former, flow);
            }
        }
    }

    fn move_calls(&mut self, now: Moment, from: FlowId, to: FlowId) {
        for leg in self.legs.values_mut().filter(|leg| leg.flow == from) {
            leg.flow = to;
        }
        tracing::info!(
            from = from.0,
            to = to.0,
            "calls move to a phone's new connection"
        );
        if let Err(error) = self.agent.command(|ua| ua.rebind_flow(now, from, to)) {
            tracing::warn!(from = from.0, to = to.0, %error, "calls can't move");
        }
    }
}
