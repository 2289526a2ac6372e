use super::*;

static FILES: &[Asset] = &[
    Asset {
        path: "/app-0123456789abcdef.js",
        media_type: "text/javascript; charset=utf-8",
        immutable: true,
        hash: "aa",
        plain: b"plain",
        brotli: Some(b"br"),
        gzip: Some(b"gz"),
        scripts: &[],
        styles: &[],
    },
    Asset {
        path: "/icon.png",
        media_type: "image/png",
        immutable: false,
        hash: "bb",
        plain: b"png",
        brotli: None,
        gzip: None,
        scripts: &[],
        styles: &[],
    },
    Asset {
        path: "/index.html",
        media_type: "text/html; charset=utf-8",
        immutable: false,
        hash: "cc",
        plain: b"<!doctype html>",
        brotli: None,
        gzip: None,
        scripts: &["'sha256-x'"],
        styles: &["'sha256-y'"],
    },
];

fn ask(method: Method, path: &str, pairs: &[(header::HeaderName, &str)]) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value.parse().unwrap());
    }
    Assets(FILES).respond(&method, path, &headers)
}

fn field(response: &Response, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name).map(|v| v.to_str().unwrap())
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

#[tokio::test]
async fn a_hashed_name_is_cached_for_good_and_a_plain_one_asked_for() {
    let js = ask(Method::GET, "/app-0123456789abcdef.js", &[]);
    assert_eq!(js.status(), StatusCode::OK);
    let forever = "public, max-age=31536000, immutable";
    assert_eq!(field(&js, header::CACHE_CONTROL), Some(forever));
    assert_eq!(field(&js, header::VARY), Some("accept-encoding"));
    assert_eq!(field(&js, header::CONTENT_ENCODING), None);
    assert_eq!(text(js).await, "plain");
    let page = ask(Method::GET, "/", &[]);
    assert_eq!(field(&page, header::CACHE_CONTROL), Some("no-cache"));
    assert_eq!(text(page).await, "<!doctype html>");
}

#[tokio::test]
async fn the_client_chooses_the_coding() {
    for (accept, coding, body) in [
        ("br, gzip", Some("br"), "br"),
        ("br;q=0.1, gzip", Some("gzip"), "gz"),
        ("deflate", None, "plain"),
    ] {
        let accept = [(header::ACCEPT_ENCODING, accept)];
        let response = ask(Method::GET, "/app-0123456789abcdef.js", &accept);
        assert_eq!(field(&response, header::CONTENT_ENCODING), coding);
        assert_eq!(text(response).await, body);
    }
    let png = ask(Method::GET, "/icon.png", &[(header::ACCEPT_ENCODING, "br")]);
    assert_eq!(field(&png, header::CONTENT_ENCODING), None);
    assert_eq!(text(png).await, "png");
}

#[tokio::test]
async fn a_known_etag_is_not_sent_again() {
    let br = (header::ACCEPT_ENCODING, "br");
    for tag in ["\"aabr\"", "W/\"aabr\"", "\"x\", \"aabr\"", "*"] {
        let known = [br.clone(), (header::IF_NONE_MATCH, tag)];
        let response = ask(Method::GET, "/app-0123456789abcdef.js", &known);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tag}");
        assert_eq!(field(&response, header::ETAG), Some("\"aabr\""));
        assert_eq!(field(&response, header::CONTENT_ENCODING), None);
        assert_eq!(text(response).await, "");
    }
    let other_coding = [br, (header::IF_NONE_MATCH, "\"aa\"")];
    let response = ask(Method::GET, "/app-0123456789abcdef.js", &other_coding);
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_navigations_fall_back_to_the_page() {
    let navigation = [(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = ask(Method::GET, "/history/today", &navigation);
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(text(page).await, "<!doctype html>");
    for (path, accept) in [
        ("/history/today", "*/*"),
        ("/app-fedcba9876543210.js", "*/*"),
        ("/app-fedcba9876543210.js", "text/html"),
        ("/../Cargo.toml", "text/html"),
    ] {
        let response = ask(Method::GET, path, &[(header::ACCEPT, accept)]);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path} {accept}");
    }
}

#[tokio::test]
async fn other_methods_are_named_what_is_allowed() {
    let response = ask(Method::POST, "/", &[]);
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(field(&response, header::ALLOW), Some("GET, HEAD"));
}

#[test]
fn the_embedded_files_are_sorted_and_have_a_page() {
    assert!(EMBEDDED.is_sorted_by(|a, b| a.path < b.path));
    assert!(Assets::embedded().find("/").is_some());
    assert_eq!(Assets(FILES).scripts().collect::<Vec<_>>(), ["'sha256-x'"]);
    assert_eq!(Assets(FILES).styles().collect::<Vec<_>>(), ["'sha256-y'"]);
}
