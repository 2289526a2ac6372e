use std::time::Duration;

use super::Action;
use super::timers::{Clock, Timer};
use crate::Status;

/// The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
///
/// ```text
///                        | INVITE: deliver, start Trying (200 ms)
///                        V
///      INVITE: send  +------------+ -- 2xx from user: send, start L -----------+
///      1xx from user | Proceeding |                                            |
///      or Trying: send            |                                            |
///              +---->+------------+                                            |
///              +-------+  | 300-699 from user: send, start G (unreliable), H   |
///                         V                                                    |
///      INVITE: send  +-----------+ -- H fires --> Terminated                   |
///      G: send, G to T2          |                                             |
///              +---->| Completed |                                             |
///              +-----+-----------+                                             |
///                         | ACK: start I                                       |
///                         V                                                    V
///                    +-----------+                                       +----------+
///      ACK: nothing  | Confirmed |                         INVITE: nothing| Accepted |
///                    +-----------+                     2xx from user: send+----------+
///                         | I fires                                            | L fires
///                         +-----------------> Terminated <---------------------+
/// ```
#[derive(Debug)]
pub(crate) struct ServerInvite {
    state: State,
    clock: Clock,
    interval: Duration,
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
    Terminated,
}

impl ServerInvite {
    pub(crate) fn start(clock: Clock) -> (Self, Vec<Action>) {
        let interval = clock.duration(Timer::G);
        let invite = Self {
            state: State::Proceeding,
            clock,
            interval,
            answered: false,
        };
        let trying = Action::Start(Timer::Trying, clock.duration(Timer::Trying));
        (invite, vec![Action::Deliver, trying])
    }

    pub(crate) fn on_retransmission(&mut self) -> Vec<Action> {
        match self.state {
            State::Proceeding if self.answered => vec![Action::Send],
            State::Completed => vec![Action::Send],
            _ => Vec::new(),
        }
    }

    /// A response by the user; without effect once a final one was given, except a 2xx again.
    pub(crate) fn on_answer(&mut self, status: Status) -> Vec<Action> {
        match self.state {
            State::Proceeding => {
                self.answered = true;
                let mut actions = vec![Action::Stop(Timer::Trying), Action::Send];
                if status.is_success() {
                    self.state = State::Accepted;
                    actions.push(Action::Start(Timer::L, self.clock.duration(Timer::L)));
                } else if status.is_final() {
                    self.state = State::Completed;
                    actions.push(Action::Start(Timer::H, self.clock.duration(Timer::H)));
                    if !self.clock.reliable {
                        actions.push(Action::Start(Timer::G, self.interval));
                    }
                }
                actions
            }
            State::Accepted if status.is_success() => vec![Action::Send],
            _ => Vec::new(),
        }
    }

    /// An ACK with the branch of the INVITE.
    pub(crate) fn on_ack(&mut self) -> Vec<Action> {
        match self.state {
            State::Completed => {
                let mut actions = vec![Action::Stop(Timer::G), Action::Stop(Timer::H)];
                let wait = self.clock.duration(Timer::I);
                if wait.is_zero() {
                    self.state = State::Terminated;
                } else {
                    self.state = State::Confirmed;
                    actions.push(Action::Start(Timer::I, wait));
                }
                actions
            }
            // RFC 6026 §7.1: an ACK in Accepted is passed to the user.
            State::Accepted => vec![Action::Deliver],
            _ => Vec::new(),
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> Vec<Action> {
        match (self.state, timer) {
            (State::Proceeding, Timer::Trying) if !self.answered => {
                self.answered = true;
                vec![Action::SendTrying]
            }
            (State::Completed, Timer::G) => {
                self.interval = self.clock.backed_off(self.interval);
                vec![Action::Send, Action::Start(Timer::G, self.interval)]
            }
            (State::Completed, Timer::H) => {
                self.state = State::Terminated;
                vec![Action::Stop(Timer::G)]
            }
            (State::Confirmed, Timer::I) | (State::Accepted, Timer::L) => {
                self.state = State::Terminated;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the user owes a final response.
    pub(crate) fn is_pending(&self) -> bool {
        self.state == State::Proceeding
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

    fn started(reliable: bool) -> ServerInvite {
        let clock = Clock {
            timers: Timers::default(),
            reliable,
        };
        let (invite, actions) = ServerInvite::start(clock);
        assert_eq!(
            actions,
            [Action::Deliver, Action::Start(Timer::Trying, MS(200))]
        );
        invite
    }

    #[test]
    fn trying_is_sent_after_200_ms_unless_the_user_answered() {
        let mut silent = started(true);
        assert_eq!(silent.on_retransmission(), []);
        assert_eq!(silent.on_timer(Timer::Trying), [Action::SendTrying]);
        assert_eq!(silent.on_retransmission(), [Action::Send]);

        let mut quick = started(true);
        assert_eq!(
            quick.on_answer(Status::RINGING),
            [Action::Stop(Timer::Trying), Action::Send]
        );
        assert_eq!(quick.on_timer(Timer::Trying), []);
    }

    #[test]
    fn a_refusal_is_repeated_until_the_ack() {
        let mut invite = started(false);
        let actions = invite.on_answer(Status::BUSY_HERE);
        let expected = [
            Action::Send,
            Action::Start(Timer::H, S(32)),
            Action::Start(Timer::G, MS(500)),
        ];
        assert_eq!(actions[1..], expected);
        for millis in [1000, 2000, 4000, 4000] {
            let again = [Action::Send, Action::Start(Timer::G, MS(millis))];
            assert_eq!(invite.on_timer(Timer::G), again);
        }
        assert_eq!(invite.on_retransmission(), [Action::Send]);
        assert_eq!(invite.on_answer(Status::OK), [], "only one final response");
        let confirmed = [
            Action::Stop(Timer::G),
            Action::Stop(Timer::H),
            Action::Start(Timer::I, S(5)),
        ];
        assert_eq!(invite.on_ack(), confirmed);
        assert_eq!(invite.on_ack(), []);
        assert_eq!(invite.on_retransmission(), []);
        assert_eq!(invite.on_timer(Timer::I), []);
        assert!(invite.is_terminated());
    }

    #[test]
    fn without_an_ack_timer_h_ends_it() {
        let mut invite = started(true);
        let actions = invite.on_answer(Status::BUSY_HERE);
        assert_eq!(actions[1..], [Action::Send, Action::Start(Timer::H, S(32))]);
        assert_eq!(invite.on_timer(Timer::H), [Action::Stop(Timer::G)]);
        assert!(invite.is_terminated());
    }

    #[test]
    fn accepted_absorbs_invites_and_lets_the_user_repeat_the_2xx() {
        let mut invite = started(false);
        let actions = invite.on_answer(Status::OK);
        assert_eq!(actions[1..], [Action::Send, Action::Start(Timer::L, S(32))]);
        assert_eq!(invite.on_retransmission(), []);
        assert_eq!(invite.on_answer(Status::OK), [Action::Send]);
        assert_eq!(invite.on_answer(Status::BUSY_HERE), []);
        assert_eq!(invite.on_ack(), [Action::Deliver]);
        assert_eq!(invite.on_timer(Timer::L), []);
        assert!(invite.is_terminated());
    }
}
