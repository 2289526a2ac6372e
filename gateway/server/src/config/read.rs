//! Every key, in one place.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use sidetone_api::browsers_block;
use sidetone_edge::{Limits, Origin};
use sidetone_media::MediaConfig;
use tracing_subscriber::EnvFilter;

use super::layers::Layers;
use super::secret::Secrets;
use super::{Arguments, Config, ConfigError, Log, LogFormat, Media, Problem, Switch, Tls};

/// What [`duration`] reads.
const TIME: &str = "a time, such as 500ms, 25s or 2m";

impl Config {
    /// Reads the file that `arguments` name, if they do, and `variables`.
    ///
    /// # Errors
    /// [`ConfigError`] with all mistakes at once.
    pub fn load(
        arguments: Arguments,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let given = [
            ("listen", arguments.listen),
            ("data", arguments.data),
            ("tls.mode", arguments.tls),
            ("demo", arguments.demo.then(|| "true".to_owned())),
        ];
        let given = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        let mut layers = Layers::new(variables, given);
        if let Some(path) = &arguments.config {
            layers.read_file(path)?;
        }
        let config = Self::read(&mut layers);
        layers.refuse_the_rest();
        if layers.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Problems(layers.problems))
        }
    }

    pub(super) fn read(layers: &mut Layers) -> Self {
        let default = Self::default();
        let origin = |text: &str| text.parse::<Origin>().ok();
        let secrets = Secrets::read(layers);
        let switch = Switch::read(layers, &secrets, default.switch);
        let upstreams = super::upstream::read(layers);
        let (people, accounts) = super::account::read(layers, &secrets, &switch, &upstreams);
        Self {
            listen: layers
                .one(
                    "listen",
                    "an address and a port, such as 127.0.0.1:8080",
                    parsed,
                )
                .unwrap_or(default.listen),
            data: layers.one("data", "a folder", path).unwrap_or(default.data),
            origins: layers.many("origins", "origins, such as https://phone.example", origin),
            connect: layers.many("connect", "origins, such as https://other.example", origin),
            tls: Tls::read(layers),
            media: Media::read(layers),
            switch,
            upstreams,
            people,
            accounts,
            bridge: super::upstream::read_port(layers),
            ice_servers: super::ice::read(layers, &secrets),
            sip: read_limits(layers),
            log: Log::read(layers, default.log),
            warnings: std::mem::take(&mut layers.warnings),
        }
    }
}

impl Tls {
    fn read(layers: &mut Layers) -> Self {
        let modes = "\"off\", \"self-signed\" or \"files\"";
        let known = |text: &str| {
            ["off", "self-signed", "files"]
                .into_iter()
                .find(|m| *m == text)
        };
        let mode = layers.one("tls.mode", modes, known);
        let cert = layers.one("tls.cert", "a PEM file with the certificate chain", path);
        let key = layers.one("tls.key", "a PEM file with the private key", path);
        let has_files = cert.is_some() || key.is_some();
        match (mode, cert, key) {
            (Some("self-signed"), ..) => Self::SelfSigned,
            (Some("off"), ..) => Self::Off,
            (None, ..) if !has_files => Self::Off,
            (_, Some(cert), Some(key)) => Self::Files { cert, key },
            (_, cert, _) => {
                let missing = if cert.is_none() {
                    "tls.cert"
                } else {
                    "tls.key"
                };
                layers.problems.push(Problem(format!(
                    "`{missing}` is missing: TLS with files needs both `tls.cert` and `tls.key`"
                )));
                Self::Off
            }
        }
    }
}

