use sidetone_sip::{Method, Status};

use crate::support::{Gateway, Pbx, pbx_request, register, request_of};

/// What asks for a registration first.
const EARLY: &str = "MESSAGE sip:202@office.example SIP/2.0
    Via: SIP/2.0/WS b.invalid;branch=z9hG4bKearly
    From: <sip:201@office.example>;tag=caller
    To: <sip:202@office.example>
    Call-ID: early
    CSeq: 1 MESSAGE";

fn dialog(number: u32) -> String {
    format!(
        "From: <sip:202@office.example>;tag=far
         To: <sip:201@office.example>
         Call-ID: stranger{number}
         CSeq: {number} OPTIONS"
    )
}

#[tokio::test]
async fn who_is_registered_speaks_for_himself_only() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH"] {
        browser
            .send(&format!(
                "{method} sip:202@office.example SIP/2.0
                 Via: SIP/2.0/WS b.invalid;branch=z9hG4bK{method}
                 From: <sip:boss@office.example>;tag=caller
                 To: <sip:202@office.example>
                 Call-ID: spoofed{method}
                 CSeq: 1 {method}
                 Contact: <sip:x1@b.invalid;transport=ws>"
            ))
            .await;
        browser.response(403).await;
    }
    browser
        .send(
            "ACK sip:202@office.example SIP/2.0
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bKINVITE
             From: <sip:boss@office.example>;tag=caller
             To: <sip:202@office.example>;tag=x
             Call-ID: spoofedINVITE
             CSeq: 1 ACK",
        )
        .await;
    browser.hears_nothing_more(&mut gateway).await;
    // Nothing of it reached the PBX: what it hears next is this.
    browser.send(&register("one", 2)).await;
    let (request, _) = pbx.request(Method::Register).await;
    assert_eq!(request.headers.cseq.number, 2);
}

#[tokio::test]
async fn nobody_registers_somebody_else() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let third_party = register("one", 1).replace("To: <sip:201@", "To: <sip:boss@");
    browser.send(&third_party).await;
    browser.response(403).await;
    browser.register(&mut pbx, "two").await;
}

#[tokio::test]
async fn a_request_ahead_of_its_registration_waits_for_it() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(EARLY).await;
    // The registration overtakes it.
    browser.register(&mut pbx, "one").await;
    let (message, gw) = pbx.request(Method::Message).await;
    pbx.respond(&message, 200, "x", gw).await;
    browser.response(200).await;
}

#[tokio::test]
async fn a_registration_that_fails_takes_what_waited_with_it() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(EARLY).await;
    browser.send(&register("one", 1)).await;
    let (request, gw) = pbx.request(Method::Register).await;
    pbx.respond(&request, 403, "x", gw).await;
    let heard = [browser.receive().await, browser.receive().await];
    for message in heard {
        let response = crate::support::response(message);
        assert_eq!(response.status, Status::FORBIDDEN, "{response:?}");
    }
}

#[tokio::test]
async fn tokens_that_are_forged_or_of_phones_that_are_gone_ring_nowhere() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let gw = gateway.bridge.local_addr();
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await.uri.to_string();
    let forged = contact.replacen("sip:A", "sip:B", 1);
    assert_ne!(forged, contact);
    let nobody = format!("sip:201@{gw}");
    for (number, uri) in (1..).zip([forged, nobody]) {
        let branch = format!("stranger{number}");
        let request = pbx_request(&pbx, "OPTIONS", &uri, &branch, &dialog(number));
        pbx.send_to(request, gw).await;
        let answer = pbx.response(404).await;
        assert!(answer.headers.to.tag().is_some());
    }
    browser.hears_nothing_more(&mut gateway).await;
    // A registration that ended is nobody's.
    browser
        .send(&register("one", 2).replace("Expires: 600", "Expires: 0"))
        .await;
    let (request, from) = pbx.request(Method::Register).await;
    pbx.respond(&request, 200, "registrar", from).await;
    browser.response(200).await;
    let request = pbx_request(&pbx, "OPTIONS", &contact, "gone", &dialog(3));
    pbx.send_to(request, gw).await;
    pbx.response(480).await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn noise_is_answered_or_dropped_and_disturbs_nobody() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let gw = gateway.bridge.local_addr();
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    for bytes in [
        &b"\x00\xff"[..],
        b"",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"ACK sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n",
    ] {
        pbx.socket.send_to(bytes, gw).await.unwrap();
    }
    let stray = request_of(&format!(
        "BYE sip:nobody@{gw} SIP/2.0
         Via: SIP/2.0/UDP {};branch=z9hG4bKstray
         From: <sip:a@b.example>;tag=a
         To: <sip:c@d.example>;tag=b
         Call-ID: stray
         CSeq: 1 BYE",
        pbx.addr()
    ));
    pbx.send_to(stray, gw).await;
    let answer = pbx.response(481).await;
    assert_eq!(&*answer.headers.call_id, "stray");
    browser.send(&register("one", 2)).await;
    pbx.request(Method::Register).await;
}
