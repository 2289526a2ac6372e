use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, header};

/// The scheme, host and port a page came from (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

/// Not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin: it is http:// or https://, a host and perhaps a port, and nothing behind")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (secure, authority) = match text.split_once("://") {
            Some(("https", authority)) => (true, authority),
            Some(("http", authority)) => (false, authority),
            _ => return Err(OriginError),
        };
        let (host, port) = host_and_port(authority, secure).ok_or(OriginError)?;
        Ok(Self { secure, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != default_port(self.secure) {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn host_and_port(authority: &str, secure: bool) -> Option<(String, u16)> {
    let authority: axum::http::uri::Authority = authority.parse().ok()?;
    let has_user = authority.as_str().contains('@');
    if has_user || authority.host().is_empty() {
        return None;
    }
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        None if authority.as_str().ends_with(':') => return None,
        None => default_port(secure),
    };
    Some((authority.host().to_ascii_lowercase(), port))
}

/// Whether a request with these headers may open a flow or change something: it has no Origin, or
/// that of the host it asks for, or one of `allowed`.
///
/// The scheme is not compared with ours: behind a proxy that ends TLS ours is `http`.
#[must_use]
pub fn may_connect(headers: &HeaderMap, allowed: &[Origin]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let parsed = origin.to_str().ok().and_then(|text| text.parse().ok());
    let (Some(origin), None) = (parsed, origins.next()) else {
        return false;
    };
    let origin: Origin = origin;
    let same_host = headers
        .get(header::HOST)
        .and_then(|host| host_and_port(host.to_str().ok()?, origin.secure))
        .is_some_and(|(host, port)| host == origin.host && port == origin.port);
    same_host || allowed.contains(&origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        may_connect(&headers, &["https://phone.example".parse().unwrap()])
    }

    #[test]
    fn same_host_and_configured_origins_may_connect() {
        assert!(may("http://localhost:8080", "localhost:8080"));
        assert!(may("https://Gateway.example", "gateway.example"));
        assert!(may("https://gateway.example", "gateway.example:443"));
        assert!(may("http://[::1]:8080", "[::1]:8080"));
        assert!(may("https://phone.example", "gateway.example"));
        assert!(may("https://phone.example:443", "gateway.example"));
    }

    #[test]
    fn others_may_not() {
        for origin in [
            "https://evil.example",
            "http://phone.example",
            "https://phone.example.evil.example",
            "https://phone.example:8443",
            "https://gateway.example@evil.example",
            "https://user@phone.example",
            "null",
            "",
            "file://",
            "gateway.example",
        ] {
            assert!(!may(origin, "gateway.example"), "{origin}");
        }
        assert!(!may("http://localhost:9999", "localhost:8080"));
    }

    #[test]
    fn no_origin_is_no_browser_and_two_are_a_trick() {
        assert!(may_connect(&HeaderMap::new(), &[]));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "a.example".parse().unwrap());
        headers.append(header::ORIGIN, "https://a.example".parse().unwrap());
        assert!(may_connect(&headers, &[]));
        headers.append(header::ORIGIN, "https://a.example".parse().unwrap());
        assert!(!may_connect(&headers, &[]));
    }

    #[test]
    fn it_prints_as_a_browser_would() {
        for (text, printed) in [
            ("https://Phone.example:443", "https://phone.example"),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), printed);
        }
        for text in [
            "https://phone.example/",
            "https://phone.example:",
            "wss://x",
            "https://",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
