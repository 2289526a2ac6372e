//! What a relayed packet costs, in processor time, beside rtpengine and beside the least that
//! reading and sending it takes.
//!
//! `cargo bench -p sidetone-media --bench relay`, or `cargo xtask bench relay`. All take turns within
//! each round, with the same load over loopback: bursts, and then packets one by one. Counted is what the system says that the relaying threads have run. The load is
//! made by other code than ours (`rtc-srtp`); DTLS is `dimpl` on both ends, before the counting.
//!
//! rtpengine is asked for where it is installed; it takes part with DTLS and with plain RTP on both
//! sides. We have no relay from plain to plain: ours is DTLS on one side, plain or SDES on the other.

// It is a measurement: what fails, fails it.
#![allow(clippy::unwrap_used)]

mod floor;
mod load;
mod ours;
mod rtpengine;

use load::{Load, Pattern};

const ROUNDS: usize = 9;
const CALLS: usize = 50;
/// Packets each way and call in one turn.
const BURSTS: usize = 100;
const SINGLES: usize = 10;

/// Somebody who relays.
struct Contender {
    name: &'static str,
    load: Load,
    /// Nanoseconds that its threads have run.
    cpu: Box<dyn Fn() -> u64>,
    /// Microseconds a packet, by round.
    times: Vec<f64>,
    lost: usize,
}

impl Contender {
    fn new(name: &'static str, load: Load, cpu: Box<dyn Fn() -> u64>) -> Self {
        Self {
            name,
            load,
            cpu,
            times: Vec::new(),
            lost: 0,
        }
    }

    fn turn(&mut self, pattern: Pattern, times: usize) {
        let before = (self.cpu)();
        let (sent, heard) = self.load.turn(pattern, times);
        let spent = (self.cpu)() - before;
        self.lost += sent - heard;
        self.times.push(spent as f64 / 1000.0 / heard.max(1) as f64);
    }
}

fn main() {
    let mut contenders = vec![floor::contender()];
    let ours = ours::Gateway::start();
    contenders.push(ours.contender("ours, DTLS-SRTP ⇄ RTP", ours::Pbx::Plain));
    contenders.push(ours.contender("ours, DTLS-SRTP ⇄ SDES-SRTP", ours::Pbx::Sdes));
    let theirs = rtpengine::Daemon::start();
    match &theirs {
        Some(daemon) => {
            contenders.push(daemon.contender("rtpengine, RTP ⇄ RTP", false));
            contenders.push(daemon.contender("rtpengine, DTLS-SRTP ⇄ RTP", true));
        }
        None => println!("rtpengine is not installed, so there is nobody to compare with."),
    }
    for contender in &mut contenders {
        // Learning of addresses, caches, clocks.
        contender.load.turn(Pattern::Bursts, 10);
    }
    println!("{CALLS} calls, {ROUNDS} rounds; µs of processor time a packet: median (least–most)");
    for (pattern, times) in [(Pattern::Bursts, BURSTS), (Pattern::Single, SINGLES)] {
        for round in 0..ROUNDS {
            // Whoever comes first in one round comes last in the next.
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            order.rotate_left(round % contenders.len());
            for index in order {
                contenders[index].turn(pattern, times);
            }
        }
        report(pattern, &mut contenders);
    }
}

/// Says what was measured, and forgets it.
fn report(pattern: Pattern, contenders: &mut [Contender]) {
    println!("\n{pattern:?}");
    for contender in &*contenders {
        let Contender {
            name,
            load,
            times,
            lost,
            ..
        } = contender;
        let (least, most) = (quantile(times, 0.0), quantile(times, 1.0));
        let median = quantile(times, 0.5);
        print!("{name:32} {median:6.2}  ({least:.2}–{most:.2}), {lost} lost");
        if !load.delays.is_empty() {
            let (half, late) = (quantile(&load.delays, 0.5), quantile(&load.delays, 0.99));
            print!(", there after {half:.0} µs, 99 of 100 after {late:.0} µs");
        }
        println!();
    }
    let (ours, others): (Vec<_>, Vec<_>) =
        contenders.iter().partition(|c| c.name.starts_with("ours"));
    for ours in ours {
        for theirs in others.iter().filter(|c| c.name.starts_with("rtpengine")) {
            let pairs = ours.times.iter().zip(&theirs.times);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratio = quantile(&ratios, 0.5);
            println!("{} : {} = {ratio:.2}", ours.name, theirs.name);
        }
    }
    for contender in contenders {
        contender.times.clear();
        contender.load.delays.clear();
        contender.lost = 0;
    }
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}

/// Nanoseconds that the threads of the process `pid` have run; with `name`, those called so.
fn cpu(pid: &str, name: Option<&str>) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let spent = tasks.filter_map(|task| {
        let task = task.ok()?.path();
        let is_called = std::fs::read_to_string(task.join("comm")).ok()?;
        if name.is_some_and(|name| name != is_called.trim()) {
            return None;
        }
        let spent = std::fs::read_to_string(task.join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum()
}
