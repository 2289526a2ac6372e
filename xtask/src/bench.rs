//! `cargo xtask bench`: figures, not checks, except for the budget of the app's size.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::app;
use crate::gateway::{self, Profile};
use crate::step::Console;
use crate::tools::{cargo_tools, chromium, node, wasm};
use crate::workspace::{cargo, program, root};

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

/// How many messages a second the parser reads, types and writes, natively and in WebAssembly.
pub(crate) fn parse(console: &Console) -> Result<ExitCode> {
    let args = ["bench", "--package", "sidetone-sip", "--bench", "parse"];
    aloud(&mut cargo(&args))?;
    let compiler = wasm::provide(console)?;
    cargo_tools::provide(console)?;
    let mut in_wasm = cargo(&args);
    in_wasm.args(["--target", wasm::TARGET]);
    in_wasm.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
        "wasm-bindgen-test-runner",
    );
    compiler.apply(&mut in_wasm);
    aloud(&mut in_wasm)
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
