//! `cargo xtask bench`: figures, not checks, except for the budgets of sizes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::app;
use crate::gateway::{self, Profile};
use crate::step::{About, Console};
use crate::tools::cargo_tools::{self, Optimiser};
use crate::tools::{apt, chromium, node, wasm};
use crate::workspace::{cargo, memory, program, root, target};

/// What each file of the app weighs, plain and compressed, and what the parser has of it.
pub(crate) fn size(console: &Console) -> Result<ExitCode> {
    app::build(console)?;
    let mut weigh = program("node");
    weigh.args(["e2e/bench/size.mjs", "target/dist"]);
    for name in ["size_floor", "size_parser"] {
        weigh.arg(small_module(console, name)?);
    }
    aloud(&mut weigh)
}

/// How long a call takes to set up, beside a bare JsSIP page on the same gateway.
pub(crate) fn call(console: &Console) -> Result<ExitCode> {
    node::provide(console)?;
    let browser = chromium::provide(console)?;
    app::build(console)?;
    let gateway = gateway::build(console, Profile::Release)?;
    let mut bench = program("npx");
    bench.args(["--no-install", "playwright", "test", "--config", "bench"]);
    bench
        .current_dir(root().join("e2e"))
        .env("E2E_GATEWAY", gateway);
    browser.apply(&mut bench);
    aloud(&mut bench)
}

/// How long the parser takes for a message, natively and in WebAssembly, beside the parsers of
/// others.
pub(crate) fn parse(console: &Console) -> Result<ExitCode> {
    node::provide(console)?;
    let module = module(console, "parse_wasm", "nodejs")?;
    let mut bench = cargo(&["bench", "--package", "sidetone-sip", "--bench", "parse"]);
    bench.env("SIDETONE_BENCH_WASM", module);
    aloud(&mut bench)
}

/// How many registrations and calls two agents carry through in memory, and what each takes.
pub(crate) fn agent() -> Result<ExitCode> {
    aloud(&mut cargo(&[
        "bench",
        "--package",
        "sidetone-sip",
        "--bench",
        "agent",
    ]))
}

/// What a relayed packet costs and how long it takes, beside rtpengine where that can be had.
pub(crate) fn relay(console: &Console) -> Result<ExitCode> {
    provide_peers(console, &["rtpengine-daemon"]);
    aloud(&mut cargo(&[
        "bench",
        "--package",
        "sidetone-media",
        "--bench",
        "relay",
    ]))
}

/// What the gateway costs under a load of SIP, `register`, `signalling` or `overload`, beside Kamailio
/// and rtpengine where they can be had.
pub(crate) fn load(console: &Console, what: &str) -> Result<ExitCode> {
    if what != "overload" {
        provide_peers(
            console,
            &["kamailio", "kamailio-websocket-modules", "rtpengine-daemon"],
        );
    }
    aloud(&mut cargo(&[
        "bench",
        "--package",
        "sidetone",
        "--bench",
        "load",
        "--",
        what,
    ]))
}

/// Installs who is to be compared with; without them the bench says that nobody is there.
fn provide_peers(console: &Console, packages: &[&str]) {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !apt::is_installed(package))
        .collect();
    if missing.is_empty() {
        return;
    }
    if let Err(why) = apt::install(console, "the comparison", About(30), &missing) {
        console.say(&format!("Some are not there to compare with: {why:#}"));
    }
}

/// An example of the SIP engine, in WebAssembly for `place`, in a folder of its own.
fn module(console: &Console, name: &str, place: &str) -> Result<PathBuf> {
    let compiler = wasm::provide(console)?;
    cargo_tools::provide(console)?;
    let mut build = cargo(&["build", "--package", "sidetone-sip", "--example", name]);
    build.args(["--profile", "app", "--target", wasm::TARGET]);
    compiler.apply(&mut build);
    console.run(&format!("Building {name}"), About(30), &mut build)?;
    let built = target().join(wasm::TARGET).join("app/examples");
    let module = memory().join(name);
    let mut bind = program("wasm-bindgen");
    bind.args(["--target", place, "--no-typescript", "--out-dir"]);
    bind.arg(&module)
        .arg(built.join(name).with_extension("wasm"));
    console.run(&format!("Binding {name}"), About(2), &mut bind)?;
    Ok(module)
}

/// Such an example, made as small as the app is.
fn small_module(console: &Console, name: &str) -> Result<PathBuf> {
    let folder = module(console, name, "web")?;
    if matches!(cargo_tools::provide(console)?, Optimiser::Fetched) {
        bail!(
            "The parser's share can't be weighed without wasm-opt: install Node with npm, which brings it."
        );
    }
    let small = folder.join("small.wasm");
    let mut optimise = program("wasm-opt");
    optimise.arg("-Oz").args(wasm_opt_params()?);
    optimise.arg(folder.join(format!("{name}_bg.wasm")));
    optimise.arg("-o").arg(&small);
    console.run(&format!("Making {name} small"), About(5), &mut optimise)?;
    Ok(small)
}

/// What trunk tells wasm-opt for the app.
fn wasm_opt_params() -> Result<Vec<String>> {
    let page = fs::read_to_string(root().join("frontend/index.html"))?;
    let params = page
        .split_once("data-wasm-opt-params=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .context("frontend/index.html doesn't say how wasm-opt is called")?;
    Ok(params.0.split_whitespace().map(str::to_owned).collect())
}

fn aloud(command: &mut Command) -> Result<ExitCode> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("{name} can't be started"))?;
    if !status.success() {
        bail!("{name} failed ({status}).");
    }
    Ok(ExitCode::SUCCESS)
}
