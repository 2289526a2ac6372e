//! Debian's packages, where the machine has them and lets us.

use anyhow::{Result, bail};

use super::answer;
use crate::step::{About, Console};
use crate::workspace::program;

/// Installs packages, or says what a person has to type.
pub(crate) fn install(
    console: &Console,
    what_for: &str,
    about: About,
    packages: &[&str],
) -> Result<()> {
    let names = packages.join(" ");
    if answer("apt-get", &["--version"]).is_none() {
        bail!("{what_for}: this machine has no apt-get; install what Debian calls {names}.");
    }
    if !is_root() && !console.plan {
        bail!(
            "{what_for} is missing. Type:\n    sudo apt-get install --no-install-recommends {names}"
        );
    }
    let title = format!("Installing {names} for {what_for}");
    let mut install = apt_get(&["install", "-y", "--no-install-recommends"]);
    install.args(packages);
    if console.run(&title, about, &mut install).is_ok() {
        return Ok(());
    }
    // On a new machine the lists of packages are empty or old.
    update(console)?;
    console.run(&title, about, &mut install)?;
    Ok(())
}

/// Reads what there is to install.
pub(crate) fn update(console: &Console) -> Result<()> {
    let mut update = apt_get(&["update"]);
    console.run("Reading Debian's package lists", About(15), &mut update)?;
    Ok(())
}

/// Whether the machine has a package.
pub(crate) fn is_installed(package: &str) -> bool {
    const STATUS: &str = "--showformat=${db:Status-Status}";
    answer("dpkg-query", &["--show", STATUS, package]).as_deref() == Some("installed")
}

/// Whether we may install at all.
pub(crate) fn is_root() -> bool {
    answer("id", &["-u"]).as_deref() == Some("0")
}

fn apt_get(args: &[&str]) -> std::process::Command {
    let mut command = program("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
