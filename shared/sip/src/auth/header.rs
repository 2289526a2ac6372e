//! The four headers (RFC 3261 §20.7, §20.27, §20.28, §20.44; RFC 7616 §3.3 and §3.4).

use std::fmt;

use super::{Algorithm, Challenge, Credentials, Protection, Qop, QopOptions};
use crate::Text;
use crate::message::{
    HeaderError, HeaderName, Headers, Quoted, Span, TypedHeader, items, unquoted,
};

macro_rules! headers {
    ($($(#[$doc:meta])* $type:ident($value:ident);)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type(pub $value);

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                /// The first of its line that is a Digest.
                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    let schemes = schemes(value);
                    let digest = schemes.iter().find_map($value::of);
                    digest.map(Self).ok_or(HeaderError("there is no digest that can be read"))
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*
    };
}

headers! {
    /// WWW-Authenticate: what a registrar or user agent demands with a 401.
    WwwAuthenticate(Challenge);
    /// Proxy-Authenticate: what a proxy demands with a 407.
    ProxyAuthenticate(Challenge);
    /// Authorization: the answer to a 401.
    Authorization(Credentials);
    /// Proxy-Authorization: the answer to a 407.
    ProxyAuthorization(Credentials);
}

/// All digest challenges in lines of `name`, in order. Other schemes and what can't be read are
/// skipped.
#[must_use]
pub fn challenges(headers: &Headers, name: &HeaderName) -> Vec<Challenge> {
    let schemes = headers.raw(name).flat_map(schemes);
    schemes
        .filter_map(|scheme| Challenge::of(&scheme))
        .collect()
}

/// All digest credentials in lines of `name`, in order. Other schemes and what can't be read are
/// skipped.
#[must_use]
pub fn credentials(headers: &Headers, name: &HeaderName) -> Vec<Credentials> {
    let schemes = headers.raw(name).flat_map(schemes);
    schemes
        .filter_map(|scheme| Credentials::of(&scheme))
        .collect()
}

/// The `nextnonce` in lines of `name`, which is Authentication-Info or Proxy-Authentication-Info
/// (RFC 7616 §3.5).
#[must_use]
pub fn next_nonce(headers: &Headers, name: &HeaderName) -> Option<Text> {
    let items = headers.raw(name).flat_map(items).map(Span::share);
    let params = items.filter_map(|item| {
        let (name, value) = item.split_once('=')?;
        Some((item.share(name.trim()), item.share(value.trim())))
    });
    let scheme = Scheme {
        name: Text::default(),
        params: params.collect(),
    };
    scheme.param("nextnonce").filter(|nonce| !nonce.is_empty())
}

/// `scheme name=value, name=value …`
struct Scheme {
    name: Text,
    params: Vec<(Text, Text)>,
}

/// Splits a line. A comma parts both parameters and schemes; an item in which two words come
/// ahead of the `=` starts a scheme.
fn schemes(value: &Text) -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = Vec::new();
    for item in items(value).map(Span::share) {
        let (left, right) = item.split_once('=').unwrap_or((&item, ""));
        let (left, right) = (left.trim(), item.share(right.trim()));
        let name = match left.split_once([' ', '\t']) {
            Some((scheme, name)) => {
                schemes.push(Scheme::new(&item, scheme));
                name.trim()
            }
            None if right.is_empty() => {
                schemes.push(Scheme::new(&item, left));
                continue;
            }
            None => left,
        };
        if let Some(scheme) = schemes.last_mut() {
            scheme.params.push((item.share(name), right));
        }
    }
    schemes
}

impl Scheme {
    fn new(item: &Text, name: &str) -> Self {
        Self {
            name: item.share(name),
            params: Vec::new(),
        }
    }

    fn is_digest(&self) -> bool {
        self.name.eq_ignore_ascii_case("Digest")
    }

    /// The unquoted value of a parameter. One that is given twice could mean either, so it
    /// means nothing.
    fn param(&self, name: &str) -> Option<Text> {
        let mut found = self
            .params
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let (_, value) = found.next()?;
        found.next().is_none().then(|| unquoted(value.into()))
    }
}

impl Challenge {
    fn of(scheme: &Scheme) -> Option<Self> {
        if !scheme.is_digest() {
            return None;
        }
        let offers = |qop: &Text, name: &str| {
            qop.split(',')
                .any(|option| option.trim().eq_ignore_ascii_case(name))
        };
        let qop = scheme.param("qop").map(|qop| QopOptions {
            auth: offers(&qop, "auth"),
            auth_int: offers(&qop, "auth-int"),
        });
        Some(Self {
            realm: scheme.param("realm")?,
            nonce: scheme.param("nonce")?,
            opaque: scheme.param("opaque"),
            algorithm: match scheme.param("algorithm") {
                Some(token) => Algorithm::named(&token),
                None => Some(Algorithm::Md5),
            },
            qop,
            stale: scheme
                .param("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl Credentials {
    fn of(scheme: &Scheme) -> Option<Self> {
        if !scheme.is_digest() {
            return None;
        }
        let algorithm = match scheme.param("algorithm") {
            Some(token) => Algorithm::named(&token)?,
            None => Algorithm::Md5,
        };
        let protection = match scheme.param("qop") {
            Some(qop) => Some(Protection {
                qop: [Qop::Auth, Qop::AuthInt]
                    .into_iter()
                    .find(|known| qop.eq_ignore_ascii_case(known.as_str()))?,
                cnonce: scheme.param("cnonce")?,
                count: u32::from_str_radix(&scheme.param("nc")?, 16).ok()?,
            }),
            None => None,
        };
        Some(Self {
            username: scheme.param("username")?,
            realm: scheme.param("realm")?,
            nonce: scheme.param("nonce")?,
            uri: scheme.param("uri")?,
            response: scheme.param("response")?.to_ascii_lowercase().into(),
            algorithm,
            opaque: scheme.param("opaque"),
            protection,
        })
    }
}

fn string(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    write!(f, "{name}={}", Quoted(value))
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest ")?;
        string(f, "realm", &self.realm)?;
        string(f, ", nonce", &self.nonce)?;
        if let Some(opaque) = &self.opaque {
            string(f, ", opaque", opaque)?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        let algorithm = self.algorithm.map_or("unknown", Algorithm::as_str);
        write!(f, ", algorithm={algorithm}")?;
        let Some(qop) = self.qop else { return Ok(()) };
        f.write_str(match (qop.auth, qop.auth_int) {
            (true, true) => ", qop=\"auth, auth-int\"",
            (true, false) => ", qop=\"auth\"",
            (false, true) => ", qop=\"auth-int\"",
            (false, false) => ", qop=\"unknown\"",
        })
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest ")?;
        string(f, "username", &self.username)?;
        string(f, ", realm", &self.realm)?;
        string(f, ", nonce", &self.nonce)?;
        string(f, ", uri", &self.uri)?;
        string(f, ", response", &self.response)?;
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        if let Some(opaque) = &self.opaque {
            string(f, ", opaque", opaque)?;
        }
        if let Some(Protection { qop, cnonce, count }) = &self.protection {
            write!(f, ", qop={}", qop.as_str())?;
            string(f, ", cnonce", cnonce)?;
            write!(f, ", nc={count:08x}")?;
        }
        Ok(())
    }
}
