//! What still gets through when far more is asked than the gateway can do.
//!
//! The gateway has one processor. The peak is what it does when there is always enough to do: a
//! fixed number of attempts under way, of two numbers the one that is better in most rounds. Then
//! attempts come at twice and at ten times that rate, whatever becomes of them, from phones that don't
//! heed Retry-After. Who still waits for an answer can't try again: that attempt has failed too. An
//! attempt is good if it is served in time.

use std::time::Duration;

use super::contest::quantile;
use super::crowd::{Crowd, Demand, Outcome, Work};
use super::gateway::{self, Behind};
use super::pbx;
use super::server::Server;

const ROUNDS: usize = 15;
const PHONES: usize = 2_000;
/// Attempts under way when the peak is sought.
const ENOUGH: [usize; 2] = [16, 64];
const STEP: Duration = Duration::from_secs(1);
/// Who was sent away isn't heard for as long, and does not belong to the next step.
const DEAF: Duration = Duration::from_millis(600);
const FACTORS: [f64; 2] = [2.0, 10.0];
const MUST: f64 = 0.95;
/// By how much memory may grow under any load, over what it is at the peak.
const MUST_MEMORY: f64 = 1.5;

pub(crate) fn run() -> bool {
    leave_processor(0);
    let calls = gateway::start_on("ours", Behind::Pbx(pbx::start()), Some(0));
    let held = hold(&calls, "calls through the bridge", Work::Call);
    drop(calls);
    let registrations = gateway::start_on("ours", Behind::Switch(PHONES), Some(0));
    hold(
        &registrations,
        "registrations at the switch",
        Work::Register,
    ) && held
}

/// The load and its PBX take other processors than the gateway, if there are any.
fn leave_processor(number: usize) {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let others: Vec<String> = (0..count)
        .filter(|other| *other != number)
        .map(|other| other.to_string())
        .collect();
    if others.is_empty() {
        println!("There is one processor only: the load takes its time from the gateway.");
        return;
    }
    let mut command = std::process::Command::new("taskset");
    let id = std::process::id().to_string();
    command.args(["-cp", &others.join(","), &id]);
    let moved = command.stdout(std::process::Stdio::null()).status();
    assert!(moved.is_ok_and(|status| status.success()), "taskset");
}

fn hold(server: &Server, what: &str, work: Work) -> bool {
    let mut crowd = Crowd::connect(server, PHONES, work);
    crowd.drive(Demand::UnderWay(ENOUGH[0]), STEP);
    let mut peaks = ENOUGH.map(|_| Vec::new());
    let mut steps = FACTORS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (enough, outcomes) in ENOUGH.into_iter().zip(&mut peaks) {
            outcomes.push(crowd.drive(Demand::UnderWay(enough), STEP));
        }
        let latest = peaks.iter().filter_map(|outcomes| outcomes.last());
        let peak = latest.map(Outcome::goodput).fold(0.0, f64::max);
        for (factor, outcomes) in FACTORS.into_iter().zip(&mut steps) {
            let outcome = crowd.drive(Demand::PerSecond(factor * peak), STEP);
            if outcome.refused() > 0.0 {
                std::thread::sleep(DEAF);
            }
            outcomes.push(outcome);
        }
    }
    let most = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.memory).max().unwrap();
    let at_peak = peaks.iter().map(|outcomes| most(outcomes)).max().unwrap();
    let under_load = steps.iter().map(|outcomes| most(outcomes)).max().unwrap();
    // The better one of each round would be the luckier one.
    let [one, other] = &peaks;
    let peak = match quantile(&ratios(other, one), 0.5) > 1.0 {
        true => other,
        false => one,
    };
    println!("\n{what}: {PHONES} phones, {ROUNDS} rounds; medians");
    describe("the peak", peak);
    let mut held = true;
    for (factor, outcomes) in FACTORS.into_iter().zip(&steps) {
        describe(&format!("{factor} times the peak"), outcomes);
        let ratios = ratios(outcomes, peak);
        let (ratio, least) = (quantile(&ratios, 0.5), quantile(&ratios, 0.0));
        println!("  {ratio:.2} of the peak, {least:.2} in the worst round (must be {MUST})");
        held &= ratio >= MUST;
    }
    let growth = under_load as f64 / at_peak as f64;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "memory: {:.1} MB at the peak, {:.1} MB at most under overload (must be {MUST_MEMORY} times)",
        megabytes(at_peak),
        megabytes(under_load)
    );
    held && growth <= MUST_MEMORY
}

/// What got through, to what got through in the same round.
fn ratios(outcomes: &[Outcome], others: &[Outcome]) -> Vec<f64> {
    let rounds = outcomes.iter().zip(others);
    rounds
        .map(|(outcome, other)| outcome.goodput() / other.goodput())
        .collect()
}

fn describe(name: &str, outcomes: &[Outcome]) {
    let median = |figure: fn(&Outcome) -> f64| {
        let figures: Vec<f64> = outcomes.iter().map(figure).collect();
        quantile(&figures, 0.5)
    };
    println!(
        "{name:20} offered {:8.0}/s, good {:7.0}/s, refused {:7.0}/s, late {:5.0}/s, served after \
         {:4.0} ms (99 of 100: {:4.0} ms), {:3.0} % of a processor",
        median(Outcome::offered),
        median(Outcome::goodput),
        median(Outcome::refused),
        median(Outcome::late),
        median(|outcome| outcome.delay(0.5)),
        median(|outcome| outcome.delay(0.99)),
        median(Outcome::busy) * 100.0,
    );
}
