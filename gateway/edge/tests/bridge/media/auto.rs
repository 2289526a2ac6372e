//! A PBX of which nobody said whether it speaks WebRTC.

use sidetone_edge::MediaMode;
use sidetone_sip::auth::{challenges, credentials};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Request, Response, Status};

use super::{World, body, invite, within};
use crate::support::dialog_of;

#[tokio::test]
async fn a_pbx_that_speaks_web_rtc_keeps_its_own_sound() {
    let mut world = World::start(MediaMode::Auto).await;
    let asked = world.browser_asks(&invite(1, "", "offer")).await;
    assert_eq!(body(&asked.body), "offer\r\n");
    let direct = "v=0\r\na=fingerprint:sha-256 00\r\n";
    world.answers(&asked, 200, "callee", direct).await;
    let answer = world.browser.response(200).await;
    assert_eq!(body(&answer.body), direct);
    let rings = world
        .pbx_asks(world.incoming("INVITE", 1, "", direct))
        .await;
    assert_eq!(body(&rings.body), direct);
    world.told_nothing_more().await;
}

#[tokio::test]
async fn a_pbx_that_refuses_web_rtc_is_offered_the_call_anew_and_remembered() {
    let mut world = World::start(MediaMode::Auto).await;
    let asked = world.browser_asks(&invite(7, "", "offer")).await;
    assert_eq!(body(&asked.body), "offer\r\n");
    world.responds(&asked, 488, "refusing").await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.via, asked.headers.via);
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(body(&again.body), "browser offers: offer\r\n");
    assert_eq!(again.headers.call_id, asked.headers.call_id);
    assert_eq!(again.headers.from, asked.headers.from);
    assert_eq!(again.headers.cseq.number, 8);
    assert_ne!(again.headers.via[0].branch(), asked.headers.via[0].branch());
    world.responds(&again, 180, "callee").await;
    let ringing = world.browser.response(180).await;
    assert_eq!(ringing.headers.cseq.number, 7);
    world.answers(&again, 200, "callee", "answer").await;
    let answer = world.browser.response(200).await;
    assert_eq!(answer.headers.cseq.number, 7);
    assert_eq!(body(&answer.body), "pbx answers callee: answer");
    world.confirms_and_hangs_up(7, &dialog_of(&answer)).await;
    // The next call knows it from the start.
    let next = invite(1, "", "offer").replace("Call-ID: call", "Call-ID: next");
    let asked = world.browser_asks(&next).await;
    assert_eq!(body(&asked.body), "browser offers: offer\r\n");
    assert_eq!(asked.headers.cseq.number, 1);
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "pbx answers callee",
            "confirmed callee",
            "closed",
            "anchored",
            "browser offers",
        ])
        .await;
}

#[tokio::test]
async fn an_answer_without_a_fingerprint_is_offered_anew_within_the_call() {
    let mut world = World::start(MediaMode::Auto).await;
    let asked = world.browser_asks(&invite(7, "", "offer")).await;
    world.answers(&asked, 200, "callee", "plain").await;
    let (ack, _) = world.pbx.request(Method::Ack).await;
    assert_eq!(ack.headers.cseq.number, 7);
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(again.headers.to.tag(), Some("callee"));
    assert_eq!(again.headers.cseq.number, 8);
    assert_eq!(
        again.uri.to_string(),
        format!("sip:pbx@{}", world.pbx.addr())
    );
    assert_eq!(body(&again.body), "browser offers: offer\r\n");
    world.answers(&again, 200, "callee", "answer").await;
    let answer = world.browser.response(200).await;
    assert_eq!(answer.headers.cseq.number, 7);
    assert_eq!(body(&answer.body), "pbx answers callee: answer");
    let ack = world
        .browser_asks(&within("ACK", 7, &dialog_of(&answer), ""))
        .await;
    assert_eq!(ack.headers.cseq.number, 8);
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "pbx answers callee",
            "confirmed callee",
        ])
        .await;
}

/// A proof of the password, as the browser gives it after a challenge with this nonce.
fn proof(nonce: &str) -> String {
    format!(
        "\nAuthorization: Digest username=\"201\", realm=\"pbx\", nonce=\"{nonce}\", \
         uri=\"sip:202@office.example\", response=\"00\", qop=auth, cnonce=\"c\", nc=00000001"
    )
}

