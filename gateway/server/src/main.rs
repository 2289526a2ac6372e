//! The gateway binary.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sidetone::config::PasswordHash;
use sidetone::open_files::OpenFiles;
use sidetone::seal::{SealingKey, Whose};
use sidetone::{Arguments, Config, Gateway, banner, dumps, logging, typed};

/// Many small and short-lived pieces, by several threads: that of the system took a fifth of the time of
/// the thread that carries calls, and keeps what was given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A browser phone and its gateway.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the app and carry its calls
    Serve(Options),
    /// Read the configuration, try every upstream, and say what is wrong
    CheckConfig(Options),
    /// Encrypt the secret of an account or a TURN server, for the configuration; it is read from
    /// standard input
    Seal(Seal),
    /// Print what the configuration keeps of a person's password, read from standard input
    HashPassword,
}

#[derive(Args)]
struct Seal {
    /// The file of the key; it is made if it is not there. Instead, SIDETONE_KEY may hold the key
    #[arg(
        long,
        env = "SIDETONE_KEY_FILE",
        value_name = "FILE",
        default_value = "sidetone.key"
    )]
    key_file: PathBuf,
    /// The name of the upstream that the secret is for [default: the embedded switch]
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// The user there; with --ice-server: whose password it is, if it is no shared secret
    #[arg(long, value_name = "USER", required_unless_present = "ice_server")]
    user: Option<String>,
    /// All URLs of the TURN server that the secret is for, parted by commas
    #[arg(
        long,
        value_name = "URLS",
        value_delimiter = ',',
        conflicts_with = "upstream"
    )]
    ice_server: Vec<String>,
}

/// Each setting may also stand in the file, or in a variable: `SIDETONE_LISTEN` for `listen`.
#[derive(Args)]
struct Options {
    /// The configuration, in TOML
    #[arg(long, env = "SIDETONE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to serve HTTP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The folder of all that is kept [default: data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Five people with known passwords, to try it out
    #[arg(long)]
    demo: bool,
    /// How to encrypt: off, self-signed, or files (with `tls.cert` and `tls.key`)
    #[arg(long, value_name = "MODE")]
    tls: Option<String>,
}

impl From<Options> for Arguments {
    fn from(options: Options) -> Self {
        Self {
            config: options.config,
            listen: options.listen,
            data: options.data,
            tls: options.tls,
            demo: options.demo,
        }
    }
}

fn main() -> ExitCode {
    let dumps = dumps::forbid();
    let files = OpenFiles::raise();
    let (options, serve) = match Cli::parse().command {
        Command::Serve(options) => (options, true),
        Command::CheckConfig(options) => (options, false),
        Command::Seal(wanted) => return printed(seal(&wanted)),
        Command::HashPassword => return printed(hash_password()),
    };
    // A variable that is not Unicode can't be one of ours.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = match Config::load(options.into(), variables) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let few = files.as_ref().ok().and_then(OpenFiles::warning);
    if !serve {
        say("The configuration is right.");
        for warning in config.warnings.iter().map(ToString::to_string).chain(few) {
            say(&format!("But {warning}"));
        }
        return check_upstreams(&config);
    }
    logging::start(&config.log);
    for warning in config.warnings.iter().map(ToString::to_string).chain(few) {
        tracing::warn!("{warning}");
    }
    match files {
        Ok(files) => tracing::info!(%files, "so many files may be open"),
        Err(error) => tracing::warn!(%error, "the limit of open files can't be raised"),
    }
    if let Err(error) = dumps {
        tracing::warn!(%error, "core dumps of the gateway can't be forbidden; they would hold secrets");
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("Sidetone can't start: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What `sidetone seal` prints.
fn seal(wanted: &Seal) -> Result<String, Box<dyn std::error::Error>> {
    let file = &wanted.key_file;
    let key = match std::env::var("SIDETONE_KEY") {
        Ok(text) => SealingKey::parse(&text)?,
        Err(_) if file.exists() => SealingKey::read(file)
            .map_err(|why| format!("the key {} can't be used: {why}", file.display()))?,
        Err(_) => {
            let key = SealingKey::make(file)
                .map_err(|why| format!("the key {} can't be made: {why}", file.display()))?;
            complain(&format!(
                "A new key is in {}: name it in the configuration with `key_file`, and keep a copy \
                 elsewhere.",
                file.display()
            ));
            key
        }
    };
    let user = wanted.user.as_deref();
    let (whose, what) = match (&wanted.ice_server[..], user) {
        ([], user) => {
            let upstream = wanted.upstream.as_deref();
            let user = user.unwrap_or_default();
            (Whose::Account { upstream, user }, "SIP password")
        }
        (urls, Some(_)) => (Whose::IceServer { urls, user }, "TURN password"),
        (urls, None) => (Whose::IceServer { urls, user }, "Secret of the TURN server"),
    };
    let secret = typed::ask(what, false)?;
    Ok(key.seal(whose, &secret)?.to_string())
}

/// What `sidetone hash-password` prints.
fn hash_password() -> Result<String, Box<dyn std::error::Error>> {
    let password = typed::ask("Password", true)?;
    Ok(PasswordHash::new(&password)?.to_string())
}

fn printed(outcome: Result<String, Box<dyn std::error::Error>>) -> ExitCode {
    match outcome {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("That did not work: {error}."));
            ExitCode::FAILURE
        }
    }
}

/// Says of each upstream what was found there.
#[tokio::main]
async fn check_upstreams(config: &Config) -> ExitCode {
    if config.upstreams.is_empty() {
        return ExitCode::SUCCESS;
    }
    match sidetone_edge::Bridge::check(&config.bridge_config()).await {
        Ok(findings) => {
            for finding in &findings {
                say(&finding.to_string());
            }
            match findings.iter().all(|finding| finding.reached) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            complain(&format!("The upstreams can't be tried: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let told = config.clone();
    let gateway = Gateway::start(config).await?;
    // Who reads that it can be stopped may do so at once.
    let mut stops = StopSignals::listen()?;
    let up = banner::banner(&told, gateway.addr(), &banner::own_addresses());
    say(&up);
    stops.next().await?;
    say("Closing. Once more to stop at once.");
    tokio::select! {
        () = gateway.shutdown() => Ok(()),
        again = stops.next() => Ok(again?),
    }
}

/// Whoever started us may have stopped listening; that is no reason to stop serving.
fn say(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}

/// The same, beside what was asked for.
fn complain(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// Ctrl-C, or what a service manager sends. What comes before it is asked for is kept.
struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) -> std::io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> std::io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}
