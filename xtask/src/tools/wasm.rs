//! The standard library for `wasm32-unknown-unknown`: rustup's, else one built with Debian's
//! compiler, which comes with the source.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{answer, apt};
use crate::step::{About, Console};
use crate::workspace::{cargo, memory, program, target};

/// Cargo's name of the target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";
const DEBIAN_LINKER: &str = "wasm-ld-22";

/// Which compiler builds for the browser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wasm {
    /// The one that builds everything else.
    Usual,
    /// Debian's.
    Debian,
}

impl fmt::Display for Wasm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "the usual rustc",
            Self::Debian => "Debian's rustc",
        })
    }
}

impl Wasm {
    /// Sets what a build for the browser needs. Builds for this machine must not have it.
    pub(crate) fn apply(self, command: &mut Command) {
        if self == Self::Debian {
            command
                .env("RUSTC", DEBIAN_RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        }
    }

    /// `cargo clippy`, if this compiler has its linter.
    pub(crate) fn clippy(self, console: &Console) -> Result<Command> {
        if self == Self::Usual {
            return Ok(cargo(&["clippy"]));
        }
        if !Path::new(DEBIAN_CLIPPY).exists() {
            apt::install(console, "linting the app", About(10), &["rust-web-clippy"])?;
        }
        let mut command = program(DEBIAN_CLIPPY);
        command.arg("clippy");
        self.apply(&mut command);
        Ok(command)
    }
}

/// Finds a compiler with the library, else installs one.
pub(crate) fn provide(console: &Console) -> Result<Wasm> {
    if !console.from_nothing {
        if compiles("rustc") {
            return Ok(Wasm::Usual);
        }
        if compiles(DEBIAN_RUSTC) && answer(DEBIAN_LINKER, &["--version"]).is_some() {
            return Ok(Wasm::Debian);
        }
    }
    let mut add = program("rustup");
    add.args(["target", "add", TARGET]);
    let normal_way = console.run("Adding Rust's wasm32 target", About(20), &mut add);
    if normal_way.is_ok() && (console.plan || compiles("rustc")) && !console.from_nothing {
        return Ok(Wasm::Usual);
    }
    build_std(console).with_context(|| {
        format!(
            "The compiler can't build for the browser. Type:\n    rustup target add {TARGET}\nor"
        )
    })?;
    Ok(Wasm::Debian)
}

/// Whether this compiler has a standard library for wasm32 that it can use, with what tests need.
fn compiles(rustc: &str) -> bool {
    let out = memory().join("probe.rmeta");
    let mut probe = program(rustc);
    probe.args(["--target", TARGET, "--test", "--emit", "metadata", "-o"]);
    probe.arg(out).arg("-");
    let quiet = probe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn build_std(console: &Console) -> Result<()> {
    let packages = ["rustc-web", "rust-web-src", "lld-22"];
    apt::install(console, "a compiler for the browser", About(60), &packages)?;

    let scratch = memory().join("wasm-std");
    if !console.plan {
        lay_out_empty_crate(&scratch)?;
    }
    let mut build = cargo(&[
        "build",
        "-Zbuild-std=std,panic_abort,test",
        "--release",
        "--target",
        TARGET,
    ]);
    build
        .current_dir(if console.plan {
            target()
        } else {
            scratch.clone()
        })
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env("RUSTC_BOOTSTRAP", "1")
        // Without its bitcode the library can't take part in link-time optimisation.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    Wasm::Debian.apply(&mut build);
    console.run(
        "Building the standard library for wasm32",
        About(40),
        &mut build,
    )?;

    let library = PathBuf::from("/usr/lib/rustlib").join(TARGET).join("lib");
    if console.plan {
        console.say(&format!("then its *.rlib go to {}", library.display()));
        return Ok(());
    }
    let built = scratch.join("target").join(TARGET).join("release/deps");
    install_std(&built, &library)
        .with_context(|| format!("The library can't be put into {}", library.display()))?;
    // Cargo does not notice that the library is another one.
    remove_tree(&target().join(TARGET))?;
    remove_tree(&scratch)?;
    if !compiles(DEBIAN_RUSTC) {
        bail!("Debian's rustc can't use the library that was built for it.");
    }
    Ok(())
}

fn lay_out_empty_crate(dir: &Path) -> io::Result<()> {
    remove_tree(dir)?;
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src/lib.rs"), "")?;
    fs::write(
        dir.join("Cargo.toml"),
        "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n",
    )
}

/// Files are replaced one by one, so that a build that runs meanwhile finds each of them.
fn install_std(built: &Path, library: &Path) -> io::Result<()> {
    fs::create_dir_all(library)?;
    let mut installed = HashSet::new();
    for path in rlibs(built)? {
        if let Some(name) = path.file_name() {
            let new = library.join(name).with_extension("new");
            fs::copy(&path, &new)?;
            fs::rename(&new, library.join(name))?;
            installed.insert(name.to_owned());
        }
    }
    let stale = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| !installed.contains(name))
    };
    rlibs(library)?
        .into_iter()
        .filter(stale)
        .try_for_each(fs::remove_file)
}

fn rlibs(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    found.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "rlib")
    });
    Ok(found)
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
