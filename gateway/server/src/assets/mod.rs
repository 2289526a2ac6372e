//! The app's files, embedded in the binary, plain and compressed.

mod encoding;
#[cfg(test)]
mod rules;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use encoding::{Encoding, acceptable};

static EMBEDDED: &[Asset] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

const INDEX: &str = "/index.html";

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    path: &'static str,
    media_type: &'static str,
    /// Whether the name changes with the contents.
    immutable: bool,
    hash: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
    /// What `script-src` needs for the inline scripts of a page.
    scripts: &'static [&'static str],
    /// What `style-src` needs for its styles.
    styles: &'static [&'static str],
}

/// Files, sorted by path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assets(&'static [Asset]);

impl Assets {
    /// Those of the app.
    pub(crate) const fn embedded() -> Self {
        Self(EMBEDDED)
    }

    /// The `script-src` entries that the inline scripts of all pages need.
    pub(crate) fn scripts(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|asset| asset.scripts).copied()
    }

    /// The `style-src` entries that the styles of all pages need.
    pub(crate) fn styles(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|asset| asset.styles).copied()
    }

    /// Answers a request for `path`.
    pub(crate) fn respond(self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        if method != Method::GET && method != Method::HEAD {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
            return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
        }
        let found = self.find(path);
        match found.or_else(|| self.page_for(path, headers)) {
            Some(asset) => asset.respond(headers),
            None => (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response(),
        }
    }

    fn find(self, path: &str) -> Option<&'static Asset> {
        let path = if path == "/" { INDEX } else { path };
        let index = self.0.binary_search_by(|asset| asset.path.cmp(path));
        index.ok().map(|index| &self.0[index])
    }

    /// The app itself, if a browser navigates to one of its addresses. A missing file stays
    /// missing: a page in place of a script fails in ways that are hard to read.
    fn page_for(self, path: &str, headers: &HeaderMap) -> Option<&'static Asset> {
        let wants_page = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        let is_file = path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains('.'));
        (wants_page && !is_file).then(|| self.find(INDEX))?
    }
}

impl Asset {
    fn respond(&self, headers: &HeaderMap) -> Response {
        let (encoding, bytes) = acceptable(headers)
            .into_iter()
            .find_map(|encoding| Some((encoding, self.bytes(encoding)?)))
            .unwrap_or((Encoding::Identity, self.plain));
        let coding = match encoding {
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
            Encoding::Identity => "",
        };
        // A strong ETag differs between the codings (RFC 9110 §8.8.3.3).
        let etag = format!("\"{}{coding}\"", self.hash);
        let cache = if self.immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let is_known = matches_etag(headers, &etag);
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(Bytes::from_static(bytes)).into_response()
        };
        let out = response.headers_mut();
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::try_from(etag) {
            out.insert(header::ETAG, etag);
        }
        if !is_known {
            let media_type = HeaderValue::from_static(self.media_type);
            out.insert(header::CONTENT_TYPE, media_type);
            if encoding != Encoding::Identity {
                out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
        }
        response
    }

    const fn bytes(&self, encoding: Encoding) -> Option<&'static [u8]> {
        match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Identity => Some(self.plain),
        }
    }
}

/// Whether If-None-Match names this ETag; the comparison is weak (RFC 9110 §13.1.2).
fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests;
