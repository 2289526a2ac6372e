//! The tasks' side of [`Exchange`]: it turns messages into inputs and outputs into messages, and asks
//! tokio what time it is.
//!
//! There is no task that all messages would have to go to and come back from. Whoever has an input
//! puts it into the queue, and whoever finds the exchange free works the queue off, for the others
//! too; so a REGISTER is answered within the task that has read it. One more task, the clerk, sleeps
//! until something is due.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use sidetone_edge::{FlowInfo, Gone, Inbound, Person, Upstream};
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{FlowId, Message, Moment, Status, Text};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::SwitchConfig;
use crate::exchange::{CallKey, Exchange, Output, Snapshot};
use crate::random::OsTokens;
use crate::service::{Report, Service, ServiceCall, ServiceEvent};

/// Inputs that may wait for whoever is at work; who brings one more waits for them to be done.
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
    Reported(Report),
    /// Something may be due.
    Due,
    Shutdown {
        patience: Duration,
    },
}

/// The embedded PBX. Cloning gives another handle; the switch runs until it is shut down.
#[derive(Clone)]
pub struct Switch(Arc<Shared>);

struct Shared {
    inputs: Mutex<VecDeque<Input>>,
    desk: Mutex<Desk>,
    snapshot: watch::Receiver<Snapshot>,
    /// The switch has been shut down, or nobody can reach it any more.
    over: CancellationToken,
}

impl Switch {
    /// Starts a switch with these services by number. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: SwitchConfig, services: BTreeMap<Text, Arc<dyn Service>>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let (publisher, snapshot) = watch::channel(Snapshot::default());
        let runtime = Handle::current();
        let over = CancellationToken::new();
        let sooner = Arc::new(Notify::new());
        let desk = Desk {
            exchange: Exchange::new(
                config,
                services.keys().cloned(),
                Box::new(OsTokens),
                Box::new(OsTokens),
            ),
            origin: Instant::now(),
            reporter,
            publisher,
            outbound: HashMap::new(),
            people: HashMap::new(),
            services,
            running: HashMap::new(),
            deadline: None,
            alarm: None,
            sooner: Arc::clone(&sooner),
            runtime: runtime.clone(),
            over: over.clone(),
        };
        let shared = Arc::new(Shared {
            inputs: Mutex::default(),
            desk: Mutex::new(desk),
            snapshot,
            over,
        });
        runtime.spawn(clerk(Arc::downgrade(&shared), reports, sooner));
        Self(shared)
    }

    /// The figures of this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        *self.0.snapshot.borrow()
    }

    /// Waits until the figures are such that `wanted` holds; false if the switch ended before.
    pub async fn wait_until(&self, wanted: impl FnMut(&Snapshot) -> bool) -> bool {
        let mut snapshot = self.0.snapshot.clone();
        tokio::select! {
            seen = snapshot.wait_for(wanted) => seen.is_ok(),
            () = self.0.over.cancelled() => false,
        }
    }

    /// Ends all calls with a Reason, takes no new ones, and closes all flows when the phones have
    /// answered, or after `patience`.
    pub async fn shutdown(&self, patience: Duration) {
        self.0.give(Input::Shutdown { patience });
        self.0.over.cancelled().await;
    }
}

impl Upstream for Switch {
    fn open(&self, info: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        let flow = info.id;
        self.0.give(Input::FlowOpened { info, outbound });
        let shared = Arc::clone(&self.0);
        Box::new(OpenFlow { flow, shared })
    }
}

/// One flow's way to the switch; the flow is gone when this is dropped.
struct OpenFlow {
    flow: FlowId,
    shared: Arc<Shared>,
}

