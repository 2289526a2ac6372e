//! Whole calls.

use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{Method, Response, Status};

use super::{INVITE, from_browser, from_pbx, incoming, registered};
use crate::support::dialog_of;

#[tokio::test]
async fn a_call_of_the_browser_from_ringing_to_its_end() {
    let (mut pbx, mut gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    assert_eq!(invite.body, b"v=0\r\n");
    assert_eq!(invite.headers.cseq.number, 7);
    assert!(invite.headers.record_route.is_empty());
    let claims: Vec<&RawHeader> = invite.headers.others.iter().collect();
    assert!(
        claims
            .iter()
            .all(|header| header.name != HeaderName::PAssertedIdentity),
        "{claims:?}"
    );
    let contact = invite.headers.contact.first().unwrap().uri.to_string();
    assert!(contact.ends_with(&format!("@{gw}")), "{contact}");
    pbx.respond(&invite, 100, "", gw).await;
    pbx.respond(&invite, 180, "callee", gw).await;
    let ringing = browser.response(180).await;
    assert_eq!(ringing.headers.to.tag(), Some("callee"));
    pbx.respond(&invite, 200, "callee", gw).await;
    let answer = browser.response(200).await;
    let dialog = dialog_of(&answer);
    assert_eq!(dialog.0, format!("sip:pbx@{}", pbx.addr()));
    assert_eq!(dialog.1.len(), 1, "one hop: the gateway");
    // A 2xx that is repeated is the browser's to acknowledge again.
    pbx.respond(&invite, 200, "callee", gw).await;
    browser.response(200).await;
    browser.send(&from_browser("ACK", 7, &dialog)).await;
    let (ack, _) = pbx.request(Method::Ack).await;
    assert_eq!(ack.uri.to_string(), dialog.0);
    assert!(ack.headers.route.is_empty());
    assert_ne!(ack.headers.via[0].branch(), invite.headers.via[0].branch());
    // Both sides ask within the dialog.
    for (number, method) in (8..).zip(["INFO", "UPDATE", "REFER", "MESSAGE", "PUBLISH", "NOTIFY"]) {
        browser.send(&from_browser(method, number, &dialog)).await;
        let (request, gw) = pbx.receive().await;
        let request = crate::support::request(request);
        assert_eq!(
            (request.method.as_str(), request.headers.cseq.number),
            (method, number)
        );
        pbx.respond(&request, 202, "callee", gw).await;
        let answer = browser.response(202).await;
        assert_eq!(answer.headers.cseq.number, number);
        let request = from_pbx(&pbx, method, number, &contact);
        pbx.send_to(request, gw).await;
        let request = crate::support::request(browser.receive().await);
        assert_eq!(request.method.as_str(), method);
        assert_eq!(request.uri.to_string(), "sip:x1@b.invalid;transport=ws");
        assert_eq!(request.headers.via.len(), 1);
        browser
            .send_message(Response::to(&request, Status::OK, None))
            .await;
        let answer = pbx.response(200).await;
        let branch = format!("z9hG4bKp{method}{number}");
        assert_eq!(answer.headers.via[0].branch(), Some(branch.as_str()));
        assert!(answer.headers.record_route.is_empty());
    }
    pbx.send_to(from_pbx(&pbx, "BYE", 20, &contact), gw).await;
    let bye = browser.request(Method::Bye).await;
    browser
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    pbx.response(200).await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn a_call_to_the_browser_with_what_udp_loses_and_repeats() {
    let (mut pbx, mut gateway, mut browser, contact) = registered().await;
    let gw = gateway.bridge.local_addr();
    let invite = incoming(&pbx, &contact);
    pbx.send_to(invite.clone(), gw).await;
    pbx.send_to(invite.clone(), gw).await;
    let rings = browser.request(Method::Invite).await;
    assert_eq!(rings.uri.to_string(), "sip:x1@b.invalid;transport=ws");
    assert_eq!(rings.headers.record_route.len(), 2);
    assert_eq!(
        rings.headers.record_route[1].to_string(),
        "<sip:192.0.2.7;lr>"
    );
    browser
        .send_message(Response::to(&rings, Status::RINGING, Some("here")))
        .await;
    let ringing = pbx.response(180).await;
    assert_eq!(
        ringing.headers.via[0].params.value("received"),
        Some("127.0.0.1")
    );
    let mut busy = Response::to(&rings, Status::BUSY_HERE, Some("here"));
    busy.headers.record_route.clear();
    browser.send_message(busy).await;
    // Until the ACK comes it is repeated, and the browser's own ACK comes at once.
    let ack = browser.request(Method::Ack).await;
    assert_eq!(ack.headers.to.tag(), Some("here"));
    pbx.response(486).await;
    pbx.response(486).await;
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.headers.cseq.method = Method::Ack;
    ack.headers.to = ack.headers.to.with_tag("here");
    pbx.send_to(ack, gw).await;
    browser.hears_nothing_more(&mut gateway).await;
}
