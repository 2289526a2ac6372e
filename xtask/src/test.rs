//! `cargo xtask test`: every check of the project.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use crate::app;
use crate::gateway::{self, Profile};
use crate::step::{About, Console};
use crate::tally::{Report, Tally, TestsFailed};
use crate::tools::peers::{self, Peers};
use crate::tools::wasm::{self, TARGET, Wasm};
use crate::tools::{answer, cargo_tools, chromium, node};
use crate::workspace::{cargo, memory, program, root};

/// A part of the checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Formatting, lints, licences.
    Lint,
    /// Unit and integration tests of this machine.
    Unit,
    /// Unit tests in WebAssembly.
    Wasm,
    /// A real browser against the real gateway.
    E2e,
    /// The same, with real PBXs behind the gateway.
    Pbx,
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "lint" => Self::Lint,
            "unit" => Self::Unit,
            "wasm" => Self::Wasm,
            "e2e" => Self::E2e,
            "pbx" => Self::Pbx,
            _ => bail!("There is no part {name:?}; there are lint, unit, wasm, e2e and pbx."),
        })
    }
}

/// Runs all checks, or one part, and prints what came of them.
pub(crate) fn test(console: &Console, only: Option<Part>, args: &[String]) -> Result<ExitCode> {
    let wanted = |part| only.is_none_or(|only| only == part);
    let mut report = Report::default();
    if wanted(Part::Lint) {
        lint(console, &mut report);
    }
    if wanted(Part::Unit) {
        unit(console, &mut report);
    }
    if wanted(Part::Wasm) {
        report.check("unit tests in WebAssembly", || wasm_tests(console));
    }
    let browser = [Part::E2e, Part::Pbx].map(|part| wanted(part).then_some(part));
    if browser.iter().any(Option::is_some) {
        in_the_browser(console, &mut report, browser.into_iter().flatten(), args);
    }
    Ok(if report.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn lint(console: &Console, report: &mut Report) {
    report.check("formatting", || {
        one(console.run(
            "Checking the formatting",
            About(2),
            &mut cargo(&["fmt", "--check"]),
        ))
    });
    report.check("lints", || {
        let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]);
        one(console.run("Linting", About(180), &mut clippy))
    });
    report.check("lints of what runs in the browser", || {
        let mut clippy = wasm::provide(console)?.clippy(console)?;
        clippy.args([
            "--package",
            "sidetone-app",
            "--package",
            "sidetone-sip",
            "--package",
            "sidetone-api",
        ]);
        clippy.args(["--target", TARGET, "--", "-Dwarnings"]);
        one(console.run("Linting what runs in the browser", About(90), &mut clippy))
    });
    report.check("links in the documentation of the SIP agent", || {
        let mut doc = cargo(&["doc", "--package", "sidetone-sip", "--no-deps"]);
        doc.env("RUSTDOCFLAGS", "-Dwarnings");
        one(console.run("Checking links in the documentation", About(10), &mut doc))
    });
    if answer("cargo", &["deny", "--version"]).is_some() {
        report.check("licences, bans and sources", || {
            let mut deny = cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]);
            one(console.run("Checking licences", About(5), &mut deny))
        });
    } else {
        report.skip("licences, bans and sources", "cargo-deny is not installed");
    }
}

fn unit(console: &Console, report: &mut Report) {
    report.check("unit and integration tests", || {
        let mut tests = if answer("cargo", &["nextest", "--version"]).is_some() {
            cargo(&[
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--no-tests=pass",
            ])
        } else {
            cargo(&[
                "test",
                "--workspace",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--tests",
            ])
        };
        counted(console.run("Testing", About(300), &mut tests))
    });
    let turn = "credentials for a real TURN server";
    if answer("turnserver", &["--version"]).is_some() {
        report.check(turn, || {
            let mut test = cargo(&["test", "--package", "sidetone", "--test", "turn"]);
            test.args(["--", "--ignored"]);
            counted(console.run("Asking coturn", About(10), &mut test))
        });
    } else {
        report.skip(turn, "coturn is not installed (apt-get install coturn)");
    }
    let disk = "a gateway on a full disk";
    // A disk of its own, that nobody else sees.
    if answer(
        "unshare",
        &["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
    )
    .is_some()
    {
        report.check(disk, || {
            let mut test = cargo(&["test", "--package", "sidetone", "--test", "disk"]);
            test.args(["--", "--ignored"]);
            counted(console.run("Filling a disk", About(10), &mut test))
        });
    } else {
        report.skip(disk, "only root can mount a small disk");
    }
    report.check("examples in the documentation", || {
        let mut doc = cargo(&["test", "--workspace", "--doc"]);
        counted(console.run("Testing the documentation", About(60), &mut doc))
    });
}

fn wasm_tests(console: &Console) -> Result<Tally> {
    let compiler: Wasm = wasm::provide(console)?;
    cargo_tools::provide(console)?;
    let mut tests = cargo(&[
        "test",
        "--package",
        "sidetone-sip",
        "--tests",
        "--no-fail-fast",
    ]);
    tests.args(["--target", TARGET]);
    tests.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
        "wasm-bindgen-test-runner",
    );
    compiler.apply(&mut tests);
    let tally = counted(console.run("Testing in WebAssembly", About(60), &mut tests))?;
    if tally.passed == 0 {
        bail!("No test ran in WebAssembly.");
    }
    Ok(tally)
}

