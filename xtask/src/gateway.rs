//! The gateway, with the app inside.

use std::path::PathBuf;

use anyhow::Result;

use crate::step::{About, Console};
use crate::workspace::{cargo, target};

/// How it is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Soon.
    Dev,
    /// As it is shipped.
    Release,
}

/// Builds the program `sidetone`; the app must be built. Answers where it lies.
pub(crate) fn build(console: &Console, profile: Profile) -> Result<PathBuf> {
    let mut build = cargo(&["build", "--package", "sidetone"]);
    let (about, folder) = match profile {
        Profile::Dev => (About(240), "debug"),
        Profile::Release => (About(360), "release"),
    };
    if let Profile::Release = profile {
        build.arg("--release");
    }
    console.run("Building the gateway", about, &mut build)?;
    let name = format!("sidetone{}", std::env::consts::EXE_SUFFIX);
    Ok(target().join(folder).join(name))
}
