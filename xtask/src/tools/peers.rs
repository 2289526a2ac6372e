//! What the gateway is tested against: real PBXs, proxies, phones of other people and another browser.
//!
//! Asterisk 22 is not in every release of Debian. It gets a folder of its own, from the next release,
//! and is started from there by that folder's own loader; nothing of it touches the machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{answer, apt};
use crate::step::{About, Console};
use crate::workspace::{program, root};

/// The release of Debian that has Asterisk 22.
const RELEASE: &str = "forky";
const INCLUDE: &str = "--include=asterisk,asterisk-modules";

/// A program that tests need: its name, the variable that tells the tests where it is, and the package
/// of Debian.
struct Program {
    name: &'static str,
    variable: &'static str,
    package: &'static str,
}

const PROGRAMS: [Program; 7] = [
    Program {
        name: "openssl",
        variable: "E2E_OPENSSL",
        package: "openssl",
    },
    Program {
        name: "kamailio",
        variable: "E2E_KAMAILIO",
        package: "kamailio",
    },
    Program {
        name: "baresip",
        variable: "E2E_BARESIP",
        package: "baresip-core",
    },
    Program {
        name: "sipp",
        variable: "E2E_SIPP",
        package: "sip-tester",
    },
    Program {
        name: "dnsmasq",
        variable: "E2E_DNSMASQ",
        package: "dnsmasq-base",
    },
    Program {
        name: "turnserver",
        variable: "E2E_COTURN",
        package: "coturn",
    },
    Program {
        name: "firefox-esr",
        variable: "E2E_FIREFOX",
        package: "firefox-esr",
    },
];

/// The peers there are, and why there are not more.
#[derive(Default)]
pub(crate) struct Peers {
    found: Vec<(&'static str, String)>,
    /// The name of each that is missing, and the reason.
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.iter().map(|(_, path)| path.clone());
        let missing = self.missing.iter();
        let missing = missing.map(|(name, why)| format!("no {name} ({why})"));
        let all: Vec<String> = found.chain(missing).collect();
        f.write_str(&all.join(", "))
    }
}

impl Peers {
    /// Tells the tests.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.found.iter().map(|(variable, path)| (variable, path)));
    }
}

/// Finds or installs what can be had.
pub(crate) fn provide(console: &Console) -> Peers {
    let mut peers = Peers::default();
    match asterisk(console) {
        Ok(folder) => peers
            .found
            .push(("E2E_ASTERISK", folder.display().to_string())),
        Err(why) => peers.missing.push(("Asterisk", format!("{why:#}"))),
    }
    let mut wanting: Vec<&Program> = Vec::new();
    for peer in &PROGRAMS {
        match find(peer).filter(|_| !console.from_nothing) {
            Some(path) => peers.found.push((peer.variable, path)),
            None => wanting.push(peer),
        }
    }
    if wanting.is_empty() {
        return peers;
    }
    let packages: Vec<&str> = wanting.iter().map(|peer| peer.package).collect();
    let installed = apt::install(console, "the tests with real PBXs", About(30), &packages);
    for peer in wanting {
        match (&installed, find(peer)) {
            (_, Some(path)) => peers.found.push((peer.variable, path)),
            (Err(why), None) => peers.missing.push((peer.name, format!("{why:#}"))),
            (Ok(()), None) => {
                let why = format!("{} brought no program {}", peer.package, peer.name);
                peers.missing.push((peer.name, why));
            }
        }
    }
    peers
}

fn find(peer: &Program) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    // Debian keeps servers where only root looks.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|dir| dir.join(peer.name))
        .find(|candidate| candidate.is_file())
        .map(|found| found.display().to_string())
}

/// The root of the folders that Asterisk lies in.
fn asterisk(console: &Console) -> Result<PathBuf> {
    let own = root().join("target/tools/asterisk");
    if !console.from_nothing {
        for folder in [Path::new("/"), &own] {
            if is_asterisk(folder) {
                return Ok(folder.to_owned());
            }
        }
    }
    if answer("debootstrap", &["--version"]).is_none() || console.from_nothing {
        apt::install(console, "Asterisk", About(10), &["debootstrap"])?;
    }
    let unfinished = own.with_extension("unfinished");
    let mut install = program("debootstrap");
    install
        .args(["--variant=minbase", INCLUDE, RELEASE])
        .arg(&unfinished)
        .arg(mirror(console)?)
        // A new release of Debian is installed as the one that is always new.
        .arg("/usr/share/debootstrap/scripts/sid");
    if !console.plan {
        if !apt::is_root() {
            bail!(
                "Asterisk is missing, and only root can install it; call `cargo xtask tools --test` as root."
            );
        }
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)
                .with_context(|| format!("{} can't be removed", unfinished.display()))?;
        }
    }
    console.run("Installing Asterisk in a folder", About(120), &mut install)?;
    if console.plan {
        return Ok(own);
    }
    std::fs::rename(&unfinished, &own)?;
    if !is_asterisk(&own) {
        bail!("The Asterisk in {} can't be started.", own.display());
    }
    Ok(own)
}

/// The machine's own mirror of Debian.
fn mirror(console: &Console) -> Result<String> {
    const WHICH: [&str; 4] = [
        "indextargets",
        "--format=$(REPO_URI)",
        "Origin: Debian",
        "Label: Debian",
    ];
    let named = || Some(answer("apt-get", &WHICH)?.lines().next()?.to_owned());
    if let Some(mirror) = named() {
        return Ok(mirror);
    }
    apt::update(console)?;
    if console.plan {
        return Ok("MIRROR".to_owned());
    }
    named().context("this machine's packages are not Debian's")
}

/// Whether an Asterisk of a release that the tests are written for lies below `folder`.
fn is_asterisk(folder: &Path) -> bool {
    let program = folder.join("usr/sbin/asterisk");
    let loaders = ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"];
    let Some(loader) = loaders
        .iter()
        .map(|name| folder.join(name))
        .find(|loader| loader.exists())
    else {
        return false;
    };
    let libraries = ["x86_64", "aarch64"]
        .map(|machine| folder.join(format!("usr/lib/{machine}-linux-gnu")))
        .map(|folder| folder.display().to_string())
        .join(":");
    let args = [
        "--library-path",
        &libraries,
        &program.display().to_string(),
        "-V",
    ];
    let version = answer(&loader.display().to_string(), &args);
    version.is_some_and(|version| version.starts_with("Asterisk 22."))
}
