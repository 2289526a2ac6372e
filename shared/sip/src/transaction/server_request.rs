use super::Action;
use super::timers::{Clock, Timer};
use crate::Status;

/// The non-INVITE server transaction (RFC 3261 §17.2.2).
///
/// ```text
///                        | request: deliver
///                        V
///  request: nothing  +--------+ -- 200-699 from user: send, start J ---+
///                    | Trying |                                        |
///                    +--------+                                        |
///                        | 1xx from user: send                         |
///                        V                                             V
///  request: send     +------------+ -- 200-699 from user: ----> +-----------+ request: send
///  1xx: send         | Proceeding |    send, start J            | Completed |
///                    +------------+                             +-----------+
///                                              Terminated <-- J ------+
/// ```
///
/// A request that stays unanswered for 64·T1 is forgotten: its sender has given up, and RFC 4320
/// §4.2 forbids a later answer.
#[derive(Debug)]
pub(crate) struct ServerRequest {
    state: State,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

impl ServerRequest {
    pub(crate) fn start(clock: Clock) -> (Self, Vec<Action>) {
        let unanswered = Action::Start(Timer::Unanswered, clock.duration(Timer::Unanswered));
        (
            Self {
                state: State::Trying,
                clock,
            },
            vec![Action::Deliver, unanswered],
        )
    }

    pub(crate) fn on_retransmission(&mut self) -> Vec<Action> {
        match self.state {
            State::Proceeding | State::Completed => vec![Action::Send],
            State::Trying | State::Terminated => Vec::new(),
        }
    }

    /// A response by the user; without effect once a final one was given.
    pub(crate) fn on_answer(&mut self, status: Status) -> Vec<Action> {
        if !self.is_pending() {
            return Vec::new();
        }
        if status.is_provisional() {
            self.state = State::Proceeding;
            return vec![Action::Send];
        }
        self.state = State::Completed;
        let wait = self.clock.duration(Timer::J);
        vec![
            Action::Stop(Timer::Unanswered),
            Action::Send,
            Action::Start(Timer::J, wait),
        ]
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> Vec<Action> {
        match (self.state, timer) {
            (State::Completed, Timer::J)
            | (State::Trying | State::Proceeding, Timer::Unanswered) => {
                self.state = State::Terminated;
            }
            _ => {}
        }
        Vec::new()
    }

    /// Whether the user owes a final response.
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
    use std::time::Duration;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn started(reliable: bool) -> ServerRequest {
        let clock = Clock {
            timers: Timers::default(),
            reliable,
        };
        let (request, actions) = ServerRequest::start(clock);
        assert_eq!(
            actions,
            [Action::Deliver, Action::Start(Timer::Unanswered, S(32))]
        );
        request
    }

    #[test]
    fn absorbs_retransmissions_until_answered_and_then_repeats_the_answer() {
        let mut request = started(false);
        assert_eq!(request.on_retransmission(), []);
        assert_eq!(request.on_answer(Status::TRYING), [Action::Send]);
        assert_eq!(request.on_retransmission(), [Action::Send]);
        let done = [
            Action::Stop(Timer::Unanswered),
            Action::Send,
            Action::Start(Timer::J, S(32)),
        ];
        assert_eq!(request.on_answer(Status::OK), done);
        assert_eq!(request.on_retransmission(), [Action::Send]);
        assert_eq!(
            request.on_answer(Status::FORBIDDEN),
            [],
            "only one final response"
        );
        assert_eq!(request.on_timer(Timer::J), []);
        assert!(request.is_terminated());
    }

    #[test]
    fn an_unanswered_request_is_forgotten() {
        let mut request = started(true);
        assert_eq!(request.on_timer(Timer::Unanswered), []);
        assert!(request.is_terminated());
        assert_eq!(request.on_answer(Status::OK), []);
    }
}
