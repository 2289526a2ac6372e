//! `cargo xtask`: the developer's remote control.

mod app;
mod bench;
mod failures;
mod fuzz;
mod gateway;
mod run;
mod step;
mod tally;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use step::Console;

const USAGE: &str = "\
Usage: cargo xtask COMMAND [OPTIONS]

  run [--release] [-- ARGS]    build everything and serve the phone with demo people;
                               ARGS go to the gateway:
                               cargo xtask run -- --listen 0.0.0.0:8443 --tls self-signed
  test [lint|unit|wasm|e2e|pbx]
                               every check of the project, or one part;
                               after `e2e --` or `pbx --`, arguments go to Playwright
  bench size|call|parse|agent|relay
                               what the app weighs, how fast a call is, how fast a message is read
                               beside other parsers, what the SIP agent carries, what relaying a
                               packet costs
  bench register|signalling|overload
                               what the gateway needs for a registration, a waiting phone and a
                               call, beside Kamailio, and what it still does under far too many
  fuzz [SECONDS]               try what the SIP engine makes of anything, a minute for each target
  tools [--test]               find or install what building (and testing) needs

  --plan           only say what would be done (run and tools)
  --from-nothing   with --plan: as if no tool were installed
";

fn main() -> ExitCode {
    match command(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(mut args: Vec<String>) -> Result<ExitCode> {
    let passed_on = match args.iter().position(|arg| arg == "--") {
        Some(at) => args.split_off(at).split_off(1),
        None => Vec::new(),
    };
    let mut take = |flag: &str| {
        let before = args.len();
        args.retain(|arg| arg != flag);
        args.len() < before
    };
    if take("--help") || take("-h") {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    let from_nothing = take("--from-nothing");
    let plan = take("--plan");
    if from_nothing && !plan {
        bail!("--from-nothing only makes sense with --plan.");
    }
    let release = take("--release");
    let with_tests = take("--test");
    let console = Console::new(plan, from_nothing)?;
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["run"] => run::run(&console, release, &passed_on),
        ["test"] => test::test(&console, None, &passed_on),
        ["test", part] => test::test(&console, Some(part.parse()?), &passed_on),
        ["bench", "size"] => bench::size(&console),
        ["bench", "call"] => bench::call(&console),
        ["bench", "parse"] => bench::parse(&console),
        ["bench", "agent"] => bench::agent(),
        ["bench", "relay"] => bench::relay(&console),
        ["bench", what @ ("register" | "signalling" | "overload")] => bench::load(&console, what),
        ["fuzz"] => fuzz::fuzz(&console, 60),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::fuzz(&console, seconds),
            Err(_) => bail!("{seconds:?} is no number of seconds."),
        },
        ["tools"] => tools::provide_all(&console, with_tests),
        _ => bail!("{USAGE}"),
    }
}
