//! Which way a request goes.

use sidetone_sip::{Method, Response, Status};

use super::{INVITE, incoming, registered, with_invite};
use crate::support::{pbx_request, request_of};

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
    browser.send(&with_invite("ACK")).await;
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
