use std::collections::VecDeque;

use sidetone_sip::{ContractError, Event, FlowId, Input, Moment, Output, UserAgent};

/// The user agent with its contract kept: after each input or command its outputs are drained.
pub(super) struct Agent {
    ua: UserAgent,
    events: VecDeque<Event>,
    transmits: VecDeque<(FlowId, Vec<u8>)>,
    wake: Option<Moment>,
}

impl Agent {
    pub(super) fn new(ua: UserAgent) -> Self {
        Self {
            ua,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            wake: None,
        }
    }

    pub(super) fn input(&mut self, now: Moment, input: Input) {
        let result: Result<(), ContractError> = self.command(|ua| ua.handle_input(now, input));
        if let Err(error) = result {
            tracing::error!(%error, "the user agent refused an input");
        }
    }

    pub(super) fn command<T, E>(
        &mut self,
        command: impl FnOnce(&mut UserAgent) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = command(&mut self.ua);
        loop {
            match self.ua.poll_output() {
                Output::Transmit { flow, bytes } => self.transmits.push_back((flow, bytes)),
                Output::Event(event) => self.events.push_back(event),
                Output::Timeout(at) => {
                    self.wake = at;
                    return result;
                }
            }
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn next_transmit(&mut self) -> Option<(FlowId, Vec<u8>)> {
        self.transmits.pop_front()
    }

    pub(super) fn wake(&self) -> Option<Moment> {
        self.wake
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.ua.is_idle()
    }
}
