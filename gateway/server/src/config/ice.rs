//! `[[ice_server]]`.

use std::time::Duration;

use sidetone_sip::auth::Secret;

use super::layers::{Layers, Source};
use super::read::{duration, some};
use super::secret::{Secrets, Written};
use super::{IceCredentials, IceServer, Problem};
use crate::seal::Whose;

/// How long credentials are good if nothing is said.
const LIFETIME: Duration = Duration::from_secs(3600);

const LIFETIMES: &str = "a time from a minute to thirty days, such as 60m";

const URLS: &str = "URLs, such as stun:stun.example:3478 or turn:turn.example:3478?transport=tcp \
                    (stun, turn or turns)";

const PASSWORD: &str = "a password, or what `sidetone seal` prints";

const SECRET: &str = "the secret of the TURN server, or what `sidetone seal` prints";

pub(super) fn read(layers: &mut Layers, secrets: &Secrets) -> Vec<IceServer> {
    let numbered = layers.numbered("ice_server");
    // An empty set of keys is asked for too, so that each of them is known.
    if numbered.is_empty() {
        read_one(layers, secrets, 0, None);
    }
    let mut found = Vec::new();
    for (index, start) in numbered {
        found.extend(read_one(layers, secrets, index, Some(&start)));
    }
    found
}

/// The server of this number; `None` if something of it is wrong or missing.
fn read_one(
    layers: &mut Layers,
    secrets: &Secrets,
    index: usize,
    start: Option<&Source>,
) -> Option<IceServer> {
    let before = layers.problems.len();
    let key = |field: &str| format!("ice_server.{index}.{field}");
    let urls = layers.many(&key("urls"), URLS, url);
    let username = layers.one(&key("username"), "a user name", some);
    let written = |text: &str| Written::parse(text, |text| !text.is_empty());
    let password = layers.one_with_source(&key("password"), PASSWORD, written);
    let secret = layers.one_with_source(&key("secret"), SECRET, written);
    let lifetime = layers.one(&key("lifetime"), LIFETIMES, |text| {
        duration(text).filter(|time| (60..=30 * 86_400).contains(&time.as_secs()))
    });
    let start = start?;
    if layers.problems.len() > before {
        return None;
    }
    let relays = urls.iter().any(|url| url.starts_with("turn"));
    let needed = match (username, password, secret, lifetime) {
        _ if urls.is_empty() => Err("this `[[ice_server]]` has no `urls`"),
        (None, None, None, None) if !relays => Ok(None),
        (Some(username), Some(password), None, None) if relays => {
            Ok(Some((password, Kind::Fixed { username })))
        }
        (None, None, Some(secret), lifetime) if relays => {
            let lifetime = lifetime.unwrap_or(LIFETIME);
            Ok(Some((secret, Kind::Shared { lifetime })))
        }
        _ if relays => Err("a TURN server needs a `secret`, or `username` and `password`"),
        _ => Err("a STUN server takes no credentials"),
    };
    let credentials = match needed {
        Ok(None) => IceCredentials::None,
        Ok(Some((written, kind))) => {
            let whose = Whose::IceServer {
                urls: &urls,
                user: kind.user(),
            };
            let secret = secrets.reveal(layers, whose, written)?;
            kind.with(secret)
        }
        Err(why) => {
            layers.problems.push(Problem(format!("{start}: {why}")));
            return None;
        }
    };
    Some(IceServer { urls, credentials })
}

/// What a secret is good for.
enum Kind {
    Fixed { username: String },
    Shared { lifetime: Duration },
}

impl Kind {
    fn user(&self) -> Option<&str> {
        match self {
            Self::Fixed { username } => Some(username),
            Self::Shared { .. } => None,
        }
    }

    fn with(self, secret: Secret) -> IceCredentials {
        match self {
            Self::Fixed { username } => IceCredentials::Fixed {
                username,
                password: secret,
            },
            Self::Shared { lifetime } => IceCredentials::Shared { secret, lifetime },
        }
    }
}

/// RFC 7064 and RFC 7065, as far as browsers take them.
fn url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let transport = matches!(query, Some("transport=udp" | "transport=tcp"));
    let known = match scheme {
        "stun" => query.is_none(),
        "turn" | "turns" => query.is_none() || transport,
        _ => false,
    };
    let is_ok = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    (known && !place.is_empty() && place.bytes().all(is_ok)).then(|| text.to_owned())
}
