//! `cargo xtask fuzz`: each target of the SIP engine's fuzzer for a while, from the kept seeds.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::step::{About, Console};
use crate::tally::{Report, Tally};
use crate::tools::cargo_tools;
use crate::workspace::{cargo, root, target};

/// A target, what it tries, and the longest input worth trying: a frame larger than any limit,
/// 200 operations.
const TARGETS: [(&str, &str, u32); 2] = [
    ("parse", "fuzzing the reader of messages", 70_000),
    ("agent", "fuzzing two agents", 601),
];

/// Runs each target for so many seconds.
pub(crate) fn fuzz(console: &Console, seconds: u64) -> Result<ExitCode> {
    let mut report = Report::default();
    let tool = cargo_tools::provide_fuzzer(console);
    for (name, title, longest) in TARGETS {
        match &tool {
            Ok(()) => {
                report.check(title, || run(console, name, longest, seconds));
            }
            Err(why) => report.skip(title, &format!("cargo-fuzz can't be installed: {why}")),
        }
    }
    Ok(if report.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run(console: &Console, name: &str, longest: u32, seconds: u64) -> Result<Tally> {
    let place = root().join("shared/sip/fuzz");
    let fuzzer = |command: &str| -> Command {
        let mut fuzzer = cargo(&["fuzz", command, name]);
        fuzzer.current_dir(&place);
        // The sanitiser's instrumentation is not stable.
        fuzzer.env("RUSTC_BOOTSTRAP", "1");
        fuzzer.env("CARGO_TARGET_DIR", target().join("fuzz"));
        fuzzer
    };
    console.run(
        &format!("Building the fuzzer {name}"),
        About(90),
        &mut fuzzer("build"),
    )?;
    let mut go = fuzzer("run");
    // What is found goes to `corpus`, which is not kept; the seeds are.
    go.args([format!("corpus/{name}"), format!("seeds/{name}")]);
    go.arg("--");
    go.arg(format!("-max_total_time={seconds}"));
    go.args([format!("-max_len={longest}"), "-timeout=20".to_owned()]);
    go.arg("-print_final_stats=1");
    if !console.plan {
        std::fs::create_dir_all(place.join("corpus").join(name))?;
    }
    let said = console.run(&format!("Fuzzing {name}"), About(seconds), &mut go)?;
    if !console.plan && !said.contains("stat::number_of_executed_units") {
        bail!("The fuzzer {name} says nothing of what it tried.");
    }
    Ok(Tally::ONE)
}
