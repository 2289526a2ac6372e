//! The task around [`Exchange`]: it owns all state, turns channels into inputs and outputs into
//! channels, and asks tokio what time it is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sidetone_edge::{FlowInfo, Person, Upstream};
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{FlowId, Message, Moment, Status, Text};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::config::SwitchConfig;
use crate::exchange::{CallKey, Exchange, Output, Snapshot};
use crate::random::OsTokens;
use crate::service::{Report, Service, ServiceCall, ServiceEvent};

/// Messages of one flow that may wait for the switch; then its socket waits.
const FLOW_QUEUE: usize = 16;
/// Messages of all flows that may wait. Each flow waits in line for a place, so that one that
/// floods can't keep the others out.
const QUEUE: usize = 64;

enum Input {
    FlowOpened {
        info: FlowInfo,
        outbound: mpsc::Sender<Vec<u8>>,
    },
    Received {
        flow: FlowId,
        bytes: Vec<u8>,
    },
    FlowClosed {
        flow: FlowId,
    },
    Shutdown {
        patience: Duration,
    },
}

/// The embedded PBX. Cloning gives another handle; the switch runs until it is shut down.
#[derive(Clone)]
pub struct Switch {
    inputs: mpsc::Sender<Input>,
    snapshot: watch::Receiver<Snapshot>,
    runtime: Handle,
}

impl Switch {
    /// Starts a switch with these services by number. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: SwitchConfig, services: BTreeMap<Text, Arc<dyn Service>>) -> Self {
        let (inputs, receiver) = mpsc::channel(QUEUE);
        let (reporter, reports) = mpsc::unbounded_channel();
        let (publisher, snapshot) = watch::channel(Snapshot::default());
        let runtime = Handle::current();
        let actor = Actor {
            exchange: Exchange::new(
                config,
                services.keys().cloned(),
                Box::new(OsTokens),
                Box::new(OsTokens),
            ),
            origin: Instant::now(),
            inputs: receiver,
            reports,
            reporter,
            publisher,
            outbound: HashMap::new(),
            people: HashMap::new(),
            services,
            running: HashMap::new(),
            deadline: None,
        };
        runtime.spawn(actor.run());
        Self {
            inputs,
            snapshot,
            runtime,
        }
    }

    /// The figures of this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        *self.snapshot.borrow()
    }

    /// Waits until the figures are such that `wanted` holds; false if the switch ended before.
    pub async fn wait_until(&self, wanted: impl FnMut(&Snapshot) -> bool) -> bool {
        self.snapshot.clone().wait_for(wanted).await.is_ok()
    }

    /// Ends all calls with a Reason, takes no new ones, and closes all flows when the phones have
    /// answered, or after `patience`.
    pub async fn shutdown(&self, patience: Duration) {
        // An error means that it has ended already.
        let _ = self.inputs.send(Input::Shutdown { patience }).await;
        self.inputs.closed().await;
    }
}

impl Upstream for Switch {
    fn open(&self, flow: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> mpsc::Sender<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(FLOW_QUEUE);
        self.runtime
            .spawn(pump(flow, outbound, receiver, self.inputs.clone()));
        sender
    }
}

/// Hands one flow's messages to the switch, in order. Ends with the flow or with the switch.
async fn pump(
    info: FlowInfo,
    outbound: mpsc::Sender<Vec<u8>>,
    mut messages: mpsc::Receiver<Vec<u8>>,
    inputs: mpsc::Sender<Input>,
) {
    let flow = info.id;
    if inputs
        .send(Input::FlowOpened { info, outbound })
        .await
        .is_err()
    {
        return;
    }
    while let Some(bytes) = messages.recv().await {
        if inputs.send(Input::Received { flow, bytes }).await.is_err() {
            return;
        }
    }
    let _ = inputs.send(Input::FlowClosed { flow }).await;
}

struct Actor {
    exchange: Exchange,
    origin: Instant,
    inputs: mpsc::Receiver<Input>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    publisher: watch::Sender<Snapshot>,
    outbound: HashMap<FlowId, mpsc::Sender<Vec<u8>>>,
    /// Whose flows these are, of those that came with a ticket.
    people: HashMap<FlowId, Arc<dyn Person>>,
    services: BTreeMap<Text, Arc<dyn Service>>,
    /// Where offers to the services of running calls go.
    running: HashMap<CallKey, mpsc::Sender<String>>,
    /// When a shutdown is over even if phones don't answer.
    deadline: Option<Instant>,
}

