//! What the name and the text of a file say about how to serve it. Used at build time.

/// Content-Type by extension.
pub(crate) fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Whether the name holds a hash of the contents, as trunk makes them: `app-0123456789abcdef.js`,
/// `app-0123456789abcdef_bg.wasm`, without the zeros in front.
pub(crate) fn is_hashed(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.strip_suffix("_bg").unwrap_or(stem);
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        let is_hex = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        hash.len() >= 8 && hash.bytes().all(is_hex)
    })
}

/// The texts of a page's own scripts or styles (`element`), as a browser hashes them.
pub(crate) fn inline(html: &str, element: &str) -> impl Iterator<Item = String> {
    let (opening, closing) = (format!("<{element}"), format!("</{element}"));
    // A browser sees LF wherever the file has CR or CRLF.
    let html = html.replace("\r\n", "\n").replace('\r', "\n");
    let lower = html.to_ascii_lowercase();
    let mut texts = Vec::new();
    let mut at = 0;
    while let Some(start) = lower[at..].find(&opening).map(|i| at + i) {
        let Some(open_end) = lower[start..].find('>').map(|i| start + i) else {
            break;
        };
        let Some(end) = lower[open_end..].find(&closing).map(|i| open_end + i) else {
            break;
        };
        let has_source = lower[start..open_end]
            .split(|c: char| c.is_ascii_whitespace() || c == '/')
            .any(|attribute| attribute == "src" || attribute.starts_with("src="));
        if !has_source {
            texts.push(html[open_end + 1..end].to_owned());
        }
        at = end;
    }
    texts.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks_names_are_hashed() {
        for path in [
            "/sidetone-0123456789abcdef.js",
            "/sidetone-0123456789abcdef_bg.wasm",
            "/css/style-fedcba9876543210.css",
            "/snippets/x-1234567890abcd.js",
        ] {
            assert!(is_hashed(path), "{path}");
        }
        for path in [
            "/index.html",
            "/sw.js",
            "/manifest.webmanifest",
            "/icon-512.png",
            "/icon-0123456789abcdeg.png",
            "/0123456789abcdef/x.js",
            "/sidetone-0123456789ABCDEF.js",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    #[test]
    fn inline_texts_are_found_as_a_browser_hashes_them() {
        let html = "<!doctype html><SCRIPT type=\"module\">\r\nimport './a.js';\r\n</SCRIPT>\
                    <script src='b.js'></script><script\nsrc=c.js ></script>\
                    <script data-src=\"x\">two()</script><script>unfinished";
        let scripts: Vec<_> = inline(html, "script").collect();
        assert_eq!(scripts, ["\nimport './a.js';\n", "two()"]);
        let html =
            "<style>a{}</style><link rel=stylesheet href=x.css><style media=print>b{}</style>";
        let styles: Vec<_> = inline(html, "style").collect();
        assert_eq!(styles, ["a{}", "b{}"]);
    }

    #[test]
    fn what_streams_is_typed() {
        assert_eq!(media_type("/a-1_bg.wasm"), "application/wasm");
        assert_eq!(media_type("/sw.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("/no.extension/x"), "application/octet-stream");
    }
}
