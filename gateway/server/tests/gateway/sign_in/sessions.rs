//! A person's session: how it begins, is remembered and ends, and what is refused.

use serde_json::json;

use super::{connect, cookie, cookie_of, sign_in, start, ticket};
use crate::support::Running;

#[tokio::test]
async fn somebody_signs_in_and_out() {
    let running = start(|_| {}).await;
    let about = running.ask("GET /api/v1/about").await.json();
    assert_eq!(about["people"], true);
    let nobody = running.ask("GET /api/v1/session").await;
    assert_eq!((nobody.status, nobody.text()), (200, "null"));
    let answer = sign_in(&running, "alice", "alice-demo").await;
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let alice = json!({
        "person": "alice",
        "accounts": [{"address": "101@demo.local", "label": "Alice"}],
    });
    assert_eq!(answer.json(), alice);
    let cookie = cookie(&answer);
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.json(), alice);
    let given = ticket(&running, &cookie).await;
    let out = running
        .ask(&format!("DELETE /api/v1/session\n{cookie}"))
        .await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.text(), "null");
    // What was given in the session's name is over with it.
    assert_eq!(connect(&running, &given).await.err(), Some(403));
    let head = format!("POST /api/v1/session/ticket\n{cookie}");
    assert_eq!(running.send(&head, &json!({})).await.status, 401);
}

#[tokio::test]
async fn a_remembered_session_is_kept_and_over_https_secure() {
    let running = start(|_| {}).await;
    let body = json!({"name": "alice", "password": "alice-demo", "remember": true});
    let head = "POST /api/v1/session\nOrigin: https://gateway.test";
    let answer = running.send(head, &body).await;
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-sidetone="), "{set}");
    assert!(set.contains("; Secure; Max-Age=2592000"), "{set}");
    let cookie = cookie(&answer);
    let who = running.ask(&format!("GET /api/v1/session\n{cookie}")).await;
    assert_eq!(who.json()["person"], "alice");
    // It is given anew, for another month.
    assert_eq!(who.header("set-cookie"), Some(set));
}

#[tokio::test]
async fn a_gateway_without_people_says_so() {
    let running = Running::start(|_| {}).await;
    let about = running.ask("GET /api/v1/about").await.json();
    assert_eq!(about["people"], false);
    assert_eq!(sign_in(&running, "alice", "alice-demo").await.status, 401);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same_and_are_counted() {
    let running = start(|_| {}).await;
    let wrong = sign_in(&running, "alice", "bob-demo").await;
    let unknown = sign_in(&running, "mallory", "bob-demo").await;
    assert_eq!((wrong.status, wrong.text()), (401, unknown.text()));
    assert_eq!(wrong.header("set-cookie"), None);
    for _ in 0..4 {
        assert_eq!(sign_in(&running, "alice", "x").await.status, 401);
    }
    // Now even the right one has to wait.
    let refused = sign_in(&running, "alice", "alice-demo").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    assert_eq!(refused.header("set-cookie"), None);
    assert_eq!(sign_in(&running, "bob", "bob-demo").await.status, 200);
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let running = start(|_| {}).await;
    let cookie = cookie_of(&running, "alice").await;
    let question = "POST /api/v1/accounts/101@demo.local/response";
    for head in [
        "POST /api/v1/session",
        "DELETE /api/v1/session",
        "POST /api/v1/session/ticket",
        question,
    ] {
        for origin in ["https://evil.example", "null"] {
            let head = format!("{head}\nOrigin: {origin}\n{cookie}");
            let answer = running.send(&head, &json!({})).await;
            assert_eq!(answer.status, 403, "{head}");
            assert!(answer.json()["error"].as_str().unwrap().contains("origin"));
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    let own = format!("POST /api/v1/session/ticket\nOrigin: http://gateway.test\n{cookie}");
    assert_eq!(running.send(&own, &json!({})).await.status, 200);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let running = start(|_| {}).await;
    let form = "POST /api/v1/session\nContent-Type: application/x-www-form-urlencoded";
    for (answer, status) in [
        (
            running
                .send("POST /api/v1/session", &json!({"name": "alice"}))
                .await,
            422,
        ),
        (running.ask(form).await, 415),
        (running.ask("PUT /api/v1/session").await, 405),
        (running.ask("GET /api/v1/session/ticket").await, 405),
        (sign_in(&running, &"x".repeat(20_000), "y").await, 413),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.json()["error"].is_string());
    }
}
