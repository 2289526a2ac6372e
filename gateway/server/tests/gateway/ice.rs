//! Servers that help to find a way for sound: who gets credentials of them.

use std::time::Duration;

use sidetone::config::{Config, IceCredentials, IceServer};
use sidetone_sip::auth::Secret;
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response};
use tokio::net::UdpSocket;
use tokio_tungstenite::connect_async;

use crate::sign_in::{challenge_of, cookie_of, register};
use crate::support::{PATIENCE, Running, with_people};
use crate::upstream::{Browser, asked, hear, say, upstream};

const ASK: &str = "GET /api/v1/ice-servers";

fn stun() -> IceServer {
    IceServer {
        urls: vec!["stun:stun.example".into()],
        credentials: IceCredentials::None,
    }
}

fn turn(config: &mut Config) {
    let turn = IceServer {
        urls: vec!["turn:turn.example".into()],
        credentials: IceCredentials::Shared {
            secret: Secret::new("known to both"),
            lifetime: Duration::from_secs(600),
        },
    };
    config.ice_servers = vec![stun(), turn];
}

async fn assert_told(running: &Running, cookie: &str) {
    let answer = running.ask(&format!("{ASK}\n{cookie}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let told = answer.json();
    assert_eq!(told["lifetime"], 600);
    assert_eq!(told["ice_servers"][0]["urls"][0], "stun:stun.example");
    assert!(told["ice_servers"][1]["credential"].is_string(), "{told}");
}

async fn assert_refused(running: &Running, cookie: &str) {
    let answer = running.ask(&format!("{ASK}\n{cookie}")).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.json(),
        serde_json::json!({"error": "Sign in first."})
    );
}

/// A WebSocket without a ticket, and what its browser shows from then on.
async fn visit(running: &Running, cookie: Option<&str>) -> (Browser, Option<String>) {
    let mut request = running.handshake();
    if let Some(cookie) = cookie {
        let shown = cookie.strip_prefix("Cookie: ").unwrap().parse().unwrap();
        request.headers_mut().insert("cookie", shown);
    }
    let (browser, answer) = connect_async(request).await.unwrap();
    let given = answer.headers().get("set-cookie").map(|set| {
        let set = set.to_str().unwrap();
        assert!(
            set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{set}"
        );
        format!("Cookie: {}", set.split(';').next().unwrap())
    });
    (browser, given)
}

/// Registers 101 of the demo.
async fn register_101(browser: &mut Browser) {
    let first = register("101", "demo.local", 1, "");
    say(browser, &first, "").await;
    let challenge = challenge_of(&hear(browser, 401).await);
    let (method, uri) = (Method::Register, "sip:demo.local");
    let question =
        sidetone_sip::auth::Question::new(&challenge, "101", &method, uri, &[], "c", 1).unwrap();
    let response = question.response(&Secret::new("demo-101"));
    let header = format!("\nAuthorization: {}", question.credentials(response));
    let second = register("101", "demo.local", 2, &header);
    say(browser, &second, "").await;
    hear(browser, 200).await;
}

#[tokio::test]
async fn stun_servers_are_told_to_everybody() {
    let running = Running::start(|config| config.ice_servers = vec![stun()]).await;
    let answer = running.ask(ASK).await;
    assert_eq!(answer.status, 200);
    let told = serde_json::json!({
        "ice_servers": [{"urls": ["stun:stun.example"]}],
        "lifetime": null,
    });
    assert_eq!(answer.json(), told);
    // There is nothing to be known for.
    assert_eq!(visit(&running, None).await.1, None);
}

#[tokio::test]
async fn credentials_are_for_who_has_a_session() {
    let running = Running::start(|config| {
        with_people(config);
        turn(config);
    })
    .await;
    assert_refused(&running, "X-Nobody: 1").await;
    let made_up = format!("Cookie: sidetone={}", "x".repeat(43));
    assert_refused(&running, &made_up).await;
    let alice = cookie_of(&running, "alice").await;
    assert_told(&running, &alice).await;
    let out = format!("DELETE /api/v1/session\n{alice}");
    assert_eq!(running.ask(&out).await.status, 204);
    assert_refused(&running, &alice).await;
}

#[tokio::test]
async fn credentials_that_never_change_are_for_nobody_else_either() {
    let running = Running::start(|config| {
        let credentials = IceCredentials::Fixed {
            username: "sidetone".into(),
            password: Secret::new("for everybody"),
        };
        let urls = vec!["turn:turn.example".into()];
        config.ice_servers = vec![IceServer { urls, credentials }];
    })
    .await;
    let answer = running.ask(ASK).await;
    assert_eq!(answer.status, 401);
    assert!(!answer.text().contains("for everybody"));
}

#[tokio::test]
async fn who_has_no_session_must_be_registered() {
    let running = Running::start(turn).await;
    assert_refused(&running, "X-Nobody: 1").await;
    let (mut browser, cookie) = visit(&running, None).await;
    let cookie = cookie.expect("no cookie");
    assert!(cookie.starts_with("Cookie: sidetone-visit="), "{cookie}");
    assert_refused(&running, &cookie).await;
    register_101(&mut browser).await;
    assert_told(&running, &cookie).await;
    // Another browser has not.
    let (_stranger, of_stranger) = visit(&running, None).await;
    assert_refused(&running, &of_stranger.unwrap()).await;
    // Another tab of this one is the same browser.
    let (_tab, given) = visit(&running, Some(&cookie)).await;
    assert_eq!(given, None);
    browser.close(None).await.unwrap();
    let gone = async {
        while running.ask(&format!("{ASK}\n{cookie}")).await.status == 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert_refused(&running, &cookie).await;
}

#[tokio::test]
async fn a_pbx_that_lets_a_phone_in_speaks_for_it() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let office = upstream(&pbx);
    let running = Running::start(|config| {
        turn(config);
        config.upstreams = vec![office];
        config.bridge.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let (mut browser, cookie) = visit(&running, None).await;
    let cookie = cookie.unwrap();
    for (number, code, answer) in [(1, 403, "Forbidden"), (2, 200, "OK")] {
        assert_refused(&running, &cookie).await;
        let request = register("201", "office.example", number, "");
        say(&mut browser, &request, "").await;
        let (request, gateway) = asked(&pbx, Method::Register).await;
        let status = sidetone_sip::Status::new(code).unwrap();
        let mut response = Response::to(&request, status, Some("registrar"));
        response.reason = answer.into();
        response.headers.contact = request.headers.contact.clone();
        response.headers.push_raw(HeaderName::Expires, "600");
        pbx.send_to(&response.to_bytes(), gateway).await.unwrap();
        hear(&mut browser, code).await;
    }
    assert_told(&running, &cookie).await;
}
