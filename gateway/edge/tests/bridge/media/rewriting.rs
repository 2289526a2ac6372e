//! Descriptions on their way.

use sidetone_edge::MediaMode;
use sidetone_sip::{Method, Response, Status};

use super::{TOLD, World, body, invite, within};
use crate::support::{dialog_of, statistics};

#[tokio::test]
async fn descriptions_are_rewritten_both_ways_from_ringing_to_the_end() {
    let mut world = World::start(MediaMode::Relay).await;
    let asked = world.browser_asks(&invite(1, "", "offer")).await;
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
    world.browser_asks(&within("ACK", 1, &dialog, "")).await;
    // Hold by UPDATE of the browser.
    let update = world
        .browser_asks(&within("UPDATE", 2, &dialog, "hold"))
        .await;
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
    let bye = world.browser_asks(&within("BYE", 4, &dialog, "")).await;
    assert!(statistics(&bye.headers).is_empty());
    world.responds(&bye, 200, "callee").await;
    let ended = world.browser.response(200).await;
    assert_eq!(statistics(&ended.headers), TOLD);
    world
        .told_last(&[
            "browser offers",
            "pbx answers callee",
            "browser offers",
            "closed",
        ])
        .await;
}

#[tokio::test]
async fn a_call_of_the_pbx_is_anchored_and_one_without_an_offer_is_answered_by_its_ack() {
    let mut world = World::start(MediaMode::Relay).await;
    let rings = world.pbx_asks(world.incoming("INVITE", 1, "", "")).await;
    assert!(rings.body.is_empty());
    world.browser_answers(&rings, "offer").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser offers: offer");
    let ack = world
        .pbx_asks(world.incoming("ACK", 1, ";tag=here", "answer"))
        .await;
    assert_eq!(body(&ack.body), "pbx answers far: answer");
    let again = world
        .pbx_asks(world.incoming("INVITE", 2, ";tag=here", "again"))
        .await;
    assert_eq!(body(&again.body), "pbx offers: again");
    world.browser_answers(&again, "yes").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser answers: yes");
    world
        .pbx_asks(world.incoming("ACK", 2, ";tag=here", ""))
        .await;
    let bye = world
        .pbx_asks(world.incoming("BYE", 3, ";tag=here", ""))
        .await;
    assert_eq!(statistics(&bye.headers), TOLD);
    world
        .browser
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    world.pbx.response(200).await;
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "pbx answers far",
            "pbx offers",
            "browser answers",
            "closed",
        ])
        .await;
}

#[tokio::test]
async fn of_two_offers_that_cross_the_second_waits() {
    let mut world = World::start(MediaMode::Relay).await;
    let dialog = world.called().await;
    world.browser_asks(&within("ACK", 1, &dialog, "")).await;
    let of_the_pbx = |world: &World, method: &str, number: u32, sdp: &str| {
        let mut request = world.incoming(method, number, ";tag=caller", sdp);
        request.headers.call_id = "call".into();
        request.headers.from = request.headers.from.clone().with_tag("callee");
        request
    };
    // The browser is first.
    let hold = world
        .browser_asks(&within("INVITE", 2, &dialog, "hold"))
        .await;
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
    world.browser_asks(&within("ACK", 2, &dialog, "")).await;
    // The PBX is first.
    let music = world
        .pbx_asks(of_the_pbx(&world, "INVITE", 78, "music"))
        .await;
    assert_eq!(body(&music.body), "pbx offers: music");
    world
        .browser
        .send(&within("UPDATE", 3, &dialog, "hold"))
        .await;
    world.browser.response(491).await;
    world.browser_answers(&music, "yes").await;
    let answer = world.pbx.response(200).await;
    assert_eq!(body(&answer.body), "browser answers: yes");
    world.pbx_asks(of_the_pbx(&world, "ACK", 78, "")).await;
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "pbx answers callee",
            "confirmed callee",
            "browser offers",
            "pbx answers callee",
            "confirmed callee",
            "pbx offers",
            "browser answers",
        ])
        .await;
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
    let asked = world.browser_asks(&invite(2, "", "offer")).await;
    world.answers(&asked, 183, "callee", "useless").await;
    let early = world.browser.response(183).await;
    assert!(early.body.is_empty());
    world.answers(&asked, 200, "callee", "useless").await;
    world.browser.response(488).await;
    let ack = world
        .browser_asks(&invite(2, "", "").replace("INVITE", "ACK"))
        .await;
    assert_eq!(ack.headers.cseq.number, 2);
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.cseq.number, 3);
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.uri.to_string(), format!("sip:pbx@{}", world.pbx.addr()));
    world.responds(&bye, 200, "callee").await;
    let expected = [
        "anchored",
        "browser offers",
        "pbx answers callee",
        "pbx answers callee",
    ];
    world.told(&expected).await;
    world.told_last(&["closed"]).await;
}