fn in_the_browser(
    console: &Console,
    report: &mut Report,
    parts: impl Iterator<Item = Part>,
    args: &[String],
) {
    let types = report.check("types of the browser tests", || {
        node::provide(console)?;
        let mut tsc = program("npx");
        tsc.args(["--no-install", "tsc", "--noEmit"])
            .current_dir(root().join("e2e"));
        one(console.run(
            "Checking the types of the browser tests",
            About(5),
            &mut tsc,
        ))
    });
    let app = report.check("the app builds", || {
        app::build(console).map(|()| Tally::ONE)
    });
    let mut gateway = None;
    if app {
        report.check("the gateway builds", || {
            gateway = Some(gateway::build(console, Profile::Dev)?);
            Ok(Tally::ONE)
        });
    }
    for part in parts {
        let (title, peers) = match part {
            Part::Pbx => ("tests with real PBXs", peers::provide(console)),
            _ => ("browser tests", Peers::default()),
        };
        for (name, why) in &peers.missing {
            report.skip(name, why);
        }
        match &gateway {
            Some(gateway) if types => {
                report.check(title, || playwright(console, title, gateway, &peers, args));
            }
            _ => report.skip(title, "what they need was not built"),
        }
    }
}

/// One of Playwright's projects.
fn playwright(
    console: &Console,
    project: &str,
    gateway: &Path,
    peers: &Peers,
    args: &[String],
) -> Result<Tally> {
    let browser = chromium::provide(console)?;
    let results = memory().join("playwright.json");
    let mut tests = program("npx");
    tests
        .args(["--no-install", "playwright", "test"])
        .arg(format!("--project={project}"))
        .args(args);
    tests.current_dir(root().join("e2e"));
    tests
        .env("E2E_GATEWAY", gateway)
        .env("PLAYWRIGHT_JSON_OUTPUT_NAME", &results);
    browser.apply(&mut tests);
    peers.apply(&mut tests);
    // A tally of an earlier run must not be taken for this one's.
    if results.exists() {
        std::fs::remove_file(&results)?;
    }
    let outcome = console.run(&format!("Running the {project}"), About(240), &mut tests);
    let tally = read_playwright(&results);
    match outcome {
        Ok(_) => tally,
        Err(error) => Err(TestsFailed(tally.unwrap_or_default(), error).into()),
    }
}

/// The numbers at the end of Playwright's JSON report. A flaky test counts as failed.
fn read_playwright(results: &Path) -> Result<Tally> {
    let report = std::fs::read_to_string(results).context("Playwright wrote no report")?;
    let (_, stats) = report
        .rsplit_once("\"stats\"")
        .context("Playwright's report has no stats")?;
    let number = |name: &str| {
        let (_, rest) = stats.split_once(&format!("\"{name}\":"))?;
        rest.trim_start()
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse::<usize>()
            .ok()
    };
    let count = |name| number(name).with_context(|| format!("Playwright doesn't say {name}"));
    Ok(Tally {
        passed: count("expected")?,
        failed: count("unexpected")? + count("flaky")?,
        skipped: count("skipped")?,
    })
}

fn one(result: Result<String>) -> Result<Tally> {
    result.map(|_| Tally::ONE)
}

fn counted(result: Result<String>) -> Result<Tally> {
    result.map(|output| Tally::read(&output))
}
