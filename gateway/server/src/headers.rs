//! The headers that confine a page to what it needs.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use sidetone_edge::Origin;

/// What the headers depend on.
#[derive(Clone, Debug)]
pub(crate) struct Confinement(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scripts: String,
    styles: String,
    connect: String,
    strict_transport: bool,
}

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), autoplay=(self), fullscreen=(self), camera=(), display-capture=(), \
         geolocation=(), payment=(), usb=(), serial=(), midi=()",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

impl Confinement {
    /// `scripts` and `styles` are the sources of what stands in a page, `connect` the other gateways that a page may
    /// talk to. `strict_transport` promises HTTPS for half a year.
    pub(crate) fn new<'a>(
        scripts: impl Iterator<Item = &'a str>,
        styles: impl Iterator<Item = &'a str>,
        connect: &[Origin],
        strict_transport: bool,
    ) -> Self {
        let scripts = scripts.fold(String::new(), |all, script| all + " " + script);
        let styles = styles.fold(String::new(), |all, style| all + " " + style);
        let mut sources = String::new();
        for origin in connect {
            let web = origin.to_string();
            let socket = web.replacen("http", "ws", 1);
            write!(sources, " {web} {socket}").unwrap_or_default();
        }
        Self(Arc::new(Inner {
            scripts,
            styles,
            connect: sources,
            strict_transport,
        }))
    }

    fn policy(&self, request: &HeaderMap) -> String {
        let Inner {
            scripts,
            styles,
            connect,
            ..
        } = &*self.0;
        // Some browsers do not take 'self' for the WebSockets of the same host.
        let own = match host(request) {
            Some(host) => format!(" ws://{host} wss://{host}"),
            None => String::new(),
        };
        format!(
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{scripts}; \
             style-src 'self'{styles}; connect-src 'self'{own}{connect}; img-src 'self' data:; \
             media-src 'self' blob: mediastream:; worker-src 'self'; manifest-src 'self'; \
             object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    }
}

/// The Host, if it is nothing but one: it comes from the client and goes into a header.
pub(crate) fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_ok = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    (!host.is_empty() && host.bytes().all(is_ok)).then_some(host)
}

/// Adds the headers to every response.
pub(crate) async fn confine(
    State(confinement): State<Confinement>,
    request: Request,
    next: Next,
) -> Response {
    let policy = confinement.policy(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if confinement.0.strict_transport {
        let half_a_year = HeaderValue::from_static("max-age=15552000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, half_a_year);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(confinement: &Confinement, host: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_bytes(host).unwrap());
        confinement.policy(&headers)
    }

    #[test]
    fn the_policy_names_scripts_hosts_and_gateways() {
        let connect = ["https://other.example:8443".parse().unwrap()];
        let confinement = Confinement::new(
            ["'sha256-a='"].into_iter(),
            ["'sha256-b='"].into_iter(),
            &connect,
            false,
        );
        let policy = policy(&confinement, b"phone.example:8080");
        for part in [
            "script-src 'self' 'wasm-unsafe-eval' 'sha256-a=';",
            "style-src 'self' 'sha256-b=';",
            "connect-src 'self' ws://phone.example:8080 wss://phone.example:8080 \
             https://other.example:8443 wss://other.example:8443;",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe-inline"));
    }

    #[test]
    fn a_host_cannot_write_policy() {
        let confinement = Confinement::new([].into_iter(), [].into_iter(), &[], false);
        for host in [
            &b"x; script-src *"[..],
            b"a b",
            b"",
            b"'unsafe-inline'",
            b"\xff",
            b"a,b",
        ] {
            let policy = policy(&confinement, host);
            assert!(policy.contains("connect-src 'self';"), "{policy}");
        }
    }
}
