use std::time::Duration;

use super::Action;
use super::timers::{Clock, Timer};
use crate::Status;

/// The non-INVITE client transaction (RFC 3261 §17.1.2.2).
///
/// ```text
///                        | request from user: send, start E (unreliable) and F
///      E fires           V                  F fires or transport lost
///      send, E to T2 +--------+ ------------------------------> tell user, Terminated
///              +---->| Trying |
///              +-----+--------+ -- 200-699: deliver, start K ----------+
///                        | 1xx: deliver                                |
///      E fires: send,    V                  F fires or transport lost  |
///      E = T2        +------------+ --------------------------> tell user, Terminated
///              +---->| Proceeding |                                    |
///              +-----+------------+ -- 200-699: deliver, start K ------+
///                      |      ^                                        V
///                      +------+ 1xx: deliver                   +-----------+
///                                          Terminated <-- K -- | Completed |
///                                                              +-----------+
/// ```
#[derive(Debug)]
pub(crate) struct ClientRequest {
    state: State,
    clock: Clock,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

impl ClientRequest {
    pub(crate) fn start(clock: Clock) -> (Self, Vec<Action>) {
        let interval = clock.duration(Timer::E);
        let mut actions = vec![
            Action::Send,
            Action::Start(Timer::F, clock.duration(Timer::F)),
        ];
        if !clock.reliable {
            actions.push(Action::Start(Timer::E, interval));
        }
        (
            Self {
                state: State::Trying,
                clock,
                interval,
            },
            actions,
        )
    }

    pub(crate) fn on_response(&mut self, status: Status) -> Vec<Action> {
        if !self.is_pending() {
            return Vec::new();
        }
        if status.is_provisional() {
            self.state = State::Proceeding;
            return vec![Action::Deliver];
        }
        let mut actions = vec![
            Action::Stop(Timer::E),
            Action::Stop(Timer::F),
            Action::Deliver,
        ];
        let wait = self.clock.duration(Timer::K);
        if wait.is_zero() {
            self.state = State::Terminated;
        } else {
            self.state = State::Completed;
            actions.push(Action::Start(Timer::K, wait));
        }
        actions
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> Vec<Action> {
        match (self.state, timer) {
            (State::Trying, Timer::E) => {
                self.interval = self.clock.backed_off(self.interval);
                vec![Action::Send, Action::Start(Timer::E, self.interval)]
            }
            (State::Proceeding, Timer::E) => {
                vec![Action::Send, Action::Start(Timer::E, self.clock.timers.t2)]
            }
            (State::Trying | State::Proceeding, Timer::F) => {
                self.state = State::Terminated;
                vec![Action::Stop(Timer::E), Action::TimeOut]
            }
            (State::Completed, Timer::K) => {
                self.state = State::Terminated;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a final response is still awaited.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Timers;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const S: fn(u64) -> Duration = Duration::from_secs;

    fn started(reliable: bool) -> (ClientRequest, Vec<Action>) {
        ClientRequest::start(Clock {
            timers: Timers::default(),
            reliable,
        })
    }

    #[test]
    fn intervals_double_up_to_t2() {
        let (mut request, actions) = started(false);
        let expected = [
            Action::Send,
            Action::Start(Timer::F, S(32)),
            Action::Start(Timer::E, MS(500)),
        ];
        assert_eq!(actions, expected);
        for millis in [1000, 2000, 4000, 4000] {
            let again = [Action::Send, Action::Start(Timer::E, MS(millis))];
            assert_eq!(request.on_timer(Timer::E), again);
        }
        assert_eq!(
            request.on_timer(Timer::F),
            [Action::Stop(Timer::E), Action::TimeOut]
        );
        assert!(request.is_terminated());
    }

    #[test]
    fn a_provisional_response_slows_retransmissions_to_t2_and_keeps_timer_f() {
        let (mut request, _) = started(false);
        assert_eq!(request.on_response(Status::TRYING), [Action::Deliver]);
        assert_eq!(
            request.on_timer(Timer::E),
            [Action::Send, Action::Start(Timer::E, S(4))]
        );
        assert_eq!(
            request.on_timer(Timer::F),
            [Action::Stop(Timer::E), Action::TimeOut]
        );
    }

    #[test]
    fn the_final_response_is_delivered_once() {
        let (mut request, _) = started(false);
        let stops = [Action::Stop(Timer::E), Action::Stop(Timer::F)];
        let done = [
            stops[0],
            stops[1],
            Action::Deliver,
            Action::Start(Timer::K, S(5)),
        ];
        assert_eq!(request.on_response(Status::OK), done);
        assert_eq!(request.on_response(Status::OK), []);
        assert_eq!(request.on_timer(Timer::K), []);
        assert!(request.is_terminated());
    }

    #[test]
    fn a_reliable_transport_needs_no_timer_k() {
        let (mut request, actions) = started(true);
        assert_eq!(actions, [Action::Send, Action::Start(Timer::F, S(32))]);
        assert_eq!(request.on_response(Status::OK)[2..], [Action::Deliver]);
        assert!(request.is_terminated());
    }
}