impl World {
    /// The PBX asks for a proof with this nonce, and hears the ACK.
    async fn challenges(&mut self, request: &Request, nonce: &str) {
        let mut refusal = Response::to(request, Status::UNAUTHORIZED, Some("challenging"));
        let challenge =
            format!("Digest realm=\"pbx\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
        let name = HeaderName::WwwAuthenticate;
        refusal.headers.push_raw(name, challenge);
        self.pbx_sends(refusal).await;
        self.pbx.request(Method::Ack).await;
    }

    /// The browser confirms its INVITE of this number, and hangs up. What it counts, the PBX counts one
    /// further.
    async fn confirms_and_hangs_up(&mut self, number: u32, dialog: &(String, Vec<String>)) {
        let ack = self.browser_asks(&within("ACK", number, dialog, "")).await;
        assert_eq!(ack.headers.cseq.number, number + 1);
        let bye = within("BYE", number + 1, dialog, "");
        let bye = self.browser_asks(&bye).await;
        assert_eq!(bye.headers.cseq.number, number + 2);
        self.responds(&bye, 200, "callee").await;
        let ended = self.browser.response(200).await;
        assert_eq!(ended.headers.cseq.number, number + 1);
    }
}

/// The nonce of each challenge, and whether it says that the one before was stale.
fn challenges_of(response: &Response) -> Vec<(String, bool)> {
    let found = challenges(&response.headers, &HeaderName::WwwAuthenticate);
    let found = found.iter();
    found.map(|it| (it.nonce.to_string(), it.stale)).collect()
}

#[tokio::test]
async fn a_pbx_that_takes_a_proof_of_the_password_only_once_gets_another() {
    let mut world = World::start(MediaMode::Auto).await;
    let asked = world.browser_asks(&invite(7, "", "offer")).await;
    world.challenges(&asked, "n1").await;
    let told = world.browser.response(401).await;
    assert_eq!(challenges_of(&told), [("n1".to_owned(), false)]);
    let asked = world.browser_asks(&invite(8, &proof("n1"), "offer")).await;
    assert_eq!(asked.headers.raw(&HeaderName::Authorization).count(), 1);
    world.responds(&asked, 488, "refusing").await;
    world.pbx.request(Method::Ack).await;
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(again.headers.cseq.number, 9);
    assert_eq!(again.headers.raw(&HeaderName::Authorization).count(), 1);
    world.challenges(&again, "n2").await;
    // It is not the password that was refused.
    let told = world.browser.response(401).await;
    assert_eq!(told.headers.cseq.number, 8);
    assert_eq!(challenges_of(&told), [("n2".to_owned(), true)]);
    let proven = world.browser_asks(&invite(9, &proof("n2"), "offer")).await;
    assert_eq!(proven.headers.cseq.number, 10);
    assert_eq!(body(&proven.body), "browser offers: offer\r\n");
    let shown = credentials(&proven.headers, &HeaderName::Authorization);
    assert_eq!(shown[0].nonce, "n2");
    world.answers(&proven, 200, "callee", "answer").await;
    let answer = world.browser.response(200).await;
    assert_eq!(answer.headers.cseq.number, 9);
    world.confirms_and_hangs_up(9, &dialog_of(&answer)).await;
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "closed",
            "anchored",
            "browser offers",
            "pbx answers callee",
            "confirmed callee",
            "closed",
        ])
        .await;
}

#[tokio::test]
async fn a_call_that_was_answered_without_sound_and_then_challenged_is_ended() {
    let mut world = World::start(MediaMode::Auto).await;
    let asked = world.browser_asks(&invite(7, &proof("n1"), "offer")).await;
    world.answers(&asked, 200, "callee", "plain").await;
    world.pbx.request(Method::Ack).await;
    let (again, _) = world.pbx.request(Method::Invite).await;
    assert_eq!(again.headers.raw(&HeaderName::Authorization).count(), 1);
    world.challenges(&again, "n2").await;
    let (bye, _) = world.pbx.request(Method::Bye).await;
    assert_eq!(bye.headers.to.tag(), Some("callee"));
    assert_eq!(bye.headers.cseq.number, 9);
    assert_eq!(bye.uri, again.uri);
    assert!(bye.body.is_empty());
    world.responds(&bye, 200, "callee").await;
    let told = world.browser.response(401).await;
    assert_eq!(challenges_of(&told), [("n2".to_owned(), false)]);
    let proven = world.browser_asks(&invite(8, &proof("n2"), "offer")).await;
    assert_eq!(proven.headers.to.tag(), None);
    assert_eq!(proven.headers.cseq.number, 10);
    world
        .told_last(&[
            "anchored",
            "browser offers",
            "closed",
            "anchored",
            "browser offers",
        ])
        .await;
}

#[tokio::test]
async fn an_offer_without_a_fingerprint_is_anchored() {
    let mut world = World::start(MediaMode::Auto).await;
    let rings = world
        .pbx_asks(world.incoming("INVITE", 1, "", "plain"))
        .await;
    assert_eq!(body(&rings.body), "pbx offers: plain");
    world.told_last(&["anchored", "pbx offers"]).await;
}
