//! Tickets, and phones of the switch that are connected by them.

use futures_util::StreamExt;
use sidetone_sip::Method;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{
    ask, authorization, challenge_of, connect, cookie_of, question, register, start, ticket,
};
use crate::sip::assert_served;
use crate::support::PATIENCE;
use crate::upstream::{hear, say};

#[tokio::test]
async fn a_ticket_opens_the_socket_once() {
    let running = start(|_| {}).await;
    let cookie = cookie_of(&running, "alice").await;
    let ticket = ticket(&running, &cookie).await;
    let browser = connect(&running, &ticket).await;
    assert!(browser.is_ok());
    assert_eq!(connect(&running, &ticket).await.err(), Some(403));
    assert_eq!(connect(&running, "made-up").await.err(), Some(403));
    // Whoever has a password of the PBX needs none.
    assert!(connect_async(running.handshake()).await.is_ok());
}

#[tokio::test]
async fn a_phone_registers_at_the_switch_with_a_secret_it_never_sees() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let bob = cookie_of(&running, "bob").await;
    let ticket = ticket(&running, &alice).await;
    let mut browser = connect(&running, &ticket).await.unwrap();
    say(&mut browser, &register("101", "demo.local", 1, ""), "").await;
    let challenge = challenge_of(&hear(&mut browser, 401).await);
    assert_eq!(challenge.realm, "demo.local");
    let asked = question(&challenge, "REGISTER", "sip:demo.local");
    let of_alice = "101@demo.local";
    for (cookie, account, status) in [
        ("X-Nobody: 1", of_alice, 401),
        // Nobody answers for somebody else, and another's connection was asked nothing.
        (&*bob, of_alice, 404),
        (&*bob, "102@demo.local", 403),
        (&*alice, "102@demo.local", 404),
    ] {
        let answer = ask(&running, cookie, account, &asked).await;
        assert_eq!(answer.status, status, "{account}: {}", answer.text());
    }
    let answer = ask(&running, &alice, of_alice, &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let fields = answer.json();
    assert_eq!(fields.as_object().unwrap().len(), 1);
    let response = fields["response"].as_str().unwrap();
    let header = authorization(
        &challenge,
        "101",
        &Method::Register,
        "sip:demo.local",
        response,
    );
    say(&mut browser, &register("101", "demo.local", 2, &header), "").await;
    hear(&mut browser, 200).await;
    let again = ask(&running, &alice, of_alice, &asked).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn a_challenge_over_a_connection_without_a_ticket_is_not_answered() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let (mut browser, _) = connect_async(running.handshake()).await.unwrap();
    say(&mut browser, &register("101", "demo.local", 1, ""), "").await;
    let challenge = challenge_of(&hear(&mut browser, 401).await);
    let asked = question(&challenge, "REGISTER", "sip:demo.local");
    let answer = ask(&running, &alice, "101@demo.local", &asked).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn signing_out_closes_the_connections_of_the_session_and_no_others() {
    let running = start(|_| {}).await;
    let alice = cookie_of(&running, "alice").await;
    let elsewhere = cookie_of(&running, "alice").await;
    let mut tabs = Vec::new();
    for cookie in [&alice, &alice, &elsewhere] {
        let ticket = ticket(&running, cookie).await;
        tabs.push(connect(&running, &ticket).await.unwrap());
    }
    let out = format!("DELETE /api/v1/session\n{alice}");
    assert_eq!(running.ask(&out).await.status, 204);
    let mut other = tabs.pop().unwrap();
    for tab in &mut tabs {
        let frame = tokio::time::timeout(PATIENCE, tab.next()).await;
        let frame = frame.expect("nothing came").unwrap().unwrap();
        let Frame::Close(Some(close)) = frame else {
            panic!("no close: {frame:?}");
        };
        assert_eq!(u16::from(close.code), 3000);
        assert_eq!(close.reason.as_str(), "the person has signed out");
    }
    assert_served(&mut other).await;
}
