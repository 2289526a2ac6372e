use sidetone_sip::message::{HeaderName, Host, Transport};
use sidetone_sip::{Method, Response, Status};

use crate::support::{Gateway, Pbx, register, says_when_to_come, upstream};

#[tokio::test]
async fn the_pbx_sees_an_ordinary_phone_and_the_browser_its_own_contact() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let (request, from) = pbx.request(Method::Register).await;
    assert_eq!(request.uri.to_string(), "sip:office.example");
    assert_eq!(from, gateway.bridge.local_addr());
    let headers = &request.headers;
    assert_eq!(&*headers.call_id, "register-one");
    assert_eq!(headers.from.tag(), Some("rone"));
    assert_eq!(headers.cseq.number, 1);
    assert_eq!(headers.max_forwards, Some(69));
    let [via] = &headers.via[..] else {
        panic!("not one Via: {:?}", headers.via)
    };
    assert_eq!(via.transport, Transport::Udp);
    assert_eq!(via.port, Some(from.port()));
    assert!(via.params.has("rport"));
    let contact = headers.contact.first().unwrap();
    let uri = contact.uri.as_sip().unwrap();
    assert_eq!(uri.host, Host::from(from.ip()));
    assert_eq!(uri.port, Some(from.port()));
    assert!(uri.params.is_empty(), "{uri}");
    assert_eq!(contact.instance(), Some("urn:uuid:one"));
    assert_eq!(contact.reg_id(), None);
    let supported: Vec<_> = headers.raw(&HeaderName::Supported).collect();
    assert_eq!(supported, [&"path, gruu"]);
    // The registrar answers with two contacts; one is somebody else's.
    let mut ok = Response::to(&request, Status::OK, Some("registrar"));
    let mut other = contact.clone();
    other.uri = sidetone_sip::Uri::parse("sip:201@192.0.2.9").unwrap();
    let mut ours = contact.clone();
    ours.params.set("expires", Some("300"));
    ok.headers.contact = sidetone_sip::message::Contacts::List(vec![other.clone(), ours]);
    pbx.send_to(ok, from).await;
    let answer = browser.response(200).await;
    let contacts = answer.headers.contact.list();
    assert_eq!(contacts[0], other);
    assert_eq!(contacts[1].uri.to_string(), "sip:x1@b.invalid;transport=ws");
    assert_eq!(contacts[1].expires(), Some(300));
    let [via] = &answer.headers.via[..] else {
        panic!("not one Via: {:?}", answer.headers.via)
    };
    assert_eq!(via.branch(), Some("z9hG4bKreg1one"));
    assert!(answer.headers.record_route.is_empty());
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn challenges_and_their_answers_pass() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let (request, from) = pbx.request(Method::Register).await;
    let mut challenge = Response::to(&request, Status::UNAUTHORIZED, Some("registrar"));
    let realm = "Digest realm=\"office\", nonce=\"n\", algorithm=SHA-256";
    challenge
        .headers
        .push_raw(HeaderName::WwwAuthenticate, realm);
    pbx.send_to(challenge, from).await;
    let challenge = browser.response(401).await;
    let heard: Vec<_> = challenge
        .headers
        .raw(&HeaderName::WwwAuthenticate)
        .collect();
    assert_eq!(heard, [&realm]);
    let answer = "Digest username=\"201\", realm=\"office\", nonce=\"n\", \
                  uri=\"sip:office.example\", response=\"0\"";
    let again = register("one", 2) + "\nAuthorization: " + answer;
    browser.send(&again).await;
    let (request, from) = pbx.request(Method::Register).await;
    let heard: Vec<_> = request.headers.raw(&HeaderName::Authorization).collect();
    assert_eq!(heard, [&answer]);
    pbx.respond(&request, 403, "registrar", from).await;
    browser.response(403).await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn datagrams_that_are_lost_are_repeated_by_the_gateway() {
    let mut pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let (first, _) = pbx.request(Method::Register).await;
    let (second, from) = pbx.request(Method::Register).await;
    assert_eq!(first, second);
    pbx.respond(&second, 200, "registrar", from).await;
    pbx.respond(&second, 200, "registrar", from).await;
    browser.response(200).await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn what_is_for_no_upstream_is_the_switchs() {
    let pbx = Pbx::start().await;
    let mut gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn an_upstream_that_can_not_be_found_is_unavailable_for_a_while() {
    let mut gateway = Gateway::start(upstream("sip:pbx.invalid:5060;transport=udp")).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let answer = browser.response(503).await;
    says_when_to_come(&answer);
    browser.hears_nothing_more(&mut gateway).await;
}

#[tokio::test]
async fn compact_folded_and_joined_headers_are_printed_as_usual() {
    let mut pbx = Pbx::start().await;
    let gateway = Gateway::start(pbx.upstream()).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let (request, from) = pbx.request(Method::Register).await;
    let via = request.headers.via[0].to_string();
    let answer = format!(
        "SIP/2.0 200 Fine\r\nv: {via}\r\nf: <sip:201@office.example>\r\n ;tag=rone\r\n\
         t: <sip:201@office.example>;tag=x\r\ni: register-one\r\nCSEQ:   1\r\n  REGISTER\r\n\
         m: <sip:a@192.0.2.1>, <sip:b@192.0.2.2>\r\nk: a, b\r\nl: 0\r\n\r\n"
    );
    pbx.socket.send_to(answer.as_bytes(), from).await.unwrap();
    let heard = browser.response(200).await;
    assert_eq!(&*heard.reason, "Fine");
    assert_eq!(heard.headers.from.tag(), Some("rone"));
    assert_eq!(heard.headers.contact.list().len(), 2);
    let supported: Vec<_> = heard.headers.raw(&HeaderName::Supported).collect();
    assert_eq!(supported, [&"a, b"]);
}
