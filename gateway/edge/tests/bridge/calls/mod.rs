//! Calls whose sound goes its own way.

mod cancel;
mod routing;
mod whole;

use sidetone_sip::Request;

use crate::support::{Browser, Gateway, Pbx, pbx_request};

pub(crate) async fn registered() -> (Pbx, Gateway, Browser, String) {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    let contact = browser.register(&mut pbx, "one").await;
    (pbx, gateway, browser, contact.uri.to_string())
}

pub(crate) const INVITE: &str = "INVITE sip:202@office.example SIP/2.0
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

/// The request of that method which belongs to the INVITE.
fn with_invite(method: &str) -> String {
    let (head, _) = INVITE.split_once("\n\n").unwrap();
    head.replace("INVITE", method)
}

pub(crate) fn from_browser(
    method: &str,
    number: u32,
    (uri, routes): &(String, Vec<String>),
) -> String {
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

pub(crate) fn from_pbx(pbx: &Pbx, method: &str, number: u32, contact: &str) -> Request {
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
pub(crate) fn incoming(pbx: &Pbx, contact: &str) -> Request {
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
