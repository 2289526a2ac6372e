//! Connections: which phone is at the end of which, and what becomes of its calls when it is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{FlowId, Input, Moment};

use super::{Alarm, Exchange, Output};
use crate::directory::AddressOfRecord;
use crate::registrar::Device;

/// The phones that registered over a flow, one per address of record; few flows have two.
#[derive(Debug, Default)]
pub(super) struct Devices(Vec<(AddressOfRecord, Device)>);

impl Devices {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn addresses(&self) -> impl Iterator<Item = &AddressOfRecord> {
        self.0.iter().map(|(aor, _)| aor)
    }

    fn get(&self, aor: &AddressOfRecord) -> Option<&Device> {
        let found = self.0.iter().find(|(other, _)| other == aor);
        found.map(|(_, device)| device)
    }

    /// Whether all of these are those of `others` too.
    fn are_among(&self, others: &Self) -> bool {
        let mut all = self.0.iter();
        all.all(|(aor, device)| others.get(aor) == Some(device))
    }

    /// Answers whether there was none of this address.
    fn insert(&mut self, aor: &AddressOfRecord, device: Device) -> bool {
        let is_new = !self.remove(aor);
        self.0.reserve_exact(1);
        self.0.push((aor.clone(), device));
        is_new
    }

    /// Answers whether there was one.
    fn remove(&mut self, aor: &AddressOfRecord) -> bool {
        let before = self.0.len();
        self.0.retain(|(other, _)| other != aor);
        self.0.len() < before
    }
}

/// Messages that a flow may send at once.
const BURST: u64 = 1_000;
/// Time after which it may send one more; no phone has that much to say for long.
const PACE: Duration = Duration::from_millis(5);

/// An open flow.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The moment up to which the messages so far take it, at [`PACE`].
    spent_until: Moment,
    pub(super) devices: Devices,
    /// Digests that were wrong since it opened.
    pub(super) wrong_digests: u32,
}

/// A flow that is gone while calls over it go on.
#[derive(Debug)]
pub(super) struct LostFlow {
    devices: Devices,
}

/// The open flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<FlowId, Flow>,
    /// Over which of them phones of an address of record have registered.
    by_address: BTreeMap<AddressOfRecord, Vec<FlowId>>,
}

impl Flows {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn get(&self, flow: FlowId) -> Option<&Flow> {
        self.open.get(&flow)
    }

    pub(super) fn get_mut(&mut self, flow: FlowId) -> Option<&mut Flow> {
        self.open.get_mut(&flow)
    }

    /// Which phone of `aor` has registered over `flow`, if one has.
    pub(super) fn note_device(
        &mut self,
        flow: FlowId,
        aor: &AddressOfRecord,
        device: Option<Device>,
    ) {
        let Some(noted) = self.open.get_mut(&flow) else {
            return;
        };
        match device {
            Some(device) => {
                if noted.devices.insert(aor, device) {
                    self.by_address.entry(aor.clone()).or_default().push(flow);
                }
            }
            None => {
                if noted.devices.remove(aor) {
                    self.forget_address(flow, aor);
                }
            }
        }
    }

    fn insert(&mut self, flow: FlowId) {
        self.open.insert(flow, Flow::default());
    }

    fn remove(&mut self, flow: FlowId) -> Option<Flow> {
        let removed = self.open.remove(&flow)?;
        for aor in removed.devices.addresses() {
            self.forget_address(flow, aor);
        }
        Some(removed)
    }

    fn forget_address(&mut self, flow: FlowId, aor: &AddressOfRecord) {
        if let Some(flows) = self.by_address.get_mut(aor) {
            flows.retain(|other| *other != flow);
            if flows.is_empty() {
                self.by_address.remove(aor);
            }
        }
    }

    /// The other flows over which phones of one of these addresses have registered.
    fn sharing<'a>(&'a self, flow: FlowId, devices: &'a Devices) -> BTreeSet<FlowId> {
        let flows = devices
            .addresses()
            .filter_map(|aor| self.by_address.get(aor));
        flows.flatten().copied().filter(|id| *id != flow).collect()
    }
}

impl Flow {
    /// Whether one more message is no flood.
    pub(super) fn admits_message(&mut self, now: Moment) -> bool {
        self.spent_until = self.spent_until.max(now) + PACE;
        self.spent_until.since(now).as_millis() <= PACE.as_millis() * u128::from(BURST)
    }
}

impl Exchange {
    /// A flow opened.
    pub(crate) fn handle_flow_opened(&mut self, now: Moment, flow: FlowId, secure: bool) {
        let transport = if secure {
            Transport::Wss
        } else {
            Transport::Ws
        };
        self.flows.insert(flow);
        self.agent
            .input(now, Input::TransportUp { flow, transport });
        self.settle(now);
    }

    /// A flow is gone: so are its contacts. Calls that are up wait for the phone to come back.
    pub(crate) fn handle_flow_closed(&mut self, now: Moment, flow: FlowId) {
        if let Some(Flow { devices, .. }) = self.flows.remove(flow) {
            for aor in devices.addresses() {
                self.registrar.remove_flow(aor, flow);
            }
            self.on_told(flow);
            self.agent.input(now, Input::TransportDown { flow });
            self.settle(now);
            if self.legs.values().any(|leg| leg.flow == flow) {
                self.lost.insert(flow, LostFlow { devices });
                self.alarms
                    .insert((now + self.config.return_grace, Alarm::LostForGood(flow)));
            }
        }
    }

    /// Closes a flow from this side.
    pub(super) fn close_flow(&mut self, now: Moment, flow: FlowId) {
        self.outputs.push_back(Output::CloseFlow { flow });
        self.handle_flow_closed(now, flow);
    }

    pub(super) fn on_lost_for_good(&mut self, now: Moment, flow: FlowId) {
        if self.lost.remove(&flow).is_none() {
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
    /// these are their former connections: their calls move here, and what is still open closes.
    pub(super) fn claim_former_flows(&mut self, now: Moment, flow: FlowId) {
        let Some(Flow { devices, .. }) = self.flows.get(flow) else {
            return;
        };
        let is_former = |former: &Devices| !former.is_empty() && former.are_among(devices);
        let mut open = self.flows.sharing(flow, devices);
        open.retain(|id| self.flows.get(*id).is_some_and(|f| is_former(&f.devices)));
        let lost = self.lost.iter().filter(|(_, l)| is_former(&l.devices));
        let lost: Vec<FlowId> = lost.map(|(id, _)| *id).collect();
        for former in lost {
            self.lost.remove(&former);
            self.move_calls(now, former, flow);
        }
        for former in open {
            self.move_calls(now, former, flow);
            self.close_flow(now, former);
        }
    }

    fn move_calls(&mut self, now: Moment, from: FlowId, to: FlowId) {
        let mut moved = 0_usize;
        for leg in self.legs.values_mut().filter(|leg| leg.flow == from) {
            leg.flow = to;
            moved += 1;
        }
        if moved > 0 {
            tracing::info!(
                from = from.0,
                to = to.0,
                moved,
                "calls move to a phone's new connection"
            );
            if let Err(error) = self.agent.command(|ua| ua.rebind_flow(now, from, to)) {
                tracing::warn!(from = from.0, to = to.0, %error, "calls can't move");
            }
        }
    }
}
