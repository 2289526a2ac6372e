use std::time::Duration;

use sidetone_edge::UpstreamConfig;
use sidetone_sip::{Message, Method, Response, Status};

use crate::support::{
    Browser, Gateway, Pbx, granted, parse, register, request, says_when_to_come, soon,
};

/// One that is asked often whether it is alive.
fn watched(pbx: &Pbx) -> UpstreamConfig {
    UpstreamConfig {
        keep_alive: Duration::from_millis(50),
        ..pbx.upstream()
    }
}

/// Answers the gateway's questions, and all registrations with what is granted.
pub(crate) async fn serve(pbx: &Pbx, mut until: impl FnMut(&sidetone_sip::Request) -> bool) {
    let mut buffer = vec![0; 65536];
    loop {
        let received = soon("a message to the PBX", pbx.socket.recv_from(&mut buffer)).await;
        let (length, from) = received.unwrap();
        let Message::Request(asked) = parse(&buffer[..length]) else {
            continue;
        };
        pbx.send_to(granted(&asked), from).await;
        if until(&asked) {
            return;
        }
    }
}

async fn registered(gateway: &Gateway, pbx: &Pbx, number: u32) -> Browser {
    let mut browser = gateway.browser().await;
    browser.send(&register("one", number)).await;
    // Earlier ones may still be repeated.
    serve(pbx, |asked| {
        asked.method == Method::Register && asked.headers.cseq.number == number
    })
    .await;
    browser.response(200).await;
    browser
}

#[tokio::test]
async fn a_pbx_that_is_away_is_missed_by_its_phones_and_back_within_seconds() {
    let pbx = Pbx::start().await;
    let gateway = Gateway::start(watched(&pbx)).await;
    // It has answered before, so that its silence means something.
    serve(&pbx, |asked| asked.method == Method::Options).await;
    let mut browser = registered(&gateway, &pbx, 1).await;
    let addr = pbx.addr();
    drop(pbx);
    // Its phone would take itself for registered; it is sent to learn that it is not.
    browser.closed().await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 2)).await;
    says_when_to_come(&browser.response(503).await);
    // It comes back, and the phone is sent to register anew.
    let socket = tokio::net::UdpSocket::bind(addr).await.unwrap();
    let pbx = Pbx { socket };
    let (_, ()) = tokio::join!(
        async {
            serve(&pbx, |asked| asked.method == Method::Options).await;
        },
        browser.closed(),
    );
    registered(&gateway, &pbx, 3).await;
}

/// A final answer, if there is one before long.
async fn answer_or_none(browser: &mut Browser) -> Option<Response> {
    let answer = tokio::time::timeout(Duration::from_millis(500), browser.receive()).await;
    answer.ok().map(crate::support::response)
}

#[tokio::test]
async fn a_pbx_that_never_answers_options_is_asked_for_all_else() {
    let pbx = Pbx::start().await;
    let gateway = Gateway::start(watched(&pbx)).await;
    let mut browser = gateway.browser().await;
    let mut buffer = vec![0; 65536];
    let mut questions = 0;
    // Two questions stay unanswered, each repeated; then the phone comes.
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        let received = soon("a question", pbx.socket.recv_from(&mut buffer)).await;
        let asked = request(parse(&buffer[..received.unwrap().0]));
        assert_eq!(asked.method, Method::Options);
        seen.insert(asked.headers.call_id.to_string());
        questions += 1;
    }
    assert!(questions >= 2);
    browser.send(&register("one", 1)).await;
    loop {
        let received = soon("the registration", pbx.socket.recv_from(&mut buffer)).await;
        let (length, from) = received.unwrap();
        let asked = request(parse(&buffer[..length]));
        if asked.method == Method::Register {
            pbx.respond(&asked, 200, "pbx", from).await;
            break;
        }
    }
    browser.response(200).await;
}

/// A phone that registered in vain with a PBX that is back since.
async fn unserved() -> (Gateway, Pbx, Browser, u32) {
    let pbx = Pbx::start().await;
    let addr = pbx.addr();
    let gateway = Gateway::start(watched(&pbx)).await;
    serve(&pbx, |asked| asked.method == Method::Options).await;
    drop(pbx);
    let mut browser = gateway.browser().await;
    let mut number = 1;
    browser.send(&register("one", number)).await;
    while soon("an answer", answer_or_none(&mut browser))
        .await
        .is_none()
    {
        number += 1;
        browser.send(&register("one", number)).await;
    }
    let socket = tokio::net::UdpSocket::bind(addr).await.unwrap();
    (gateway, Pbx { socket }, browser, number)
}

#[tokio::test]
async fn a_phone_that_registered_in_vain_is_sent_to_try_again() {
    let (_gateway, pbx, mut browser, _) = unserved().await;
    let ((), ()) = tokio::join!(
        serve(&pbx, |asked| asked.method == Method::Options),
        browser.closed(),
    );
}

/// Registers until it is accepted; false if the phone is sent away before.
async fn registers(pbx: &Pbx, browser: &mut Browser, mut number: u32) -> bool {
    let tries = async {
        loop {
            number += 1;
            match browser.ask(&register("one", number)).await {
                Some(Status::OK) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    };
    tokio::select! {
        () = serve(pbx, |_| false) => unreachable!("it serves for ever"),
        is_accepted = tries => is_accepted,
    }
}

#[tokio::test]
async fn a_phone_that_has_tried_again_by_itself_is_not_sent_away() {
    for _ in 0..10 {
        let (_gateway, pbx, mut browser, number) = unserved().await;
        serve(&pbx, |asked| asked.method == Method::Options).await;
        if !registers(&pbx, &mut browser, number).await {
            // It was too slow this time.
            continue;
        }
        // Longer than one phone is let stay when it is to be sent away, by the gateway's own clock.
        let mut questions = 0;
        serve(&pbx, |asked| {
            questions += u32::from(asked.method == Method::Options);
            questions == 20
        })
        .await;
        let is_there = registers(&pbx, &mut browser, number + 1000).await;
        assert!(is_there, "it was sent away");
        return;
    }
    panic!("it was too slow each time");
}
