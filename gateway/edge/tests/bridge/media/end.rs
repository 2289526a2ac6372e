//! How an anchor ends, and what it survives.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sidetone_edge::{MediaMode, UpstreamConfig};
use sidetone_sip::Method;
use tokio::sync::mpsc;

use super::{Engine, World, body, invite, within};
use crate::support::{Gateway, soon};

#[tokio::test]
async fn a_call_that_fails_gives_its_anchor_back_and_the_next_attempt_has_its_own() {
    let mut world = World::start(MediaMode::Relay).await;
    for (number, status) in [(1, 407), (2, 486)] {
        let asked = world.browser_asks(&invite(number, "", "offer")).await;
        world.responds(&asked, status, "callee").await;
        world.browser.response(status).await;
        world.pbx.request(Method::Ack).await;
        let ack = invite(number, "", "").replace("INVITE", "ACK");
        world.browser.send(&ack).await;
        world.told(&["anchored", "browser offers", "closed"]).await;
    }
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_restarted_gateway_anchors_a_call_again_when_its_browser_offers() {
    let mut world = World::start(MediaMode::Relay).await;
    let dialog = world.called().await;
    let upstream = UpstreamConfig {
        media: MediaMode::Relay,
        ..world.pbx.upstream()
    };
    let (tell, told) = mpsc::unbounded_channel();
    world.gateway.kill().await;
    world.told = told;
    world.gateway = Gateway::anchored(upstream, Arc::new(Engine(tell, Arc::default()))).await;
    world.browser = world.gateway.browser().await;
    let again = world
        .browser_asks(&within("INVITE", 2, &dialog, "back"))
        .await;
    assert_eq!(body(&again.body), "browser offers: back\r\n");
    world.told(&["anchored", "browser offers"]).await;
}

#[tokio::test]
async fn sound_outlives_the_socket_and_a_silent_call_is_ended() {
    let mut world = World::start(MediaMode::Relay).await;
    let dialog = world.called().await;
    let update = world
        .browser_asks(&within("UPDATE", 5, &dialog, "more"))
        .await;
    world.answers(&update, 200, "callee", "fine").await;
    world.browser.response(200).await;
    let mut expected = vec![
        "anchored",
        "browser offers",
        "pbx answers callee",
        "confirmed callee",
        "browser offers",
        "pbx answers callee",
    ];
    world.told(&expected).await;
    world.browser = world.gateway.browser().await;
    // Nobody comes back, but the sound goes on; then it falls silent.
    expected = vec!["asked whether it is heard"];
    world.told(&expected).await;
    world.told(&expected).await;
    world.heard.store(false, Ordering::Relaxed);
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 6);
    assert_eq!(bye.headers.from.tag(), Some("caller"));
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.uri.to_string(), dialog.0);
    world.responds(&bye, 200, "callee").await;
    loop {
        let told = soon("the end", world.told.recv()).await.unwrap();
        if told == "closed" {
            break;
        }
        assert_eq!(told, expected[0]);
    }
}

#[tokio::test]
async fn a_silent_call_of_the_pbx_is_ended_too() {
    let mut world = World::start(MediaMode::Relay).await;
    let rings = world
        .pbx_asks(world.incoming("INVITE", 9, "", "offer"))
        .await;
    world.browser_answers(&rings, "answer").await;
    world.pbx.response(200).await;
    world
        .pbx_asks(world.incoming("ACK", 9, ";tag=here", ""))
        .await;
    world.heard.store(false, Ordering::Relaxed);
    world.browser = world.gateway.browser().await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 1);
    assert_eq!(bye.headers.from.tag(), Some("here"));
    assert_eq!(bye.headers.to.tag(), Some("far"));
    assert_eq!(bye.uri.to_string(), format!("sip:pbx@{}", world.pbx.addr()));
}
