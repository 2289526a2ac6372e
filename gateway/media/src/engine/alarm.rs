//! Wakes the thread at an instant. A timeout of the poll would be set up and taken down for every
//! packet; the timer of Linux is told when the instant is another one.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

pub(super) struct Alarm {
    at: Option<Instant>,
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

impl Alarm {
    /// It has rung, and is to be set anew.
    pub(super) fn on_rung(&mut self) {
        self.at = None;
    }
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// # Errors
    /// When there are no more files.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self { at: None, timer })
    }

    /// Wakes the thread at `at`; answers how long it may wait all the same.
    ///
    /// # Errors
    /// None that a good timer has.
    pub(super) fn set(&mut self, at: Option<Instant>) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        if at != self.at {
            // Zero would mean never.
            let soonest = Duration::from_nanos(1);
            let left = |at: Instant| at.saturating_duration_since(Instant::now()) + soonest;
            let left = at.map_or(Duration::ZERO, left);
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec::try_from(left).unwrap_or_default(),
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.at = at;
        }
        Ok(None)
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self { at: None })
    }

    pub(super) fn set(&mut self, at: Option<Instant>) -> io::Result<Option<Duration>> {
        self.at = at;
        Ok(at.map(|at| at.saturating_duration_since(Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALARM: Token = Token(7);
    /// The poll gives up after this; nothing waits for it.
    const LONG: Duration = Duration::from_secs(20);

    /// Whether `alarm` ends the wait of `poll`.
    fn rings(poll: &mut mio::Poll, wait: Option<Duration>) -> bool {
        let start = Instant::now();
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, wait.or(Some(LONG))).unwrap();
        start.elapsed() < LONG
    }

    #[test]
    fn it_rings_each_time_it_is_set() {
        let mut poll = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), ALARM).unwrap();
        for after in [0, 1, 1_000, 0] {
            let at = Instant::now() + Duration::from_micros(after);
            let wait = alarm.set(Some(at)).unwrap();
            assert!(rings(&mut poll, wait), "{after} µs");
            assert!(Instant::now() >= at);
            alarm.on_rung();
        }
    }

    #[test]
    fn the_last_word_counts() {
        let mut poll = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), ALARM).unwrap();
        let now = Instant::now();
        alarm.set(Some(now)).unwrap();
        alarm.set(None).unwrap();
        alarm.set(Some(now + LONG)).unwrap();
        let soon = now + Duration::from_millis(1);
        let wait = alarm.set(Some(soon)).unwrap();
        assert!(rings(&mut poll, wait));
        assert!(Instant::now() >= soon);
    }
}
