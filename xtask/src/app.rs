//! The app, built by trunk for the browser.

use anyhow::{Context, Result};

use crate::step::{About, Console};
use crate::tools::cargo_tools::{self, Optimiser};
use crate::tools::wasm;
use crate::workspace::{fingerprint, is_done, note_done, program, root};

const INPUTS: [&str; 6] = [
    "frontend",
    "shared",
    "static",
    "Cargo.toml",
    "Cargo.lock",
    "Trunk.toml",
];

/// Builds what the browser loads into `target/dist`, unless it is there and nothing has changed.
pub(crate) fn build(console: &Console) -> Result<()> {
    let inputs = fingerprint(&INPUTS)?;
    let built = root().join("target/dist/index.html").exists() && is_done("app", inputs);
    if built && !console.from_nothing {
        return Ok(());
    }
    let compiler = wasm::provide(console)?;
    let optimiser = cargo_tools::provide(console)?;
    let mut trunk = program("trunk");
    trunk.args(["build", "--release"]);
    if matches!(optimiser, Optimiser::Here) {
        trunk.arg("--offline");
    }
    // trunk takes nothing but true or false for this variable.
    trunk.env("NO_COLOR", "true");
    compiler.apply(&mut trunk);
    let built = console.run("Building the app", About(180), &mut trunk);
    if matches!(optimiser, Optimiser::Fetched) {
        built
            .context("If wasm-opt could not be fetched: install Node with npm, which brings it")?;
    } else {
        built?;
    }
    if console.plan {
        Ok(())
    } else {
        note_done("app", inputs)
    }
}
