//! The cookie that shows a session.

use axum::http::{HeaderMap, HeaderValue, header};

/// Over HTTPS the browser lets nobody but this very host set it (RFC 6265bis §4.1.3.2).
const SECURE_NAME: &str = "__Host-sidetone";
const PLAIN_NAME: &str = "sidetone";

/// The token that a request shows.
pub(super) fn token(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';'));
    let token = pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == name_of(secure)).then_some(value)
    })?;
    let is_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (token.len() == 43 && token.bytes().all(is_ok)).then_some(token)
}

/// What gives the browser a token. Without `max_age` (in seconds) it forgets it when it is closed.
pub(super) fn set(token: &str, secure: bool, max_age: Option<i64>) -> Option<HeaderValue> {
    let mut cookie = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Strict",
        name_of(secure)
    );
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
pub(super) fn clear(secure: bool) -> Option<HeaderValue> {
    set("", secure, Some(0))
}

const fn name_of(secure: bool) -> &'static str {
    if secure { SECURE_NAME } else { PLAIN_NAME }
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
        token(&headers, secure).map(str::to_owned)
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
        for bad in ["sidetone=short", "sidetone=", "sidetone", "x=y"] {
            assert_eq!(shown(&[bad], false), None, "{bad}");
        }
    }

    #[test]
    fn scripts_and_other_sites_never_have_it() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        let session = text(set(TOKEN, false, None));
        assert_eq!(
            session,
            format!("sidetone={TOKEN}; Path=/; HttpOnly; SameSite=Strict")
        );
        let kept = text(set(TOKEN, true, Some(60)));
        let expected = format!(
            "__Host-sidetone={TOKEN}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60"
        );
        assert_eq!(kept, expected);
        assert!(text(clear(true)).ends_with("; Max-Age=0"));
        let shown = format!("{:?}", set(TOKEN, true, None).unwrap());
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}
