use sidetone_sip::{Message, Method, Response, Status};

use crate::support::{Gateway, Pbx, dialog_of, granted, pbx_request, register};

const INVITE: &str = "INVITE sip:202@office.example SIP/2.0
    Via: SIP/2.0/WS b.invalid;branch=z9hG4bKinvite
    From: <sip:201@office.example>;tag=caller
    To: <sip:202@office.example>
    Call-ID: call
    CSeq: 7 INVITE
    Contact: <sip:x1@b.invalid;transport=ws>";

fn bye_of_pbx(pbx: &Pbx, contact: &str) -> sidetone_sip::Request {
    pbx_request(
        pbx,
        "BYE",
        contact,
        "bye",
        "From: <sip:202@office.example>;tag=callee
         To: <sip:201@office.example>;tag=caller
         Call-ID: call
         CSeq: 1 BYE",
    )
}

#[tokio::test]
async fn a_browser_that_comes_back_goes_on_with_what_was_under_way() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    let contact = invite.headers.contact.first().unwrap().uri.to_string();
    pbx.respond(&invite, 180, "callee", gw).await;
    browser.response(180).await;
    drop(browser);
    // The gateway may know or not that nobody is there.
    pbx.respond(&invite, 200, "callee", gw).await;
    let mut again = gateway.browser().await;
    again.send(&register("one", 2)).await;
    let (request, from) = pbx.request(Method::Register).await;
    pbx.send_to(granted(&request), from).await;
    let registered = again.response(200).await;
    assert_eq!(registered.headers.cseq.method, Method::Register);
    // Unacknowledged, the PBX repeats it.
    pbx.respond(&invite, 200, "callee", gw).await;
    pbx.send_to(bye_of_pbx(&pbx, &contact), gw).await;
    let mut answers = 0;
    let bye = loop {
        match again.receive().await {
            Message::Request(request) => break request,
            Message::Response(answer) => {
                assert_eq!(answer.headers.cseq.method, Method::Invite);
                assert_eq!(answer.status, Status::OK);
                assert_eq!(dialog_of(&answer).1.len(), 1);
                answers += 1;
            }
        }
    };
    assert!((1..=2).contains(&answers), "{answers}");
    assert_eq!(bye.method, Method::Bye);
    again
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    pbx.response(200).await;
    again.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn the_old_socket_of_the_same_phone_is_closed() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut first = gateway.browser().await;
    first.register(&mut pbx, "one").await;
    let mut second = gateway.browser().await;
    let contact = second.register(&mut pbx, "one").await.uri.to_string();
    first.closed().await;
    let gw = gateway.bridge.local_addr();
    pbx.send_to(bye_of_pbx(&pbx, &contact), gw).await;
    second.request(Method::Bye).await;
    second.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn another_device_of_the_account_is_another_phone() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut first = gateway.browser().await;
    let one = first.register(&mut pbx, "one").await.uri.to_string();
    let mut second = gateway.browser().await;
    let two = second.register(&mut pbx, "two").await.uri.to_string();
    assert_ne!(one, two);
    let gw = gateway.bridge.local_addr();
    pbx.send_to(bye_of_pbx(&pbx, &one), gw).await;
    first.request(Method::Bye).await;
    second.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn a_device_that_the_pbx_does_not_believe_takes_nothing_over() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut owner = gateway.browser().await;
    let contact = owner.register(&mut pbx, "one").await.uri.to_string();
    let mut thief = gateway.browser().await;
    thief.send(&register("one", 1)).await;
    let (request, gw) = pbx.request(Method::Register).await;
    pbx.respond(&request, 401, "registrar", gw).await;
    thief.response(401).await;
    pbx.send_to(bye_of_pbx(&pbx, &contact), gw).await;
    owner.request(Method::Bye).await;
    thief.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn a_restarted_gateway_routes_the_calls_that_were_up() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.register(&mut pbx, "one").await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    let contact = invite.headers.contact.first().unwrap().uri.to_string();
    pbx.respond(&invite, 200, "callee", gw).await;
    let (target, routes) = dialog_of(&browser.response(200).await);
    let listen = gateway.kill().await;
    let mut gateway = Gateway::start_at(listen, pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    // Within the dialog the browser may go on at once.
    browser
        .send(&format!(
            "INFO {target} SIP/2.0
             Via: SIP/2.0/WS b.invalid;branch=z9hG4bKinfo
             Route: {}
             From: <sip:201@office.example>;tag=caller
             To: <sip:202@office.example>;tag=callee
             Call-ID: call
             CSeq: 8 INFO
             Contact: <sip:x1@b.invalid;transport=ws>",
            routes[0]
        ))
        .await;
    let (info, gw) = pbx.request(Method::Info).await;
    // The phone has the same name as before.
    let after = info.headers.contact.first().unwrap().uri.to_string();
    assert_eq!(after, contact);
    pbx.respond(&info, 200, "callee", gw).await;
    browser.response(200).await;
    // The PBX reaches it once it has registered.
    pbx.send_to(bye_of_pbx(&pbx, &contact), gw).await;
    pbx.response(480).await;
    browser.register(&mut pbx, "one").await;
    let mut bye = bye_of_pbx(&pbx, &contact);
    bye.headers.via[0].params.set("branch", Some("z9hG4bKbye2"));
    pbx.send_to(bye, gw).await;
    let bye = browser.request(Method::Bye).await;
    browser
        .send_message(Response::to(&bye, Status::OK, None))
        .await;
    pbx.response(200).await;
    browser.hears_nothing_more(&mut gateway).await;
}
