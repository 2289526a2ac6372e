//! Calls that are given up.

use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};

use super::{INVITE, from_browser, incoming, registered, with_invite};
use crate::support::dialog_of;

#[tokio::test]
async fn a_cancel_waits_for_the_first_word_of_the_pbx() {
    let (mut pbx, mut gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    let cancel = with_invite("CANCEL") + "\nReason: SIP;cause=200";
    browser.send(&cancel).await;
    let ok = browser.response(200).await;
    assert_eq!(ok.headers.cseq.method, Method::Cancel);
    // RFC 3261 §9.1: nothing was heard of the INVITE yet, so it comes again and no CANCEL.
    let (again, _) = pbx.request(Method::Invite).await;
    assert_eq!(again, invite);
    pbx.respond(&invite, 180, "callee", gw).await;
    browser.response(180).await;
    let (cancel, _) = pbx.request(Method::Cancel).await;
    assert_eq!(cancel.headers.via, invite.headers.via);
    assert_eq!(cancel.uri, invite.uri);
    assert_eq!(cancel.headers.raw(&HeaderName::Reason).count(), 1);
    pbx.respond(&cancel, 200, "callee", gw).await;
    pbx.respond(&invite, 487, "callee", gw).await;
    let (ack, _) = pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.via, invite.headers.via);
    browser.response(487).await;
    browser.send(&with_invite("ACK")).await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn an_answer_that_crosses_a_cancel_is_the_browsers_to_end() {
    let (mut pbx, gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    pbx.respond(&invite, 180, "callee", gw).await;
    browser.response(180).await;
    browser.send(&with_invite("CANCEL")).await;
    browser.response(200).await;
    let (cancel, _) = pbx.request(Method::Cancel).await;
    pbx.respond(&invite, 200, "callee", gw).await;
    pbx.respond(&cancel, 481, "callee", gw).await;
    let answer = browser.response(200).await;
    assert_eq!(answer.headers.cseq.method, Method::Invite);
    let dialog = dialog_of(&answer);
    browser.send(&from_browser("ACK", 7, &dialog)).await;
    pbx.request(Method::Ack).await;
    browser.send(&from_browser("BYE", 8, &dialog)).await;
    let (bye, _) = pbx.request(Method::Bye).await;
    pbx.respond(&bye, 200, "callee", gw).await;
    browser.response(200).await;
    drop(gateway);
}

#[tokio::test]
async fn a_cancel_of_the_pbx_reaches_the_browser() {
    let (mut pbx, mut gateway, mut browser, contact) = registered().await;
    let gw = gateway.bridge.local_addr();
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite.clone(), gw).await;
    let rings = browser.request(Method::Invite).await;
    browser
        .send_message(Response::to(&rings, Status::RINGING, Some("here")))
        .await;
    pbx.response(180).await;
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.headers.cseq.method = Method::Cancel;
    cancel.headers.contact = Default::default();
    cancel.headers.push_raw(
        HeaderName::Reason,
        "SIP;cause=200;text=\"Call completed elsewhere\"",
    );
    pbx.send_to(cancel, gw).await;
    let answer = pbx.response(200).await;
    assert_eq!(answer.headers.cseq.method, Method::Cancel);
    let heard = browser.request(Method::Cancel).await;
    assert_eq!(heard.headers.reasons().len(), 1);
    assert_eq!(heard.headers.via, rings.headers.via);
    browser
        .send_message(Response::to(&heard, Status::OK, Some("here")))
        .await;
    browser
        .send_message(Response::to(
            &rings,
            Status::REQUEST_TERMINATED,
            Some("here"),
        ))
        .await;
    browser.request(Method::Ack).await;
    pbx.response(487).await;
    browser.hears_nothing_more(&mut gateway).await;
}
