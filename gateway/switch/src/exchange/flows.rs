//! Connections: which phone is at the end of which, and what becomes of its calls when it is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{FlowId, Input, Moment};

use super::{Exchange, Output};
use crate::directory::AddressOfRecord;
use crate::registrar::Device;

/// The phones that registered over a flow, one per address of record; few flows have two.
#[derive(Debug, Default)]
pub(super) struct Devices(Vec<(AddressOfRecord, Device)>);

impl Devices {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &AddressOfRecord> {
        self.0.iter().map(|(aor, _)| aor)
    }

    fn get(&self, aor: &AddressOfRecord) -> Option<&Device> {
        let found = self.0.iter().find(|(other, _)| other == aor);
        found.map(|(_, device)| device)
    }

    /// Whether all of these are those of `others` too.
    pub(super) fn are_among(&self, others: &Self) -> bool {
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

/// The open flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<FlowId, Flow>,
    by_address: ByAddress,
}

/// Over which flows phones of an address of record have registered.
#[derive(Debug, Default)]
pub(super) struct ByAddress(BTreeMap<AddressOfRecord, Vec<FlowId>>);

impl ByAddress {
    pub(super) fn insert(&mut self, aor: &AddressOfRecord, flow: FlowId) {
        self.0.entry(aor.clone()).or_default().push(flow);
    }

    pub(super) fn remove(&mut self, aor: &AddressOfRecord, flow: FlowId) {
        if let Some(flows) = self.0.get_mut(aor) {
            flows.retain(|other| *other != flow);
            if flows.is_empty() {
                self.0.remove(aor);
            }
        }
    }

    /// The flows over which phones of `aor` have registered.
    pub(super) fn of(&self, aor: &AddressOfRecord) -> impl Iterator<Item = FlowId> {
        self.0.get(aor).into_iter().flatten().copied()
    }

    /// The flows over which phones of one of these addresses have registered.
    pub(super) fn sharing(&self, devices: &Devices) -> BTreeSet<FlowId> {
        devices.addresses().flat_map(|aor| self.of(aor)).collect()
    }
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
                    self.by_address.insert(aor, flow);
                }
            }
            None => {
                if noted.devices.remove(aor) {
                    self.by_address.remove(aor, flow);
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
            self.by_address.remove(aor, flow);
        }
        Some(removed)
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

    /// A flow is gone: so are its contacts. Calls wait for its phones to come back.
    pub(crate) fn handle_flow_closed(&mut self, now: Moment, flow: FlowId) {
        if let Some(Flow { devices, .. }) = self.flows.remove(flow) {
            let addresses = devices.addresses();
            let contacts =
                addresses.map(|aor| (aor.clone(), self.registrar.remove_flow(aor, flow)));
            let contacts = contacts.collect();
            self.on_told(flow);
            self.agent.input(now, Input::TransportDown { flow });
            self.settle(now);
            self.expect_back(now, flow, devices, contacts);
        }
    }

    /// Closes a flow from this side.
    pub(super) fn close_flow(&mut self, now: Moment, flow: FlowId) {
        self.outputs.push_back(Output::CloseFlow { flow });
        self.handle_flow_closed(now, flow);
    }

    /// The other open flows that had no other phones than `flow` has.
    pub(super) fn former_flows(&self, flow: FlowId) -> Vec<FlowId> {
        let Some(Flow { devices, .. }) = self.flows.get(flow) else {
            return Vec::new();
        };
        let sharing = self.flows.by_address.sharing(devices).into_iter();
        let others = sharing.filter(|other| *other != flow);
        let is_former = |other: &FlowId| {
            let other = self.flows.get(*other);
            other.is_some_and(|other| other.devices.are_among(devices))
        };
        others.filter(is_former).collect()
    }
}
