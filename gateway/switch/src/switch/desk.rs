//! Where the exchange is worked at, by one at a time: an input is given to it, what it wants then is
//! carried out, and the clerk's alarm is set.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sidetone_edge::{FlowInfo, Person};
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{FlowId, Message, Moment, Status, Text};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::SwitchConfig;
use crate::exchange::{CallKey, Exchange, Output, Snapshot};
use crate::random::OsTokens;
use crate::service::{Report, Service, ServiceCall, ServiceEvent};

/// What is brought to the desk.
pub(super) enum Input {
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

/// All state, and where outputs go.
pub(super) struct Desk {
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
    pub(super) alarm: Option<Instant>,
    /// Tells the clerk to wake earlier.
    pub(super) sooner: Arc<Notify>,
    runtime: Handle,
    pub(super) over: CancellationToken,
}

impl Desk {
    /// Must be called within a tokio runtime.
    pub(super) fn new(
        config: SwitchConfig,
        services: BTreeMap<Text, Arc<dyn Service>>,
        reporter: mpsc::UnboundedSender<Report>,
        publisher: watch::Sender<Snapshot>,
    ) -> Self {
        Self {
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
            sooner: Arc::default(),
            runtime: Handle::current(),
            over: CancellationToken::new(),
        }
    }

    pub(super) fn on_input(&mut self, input: Input) {
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
