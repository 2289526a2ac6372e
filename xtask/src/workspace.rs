//! Where things lie, and commands that run there.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, else `target`.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => root().join("target"),
    }
}

/// What these commands remember and log.
pub(crate) fn memory() -> PathBuf {
    target().join("xtask")
}

/// A program to run in the root of the workspace, with the tools installed here on its `PATH`.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    let own = crate::tools::own_bin();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(own).chain(std::env::split_paths(&path));
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("PATH", joined);
    }
    command.current_dir(root());
    // What cargo set for xtask would make build scripts run again that look at it.
    for (name, _) in std::env::vars_os() {
        let set_for_us = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if set_for_us {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo with these arguments.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// A fingerprint of files and folders by path and content; what doesn't exist counts as absent.
pub(crate) fn fingerprint(paths: &[&str]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        hash_tree(&root().join(path), &mut hasher)
            .with_context(|| format!("{path} can't be read"))?;
    }
    Ok(hasher.finish())
}

fn hash_tree(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    path.hash(hasher);
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        entries.sort();
        entries
            .iter()
            .try_for_each(|entry| hash_tree(entry, hasher))
    } else if path.exists() {
        fs::read(path)?.hash(hasher);
        Ok(())
    } else {
        Ok(())
    }
}

/// Whether the note `name` says that work with this fingerprint is done.
pub(crate) fn is_done(name: &str, fingerprint: u64) -> bool {
    fs::read_to_string(memory().join(name)).is_ok_and(|noted| noted == fingerprint.to_string())
}

/// Notes that the work is done.
pub(crate) fn note_done(name: &str, fingerprint: u64) -> Result<()> {
    fs::create_dir_all(memory())?;
    fs::write(memory().join(name), fingerprint.to_string())?;
    Ok(())
}
