//! Who runs where. The load has one core and whoever relays has another, so that neither takes the
//! other's time, and no round differs from the next by where the system has put its threads.

use std::fs;
use std::process::{self, Command};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The one for the load, which is this thread, and the one for what is measured.
pub(crate) struct Cores {
    load: CpuSet,
    relays: CpuSet,
}

impl Cores {
    /// Takes the last two.
    pub(crate) fn take() -> Self {
        let allowed = sched_getaffinity(None).unwrap();
        let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|n| allowed.is_set(*n));
        let [relays, load] = [(); 2].map(|()| {
            let core = cores.next().expect("two cores: one for the load");
            let mut set = CpuSet::new();
            set.set(core);
            set
        });
        // Nobody else runs while one of these has something to do.
        let pid = process::id().to_string();
        let first = Command::new("chrt")
            .args(["--fifo", "--pid", "1", &pid])
            .status();
        if !first.is_ok_and(|status| status.success()) {
            println!("Only root goes before its neighbours: nothing else should run now.");
        }
        // Each call has four sockets.
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let current = maximum;
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        Self { load, relays }
    }

    /// Lets the load, and what is started from now on, run on the core of those who relay.
    pub(crate) fn join(&self) {
        sched_setaffinity(None, &self.relays).unwrap();
    }

    /// Gives the load its own core.
    pub(crate) fn part(&self) {
        sched_setaffinity(None, &self.load).unwrap();
    }
}

/// Nanoseconds of some threads.
#[derive(Clone, Copy, Default)]
pub(crate) struct Time {
    /// That they have run.
    pub(crate) ran: u64,
    /// That they would have run, had nobody else been running.
    pub(crate) waited: u64,
}

impl Time {
    /// Of the threads of the process `pid`; with `name`, of those called so.
    pub(crate) fn of(pid: &str, name: Option<&str>) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let times = tasks.filter_map(|task| {
            let task = task.ok()?.path();
            let is_called = fs::read_to_string(task.join("comm")).ok()?;
            if name.is_some_and(|name| name != is_called.trim()) {
                return None;
            }
            Self::read(&fs::read_to_string(task.join("schedstat")).ok()?)
        });
        times.fold(Self::default(), |sum, time| Self {
            ran: sum.ran + time.ran,
            waited: sum.waited + time.waited,
        })
    }

    /// Of this thread.
    pub(crate) fn own() -> Self {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Self::read(&text).unwrap()
    }

    fn read(schedstat: &str) -> Option<Self> {
        let mut fields = schedstat.split(' ').map(str::parse);
        let [ran, waited] = [fields.next()?.ok()?, fields.next()?.ok()?];
        Some(Self { ran, waited })
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            ran: self.ran - before.ran,
            waited: self.waited - before.waited,
        }
    }
}
