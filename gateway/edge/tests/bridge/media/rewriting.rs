//! Descriptions on their way.

use sidetone_edge::MediaMode;
use sidetone_sip::{Method, Response, Status};

use super::{TOLD, World, body, invite, within};
use crate::support::{dialog_of, statistics};

#[tokio::test]
async fn descriptions_are_rewritten_both_ways_from_ringing_to_the_end() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, gw) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&asked.body), "browser offers: offer\r\n");
    world.told(&["anchored", "browser offers"]).await;
    // Two branches ring with sound, one answers, and says so twice.
    for tag in ["other", "callee"] {
        world.answers(&asked, 183, tag, "early").await;
        let early = world.browser.response(183).await;
        assert_eq!(body(&early.body), format!("pbx answers {tag}: early"));
    }
    world
        .told(&["pbx answers other", "pbx answers callee"])
        .await;
    let mut dialog = None;
    for _ in 0..2 {
        world.answers(&asked, 200, "callee", "early").await;
        let answer = world.browser.response(200).await;
        assert_eq!(body(&answer.body), "pbx answers callee: early");
        dialog = Some(dialog_of(&answer));
        world.told(&["confirmed callee"]).await;
    }
    let dialog = dialog.unwrap();
    world.browser.send(&within("ACK", 1, &dialog, "")).await;
    world.pbx.request(Method::Ack).await;
    // Hold by UPDATE of the browser.
    world
        .browser
        .send(&within("UPDATE", 2, &dialog, "hold"))
        .await;
    let (update, _) = world.pbx.request(Method::Update).await;
    assert_eq!(body(&update.body), "browser offers: hold\r\n");
    world.answers(&update, 200, "callee", "held").await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), "pbx answers callee: held");
    // A new way of the browser is not the PBX's concern, and neither is its ACK.
    world
        .browser
        .send(&within("INVITE", 3, &dialog, "restart"))
        .await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), "here\r\n");
    world.browser.send(&within("ACK", 3, &dialog, "")).await;
    world.browser.send(&within("BYE", 4, &dialog, "")).await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert!(statistics(&bye.headers).is_empty());
    world.pbx.respond(&bye, 200, "callee", gw).await;
    let ended = world.browser.response(200).await;
    assert_eq!(statistics(&ended.headers), TOLD);
    let expected = [
        "browser offers",
        "pbx answers callee",
        "browser offers",
        "closed",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_call_of_the_pbx_is_anchored_and_one_without_an_offer_is_answered_by_its_ack() {
    let mut world = World::start(MediaMode::Relay).await;
    world.pbx_sends(world.incoming("INVITE", 1, "", "")).await;
    let rings = world.browser.request(Method::Invite).await;
    assert!(rings.body.is_empty());
    world.browser_answers(&rings, "offer").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser offers: offer");
    world
        .pbx_sends(world.incoming("ACK", 1, ";tag=here", "answer"))
        .await;
    let ack = world.browser.request(Method::Ack).await;
    assert_eq!(body(&ack.body), "pbx answers far: answer");
    world
        .pbx_sends(world.incoming("INVITE", 2, ";tag=here", "again"))
        .await;
    let again = world.browser.request(Method::Invite).await;
    assert_eq!(body(&again.body), "pbx offers: again");
    world.browser_answers(&again, "yes").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser answers: yes");
    world
        .pbx_sends(world.incoming("ACK", 2, ";tag=here", ""))
        .await;
    world.browser.request(Method::Ack).await;
    world
        .pbx_sends(world.incoming("BYE", 3, ";tag=here", ""))
        .await;
    let bye = world.browser.request(Method::Bye).await;
    assert_eq!(statistics(&bye.headers), TOLD);
    world
        .browser
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    world.pbx.response(200).await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers far",
        "pbx offers",
        "browser answers",
        "closed",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn of_two_offers_that_cross_the_second_waits() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "offer")).await;
    let (asked, _) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 200, "callee", "answer").await;
    let dialog = dialog_of(&world.browser.response(200).await);
    world.browser.send(&within("ACK", 1, &dialog, "")).await;
    world.pbx.request(Method::Ack).await;
    let of_the_pbx = |world: &World, method: &str, number: u32, sdp: &str| {
        let mut request = world.incoming(method, number, ";tag=caller", sdp);
        request.headers.call_id = "call".into();
        request.headers.from = request.headers.from.clone().with_tag("callee");
        request
    };
    // The browser is first.
    world
        .browser
        .send(&within("INVITE", 2, &dialog, "hold"))
        .await;
    let (hold, _) = world.pbx.request(Method::Invite).await;
    world
        .pbx_sends(of_the_pbx(&world, "INVITE", 77, "music"))
        .await;
    world.pbx.response(491).await;
    // The ACK of a refusal belongs to the transaction (RFC 3261 §17.1.1.3).
    let mut ack = of_the_pbx(&world, "ACK", 77, "");
    ack.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKINVITE77"));
    world.pbx_sends(ack).await;
    world.answers(&hold, 200, "callee", "held").await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), "pbx answers callee: held");
    world.browser.send(&within("ACK", 2, &dialog, "")).await;
    world.pbx.request(Method::Ack).await;
    // The PBX is first.
    world
        .pbx_sends(of_the_pbx(&world, "INVITE", 78, "music"))
        .await;
    let music = world.browser.request(Method::Invite).await;
    assert_eq!(body(&music.body), "pbx offers: music");
    world
        .browser
        .send(&within("UPDATE", 3, &dialog, "hold"))
        .await;
    world.browser.response(491).await;
    world.browser_answers(&music, "yes").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser answers: yes");
    world.pbx_sends(of_the_pbx(&world, "ACK", 78, "")).await;
    world.browser.request(Method::Ack).await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers callee",
        "confirmed callee",
        "browser offers",
        "pbx answers callee",
        "confirmed callee",
        "pbx offers",
        "browser answers",
    ];
    world.told(&expected).await;
    world.told_nothing_more().await;
}

#[tokio::test]
async fn an_offer_that_is_useless_is_refused_and_a_useless_answer_ends_the_call() {
    let mut world = World::start(MediaMode::Relay).await;
    world.browser.send(&invite(1, "", "useless")).await;
    world.browser.response(488).await;
    world
        .browser
        .send(&invite(1, "", "").replace("INVITE", "ACK"))
        .await;
    world.told(&["anchored", "browser offers", "closed"]).await;
    world.browser.send(&invite(2, "", "offer")).await;
    let (asked, gw) = world.pbx.request(Method::Invite).await;
    world.answers(&asked, 183, "callee", "useless").await;
    let early = world.browser.response(183).await;
    assert!(early.body.is_empty());
    world.answers(&asked, 200, "callee", "useless").await;
    world.browser.response(488).await;
    world
        .browser
        .send(&invite(2, "", "").replace("INVITE", "ACK"))
        .await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 2);
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 3);
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.uri.to_string(), format!("sip:pbx@{}", world.pbx.addr()));
    world.pbx.respond(&bye, 200, "callee", gw).await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers callee",
        "pbx answers callee",
    ];
    world.told(&expected).await;
    world.told(&["closed"]).await;
    world.told_nothing_more().await;
}
