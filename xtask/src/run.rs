//! `cargo xtask run`: from a fresh clone to a phone in the browser.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::app;
use crate::gateway::{self, Profile};
use crate::step::Console;
use crate::workspace::{program, root};

/// Builds what has changed and serves it with the demo people. The gateway says where.
pub(crate) fn run(console: &Console, release: bool, args: &[String]) -> Result<ExitCode> {
    app::build(console)?;
    let profile = if release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let gateway = gateway::build(console, profile)?;
    let mut serve = program(&gateway);
    serve.args(["serve", "--demo"]).args(args);
    serve.current_dir(std::env::current_dir().unwrap_or_else(|_| root().to_owned()));
    if console.plan {
        console.say(&format!(
            "then {} serve --demo {}",
            gateway.display(),
            args.join(" ")
        ));
        return Ok(ExitCode::SUCCESS);
    }
    become_process(&mut serve, &gateway)
}

/// The gateway takes this process's place: signals reach it, and its end is ours.
#[cfg(unix)]
fn become_process(serve: &mut Command, gateway: &Path) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(serve.exec()).with_context(|| format!("{} can't be started", gateway.display()))
}

#[cfg(not(unix))]
fn become_process(serve: &mut Command, gateway: &Path) -> Result<ExitCode> {
    let status = serve
        .status()
        .with_context(|| format!("{} can't be started", gateway.display()))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
