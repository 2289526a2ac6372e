use std::time::Duration;

use super::Action;
use super::timers::{Clock, Timer};
use crate::Status;

/// The INVITE client transaction (RFC 3261 §17.1.1.2, RFC 6026 §7.2).
///
/// ```text
///                        | INVITE from user: send, start A (unreliable) and B
///      A fires           V                  B fires or transport lost
///      send, A = 2·A +---------+ -----------------------------> tell user, Terminated
///              +---->| Calling |
///              |     +---------+ ---- 2xx: deliver, start M -----------+
///              +-------+  |  |                                         |
///                         |  +------- 300-699: deliver, ACK, start D ---|--+
///                    1xx: deliver                                      |  |
///      1xx: deliver       V                                            |  |
///              +---->+------------+ -- 2xx: deliver, start M ----------+  |
///              |     | Proceeding |                                    |  |
///              +-----+------------+ -- 300-699: deliver, ACK, start D -|--+
///                                                                      V  |
///      2xx: deliver  +----------+<-------------------------------------+  |
///              +---->| Accepted |                                         |
///              +-----+----------+ -- M fires --> Terminated               |
///                                                                         |
///  300-699: ACK      +-----------+<---------------------------------------+
///              +---->| Completed |
///              +-----+-----------+ -- D fires --> Terminated
/// ```
#[derive(Debug)]
pub(crate) struct ClientInvite {
    state: State,
    clock: Clock,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Accepted,
    Completed,
    Terminated,
}

impl ClientInvite {
    pub(crate) fn start(clock: Clock) -> (Self, Vec<Action>) {
        let interval = clock.duration(Timer::A);
        let mut actions = vec![
            Action::Send,
            Action::Start(Timer::B, clock.duration(Timer::B)),
        ];
        if !clock.reliable {
            actions.push(Action::Start(Timer::A, interval));
        }
        (
            Self {
                state: State::Calling,
                clock,
                interval,
            },
            actions,
        )
    }

    pub(crate) fn on_response(&mut self, status: Status) -> Vec<Action> {
        match self.state {
            State::Calling | State::Proceeding => {
                let mut actions = vec![Action::Stop(Timer::A), Action::Stop(Timer::B)];
                if status.is_provisional() {
                    self.state = State::Proceeding;
                    actions.push(Action::Deliver);
                } else if status.is_success() {
                    self.state = State::Accepted;
                    actions.push(Action::Deliver);
                    actions.push(Action::Start(Timer::M, self.clock.duration(Timer::M)));
                } else {
                    actions.extend([Action::Acknowledge, Action::Deliver]);
                    self.linger(&mut actions);
                }
                actions
            }
            State::Accepted if status.is_success() => vec![Action::Deliver],
            State::Completed if !status.is_success() && status.is_final() => {
                vec![Action::Acknowledge]
            }
            State::Accepted | State::Completed | State::Terminated => Vec::new(),
        }
    }

    fn linger(&mut self, actions: &mut Vec<Action>) {
        let wait = self.clock.duration(Timer::D);
        if wait.is_zero() {
            self.state = State::Terminated;
        } else {
            self.state = State::Completed;
            actions.push(Action::Start(Timer::D, wait));
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> Vec<Action> {
        match (self.state, timer) {
            (State::Calling, Timer::A) => {
                self.interval *= 2;
                vec![Action::Send, Action::Start(Timer::A, self.interval)]
            }
            (State::Calling, Timer::B) => {
                self.state = State::Terminated;
                vec![Action::TimeOut]
            }
            (State::Accepted, Timer::M) | (State::Completed, Timer::D) => {
                self.state = State::Terminated;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a final response is still awaited.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
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

    fn started(reliable: bool) -> (ClientInvite, Vec<Action>) {
        ClientInvite::start(Clock {
            timers: Timers::default(),
            reliable,
        })
    }

    #[test]
    fn retransmits_on_unreliable_transport_with_doubling_intervals_without_bound() {
        let (mut invite, actions) = started(false);
        let expected = [
            Action::Send,
            Action::Start(Timer::B, S(32)),
            Action::Start(Timer::A, MS(500)),
        ];
        assert_eq!(actions, expected);
        for seconds in [1, 2, 4, 8, 16, 32] {
            let again = [Action::Send, Action::Start(Timer::A, S(seconds))];
            assert_eq!(invite.on_timer(Timer::A), again);
        }
        assert_eq!(invite.on_timer(Timer::B), [Action::TimeOut]);
        assert!(invite.is_terminated());
    }

    #[test]
    fn a_reliable_transport_sends_once() {
        let (mut invite, actions) = started(true);
        assert_eq!(actions, [Action::Send, Action::Start(Timer::B, S(32))]);
        let stops = [Action::Stop(Timer::A), Action::Stop(Timer::B)];
        let refused = [stops[0], stops[1], Action::Acknowledge, Action::Deliver];
        assert_eq!(invite.on_response(Status::BUSY_HERE), refused);
        assert!(invite.is_terminated());
    }

    #[test]
    fn accepted_delivers_further_2xx_only_until_timer_m() {
        let (mut invite, _) = started(false);
        invite.on_response(Status::RINGING);
        let actions = invite.on_response(Status::OK);
        assert_eq!(
            actions[2..],
            [Action::Deliver, Action::Start(Timer::M, S(32))]
        );
        assert_eq!(invite.on_response(Status::OK), [Action::Deliver]);
        assert_eq!(invite.on_response(Status::RINGING), []);
        assert_eq!(invite.on_response(Status::BUSY_HERE), []);
        assert_eq!(invite.on_timer(Timer::B), []);
        assert!(!invite.is_terminated());
        assert_eq!(invite.on_timer(Timer::M), []);
        assert!(invite.is_terminated());
    }

    #[test]
    fn completed_acknowledges_retransmissions_until_timer_d() {
        let (mut invite, _) = started(false);
        let actions = invite.on_response(Status::DECLINE);
        let tail = [
            Action::Acknowledge,
            Action::Deliver,
            Action::Start(Timer::D, S(32)),
        ];
        assert_eq!(actions[2..], tail);
        assert_eq!(invite.on_response(Status::DECLINE), [Action::Acknowledge]);
        assert_eq!(invite.on_response(Status::OK), []);
        assert_eq!(invite.on_timer(Timer::A), []);
        assert_eq!(invite.on_timer(Timer::D), []);
        assert!(invite.is_terminated());
    }

    #[test]
    fn proceeding_never_times_out_by_itself() {
        let (mut invite, _) = started(false);
        assert_eq!(invite.on_response(Status::TRYING)[2..], [Action::Deliver]);
        assert_eq!(invite.on_timer(Timer::B), []);
        assert_eq!(invite.on_timer(Timer::A), []);
        assert!(invite.is_pending());
    }
}
