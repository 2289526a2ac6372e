//! The app, built by trunk for the browser.

use anyhow::Result;

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
    console.run("Building the app", About(180), &mut trunk)?;
    if console.plan {
        Ok(())
    } else {
        note_done("app", inputs)
    }
}