impl Actor {
    async fn run(mut self) {
        loop {
            let wake = self.flush();
            if self.deadline.is_some() && self.exchange.is_quiet() {
                return;
            }
            tokio::select! {
                input = self.inputs.recv() => match input {
                    Some(input) => self.on_input(input),
                    // Nobody can reach the switch any more.
                    None => return,
                },
                Some((call, event)) = self.reports.recv() => {
                    let now = self.now();
                    self.exchange.handle_service(now, call, event);
                }
                () = sleep_until(wake.unwrap_or(self.origin)), if wake.is_some() => {
                    let now = self.now();
                    self.exchange.handle_timer(now);
                }
                () = sleep_until(self.deadline.unwrap_or(self.origin)), if self.deadline.is_some() => {
                    tracing::warn!("some phones did not say goodbye in time");
                    return;
                }
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::FlowOpened { info, outbound } => {
                self.outbound.insert(info.id, outbound);
                if let Some(person) = info.person {
                    self.people.insert(info.id, person);
                }
                self.exchange.handle_flow_opened(now, info.id, info.secure);
            }
            Input::Received { flow, bytes } => self.exchange.handle_received(now, flow, bytes),
            Input::FlowClosed { flow } => self.on_flow_closed(now, flow),
            Input::Shutdown { patience } => {
                self.deadline = Some(Instant::now() + patience);
                self.exchange.handle_shutdown(now);
            }
        }
    }

    fn on_flow_closed(&mut self, now: Moment, flow: FlowId) {
        self.outbound.remove(&flow);
        self.people.remove(&flow);
        self.exchange.handle_flow_closed(now, flow);
    }

    /// Carries out what the exchange wants; answers when it wants to be woken.
    fn flush(&mut self) -> Option<Instant> {
        let wake = loop {
            match self.exchange.poll_output() {
                Output::Transmit { flow, bytes } => self.transmit(flow, bytes),
                Output::CloseFlow { flow } => {
                    self.outbound.remove(&flow);
                    self.people.remove(&flow);
                }
                Output::StartService {
                    call,
                    number,
                    offer,
                } => self.start_service(call, &number, offer),
                Output::OfferService { call, offer } => self.offer_service(call, offer),
                Output::StopService { call } => {
                    self.running.remove(&call);
                }
                Output::Timeout(at) => break at,
            }
        };
        let snapshot = self.exchange.snapshot();
        self.publisher
            .send_if_modified(|old| std::mem::replace(old, snapshot) != snapshot);
        wake.map(|at| self.origin + Duration::from_millis(at.as_millis()))
    }

    /// A flow that does not read what it is sent is closed; the others don't wait for it.
    fn transmit(&mut self, flow: FlowId, bytes: Vec<u8>) {
        let Some(outbound) = self.outbound.get(&flow) else {
            return;
        };
        if let Some(person) = self.people.get(&flow) {
            tell(&**person, &bytes);
        }
        if outbound.try_send(bytes).is_err() {
            tracing::info!(flow = flow.0, "a flow does not read and is closed");
            let now = self.now();
            self.on_flow_closed(now, flow);
        }
    }

    fn start_service(&mut self, call: CallKey, number: &Text, offer: String) {
        let (service_call, offers) = ServiceCall::new(call, self.reporter.clone());
        let Some(service) = self.services.get(number) else {
            return;
        };
        // The first offer finds an empty queue.
        let _ = offers.try_send(offer);
        self.running.insert(call, offers);
        tokio::spawn(service.run(service_call));
    }

    fn offer_service(&mut self, call: CallKey, offer: String) {
        let taken = self
            .running
            .get(&call)
            .is_some_and(|offers| offers.try_send(offer).is_ok());
        if !taken {
            let _ = self
                .reporter
                .send((call, ServiceEvent::Refused(Status::REQUEST_PENDING)));
        }
    }

    fn now(&self) -> Moment {
        let millis = self.origin.elapsed().as_millis();
        Moment::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// Tells somebody of the switch's challenge to a request of theirs. Those of other phones never
/// pass a switch that is the peer of each.
fn tell(person: &dyn Person, bytes: &[u8]) {
    let statuses = [&b"SIP/2.0 401 "[..], b"SIP/2.0 407 "];
    if statuses.iter().any(|status| bytes.starts_with(status))
        && let Incoming::Message(Message::Response(response)) =
            read_frame(bytes, &Limits::default())
    {
        person.on_response(None, &response);
    }
}

#[cfg(test)]
mod tests;
