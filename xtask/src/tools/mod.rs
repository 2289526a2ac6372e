//! What building and testing needs: found, else installed the normal way, else the other way,
//! else named with the command that would.

pub(crate) mod apt;
pub(crate) mod cargo_tools;
pub(crate) mod chromium;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod wasm;

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::Result;

use crate::step::Console;
use crate::workspace;

/// Finds or installs everything.
pub(crate) fn provide_all(console: &Console, with_tests: bool) -> Result<ExitCode> {
    let wasm = wasm::provide(console)?;
    console.say(&format!("wasm32: {wasm}"));
    let bundler = cargo_tools::provide(console)?;
    console.say(&format!("trunk, wasm-bindgen, {bundler}"));
    if with_tests {
        node::provide(console)?;
        console.say(&format!("browser: {}", chromium::provide(console)?));
        let peers = peers::provide(console);
        console.say(&format!("peers: {peers}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where tools go that must not replace the user's own of another version.
pub(crate) fn own_bin() -> PathBuf {
    workspace::root().join("target/tools/bin")
}

/// What a program prints, if it is there and content.
pub(crate) fn answer(program: &str, args: &[&str]) -> Option<String> {
    let output = workspace::program(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
