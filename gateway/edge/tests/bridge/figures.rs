//! What is counted, and what a browser is told of a call that the gateway doesn't carry.

use sidetone_edge::{CallKind, Caller, SoundPath, UpstreamFigures};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};

use crate::calls::{INVITE, from_browser, from_pbx, incoming, registered};
use crate::support::{Gateway, dialog_of, statistics};

/// The answered calls of the one upstream; all that is not there is 0.
fn answered(gateway: &Gateway) -> Vec<(CallKind, u64)> {
    let [UpstreamFigures { name, answered, .. }] = &gateway.bridge.figures()[..] else {
        panic!("one upstream");
    };
    assert_eq!(name, "office");
    let counted = answered.iter().filter(|(_, count)| *count > 0);
    counted.copied().collect()
}

const BY_BROWSER: CallKind = CallKind {
    caller: Caller::Browser,
    path: SoundPath::Direct,
};
const BY_PBX: CallKind = CallKind {
    caller: Caller::Pbx,
    path: SoundPath::Direct,
};

#[tokio::test]
async fn a_call_of_the_browser_counts_once_and_its_end_says_that_sound_was_direct() {
    let (mut pbx, gateway, mut browser, _) = registered().await;
    assert!(gateway.bridge.figures()[0].is_reachable);
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    pbx.respond(&invite, 180, "callee", gw).await;
    browser.response(180).await;
    assert_eq!(answered(&gateway), []);
    let mut dialog = None;
    for tag in ["callee", "callee", "another"] {
        pbx.respond(&invite, 200, tag, gw).await;
        dialog = dialog.or(Some(dialog_of(&browser.response(200).await)));
    }
    assert_eq!(answered(&gateway), [(BY_BROWSER, 1)]);
    let dialog = dialog.unwrap();
    for (number, told) in [(8, &["direct"][..]), (9, &[])] {
        browser.send(&from_browser("BYE", number, &dialog)).await;
        let (bye, gw) = pbx.request(Method::Bye).await;
        let mut ok = Response::to(&bye, Status::OK, None);
        // What a PBX says of it is not the gateway's word.
        let name = HeaderName::from("media-statistics");
        ok.headers.push_raw(name, "relay;from=pbx;codec=gold");
        pbx.send_to(ok, gw).await;
        let ended = browser.response(200).await;
        assert_eq!(statistics(&ended.headers), told, "a call ends once");
    }
    assert_eq!(answered(&gateway), [(BY_BROWSER, 1)]);
}

#[tokio::test]
async fn a_call_of_the_pbx_counts_and_its_bye_tells_the_browser() {
    let (mut pbx, gateway, mut browser, contact) = registered().await;
    let gw = gateway.bridge.local_addr();
    pbx.send_to(incoming(&pbx, &contact), gw).await;
    let rings = browser.request(Method::Invite).await;
    let mut ok = Response::to(&rings, Status::OK, Some("here"));
    ok.headers.contact = rings.headers.contact.clone();
    browser.send_message(ok).await;
    pbx.response(200).await;
    assert_eq!(answered(&gateway), [(BY_PBX, 1)]);
    let mut bye = from_pbx(&pbx, "BYE", 4, &contact);
    bye.headers.call_id = "incoming".into();
    let name = HeaderName::from("Media-Statistics");
    bye.headers.push_raw(name, "relay;from=pbx;codec=gold");
    pbx.send_to(bye, gw).await;
    let bye = browser.request(Method::Bye).await;
    assert_eq!(statistics(&bye.headers), ["direct"]);
}

#[tokio::test]
async fn a_call_that_nobody_answers_does_not_count() {
    let (mut pbx, gateway, mut browser, _) = registered().await;
    browser.send(INVITE).await;
    let (invite, gw) = pbx.request(Method::Invite).await;
    pbx.respond(&invite, 486, "callee", gw).await;
    browser.response(486).await;
    assert_eq!(answered(&gateway), []);
}
