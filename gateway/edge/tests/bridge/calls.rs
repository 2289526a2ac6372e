use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{Method, Request, Response, Status};

use crate::support::{Browser, Gateway, Pbx, dialog_of, pbx_request, request_of};

async fn registered() -> (Pbx, Gateway, Browser, String) {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await;
    (pbx, gateway, browser, contact.uri.to_string())
}

const INVITE: &str = "INVITE sip:202@office.example SIP/2.0
    Via: SIP/2.0/WS b.invalid;branch=z9hG4bKinvite
    Max-Forwards: 70
    From: <sip:201@office.example>;tag=caller
    To: <sip:202@office.example>
    Call-ID: call
    CSeq: 7 INVITE
    Contact: <sip:x1@b.invalid;transport=ws>
    P-Asserted-Identity: <sip:boss@office.example>
    Content-Type: application/sdp

    v=0";

fn from_browser(method: &str, number: u32, (uri, routes): &(String, Vec<String>)) -> String {
    let routes: String = routes.iter().map(|r| format!("Route: {r}\n")).collect();
    format!(
        "{method} {uri} SIP/2.0
         Via: SIP/2.0/WS b.invalid;branch=z9hG4bK{method}{number}
         Max-Forwards: 70
         From: <sip:201@office.example>;tag=caller
         To: <sip:202@office.example>;tag=callee
         Call-ID: call
         CSeq: {number} {method}
         {routes}"
    )
    .trim_end()
    .to_owned()
}

fn from_pbx(pbx: &Pbx, method: &str, number: u32, contact: &str) -> Request {
    pbx_request(
        pbx,
        method,
        contact,
        &format!("p{method}{number}"),
        &format!(
            "From: <sip:202@office.example>;tag=callee
             To: <sip:201@office.example>;tag=caller
             Call-ID: call
             CSeq: {number} {method}"
        ),
    )
}

/// An incoming call up to the browser's INVITE.
fn incoming(pbx: &Pbx, contact: &str) -> Request {
    pbx_request(
        pbx,
        "INVITE",
        contact,
        "in",
        "From: <sip:202@office.example>;tag=far
         To: <sip:201@office.example>
         Call-ID: incoming
         CSeq: 3 INVITE
         Record-Route: <sip:192.0.2.7;lr>",
    )
}

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

#[tokio::test]
async fn the_route_set_of_the_called_is_that_of_the_pbx() {
    let (mut pbx, gateway, mut browser, contact) = registered().await;
    let gw = gateway.bridge.local_addr();
    pbx.send_to(incoming(&pbx, &contact), gw).await;
    let rings = browser.request(Method::Invite).await;
    let mut ok = Response::to(&rings, Status::OK, Some("here"));
    let own = sidetone_sip::Uri::parse("sip:x1@b.invalid;transport=ws").unwrap();
    ok.headers.contact = sidetone_sip::message::Contacts::one(sidetone_sip::Address::new(own));
    browser.send_message(ok).await;
    let answer = pbx.response(200).await;
    let routes: Vec<String> = answer
        .headers
        .record_route
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        routes,
        ["<sip:192.0.2.7;lr>"],
        "an ordinary phone adds none"
    );
    let target = answer.headers.contact.first().unwrap().uri.to_string();
    assert!(target.ends_with(&gw.to_string()), "{target}");
    // The ACK comes to that Contact, and so does a BYE.
    for (number, method) in [(3, "ACK"), (4, "BYE")] {
        let request = pbx_request(
            &pbx,
            method,
            &target,
            method,
            &format!(
                "From: <sip:202@office.example>;tag=far
                 To: <sip:201@office.example>;tag=here
                 Call-ID: incoming
                 CSeq: {number} {method}"
            ),
        );
        pbx.send_to(request, gw).await;
        let heard = crate::support::request(browser.receive().await);
        assert_eq!(heard.method.as_str(), method);
        assert_eq!(heard.uri.to_string(), "sip:x1@b.invalid;transport=ws");
    }
    // What the browser asks goes by the gateway first, then by the PBX's own hops.
    let routes: String = rings
        .headers
        .record_route
        .iter()
        .map(|route| format!("Route: {route}\n"))
        .collect();
    browser
        .send(&format!(
            "OPTIONS sip:pbx@{} SIP/2.0
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bKasks
             From: <sip:201@office.example>;tag=here
             To: <sip:202@office.example>;tag=far
             Call-ID: incoming
             CSeq: 1 OPTIONS
             {}",
            pbx.addr(),
            routes.trim_end()
        ))
        .await;
    let (asked, _) = pbx.request(Method::Options).await;
    let routes: Vec<String> = asked
        .headers
        .route
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(routes, ["<sip:192.0.2.7;lr>"]);
}

