//! Progress: one line for each thing that is done, silence in between, the log when it fails.

use std::fmt;
use std::fs::{self, File};
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::workspace;

const TAIL: usize = 40;

/// How long a step takes on two cores, from experience.
#[derive(Clone, Copy)]
pub(crate) struct About(pub(crate) u64);

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..=5 => write!(f, "a few seconds"),
            6..=89 => write!(f, "about {} s", self.0),
            seconds => write!(f, "about {} min", (seconds + 30) / 60),
        }
    }
}

/// A step that failed: its title, the end of its log and where the rest is.
#[derive(Debug)]
pub(crate) struct Failed {
    title: String,
    status: ExitStatus,
    /// All it printed.
    pub(crate) output: String,
    log: PathBuf,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.output.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        write!(
            f,
            "{tail}\n\n{} failed ({}). The whole log: {}",
            self.title,
            self.status,
            self.log.display()
        )
    }
}

impl std::error::Error for Failed {}

/// The terminal, and whether anything is really done.
pub(crate) struct Console {
    /// Only say what would be done.
    pub(crate) plan: bool,
    /// Pretend that nothing is installed.
    pub(crate) from_nothing: bool,
    logs: PathBuf,
    live: bool,
}

impl Console {
    pub(crate) fn new(plan: bool, from_nothing: bool) -> Result<Self> {
        let logs = workspace::memory().join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("{} can't be made", logs.display()))?;
        let live = stderr().is_terminal();
        Ok(Self {
            plan,
            from_nothing,
            logs,
            live,
        })
    }

    /// Says something that takes no time.
    pub(crate) fn say(&self, text: &str) {
        eprintln!("   {text}");
    }

    /// Runs a command quietly; answers what it printed.
    pub(crate) fn run(&self, title: &str, about: About, command: &mut Command) -> Result<String> {
        if self.plan {
            eprintln!(" · {title} ({about})\n     {}", shown(command));
            return Ok(String::new());
        }
        let log = self.logs.join(file_name(title));
        let file = File::create(&log)?;
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{title}: {} can't be started", shown(command)))?;
        let progress = Progress {
            title,
            about,
            started,
            live: self.live,
        };
        progress.begin();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            progress.tick();
            std::thread::sleep(Duration::from_millis(100));
        };
        progress.end(status.success());
        let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if status.success() {
            Ok(output)
        } else {
            Err(Failed {
                title: title.to_owned(),
                status,
                output,
                log,
            }
            .into())
        }
    }
}

struct Progress<'a> {
    title: &'a str,
    about: About,
    started: Instant,
    live: bool,
}

impl Progress<'_> {
    fn begin(&self) {
        if !self.live {
            eprintln!(" … {} ({})", self.title, self.about);
        }
    }

    fn tick(&self) {
        if self.live {
            let elapsed = clock(self.started.elapsed());
            eprint!("\r\x1b[2K … {} · {elapsed} of {}", self.title, self.about);
            // Progress that can't be shown is no reason to stop.
            let _ = stderr().flush();
        }
    }

    fn end(&self, success: bool) {
        let sign = if success { "✓" } else { "✗" };
        let clear = if self.live { "\r\x1b[2K" } else { "" };
        eprintln!(
            "{clear} {sign} {} · {}",
            self.title,
            clock(self.started.elapsed())
        );
    }
}

/// `0:07`, `12:30`.
pub(crate) fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

fn file_name(title: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    format!("{}.log", title.chars().map(plain).collect::<String>())
}

/// A command as one would type it, with the variables set for it.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let (name, value) = (name.to_str()?, value?.to_str()?);
        (name != "PATH").then(|| format!("{name}={value}"))
    });
    let program = Path::new(command.get_program());
    let program = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    let args = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned());
    variables
        .chain([program])
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}
