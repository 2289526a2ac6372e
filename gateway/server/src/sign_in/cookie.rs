//! Cookies that hold a token.

use axum::http::{HeaderMap, HeaderValue, header};
use sidetone_edge::Peer;

/// A cookie, by its names.
pub(super) struct Cookie {
    plain: &'static str,
    /// Over HTTPS the browser lets nobody but this very host set it (RFC 6265bis §4.1.3.2).
    secure: &'static str,
}

/// Shows a session.
pub(super) const SESSION: Cookie = Cookie {
    plain: "sidetone",
    secure: "__Host-sidetone",
};

/// Shows that a WebSocket without a ticket is this browser's.
pub(super) const VISIT: Cookie = Cookie {
    plain: "sidetone-visit",
    secure: "__Host-sidetone-visit",
};

impl Cookie {
    /// The token that a request shows. Over plain HTTP there may be a proxy that speaks HTTPS with the
    /// browser, so that either name counts.
    pub(super) fn shown<'a>(&self, peer: Peer, headers: &'a HeaderMap) -> Option<&'a str> {
        let plain = || self.token(headers, false).filter(|_| !peer.secure);
        self.token(headers, true).or_else(plain)
    }

    /// The token under one of the names.
    pub(super) fn token<'a>(&self, headers: &'a HeaderMap, secure: bool) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';'));
        let token = pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name(secure)).then_some(value)
        })?;
        let is_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (token.len() == 43 && token.bytes().all(is_ok)).then_some(token)
    }

    /// What gives the browser a token. Without `max_age` (in seconds) it forgets it when it is closed.
    pub(super) fn set(
        &self,
        token: &str,
        secure: bool,
        max_age: Option<i64>,
    ) -> Option<HeaderValue> {
        let name = self.name(secure);
        let mut cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict");
        if secure {
            cookie += "; Secure";
        }
        if let Some(seconds) = max_age {
            cookie += &format!("; Max-Age={seconds}");
        }
        let mut value = HeaderValue::try_from(cookie).ok()?;
        // It never shows in debug output.
        value.set_sensitive(true);
        Some(value)
    }

    /// What takes it away.
    pub(super) fn clear(&self, secure: bool) -> Option<HeaderValue> {
        self.set("", secure, Some(0))
    }

    const fn name(&self, secure: bool) -> &'static str {
        if secure { self.secure } else { self.plain }
    }
}

/// Whether the browser speaks HTTPS, be it with us or with a proxy before us.
pub(super) fn is_secure(peer: Peer, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    peer.secure || origin.is_some_and(|origin| origin.starts_with(b"https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";

    fn shown(cookies: &[&str], secure: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        SESSION.token(&headers, secure).map(str::to_owned)
    }

    #[test]
    fn it_is_found_among_others() {
        let own = format!("sidetone={TOKEN}");
        let both = format!("theme=dark; {own}; x=y");
        assert_eq!(shown(&[&both], false).as_deref(), Some(TOKEN));
        assert_eq!(shown(&["a=b", &own], false).as_deref(), Some(TOKEN));
        // Over HTTPS only the name that no neighbour can write.
        assert_eq!(shown(&[&own], true), None);
        let secure = format!("__Host-{own}");
        assert_eq!(shown(&[&secure], true).as_deref(), Some(TOKEN));
        let other = format!("sidetone-visit={TOKEN}");
        assert_eq!(shown(&[&other], false), None);
        for bad in ["sidetone=short", "sidetone=", "sidetone", "x=y"] {
            assert_eq!(shown(&[bad], false), None, "{bad}");
        }
    }

    #[test]
    fn scripts_and_other_sites_never_have_it() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        let session = text(SESSION.set(TOKEN, false, None));
        assert_eq!(
            session,
            format!("sidetone={TOKEN}; Path=/; HttpOnly; SameSite=Strict")
        );
        let kept = text(SESSION.set(TOKEN, true, Some(60)));
        let expected = format!(
            "__Host-sidetone={TOKEN}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60"
        );
        assert_eq!(kept, expected);
        assert!(text(SESSION.clear(true)).ends_with("; Max-Age=0"));
        let shown = format!("{:?}", SESSION.set(TOKEN, true, None).unwrap());
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}
