//! The switch without clock, sockets or tasks: flows, registrar, calls and services over one user
//! agent.
//!
//! Its contract is that of [`sidetone_sip`]: give one input, then call [`Exchange::poll_output`]
//! until it answers [`Output::Timeout`]; repeat.

mod admission;
mod agent;
mod calls;
mod flows;
mod gatekeeper;
mod registration;
mod returns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sidetone_sip::message::{HeaderName, RawHeader, RetryAfter};
use sidetone_sip::{
    Answer, Event, FlowId, Input, Method, Moment, SessionEvent, SessionId, Status, Text,
    TokenSource, UserAgent,
};

use agent::Agent;
use calls::{Conversation, LegPlace};
use flows::Flows;
use gatekeeper::Gatekeeper;
use returns::LostFlows;

use crate::call::{Leg, LegEvent, Refusal, reason};
use crate::config::SwitchConfig;
use crate::dial_plan::DialPlan;
use crate::registrar::Registrar;
use crate::service::ServiceEvent;

/// Names a call within its switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallKey(pub(crate) u64);

/// What the switch wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Send one message.
    Transmit { flow: FlowId, bytes: Vec<u8> },
    /// Close the flow; it is forgotten already.
    CloseFlow { flow: FlowId },
    /// Start a service with this offer.
    StartService {
        call: CallKey,
        number: Text,
        offer: String,
    },
    /// Make a new offer to a running service.
    OfferService { call: CallKey, offer: String },
    /// The call with a service is over.
    StopService { call: CallKey },
    /// Nothing more until an input, or `handle_timer` at this moment.
    Timeout(Option<Moment>),
}

/// What happens at a moment unless something else happens first. Stale ones are harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    NoAnswer(CallKey),
    NotBack(FlowId),
    LostForGood(FlowId),
}

/// Figures for status pages and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Open flows.
    pub flows: usize,
    /// Extensions with at least one phone.
    pub registered: usize,
    /// Calls that wait for an answer.
    pub ringing: usize,
    /// Calls that are up.
    pub up: usize,
    /// Calls set up since the start, answered or not.
    pub calls_total: u64,
    /// Digests that were wrong since the start.
    pub wrong_digests_total: u64,
}

/// The switch itself.
pub(crate) struct Exchange {
    config: SwitchConfig,
    dial_plan: DialPlan,
    agent: Agent,
    registrar: Registrar,
    gatekeeper: Gatekeeper,
    flows: Flows,
    lost: LostFlows,
    conversations: BTreeMap<CallKey, Conversation>,
    legs: BTreeMap<SessionId, LegPlace>,
    alarms: BTreeSet<(Moment, Alarm)>,
    /// Leg events that come from the switch itself.
    own_events: VecDeque<(CallKey, Leg, LegEvent)>,
    outputs: VecDeque<Output>,
    calls_total: u64,
    wrong_digests_total: u64,
    /// Set when the switch goes down: the flows that must still hear of it.
    closing: Option<BTreeSet<FlowId>>,
}

/// A refusal by the switch itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rejection {
    status: Status,
    headers: Vec<RawHeader>,
}

impl Rejection {
    fn new(status: Status) -> Self {
        Self {
            status,
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: impl Into<Text>) -> Self {
        self.headers.push(RawHeader {
            name,
            value: value.into(),
        });
        self
    }

    /// With a Warning of RFC 3261 §20.43, which is for a person's eyes.
    fn warn(self, code: u16, text: &str) -> Self {
        self.with(HeaderName::Warning, format!("{code} sidetone \"{text}\""))
    }
}

impl From<Rejection> for Answer {
    fn from(rejection: Rejection) -> Self {
        let Rejection { status, headers } = rejection;
        Self {
            status,
            contacts: Vec::new(),
            headers,
            body: None,
        }
    }
}

impl Exchange {
    /// An exchange without flows. `services` are the numbers that lead to services; one source of
    /// randomness is the user agent's, the other makes nonces.
    pub(crate) fn new(
        config: SwitchConfig,
        services: impl IntoIterator<Item = Text>,
        tokens: Box<dyn TokenSource + Send>,
        nonce_tokens: Box<dyn TokenSource + Send>,
    ) -> Self {
        let gatekeeper = Gatekeeper::new(&config.directory, nonce_tokens);
        let agent_config = sidetone_sip::Config {
            timers: config.timers,
            // The sockets below have their own pings.
            keep_alive: None,
            invites_wait: true,
            accepts: vec![Method::Register],
            ..sidetone_sip::Config::new(&config.product, &config.via_host)
        };
        Self {
            dial_plan: DialPlan::new(services),
            agent: Agent::new(UserAgent::new(agent_config, tokens)),
            registrar: Registrar::new(config.registrar),
            gatekeeper,
            flows: Flows::default(),
            lost: LostFlows::default(),
            conversations: BTreeMap::new(),
            legs: BTreeMap::new(),
            alarms: BTreeSet::new(),
            own_events: VecDeque::new(),
            outputs: VecDeque::new(),
            calls_total: 0,
            wrong_digests_total: 0,
            closing: None,
            config,
        }
    }