impl Media {
    fn read(layers: &mut Layers) -> Self {
        let address = "an address and a UDP port that browsers don't block, such as 0.0.0.0:40000";
        let listen = |text: &str| {
            parsed(text).filter(|at: &SocketAddr| at.port() == 0 || !browsers_block(at.port()))
        };
        Self {
            listen: layers.one("media.listen", address, listen),
            advertise: layers.many("media.advertise", "IP addresses, such as 192.0.2.7", parsed),
            relay_ports: layers
                .one(
                    "media.relay_ports",
                    "a range of ports above 1023, such as 20000-29999",
                    ports,
                )
                .unwrap_or(MediaConfig::RELAY_PORTS),
        }
    }
}

impl Switch {
    fn read(layers: &mut Layers, secrets: &Secrets, default: Self) -> Self {
        let yes_or_no = "true or false";
        let demo = layers.one_with_source("demo", yes_or_no, parsed::<bool>);
        let name = "a host name, such as office.example";
        let domain = layers.one_with_source("switch.domain", name, domain);
        let aliases = layers.many(
            "switch.aliases",
            "host names, such as pbx.office.example",
            self::domain,
        );
        let no_answer = layers
            .one("switch.no_answer", TIME, duration)
            .unwrap_or(default.no_answer);
        let extensions = super::extension::read(layers, secrets);
        let Some((true, asked)) = demo else {
            return Self {
                domain: domain.map_or(default.domain, |(domain, _)| domain),
                aliases,
                no_answer,
                extensions: extensions
                    .into_values()
                    .map(|(extension, _)| extension)
                    .collect(),
                ..default
            };
        };
        let own = domain.map(|(_, source)| source);
        let own = own.or(extensions.into_values().next().map(|(_, source)| source));
        if let Some(source) = own {
            layers.problems.push(Problem(format!(
                "{asked}: the demo brings its own domain and people, but {source} names others: \
                 leave out one of the two"
            )));
        }
        Self {
            no_answer,
            ..Self::demo()
        }
    }
}

fn read_limits(layers: &mut Layers) -> Limits {
    let default = Limits::default();
    let count = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let whole = "a whole number above 0";
    let size = |text: &str| {
        text.parse()
            .ok()
            .filter(|size| (4096..=1 << 20).contains(size))
    };
    Limits {
        message: layers
            .one(
                "sip.max_message",
                "a number of bytes from 4096 to 1048576",
                size,
            )
            .unwrap_or(default.message),
        queue: layers
            .one("sip.queue", whole, count)
            .unwrap_or(default.queue),
        ping_interval: layers
            .one("sip.ping_interval", TIME, duration)
            .unwrap_or(default.ping_interval),
        pong_timeout: layers
            .one("sip.pong_timeout", TIME, duration)
            .unwrap_or(default.pong_timeout),
        send_timeout: layers
            .one("sip.send_timeout", TIME, duration)
            .unwrap_or(default.send_timeout),
        flows: layers
            .one("sip.flows", whole, count)
            .unwrap_or(default.flows),
        flows_per_address: layers
            .one("sip.flows_per_address", whole, count)
            .unwrap_or(default.flows_per_address),
    }
}

impl Log {
    fn read(layers: &mut Layers, default: Self) -> Self {
        let format = |text: &str| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        };
        let levels = "levels, such as info or warn,sidetone_edge=debug";
        let filter = |text: &str| EnvFilter::try_new(text).is_ok().then(|| text.to_owned());
        Self {
            format: layers
                .one("log.format", "\"text\" or \"json\"", format)
                .unwrap_or(default.format),
            filter: layers
                .one("log.filter", levels, filter)
                .unwrap_or(default.filter),
        }
    }
}

pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// A whole number and a unit; more than nothing.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

pub(super) fn domain(text: &str) -> Option<String> {
    let label = |label: &str| {
        let is_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_ok)
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

pub(super) fn number(text: &str) -> Option<String> {
    let is_ok = |b: u8| b.is_ascii_alphanumeric() || b"._-*".contains(&b);
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(is_ok);
    fits.then(|| text.to_owned())
}

/// A first and a last port, with room for a pair between them.
fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first >= 1024_u16 && last > first).then_some(first..=last)
}

pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=64).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
