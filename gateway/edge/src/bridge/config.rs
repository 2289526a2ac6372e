//! What the bridge is told about PBXs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sidetone_sip::Uri;
use sidetone_sip::message::{Host, Transport};

/// All that the bridge needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeConfig {
    /// Where PBXs reach the gateway, by UDP and by TCP.
    pub listen: SocketAddr,
    /// What PBXs are told to send to, if not the address that the machine sends from.
    pub advertise: Option<IpAddr>,
    /// How long a phone whose connection broke is waited for.
    pub linger: Duration,
    /// How long those wait for it who call meanwhile, or whose call rings there.
    pub ring_grace: Duration,
    /// The PBXs.
    pub upstreams: Vec<UpstreamConfig>,
}

impl BridgeConfig {
    /// [`BridgeConfig::linger`], if nothing is said.
    pub const LINGER: Duration = Duration::from_secs(30);
    /// [`BridgeConfig::ring_grace`], if nothing is said.
    pub const RING_GRACE: Duration = Duration::from_secs(5);
}

/// One PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// What people call it.
    pub name: String,
    /// What phones write behind the `@`, in lower case.
    pub domain: String,
    /// Where it is.
    pub target: Target,
    /// Where its requests go instead, if not there.
    pub outbound_proxy: Option<Target>,
    /// Who carries sound.
    pub media: MediaMode,
    /// The PEM file of the authority that signs its certificate, if not a public one.
    pub tls_ca: Option<PathBuf>,
    /// How the sound of relayed calls is encrypted on the PBX's side.
    pub srtp: Srtp,
    /// Whether a relay may learn where sound comes from instead of where it was announced.
    pub symmetric_rtp: bool,
    /// Whether phones that are not registered may call too: the PBX must ask for their password.
    pub guests: bool,
    /// How often it is asked whether it is alive; zero: never.
    pub keep_alive: Duration,
}

impl UpstreamConfig {
    /// A PBX of which nothing else is said.
    #[must_use]
    pub fn new(name: impl Into<String>, domain: impl Into<String>, target: Target) -> Self {
        Self {
            name: name.into(),
            domain: domain.into(),
            target,
            outbound_proxy: None,
            media: MediaMode::Auto,
            tls_ca: None,
            srtp: Srtp::None,
            symmetric_rtp: false,
            guests: false,
            // One that restarts forgets its phones, and is to be missed by then.
            keep_alive: Duration::from_secs(5),
        }
    }

    /// The first stop of every request.
    #[must_use]
    pub fn next_hop(&self) -> &Target {
        self.outbound_proxy.as_ref().unwrap_or(&self.target)
    }
}

/// Who carries the sound of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaMode {
    /// The PBX speaks WebRTC.
    Direct,
    /// The gateway translates.
    Relay,
    /// The gateway finds out and remembers.
    Auto,
}

/// How relayed sound is encrypted on the PBX's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srtp {
    /// Not at all.
    None,
    /// With keys in the session description (RFC 4568).
    Sdes,
}

/// How SIP travels to a PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream, encrypted.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket, encrypted.
    Wss,
}

impl Protocol {
    const NAMES: [(&'static str, Self); 5] = [
        ("udp", Self::Udp),
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("ws", Self::Ws),
        ("wss", Self::Wss),
    ];

    /// The protocol of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, protocol)| *protocol)
    }

    /// Its name in URIs.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// Its port if none is said (RFC 3261 §19.1.2, RFC 7118 §5.2).
    #[must_use]
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether it is encrypted.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// What Via says.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls => Transport::Tls,
            Self::Ws => Transport::Ws,
            Self::Wss => Transport::Wss,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::NAMES.get(usize::from(byte)).map(|(_, known)| *known)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a PBX is: `sip:host`, `sips:host` with port and transport as one likes, or
/// `ws://host/path`, `wss://host/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name or address.
    pub host: Host,
    /// Its port; `None`: as DNS says, else the usual one.
    pub port: Option<u16>,
    /// How SIP travels there; `None`: as DNS says, else UDP.
    pub protocol: Option<Protocol>,
    /// Whether only encrypted ways will do.
    pub secure: bool,
    /// The path of a WebSocket.
    pub path: String,
}

