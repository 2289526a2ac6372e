use serde_json::{Value, json};

use crate::support::Running;

#[tokio::test]
async fn it_is_alive_and_ready() {
    let running = Running::start(|_| {}).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            running.ask(&format!("GET {path}")).await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_demo_tells_its_accounts() {
    let running = Running::start(|_| {}).await;
    let answer = running.ask("GET /api/v1/about").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let about: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["domain"], "demo.local");
    assert_eq!(about["sip_path"], "/sip");
    let alice = json!({"number": "101", "name": "Alice", "password": "demo-101"});
    assert_eq!(about["demo"][0], alice);
    assert_eq!(about["demo"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_gateway_that_is_no_demo_tells_no_password() {
    let running = Running::start(|config| config.switch.demo = false).await;
    let answer = running.ask("GET /api/v1/about").await;
    assert!(answer.text().contains("\"demo\":null"));
    assert!(!answer.text().contains("demo-101"));
}

#[tokio::test]
async fn unknown_interfaces_are_no_pages() {
    let running = Running::start(|_| {}).await;
    for head in [
        "GET /api/v2/about\nAccept: text/html",
        "POST /api/",
        "GET /api",
    ] {
        let answer = running.ask(head).await;
        assert_eq!(answer.status, 404, "{head}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{head}"
        );
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(
            problem["error"]
                .as_str()
                .unwrap()
                .contains("reload the page")
        );
    }
}

#[tokio::test]
async fn the_page_is_compressed_and_not_sent_twice() {
    let running = Running::start(|_| {}).await;
    let plain = running.ask("GET /").await;
    assert_eq!(plain.status, 200);
    assert_eq!(
        plain.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(plain.header("cache-control"), Some("no-cache"));
    assert!(
        plain.text().starts_with("<!doctype html>") || plain.text().starts_with("<!DOCTYPE html>")
    );
    for coding in ["br", "gzip"] {
        let packed = running
            .ask(&format!("GET /\nAccept-Encoding: {coding}"))
            .await;
        assert_eq!(packed.header("content-encoding"), Some(coding));
        assert!(packed.body.len() < plain.body.len());
        let etag = packed.header("etag").unwrap();
        let head = format!("GET /\nAccept-Encoding: {coding}\nIf-None-Match: {etag}");
        let known = running.ask(&head).await;
        assert_eq!((known.status, known.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = Running::start(|_| {}).await;
    for path in ["/", "/healthz", "/api/v1/about"] {
        let get = running.ask(&format!("GET {path}")).await;
        let head = running.ask(&format!("HEAD {path}")).await;
        assert_eq!(head.status, 200);
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{path}"
        );
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn navigations_find_the_app_and_missing_files_are_missing() {
    let running = Running::start(|_| {}).await;
    let app = running.ask("GET /").await;
    let deep = running.ask("GET /history/42\nAccept: text/html").await;
    assert_eq!((deep.status, &deep.body), (200, &app.body));
    for head in [
        "GET /history/42",
        "GET /app-0123456789abcdef.js\nAccept: text/html",
        "GET /%2e%2e/Cargo.toml",
        "GET /../Cargo.toml",
    ] {
        assert_eq!(running.ask(head).await.status, 404, "{head}");
    }
    let posted = running.ask("POST /\nContent-Length: 0").await;
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[tokio::test]
async fn every_answer_is_confined() {
    let running = Running::start(|_| {}).await;
    for head in [
        "GET /",
        "GET /missing",
        "GET /healthz",
        "GET /api/x",
        "GET /sip",
        "POST /",
    ] {
        let answer = running.ask(head).await;
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'self'",
            "'wasm-unsafe-eval'",
            "connect-src 'self' ws://gateway.test wss://gateway.test;",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{head}: {part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe-inline"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        let rights = answer.header("permissions-policy").unwrap();
        assert!(rights.contains("microphone=(self)") && rights.contains("camera=()"));
        assert_eq!(answer.header("strict-transport-security"), None);
    }
}
