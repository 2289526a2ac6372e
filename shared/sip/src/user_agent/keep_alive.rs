//! Signs of life of a flow (RFC 5626 §3.5.1).

use std::time::Duration;

use crate::endpoint::event::Event;
use crate::endpoint::{Alarm, Endpoint};
use crate::transaction::FlowId;

/// The keep-alive of one flow that is up.
///
/// ```text
///   flow up     +-------+ -- idle for the interval, or asked to: ping --> +---------+
///  -----------> | Quiet |                                                 | Waiting |
///               +-------+ <-------------- pong or response -------------- +---------+
///                   ^                                                          |
///                   +------- pong or response ------- Silent <-- patience over +
/// ```
#[derive(Debug)]
pub(super) struct KeepAlive {
    flow: FlowId,
    state: State,
    /// After how long the peer gives the flow up (RFC 5626 §4.4).
    flow_timer: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Waiting,
    Silent,
}

impl KeepAlive {
    pub(super) fn start(endpoint: &mut Endpoint, flow: FlowId) -> Self {
        let this = Self {
            flow,
            state: State::Quiet,
            flow_timer: None,
        };
        this.await_idleness(endpoint);
        this
    }

    pub(super) fn stop(&self, endpoint: &mut Endpoint) {
        endpoint.alarms.stop(Alarm::KeepAlive(self.flow));
    }

    pub(super) fn on_sign_of_life(&mut self, endpoint: &mut Endpoint) {
        self.state = State::Quiet;
        self.stop(endpoint);
        self.await_idleness(endpoint);
        endpoint.tell(Event::FlowAnswered { flow: self.flow });
    }

    pub(super) fn probe(&mut self, endpoint: &mut Endpoint) {
        if self.state == State::Waiting {
            return;
        }
        self.state = State::Waiting;
        endpoint
            .transactions
            .transmit(self.flow, b"\r\n\r\n".to_vec());
        let patience = endpoint.config.keep_alive_patience;
        endpoint.start_alarm(Alarm::KeepAlive(self.flow), patience);
    }

    pub(super) fn on_alarm(&mut self, endpoint: &mut Endpoint) {
        match self.state {
            State::Quiet => self.probe(endpoint),
            State::Waiting => {
                self.state = State::Silent;
                endpoint.tell(Event::FlowSilent { flow: self.flow });
            }
            State::Silent => {}
        }
    }

    /// Keeps the flow alive for a peer that gives it up after this time.
    pub(super) fn follow(&mut self, endpoint: &mut Endpoint, flow_timer: Option<Duration>) {
        if self.flow_timer != flow_timer {
            self.flow_timer = flow_timer;
            if self.state == State::Quiet {
                self.stop(endpoint);
                self.await_idleness(endpoint);
            }
        }
    }

    fn await_idleness(&self, endpoint: &mut Endpoint) {
        // RFC 5626 §4.4: between 80 and 100 % of what the peer says.
        let timer = self.flow_timer.map(|timer| {
            let fifth = endpoint.jittered(timer * 2 / 5) - timer / 5;
            timer - fifth
        });
        let interval = endpoint.config.keep_alive.into_iter().chain(timer).min();
        if let Some(interval) = interval {
            endpoint.start_alarm(Alarm::KeepAlive(self.flow), interval);
        }
    }
}
