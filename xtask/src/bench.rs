//! `cargo xtask bench`: figures, not checks, except for the budget of the app's size.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::app;
use crate::gateway::{self, Profile};
use crate::step::{About, Console};
use crate::tools::{cargo_tools, chromium, node, wasm};
use crate::workspace::{cargo, memory, program, root, target};

/// What each file of the app weighs, plain and compressed.
pub(crate) fn size(console: &Console) -> Result<ExitCode> {
    app::build(console)?;
    let mut weigh = program("node");
    weigh.args(["e2e/bench/size.mjs", "target/dist"]);
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
    let module = module_for_node(console)?;
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

/// What a relayed packet costs, beside rtpengine where it is installed.
pub(crate) fn relay() -> Result<ExitCode> {
    aloud(&mut cargo(&[
        "bench",
        "--package",
        "sidetone-media",
        "--bench",
        "relay",
    ]))
}

/// The parser in WebAssembly, as the app has it, in a folder of its own.
fn module_for_node(console: &Console) -> Result<PathBuf> {
    const NAME: &str = "parse_wasm";
    let compiler = wasm::provide(console)?;
    cargo_tools::provide(console)?;
    let mut build = cargo(&["build", "--package", "sidetone-sip", "--example", NAME]);
    build.args(["--profile", "app", "--target", wasm::TARGET]);
    compiler.apply(&mut build);
    console.run("Building the parser for Node", About(30), &mut build)?;
    let built = target().join(wasm::TARGET).join("app/examples");
    let module = memory().join(NAME);
    let mut bind = program("wasm-bindgen");
    bind.args(["--target", "nodejs", "--no-typescript", "--out-dir"]);
    bind.arg(&module)
        .arg(built.join(NAME).with_extension("wasm"));
    console.run("Binding the parser to Node", About(2), &mut bind)?;
    Ok(module)
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
