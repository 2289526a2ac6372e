//! What the inputs of the agent set going.

use super::UserAgent;
use super::keep_alive::KeepAlive;
use crate::endpoint::Alarm;
use crate::endpoint::event::{AccountId, Event};
use crate::message::{HeaderName, Incoming, Refusal, Transport, read_frame};
use crate::transaction::FlowId;

impl UserAgent {
    pub(super) fn on_received(&mut self, flow: FlowId, bytes: &[u8]) {
        match read_frame(bytes, &self.endpoint.config.limits) {
            Incoming::Message(message) => {
                if let crate::Message::Response(response) = &message {
                    self.on_sign_of_life(flow);
                    self.acknowledge_for_predecessor(response);
                }
                self.endpoint
                    .transactions
                    .handle_message(self.endpoint.now, flow, message);
            }
            Incoming::Ping => self.endpoint.transactions.transmit(flow, b"\r\n".to_vec()),
            Incoming::Pong => self.on_sign_of_life(flow),
            Incoming::Refused(Refusal { mut response, .. }) => {
                self.counters.refused += 1;
                let product = self.endpoint.config.product.clone();
                response.headers.push_raw(HeaderName::Server, product);
                self.endpoint
                    .transactions
                    .transmit(flow, response.to_bytes());
            }
            Incoming::Dropped(_) => self.counters.dropped += 1,
        }
    }

    fn on_sign_of_life(&mut self, flow: FlowId) {
        if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
            keep_alive.on_sign_of_life(&mut self.endpoint);
        }
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_sign_of_life();
        }
    }

    /// RFC 5626 §4.4: keeps the flow of this account alive as often as its registrar wants.
    pub(super) fn follow_flow_timer(&mut self, account: AccountId) {
        let Some(identity) = self.endpoint.identities.get(&account) else {
            return;
        };
        let flow = identity.flow;
        let on_flow = self.endpoint.identities.values().filter(|i| i.flow == flow);
        let timers = on_flow.filter_map(|i| i.binding.as_ref()?.flow_timer);
        let shortest = timers.min();
        if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
            keep_alive.follow(&mut self.endpoint, shortest);
        }
    }

    pub(super) fn on_timer(&mut self) {
        self.endpoint.transactions.handle_timers(self.endpoint.now);
        while let Some(alarm) = self.endpoint.alarms.pop_due(self.endpoint.now) {
            match alarm {
                Alarm::Registration(account) => {
                    if let Some(registration) = self.registrations.get_mut(&account) {
                        registration.register(&mut self.endpoint);
                    }
                }
                Alarm::Session(id, alarm) => {
                    self.with_session(id, |session, endpoint| session.on_alarm(endpoint, alarm));
                }
                Alarm::KeepAlive(flow) => {
                    if let Some(keep_alive) = self.keep_alives.get_mut(&flow) {
                        keep_alive.on_alarm(&mut self.endpoint);
                    }
                }
                Alarm::Subscriber(id, alarm) => {
                    self.with_subscriber(id, |s, endpoint| s.on_alarm(endpoint, alarm));
                }
                Alarm::Notifier(id) => self.with_notifier(id, |n, e| n.on_expiry(e)),
                Alarm::Publication(id) => self.with_publication(id, |p, e| p.publish(e)),
                Alarm::Challenge(id) => self.on_challenge_ignored(id),
            }
        }
    }

    pub(super) fn on_transport_up(&mut self, flow: FlowId, transport: Transport) {
        self.endpoint
            .transactions
            .handle_transport_up(flow, transport);
        self.keep_alives
            .insert(flow, KeepAlive::start(&mut self.endpoint, flow));
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_flow_up(&mut self.endpoint);
        }
        for id in self.sessions_on(flow) {
            self.with_session(id, |session, endpoint| session.on_flow_up(endpoint));
        }
        for id in self.subscribers_on(flow) {
            self.with_subscriber(id, |s, e| s.ask(e));
        }
        for id in self.publications_on(flow) {
            self.with_publication(id, |p, e| p.publish(e));
        }
    }

    pub(super) fn on_transport_down(&mut self, flow: FlowId) {
        if let Some(keep_alive) = self.keep_alives.remove(&flow) {
            keep_alive.stop(&mut self.endpoint);
        }
        self.endpoint.transactions.handle_transport_down(flow);
        self.settle();
        self.on_flow_down_of_held(flow);
        for registration in self.registrations.values_mut().filter(|r| r.flow() == flow) {
            registration.on_flow_down(&mut self.endpoint);
        }
        self.tell_recovery(flow);
        for id in self.sessions_on(flow) {
            self.with_session(id, |session, endpoint| session.on_flow_down(endpoint));
        }
        for id in self.subscribers_on(flow) {
            self.with_subscriber(id, |s, e| s.on_flow_down(e));
        }
        for id in self.publications_on(flow) {
            self.with_publication(id, |p, e| p.on_flow_down(e));
        }
    }

    /// Tells when a flow that failed may be formed again.
    fn tell_recovery(&mut self, flow: FlowId) {
        let registrations = self.registrations.values();
        let outbound = registrations.filter(|r| r.flow() == flow && r.is_outbound());
        let waits = outbound.map(|r| r.reconnect_after(&mut self.endpoint));
        if let Some(reconnect_in) = waits.max() {
            self.endpoint.tell(Event::FlowFailed { flow, reconnect_in });
        }
    }
}