impl Inbound for OpenFlow {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(match self.shared.over.is_cancelled() {
            true => Err(Gone),
            false => Ok(()),
        })
    }

    fn deliver(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let flow = self.flow;
        self.shared.give(Input::Received { flow, bytes });
        Ok(())
    }
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        let flow = self.flow;
        self.shared.give(Input::FlowClosed { flow });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Shared {
    fn give(&self, input: Input) {
        let waiting = {
            let mut inputs = self.inputs();
            inputs.push_back(input);
            inputs.len()
        };
        let mut desk = match waiting <= QUEUE {
            true => self.try_desk(),
            false => Some(self.desk.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        while let Some(mut free) = desk.take() {
            while let Some(input) = { self.inputs().pop_front() } {
                free.on_input(input);
            }
            drop(free);
            // Who brought an input just now found the desk taken.
            if !self.inputs().is_empty() {
                desk = self.try_desk();
            }
        }
    }

    fn inputs(&self) -> MutexGuard<'_, VecDeque<Input>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None if somebody works at it, who will also see to what has come meanwhile.
    fn try_desk(&self) -> Option<MutexGuard<'_, Desk>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            Err(TryLockError::Poisoned(desk)) => Some(desk.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Brings in what is due, and what services report.
async fn clerk(
    shared: Weak<Shared>,
    mut reports: mpsc::UnboundedReceiver<Report>,
    sooner: Arc<Notify>,
) {
    let Some(over) = shared.upgrade().map(|shared| shared.over.clone()) else {
        return;
    };
    let mut alarm = None;
    loop {
        let input = tokio::select! {
            () = over.cancelled() => return,
            () = sooner.notified() => None,
            Some(report) = reports.recv() => Some(Input::Reported(report)),
            () = sleep_until(alarm.unwrap_or_else(Instant::now)), if alarm.is_some() => {
                Some(Input::Due)
            }
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Some(input) = input {
            shared.give(input);
        }
        let desk = shared.desk.lock();
        alarm = desk.unwrap_or_else(PoisonError::into_inner).alarm;
    }
}

/// All state, and where outputs go.
struct Desk {
    exchange: Exchange,
    origin: Instant,
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
    /// When the clerk wakes.
    alarm: Option<Instant>,
    /// Tells the clerk to wake earlier.
    sooner: Arc<Notify>,
    runtime: Handle,
    over: CancellationToken,
}

impl Desk {
    fn on_input(&mut self, input: Input) {
        // What comes after the end, such as a new flow, is closed by being dropped.
        if self.over.is_cancelled() {
            return;
        }
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
            Input::Reported((call, event)) => self.exchange.handle_service(now, call, event),
            Input::Due => self.on_due(now),
            Input::Shutdown { patience } => {
                self.deadline = Some(Instant::now() + patience);
                self.exchange.handle_shutdown(now);
            }
        }
        let wake = self.flush();
        self.set_alarm(wake);
        if self.deadline.is_some() && self.exchange.is_quiet() {
            self.end();
        }
    }

    fn on_due(&mut self, now: Moment) {
        self.alarm = None;
        if self.deadline.is_some_and(|at| at <= Instant::now()) {
            tracing::warn!("some phones did not say goodbye in time");
            return self.end();
        }
        self.exchange.handle_timer(now);
    }

    fn end(&mut self) {
        self.outbound.clear();
        self.people.clear();
        self.running.clear();
        self.over.cancel();
    }

    /// Waking too early does no harm, so the alarm is only ever set earlier.
    fn set_alarm(&mut self, wake: Option<Instant>) {
        let next = wake.into_iter().chain(self.deadline).min();
        if let Some(next) = next
            && self.alarm.is_none_or(|alarm| next < alarm)
        {
            self.alarm = Some(next);
            self.sooner.notify_one();
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
        self.runtime.spawn(service.run(service_call));
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

/// Tells somebody that the switch challenges a request of theirs, or grants it. What other phones
/// say never passes a switch that is the peer of each.
fn tell(person: &dyn Person, bytes: &[u8]) {
    let statuses = [&b"SIP/2.0 200 "[..], b"SIP/2.0 401 ", b"SIP/2.0 407 "];
    if statuses.iter().any(|status| bytes.starts_with(status))
        && let Incoming::Message(Message::Response(response)) =
            read_frame(bytes, &Limits::default())
    {
        person.on_response(None, &response);
    }
}

#[cfg(test)]
mod tests;