#[tokio::test]
async fn a_cancel_waits_for_the_first_word_of_the_pbx() {
    let (mut pbx, mut gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    let cancel = INVITE
        .split("\n\n")
        .next()
        .unwrap()
        .replace("INVITE", "CANCEL");
    browser.send(&(cancel + "\nReason: SIP;cause=200")).await;
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
    browser
        .send(
            &INVITE
                .split("\n\n")
                .next()
                .unwrap()
                .replace("INVITE", "ACK"),
        )
        .await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn an_answer_that_crosses_a_cancel_is_the_browsers_to_end() {
    let (mut pbx, gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    pbx.respond(&invite, 180, "callee", gw).await;
    browser.response(180).await;
    let cancel = INVITE
        .split("\n\n")
        .next()
        .unwrap()
        .replace("INVITE", "CANCEL");
    browser.send(&cancel).await;
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

#[tokio::test]
async fn every_branch_of_a_fork_is_heard() {
    let (mut pbx, gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    for tag in ["one", "two"] {
        pbx.respond(&invite, 183, tag, gw).await;
        let early = browser.response(183).await;
        assert_eq!(early.headers.to.tag(), Some(tag));
        assert_eq!(early.headers.record_route.len(), 1);
    }
    for tag in ["one", "two"] {
        pbx.respond(&invite, 200, tag, gw).await;
        let answer = browser.response(200).await;
        assert_eq!(answer.headers.to.tag(), Some(tag));
    }
    drop(gateway);
}

#[tokio::test]
async fn a_transfer_to_an_address_of_the_pbx_goes_by_the_pbx() {
    let (mut pbx, _gateway, mut browser, _) = registered().await;
    let invite = INVITE.replace("sip:202@office.example SIP", "sip:202@192.0.2.50:5080 SIP");
    browser.send(&invite).await;
    let (heard, _) = pbx.request(Method::Invite).await;
    assert_eq!(heard.uri.to_string(), "sip:202@192.0.2.50:5080");
}

#[tokio::test]
async fn hops_are_counted() {
    let (mut pbx, mut gateway, mut browser, contact) = registered().await;
    let used_up = INVITE.replace("Max-Forwards: 70", "Max-Forwards: 0");
    browser.send(&used_up).await;
    browser.response(483).await;
    browser
        .send(
            &used_up
                .split("\n\n")
                .next()
                .unwrap()
                .replace("INVITE", "ACK"),
        )
        .await;
    let mut message = request_of(&format!(
        "MESSAGE {contact} SIP/2.0
         Via: SIP/2.0/UDP {};branch=z9hG4bKm;rport
         Max-Forwards: 0
         From: <sip:202@office.example>;tag=m
         To: <sip:201@office.example>
         Call-ID: message
         CSeq: 1 MESSAGE",
        pbx.addr()
    ));
    pbx.send_to(message.clone(), gateway.bridge.local_addr())
        .await;
    pbx.response(483).await;
    message.headers.max_forwards = None;
    message.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKm2"));
    pbx.send_to(message, gateway.bridge.local_addr()).await;
    let heard = browser.request(Method::Message).await;
    assert_eq!(heard.headers.max_forwards, Some(70));
    browser
        .send_message(Response::to(&heard, Status::OK, Some("m")))
        .await;
    pbx.response(200).await;
    browser.hears_nothing_more(&mut gateway).await;
}
