//! The four headers (RFC 3261 §20.7, §20.27, §20.28, §20.44; RFC 7616 §3.3 and §3.4).

use std::fmt;

use super::{Algorithm, Challenge, Credentials};
use crate::Text;
use crate::message::{
    HeaderError, HeaderName, Headers, Span, TypedHeader, items, quoted, unquoted,
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
        let qop = scheme.param("qop");
        let auth = |qop: &Text| {
            qop.split(',')
                .any(|option| option.trim().eq_ignore_ascii_case("auth"))
        };
        Some(Self {
            realm: scheme.param("realm")?,
            nonce: scheme.param("nonce")?,
            opaque: scheme.param("opaque"),
            algorithm: match scheme.param("algorithm") {
                Some(token) => Algorithm::named(&token),
                None => Some(Algorithm::Md5),
            },
            qop_auth: qop.as_ref().is_some_and(auth),
            qop_present: qop.is_some(),
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
        let qop = match scheme.param("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let count = scheme.param("nc")?;
                let count = u32::from_str_radix(&count, 16).ok()?;
                Some((scheme.param("cnonce")?, count))
            }
            Some(_) => return None,
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
            qop,
        })
    }
}

fn string(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    write!(f, "{name}=")?;
    quoted(f, value)
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
        match (self.qop_present, self.qop_auth) {
            (_, true) => f.write_str(", qop=\"auth\""),
            (true, false) => f.write_str(", qop=\"auth-int\""),
            (false, false) => Ok(()),
        }
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
        if let Some((cnonce, count)) = &self.qop {
            string(f, ", qop=auth, cnonce", cnonce)?;
            write!(f, ", nc={count:08x}")?;
        }
        Ok(())
    }
}