    /// One message arrived.
    pub(crate) fn handle_received(&mut self, now: Moment, flow: FlowId, bytes: Vec<u8>) {
        let Some(sender) = self.flows.get_mut(flow) else {
            return;
        };
        if !sender.admits_message(now) {
            tracing::warn!(flow = flow.0, "a flow floods and is closed");
            return self.close_flow(now, flow);
        }
        self.agent.input(now, Input::Received { flow, bytes });
        self.settle(now);
        self.close_flow_of_guesser(now, flow);
    }

    /// The moment of the last [`Output::Timeout`] has come.
    pub(crate) fn handle_timer(&mut self, now: Moment) {
        self.registrar.expire(now);
        while let Some((at, alarm)) = self.alarms.first().copied()
            && at <= now
        {
            self.alarms.pop_first();
            match alarm {
                Alarm::NoAnswer(call) => self.on_no_answer(now, call),
                Alarm::NotBack(flow) => self.on_not_back(now, flow),
                Alarm::LostForGood(flow) => self.on_lost_for_good(now, flow),
            }
        }
        self.agent.input(now, Input::TimerFired);
        self.settle(now);
    }

    /// A service reports.
    pub(crate) fn handle_service(&mut self, now: Moment, call: CallKey, event: ServiceEvent) {
        self.on_service(call, event);
        self.settle(now);
    }

    /// From now on there are no new calls, and those that are there end.
    pub(crate) fn handle_shutdown(&mut self, now: Moment) {
        let concerned = self
            .legs
            .values()
            .map(|leg| leg.flow)
            .filter(|f| self.flows.get(*f).is_some());
        let concerned: BTreeSet<FlowId> = concerned.collect();
        self.closing = Some(concerned.clone());
        let mut refusal = Refusal::new(Status::SERVICE_UNAVAILABLE);
        refusal.reasons.push(reason(503, "The gateway restarts"));
        refusal.retry_after = Some(SHUTDOWN_RETRY.0);
        let calls: Vec<CallKey> = self.conversations.keys().copied().collect();
        for key in calls {
            let refusal = refusal.clone();
            self.with_call(now, key, |call| call.handle_shutdown(refusal));
        }
        // A phone that answers this has had everything that was sent before.
        for flow in concerned {
            if let Err(error) = self.agent.command(|ua| ua.probe_flow(now, flow)) {
                tracing::debug!(flow = flow.0, %error, "a flow can't be asked");
            }
        }
        self.settle(now);
    }

    /// The next output.
    pub(crate) fn poll_output(&mut self) -> Output {
        if let Some((flow, bytes)) = self.agent.next_transmit() {
            return Output::Transmit { flow, bytes };
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let alarm = self.alarms.first().map(|(at, _)| *at);
        Output::Timeout(
            [self.agent.wake(), alarm, self.registrar.next_expiry()]
                .into_iter()
                .flatten()
                .min(),
        )
    }

    /// Whether no call is left and every phone that has to know does.
    pub(crate) fn is_quiet(&self) -> bool {
        let told = self.closing.as_ref().is_none_or(BTreeSet::is_empty);
        told && self.conversations.is_empty() && self.legs.is_empty()
    }

    /// The figures of this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            flows: self.flows.len(),
            registered: self.registrar.registered(),
            ringing: self
                .conversations
                .values()
                .filter(|c| c.call.is_ringing())
                .count(),
            up: self
                .conversations
                .values()
                .filter(|c| c.call.is_up())
                .count(),
            calls_total: self.calls_total,
            wrong_digests_total: self.wrong_digests_total,
        }
    }

    /// Works through events until there are none.
    fn settle(&mut self, now: Moment) {
        loop {
            if let Some((call, leg, event)) = self.own_events.pop_front() {
                self.with_call(now, call, |call| call.handle(leg, event));
            } else if let Some(event) = self.agent.next_event() {
                self.on_event(now, event);
            } else {
                return;
            }
        }
    }

    /// A flow has heard of the shutdown, or never will.
    fn on_told(&mut self, flow: FlowId) {
        if let Some(untold) = &mut self.closing {
            untold.remove(&flow);
        }
    }

    fn on_event(&mut self, now: Moment, event: Event) {
        match event {
            Event::Session {
                session,
                event: SessionEvent::Incoming { flow, request, .. },
            } => {
                self.on_invite(now, session, flow, &request);
            }
            Event::Session { session, event } => self.on_session(now, session, event),
            Event::RequestReceived { id, flow, request } => {
                self.on_register(now, id, flow, &request)
            }
            Event::FlowSilent { flow } => self.close_flow(now, flow),
            Event::FlowAnswered { flow } => self.on_told(flow),
            // The switch has no accounts and asks nothing outside of sessions.
            Event::Registration { .. }
            | Event::RequestAnswered { .. }
            | Event::Challenged { .. }
            | Event::FlowFailed { .. }
            | Event::Publication { .. } => {}
            // It publishes no event package: the agent answers SUBSCRIBE and NOTIFY with 405.
            Event::Subscription { .. } | Event::Unsolicited { .. } => {}
        }
    }
}

/// When a phone may come back after a shutdown.
const SHUTDOWN_RETRY: RetryAfter = RetryAfter(std::time::Duration::from_secs(5));

#[cfg(test)]
mod tests;
