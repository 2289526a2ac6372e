//! Node and the packages of `e2e/`.

use anyhow::{Result, bail};

use super::answer;
use crate::step::{About, Console};
use crate::workspace::{fingerprint, is_done, note_done, program, root};

/// Playwright's demand.
const OLDEST: u32 = 20;

/// Checks Node and brings `e2e/node_modules` up to `package-lock.json`.
pub(crate) fn provide(console: &Console) -> Result<()> {
    let said = answer("node", &["--version"]);
    let major = said
        .as_deref()
        .and_then(|said| said.strip_prefix('v')?.split('.').next()?.parse().ok());
    match major {
        Some(OLDEST..) => {}
        Some(old) => {
            bail!("Node {old} is too old for the browser tests; install Node {OLDEST} or newer.")
        }
        None if console.plan => console.say("Node is missing"),
        None => bail!(
            "The browser tests need Node {OLDEST} or newer. On Debian 13, type:\n    \
             apt-get install -y nodejs npm\nelsewhere see https://nodejs.org/en/download"
        ),
    }
    let wanted = fingerprint(&["e2e/package.json", "e2e/package-lock.json", "e2e/.npmrc"])?;
    let there = root().join("e2e/node_modules/.package-lock.json").exists();
    if there && is_done("npm", wanted) && !console.from_nothing {
        return Ok(());
    }
    let mut install = program("npm");
    install
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(root().join("e2e"));
    // The browser is found or fetched apart from the packages.
    install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    console.run(
        "Installing the packages of the browser tests",
        About(20),
        &mut install,
    )?;
    if console.plan {
        Ok(())
    } else {
        note_done("npm", wanted)
    }
}