/// Not a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a PBX")]
pub struct TargetError;

/// Where Asterisk and others have their WebSocket.
const USUAL_PATH: &str = "/ws";

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        for (scheme, protocol) in [("ws://", Protocol::Ws), ("wss://", Protocol::Wss)] {
            if let Some(rest) = text.strip_prefix(scheme) {
                return Self::web_socket(rest, protocol);
            }
        }
        let Ok(Uri::Sip(uri)) = Uri::parse(text) else {
            return Err(TargetError);
        };
        if uri.user.is_some() || uri.headers.is_some() || uri.port == Some(0) {
            return Err(TargetError);
        }
        let named = uri.params.value("transport");
        let protocol = match named.map(Protocol::named) {
            Some(None) => return Err(TargetError),
            // RFC 3261 §26.2.2: sips over TCP means TLS.
            Some(Some(Protocol::Tcp)) if uri.secure => Some(Protocol::Tls),
            Some(Some(Protocol::Ws)) if uri.secure => Some(Protocol::Wss),
            Some(Some(Protocol::Udp)) if uri.secure => return Err(TargetError),
            Some(known) => known,
            None => None,
        };
        let only_transport = uri.params.iter().all(|param| &*param.name == "transport");
        if !only_transport {
            return Err(TargetError);
        }
        Ok(Self {
            secure: uri.secure || protocol.is_some_and(Protocol::is_secure),
            host: uri.host,
            port: uri.port,
            protocol,
            path: USUAL_PATH.to_owned(),
        })
    }
}

impl Target {
    fn web_socket(rest: &str, protocol: Protocol) -> Result<Self, TargetError> {
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_ok = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        if !path.bytes().all(is_ok) {
            return Err(TargetError);
        }
        let of_host: Self = format!("sip:{authority}").parse()?;
        if of_host.protocol.is_some() {
            return Err(TargetError);
        }
        Ok(Self {
            protocol: Some(protocol),
            secure: protocol.is_secure(),
            path: path.to_owned(),
            ..of_host
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let web_socket = matches!(self.protocol, Some(Protocol::Ws | Protocol::Wss));
        match self.protocol {
            Some(protocol) if web_socket => write!(f, "{protocol}://{}", self.host)?,
            _ if self.secure => write!(f, "sips:{}", self.host)?,
            _ => write!(f, "sip:{}", self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.protocol {
            Some(_) if web_socket => f.write_str(&self.path),
            Some(protocol) => write!(f, ";transport={protocol}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_print_as_they_mean() {
        for (text, printed) in [
            ("sip:pbx.example", "sip:pbx.example"),
            (
                "sip:PBX.example:5080;transport=UDP",
                "sip:pbx.example:5080;transport=udp",
            ),
            ("sips:pbx.example", "sips:pbx.example"),
            (
                "sips:pbx.example;transport=tcp",
                "sips:pbx.example;transport=tls",
            ),
            (
                "sip:[2001:db8::1]:5060;transport=tcp",
                "sip:[2001:db8::1]:5060;transport=tcp",
            ),
            ("sip:192.0.2.1;transport=ws", "ws://192.0.2.1/ws"),
            (
                "wss://pbx.example:8089/asterisk/ws",
                "wss://pbx.example:8089/asterisk/ws",
            ),
            ("ws://pbx.example", "ws://pbx.example/"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), printed);
            let again = target.to_string().parse::<Target>().unwrap();
            assert_eq!(again.protocol, target.protocol, "{text}");
        }
    }

    #[test]
    fn encryption_that_was_asked_for_is_kept() {
        for text in [
            "sips:a.example",
            "sip:a.example;transport=tls",
            "wss://a.example/",
        ] {
            assert!(text.parse::<Target>().unwrap().secure, "{text}");
        }
        assert!(!"sip:a.example".parse::<Target>().unwrap().secure);
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "pbx.example",
            "http://pbx.example",
            "sip:",
            "sip:user@pbx.example",
            "sip:pbx.example;transport=sctp",
            "sips:pbx.example;transport=udp",
            "sip:pbx.example;maddr=192.0.2.1",
            "sip:pbx.example:0",
            "sip:pbx.example?a=b",
            "ws://a b/",
            "ws://",
            "tel:+15551234",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
