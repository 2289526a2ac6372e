//! trunk and wasm-bindgen, from crates.io, and wasm-opt.

use std::fmt;
use std::process::Command;

use anyhow::{Context, Result};

use super::{answer, own_bin};
use crate::step::{About, Console};
use crate::workspace::{cargo, program, root};

/// A program built from crates.io, in the version the project is built with.
struct CargoTool {
    krate: &'static str,
    version: &'static str,
    about: About,
    /// Build with the versions its author locked.
    locked: bool,
    /// What it installs.
    programs: &'static [&'static str],
}

const TRUNK: CargoTool = CargoTool {
    krate: "trunk",
    version: "0.21.14",
    about: About(360),
    locked: true,
    programs: &["trunk"],
};

/// Its version equals `wasm-bindgen` in Cargo.toml and in Trunk.toml.
const WASM_BINDGEN: CargoTool = CargoTool {
    krate: "wasm-bindgen-cli",
    version: "0.2.130",
    about: About(300),
    // Its lock names a yanked version.
    locked: false,
    programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
};

const FUZZER: CargoTool = CargoTool {
    krate: "cargo-fuzz",
    version: "0.13.2",
    about: About(120),
    locked: true,
    programs: &["cargo-fuzz"],
};

/// The one Trunk.toml names. Debian's older one gives exported tables a wrong index, so that the
/// app doesn't start.
const WASM_OPT: u16 = 132;

/// Who makes the wasm small.
pub(crate) enum Optimiser {
    /// The `wasm-opt` on the path.
    Here,
    /// trunk fetches it.
    Fetched,
}

impl fmt::Display for Optimiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "wasm-opt",
            Self::Fetched => "wasm-opt by trunk",
        })
    }
}

/// Finds or installs them all.
pub(crate) fn provide(console: &Console) -> Result<Optimiser> {
    TRUNK.provide(console)?;
    WASM_BINDGEN.provide(console)?;
    let here = !console.from_nothing && is_wasm_opt_here();
    let had = here || answer("npm", &["--version"]).is_some() && install_wasm_opt(console);
    Ok(if had {
        Optimiser::Here
    } else {
        Optimiser::Fetched
    })
}

/// Finds or installs cargo-fuzz.
pub(crate) fn provide_fuzzer(console: &Console) -> Result<()> {
    FUZZER.provide(console)
}

fn is_wasm_opt_here() -> bool {
    let version = format!("(version_{WASM_OPT})");
    answer("wasm-opt", &["--version"]).is_some_and(|said| said.ends_with(&version))
}

fn install_wasm_opt(console: &Console) -> bool {
    let mut install = program("npm");
    install
        .args(["install", "--global", "--no-audit", "--no-fund", "--prefix"])
        .args(own_bin().parent())
        .arg(format!("binaryen@{WASM_OPT}"));
    let title = "Installing wasm-opt, for a small app";
    console.run(title, About(10), &mut install).is_ok() && (console.plan || is_wasm_opt_here())
}

impl CargoTool {
    fn provide(&self, console: &Console) -> Result<()> {
        let found = if console.from_nothing {
            None
        } else {
            self.found()
        };
        if found == Some(true) {
            return Ok(());
        }
        // Another version may be there for a reason: leave it alone.
        let beside = found.is_some();
        let title = format!("Installing {} {}", self.krate, self.version);
        if answer("cargo", &["binstall", "-V"]).is_some() {
            let mut fetch = cargo(&["binstall", "--no-confirm", "--force"]);
            fetch.arg(format!("{}@{}", self.krate, self.version));
            self.place(&mut fetch, beside);
            if console.run(&title, About(15), &mut fetch).is_ok()
                && (console.plan || self.is_found())
            {
                return Ok(());
            }
        }
        let mut build = cargo(&["install", self.krate, "--version", self.version]);
        if self.locked {
            build.arg("--locked");
        }
        self.place(&mut build, beside);
        console
            .run(&title, self.about, &mut build)
            .with_context(|| {
                format!(
                    "Type:\n    cargo install {} --version {}",
                    self.krate, self.version
                )
            })?;
        Ok(())
    }

    fn place(&self, command: &mut Command, beside: bool) {
        if beside && let Some(dir) = own_bin().parent() {
            command.arg("--root").arg(dir);
        }
        // Not into the workspace's target folder, and not by its settings.
        command.current_dir(root().parent().unwrap_or(root()));
    }

    fn is_found(&self) -> bool {
        self.found() == Some(true)
    }

    /// Whether all of it is there, and in our version.
    fn found(&self) -> Option<bool> {
        let versions = self
            .programs
            .iter()
            .map(|program| answer(program, &["--version"]));
        let versions: Option<Vec<String>> = versions.collect();
        versions.map(|all| {
            all.iter()
                .all(|said| said.split(' ').any(|word| word == self.version))
        })
    }
}
