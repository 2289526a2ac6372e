//! A Chromium to test in: the machine's own, Debian's, or Playwright's.

use std::fmt;
use std::process::Command;

use anyhow::{Context, Result};

use super::{answer, apt};
use crate::step::{About, Console};
use crate::workspace::{program, root};

/// Where the tests find their browser.
pub(crate) enum Chromium {
    /// A program of this machine.
    Installed(String),
    /// The one Playwright fetched.
    Playwright,
}

impl fmt::Display for Chromium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(path) => f.write_str(path),
            Self::Playwright => f.write_str("Playwright's Chromium"),
        }
    }
}

impl Chromium {
    /// Tells Playwright's configuration.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Self::Installed(path) = self {
            command.env("E2E_CHROMIUM", path);
        }
    }
}

/// Finds a browser, else installs one. The packages of `e2e/` must be there.
pub(crate) fn provide(console: &Console) -> Result<Chromium> {
    if !console.from_nothing
        && let Some(path) = find()
    {
        return Ok(Chromium::Installed(path));
    }
    let debian = apt::install(console, "the browser tests", About(40), &["chromium"]);
    if debian.is_ok()
        && let Some(path) = find()
    {
        return Ok(Chromium::Installed(path));
    }
    let mut fetch = program("npx");
    fetch
        .args(["playwright", "install", "chromium"])
        .current_dir(root().join("e2e"));
    console
        .run("Fetching Playwright's Chromium", About(60), &mut fetch)
        .with_context(
            || "Install Chromium and name it: E2E_CHROMIUM=/path/to/chromium cargo xtask test",
        )?;
    Ok(Chromium::Playwright)
}

fn find() -> Option<String> {
    let named = std::env::var("E2E_CHROMIUM").ok();
    named
        .or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .flat_map(|dir| ["chromium", "google-chrome"].map(|name| dir.join(name)))
                .find(|candidate| candidate.is_file())
                .map(|found| found.to_string_lossy().into_owned())
        })
        .filter(|path| answer(path, &["--version"]).is_some())
}
