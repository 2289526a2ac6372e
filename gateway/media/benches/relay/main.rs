//! What a relayed packet costs, in processor time, beside rtpengine and beside the least that
//! reading and sending it takes; and how long it takes while the relay has most of a core to do.
//!
//! `cargo bench -p sidetone-media --bench relay`, or `cargo xtask bench relay`. All take turns within
//! each round, with the same load over loopback: bursts, then packets one by one, then the load of an
//! office. Counted is what the system says that the relaying threads have run. The load is made by
//! other code than ours (`rtc-srtp`); DTLS is `dimpl` on both ends, before the counting.
//!
//! rtpengine is asked for where it is installed; it takes part with DTLS and with plain RTP on both
//! sides. We have no relay from plain to plain, as browsers speak nothing plain: ours is DTLS on one
//! side, plain or SDES with the same cipher on the other. What SDES costs more is what the cipher costs,
//! or a little less, as its code is at hand the second time; taken off, it leaves what is to be held
//! beside rtpengine's plain RTP. What must hold is listed at the end, and the bench fails if it doesn't.

// It is a measurement: what fails, fails it.
#![allow(clippy::unwrap_used)]

mod cores;
mod cost;
mod delay;
mod floor;
mod load;
mod ours;
mod rtpengine;

use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};

use cores::{Cores, Time};
use load::{Line, Load, Pattern};

/// Whose processor time is counted.
const CALLS: usize = 50;

/// Somebody who relays.
struct Contender<'a> {
    name: &'static str,
    load: Load,
    /// Sets up one more call.
    dial: Box<dyn FnMut() -> Line + 'a>,
    /// Of its threads.
    time: Box<dyn Fn() -> Time>,
    /// Its process, where that isn't this one.
    process: Option<Pid>,
}

/// Lets a process run for a turn. While it is another's it stands still: what it does once a second
/// for all its calls would take the core from whoever is measured.
struct Awake(Pid);

impl Awake {
    fn new(process: Pid) -> Self {
        kill_process(process, Signal::CONT).unwrap();
        Self(process)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        kill_process(self.0, Signal::STOP).unwrap();
    }
}

impl<'a> Contender<'a> {
    fn new(
        name: &'static str,
        load: Load,
        dial: Box<dyn FnMut() -> Line + 'a>,
        time: Box<dyn Fn() -> Time>,
    ) -> Self {
        Self {
            name,
            load,
            dial,
            time,
            process: None,
        }
    }

    /// As long as this is held, it is its turn.
    fn wake(&self) -> Option<Awake> {
        self.process.map(Awake::new)
    }

    /// Has at least so many calls, all of them heard.
    fn provide(&mut self, calls: usize) {
        if self.load.lines.len() >= calls {
            return;
        }
        let _awake = self.wake();
        while self.load.lines.len() < calls {
            self.load.lines.push((self.dial)());
        }
        // Learning of addresses, caches, clocks.
        self.load.turn(Pattern::Bursts, 10);
    }
}

/// What must be.
struct Must {
    what: String,
    is: f64,
    at_most: f64,
}

fn main() -> ExitCode {
    let cores = Cores::take();
    cores.join();
    let ours = ours::Gateway::start();
    let theirs = rtpengine::Daemon::start();
    let mut contenders = vec![
        floor::contender(),
        ours.contender(cost::OURS, ours::Pbx::Plain),
        ours.contender(cost::OURS_TWICE, ours::Pbx::Sdes),
    ];
    match &theirs {
        Some(daemon) => {
            contenders.push(daemon.contender("rtpengine, RTP ⇄ RTP", false));
            contenders.push(daemon.contender("rtpengine, DTLS-SRTP ⇄ RTP", true));
        }
        None => println!("rtpengine is not installed, so there is nobody to compare with."),
    }
    let mut musts = cost::compare(&mut contenders);
    if let [_, ours, _, _, theirs] = &mut contenders[..] {
        cores.part();
        musts.extend(delay::compare(ours, theirs));
    }
    println!();
    let mut is_met = true;
    for Must { what, is, at_most } in musts {
        let holds = is <= at_most;
        is_met &= holds;
        let verdict = if holds { "holds" } else { "MISSED" };
        println!("{verdict}: {what}: {is:.2}, at most {at_most:.2}");
    }
    if is_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
