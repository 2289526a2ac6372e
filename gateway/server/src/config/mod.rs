//! What the gateway is told: a TOML file, `SIDETONE_…` variables, arguments.
//!
//! `sidetone.example.toml` beside this crate documents every key.

mod account;
mod extension;
mod ice;
mod layers;
mod read;
mod secret;
mod upstream;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use sidetone_edge::{BridgeConfig, Limits, Origin, UpstreamConfig};
use sidetone_media::MediaConfig;
use sidetone_sip::auth::Secret;

pub use crate::password::PasswordHash;

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// The folder of all that is kept.
    pub data: PathBuf,
    /// Pages of these origins may connect, besides our own.
    pub origins: Vec<Origin>,
    /// Other gateways that the app from here may connect to.
    pub connect: Vec<Origin>,
    /// How connections are encrypted.
    pub tls: Tls,
    /// Where media flows.
    pub media: Media,
    /// The people of the embedded switch.
    pub switch: Switch,
    /// The PBXs that phones reach through the gateway.
    pub upstreams: Vec<UpstreamConfig>,
    /// Who may sign in at the gateway itself.
    pub people: Vec<Person>,
    /// Accounts whose secrets stay in the gateway.
    pub accounts: Vec<Account>,
    /// Where PBXs reach the gateway.
    pub bridge: BridgePort,
    /// What helps browsers to find a way for sound.
    pub ice_servers: Vec<IceServer>,
    /// What SIP clients may use.
    pub sip: Limits,
    /// What is logged.
    pub log: Log,
    /// What works, but had better be otherwise.
    pub warnings: Vec<Problem>,
}

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// With a certificate that the gateway makes for itself.
    SelfSigned,
    /// With these PEM files.
    Files {
        /// The certificate, and those between it and the root.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Where media flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The one UDP socket of all calls; `None`: [`Media::USUAL`], or any port if that is taken.
    pub listen: Option<SocketAddr>,
    /// What browsers are told to send to; empty: the addresses of this machine.
    pub advertise: Vec<IpAddr>,
    /// The ports of relayed calls towards PBXs, two each.
    pub relay_ports: RangeInclusive<u16>,
}

/// A STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// Where it is (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// What it asks for.
    pub credentials: IceCredentials,
}

impl IceServer {
    /// Whether it asks for credentials.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.credentials != IceCredentials::None
    }
}

/// What a TURN server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceCredentials {
    /// Nothing: it is a STUN server.
    None,
    /// The same of everybody.
    Fixed {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// What the gateway makes with a secret that it shares with the server, for a while.
    Shared {
        /// The secret.
        secret: Secret,
        /// How long.
        lifetime: Duration,
    },
}

/// Where PBXs reach the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgePort {
    /// By UDP and by TCP; `None`: [`BridgePort::USUAL`], or any port if that is taken.
    pub listen: Option<SocketAddr>,
    /// What PBXs are told instead of the address that the machine sends from.
    pub advertise: Option<IpAddr>,
}

impl Config {
    /// What the bridge is told.
    #[must_use]
    pub fn bridge_config(&self) -> BridgeConfig {
        BridgeConfig {
            listen: self.bridge.listen.unwrap_or(BridgePort::USUAL),
            advertise: self.bridge.advertise,
            linger: BridgeConfig::LINGER,
            ring_grace: BridgeConfig::RING_GRACE,
            upstreams: self.upstreams.clone(),
        }
    }
}

impl BridgePort {
    /// Where it is if nothing is said; a PBX on the same machine has 5060.
    pub const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5070);
}

/// The people of the embedded switch.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The key of this organisation in the database.
    pub tenant: String,
    /// What phones write behind the `@`, and the digest realm.
    pub domain: String,
    /// Other names for it. None at all: every name is taken for it.
    pub aliases: Vec<String>,
    /// How long a phone may ring.
    pub no_answer: Duration,
    /// Who can be called.
    pub extensions: Vec<Extension>,
    /// Whether anybody may know the passwords.
    pub demo: bool,
}

/// A person's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The number, also the user name.
    pub number: String,
    /// Whose it is.
    pub name: String,
    /// The SIP password.
    pub secret: Secret,
}

/// Somebody who may sign in at the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they type.
    pub name: String,
    /// What is kept of their password.
    pub password: PasswordHash,
}

/// An account at an upstream or at the embedded switch, for a person who never sees its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name of the upstream; `None`: the embedded switch.
    pub upstream: Option<String>,
    /// The user there.
    pub user: String,
    /// What is written behind the `@`.
    pub domain: String,
    /// The SIP password.
    pub secret: Secret,
    /// The realm that the secret is for; `None`: that in which the upstream asks to register.
    pub realm: Option<String>,
    /// The [`Person::name`] of whose it is.
    pub person: String,
    /// What it is called.
    pub label: String,
}

impl Account {
    /// `user@domain`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}@{}", self.user, self.domain)
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// Levels by module, as in `info,sidetone_edge=debug`.
    pub filter: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    /// What an empty file means.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("data"),
            origins: Vec::new(),
            connect: Vec::new(),
            tls: Tls::Off,
            media: Media {
                listen: None,
                advertise: Vec::new(),
                relay_ports: MediaConfig::RELAY_PORTS,
            },
            switch: Switch {
                tenant: "default".to_owned(),
                domain: "sidetone.local".to_owned(),
                aliases: Vec::new(),
                no_answer: Switch::NO_ANSWER,
                extensions: Vec::new(),
                demo: false,
            },
            upstreams: Vec::new(),
            people: Vec::new(),
            accounts: Vec::new(),
            bridge: BridgePort {
                listen: None,
                advertise: None,
            },
            ice_servers: Vec::new(),
            sip: Limits::default(),
            log: Log {
                format: LogFormat::Text,
                filter: "info".to_owned(),
            },
            warnings: Vec::new(),
        }
    }
}

impl Media {
    /// Where the socket is if nothing is said.
    pub const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 40000);
}

impl Switch {
    /// How long a phone rings if nothing is said.
    pub const NO_ANSWER: Duration = Duration::from_secs(30);

    /// Five people to try the phone with.
    #[must_use]
    pub fn demo() -> Self {
        let people = ["Alice", "Bob", "Carol", "Dave", "Admin"];
        let extension = |(number, name): (u32, &str)| Extension {
            number: number.to_string(),
            name: name.to_owned(),
            secret: Secret::new(format!("demo-{number}")),
        };
        Self {
            tenant: "demo".to_owned(),
            domain: "demo.local".to_owned(),
            aliases: Vec::new(),
            no_answer: Self::NO_ANSWER,
            extensions: (101..).zip(people).map(extension).collect(),
            demo: true,
        }
    }
}

/// What was given on the command line; it counts more than anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The file to read.
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--data`
    pub data: Option<String>,
    /// `--tls`
    pub tls: Option<String>,
    /// `--demo`
    pub demo: bool,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {} can't be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: this is not TOML: {message}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// The settings make no sense.
    #[error("{}", Lines(.0))]
    Problems(Vec<Problem>),
}

/// One mistake, in words: where it is and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
