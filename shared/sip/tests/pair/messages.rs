//! Messages between people (RFC 3428), and who writes one (RFC 3994).

use std::time::Duration;

use sidetone_sip::message::{HeaderName, Transport};
use sidetone_sip::messaging::{Composer, ComposingPeer, Content, Delivery, InstantMessage};
use sidetone_sip::packages::IsComposing;
use sidetone_sip::{
    Answer, Body, CommandError, Config, Event, Message, Method, Moment, NoResponse, Origin,
    OutgoingId, OutgoingRequest, Request, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, FLOW, Link, Pair, account, address, config, uri};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, leave, respond};

const S: fn(u64) -> Duration = Duration::from_secs;

fn origin() -> Origin {
    Origin::Explicit {
        flow: FLOW,
        from: address("sip:101@demo.test"),
        contact: address("sip:a@a.invalid"),
    }
}

fn message(body: Body) -> OutgoingRequest {
    OutgoingRequest::message(origin(), uri("sip:102@demo.test"), body)
}

/// B takes messages.
fn pair(transport: Transport) -> Pair {
    let b = Config {
        accepts: vec![Method::Message],
        ..config("b")
    };
    Pair::with(Link::new(transport), config("a"), b)
}

fn send(pair: &mut Pair, body: Body) -> OutgoingId {
    pair.command(A, |a, now| a.request(now, message(body)))
}

/// Reads the MESSAGE that came, and answers it.
fn take(pair: &mut Pair, answer: fn() -> Answer) -> Result<InstantMessage, Status> {
    pair.settle();
    let Event::RequestReceived { id, request, .. } = pair.event(B) else {
        panic!("no message");
    };
    let read = InstantMessage::read(&request, &["image/png"]);
    let answer = match &read {
        Ok(_) => answer(),
        Err(refusal) => refusal.clone(),
    };
    pair.command(B, |b, now| b.respond(now, id, answer));
    pair.settle();
    read.map_err(|refusal| refusal.status)
}

fn delivery(pair: &mut Pair, expected: OutgoingId) -> Delivery {
    match pair.event(A) {
        Event::RequestAnswered { id, outcome } if id == expected => Delivery::of(&outcome),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_read_and_its_author_hears_so() {
    let mut pair = pair(Transport::Udp);
    for (answer, expected) in [
        (InstantMessage::taken as fn() -> Answer, Delivery::Delivered),
        (InstantMessage::stored, Delivery::Stored),
    ] {
        let id = send(&mut pair, Body::text("Hé <b>llo</b>"));
        let read = take(&mut pair, answer).unwrap();
        assert_eq!(read.content, Content::Text("Hé <b>llo</b>".to_owned()));
        assert_eq!(read.from.uri, uri("sip:101@demo.test"));
        assert_eq!(read.to.uri, uri("sip:102@demo.test"));
        assert_eq!(delivery(&mut pair, id), expected);
        let sent = pair.last_request(&Method::Message);
        assert_eq!(read.call_id, sent.headers.call_id);
        // RFC 3428 §4, §7: no dialog, so no Contact; and no body in the answer.
        assert_eq!(sent.headers.contact.list(), []);
        let status = if expected == Delivery::Stored {
            202
        } else {
            200
        };
        let answer = pair.last_response(status, &Method::Message);
        assert_eq!(answer.headers.contact.list(), []);
        assert!(answer.body.is_empty());
    }
    pair.trace();
    pair.finish();
}

#[test]
fn an_author_hears_why_a_message_did_not_arrive() {
    let mut pair = Pair::scripted();
    for (status, may_be_repeated, words) in [
        (401, false, "Sign in again."),
        (403, false, "It was refused."),
        (404, false, "Check it."),
        (405, false, "takes no messages."),
        (413, false, "in several parts."),
        (415, false, "of this kind."),
        (480, true, "Send it again later."),
        (486, true, "is busy. Send it again later."),
        (
            503,
            true,
            "The server can't deliver it at the moment. Send it again later.",
        ),
        (499, false, "It was refused: 499 Request Failure."),
    ] {
        let id = send(&mut pair, Body::text("Hi"));
        pair.answer(&Method::Message, status, "b");
        let delivery = delivery(&mut pair, id);
        let is_meant =
            matches!(&delivery, Delivery::Failed { status: s, .. } if s.code() == status);
        assert!(is_meant, "{delivery:?}");
        assert!(delivery.to_string().ends_with(words), "{delivery}");
        assert_eq!(delivery.may_be_repeated(), may_be_repeated, "{delivery}");
    }
    let id = send(&mut pair, Body::text("Hi"));
    pair.answer(&Method::Message, 408, "b");
    assert_eq!(delivery(&mut pair, id), Delivery::TimedOut);
    let id = send(&mut pair, Body::text("Hi"));
    pair.run(S(32));
    let late = delivery(&mut pair, id);
    assert_eq!(late, Delivery::TimedOut);
    assert!(late.may_be_repeated());
    let id = send(&mut pair, Body::text("Hi"));
    pair.flow_down();
    let lost = delivery(&mut pair, id);
    assert_eq!(lost, Delivery::of(&Err(NoResponse::FlowDown)));
    assert_eq!(lost, Delivery::ConnectionLost);
    assert!(lost.may_be_repeated());
    let no_flow = pair.try_command(A, |a, now| a.request(now, message(Body::text("Hi"))));
    assert_eq!(no_flow, Err(CommandError::NoFlow));
    pair.trace();
    pair.finish();
}

/// The largest text that is sent, and the size of the MESSAGE it makes.
fn largest(pair: &mut Pair) -> (usize, usize) {
    let mut fits = 0;
    let too_large = loop {
        let body = Body::text(&"x".repeat(fits + 1));
        match pair.try_command(A, |a, now| a.request(now, message(body))) {
            Ok(_) => fits += 1,
            Err(refused) => break refused,
        }
        pair.answer(&Method::Message, 200, "b");
        pair.event(A);
    };
    let sent = pair.last_request(&Method::Message).clone();
    let size = Message::Request(sent).to_bytes().len();
    let limit = match too_large {
        CommandError::TooLarge { size, limit } => {
            assert_eq!(size, limit + 1);
            limit
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(size, limit);
    pair.no_events();
    (fits, size)
}

#[test]
fn a_message_is_as_large_as_its_way_allows() {
    // RFC 3428 §8: 1300 bytes with all headers.
    for transport in [Transport::Udp, Transport::Ws] {
        let mut pair = pair(transport);
        pair.link.is_scripted = true;
        assert_eq!(largest(&mut pair).1, 1300);
    }
    // Where every hop is known to take more, more may be set; over UDP that doesn't count.
    for (transport, expected) in [(Transport::Udp, 1300), (Transport::Ws, 2000)] {
        let a = Config {
            largest_message: 2000,
            ..config("a")
        };
        let mut pair = Pair::with(Link::new(transport), a, config("b"));
        pair.link.is_scripted = true;
        assert_eq!(largest(&mut pair).1, expected);
    }
}

#[test]
fn room_is_left_for_credentials() {
    const HOME: &str = r#"Digest realm="home", nonce="0123456789abcdef", opaque="o", qop="auth", algorithm=SHA-256"#;
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    let message = |length: usize| OutgoingRequest {
        origin: Origin::Account(id),
        ..message(Body::text(&"x".repeat(length)))
    };
    let fits = (1..1300).rev().find(|length| {
        let sent = pair.try_command(A, |a, now| a.request(now, message(*length)));
        sent.is_ok()
    });
    assert!(fits.is_some_and(|fits| fits > 400), "{fits:?}");
    let request = pair.last_request(&Method::Message).clone();
    let mut response = pair.response(&request, 401, "m");
    let fresh = HOME.replace("0123", "4567");
    response
        .headers
        .push_raw(HeaderName::WwwAuthenticate, fresh);
    pair.deliver(A, &Message::Response(response));
    let again = pair.last_request(&Method::Message).clone();
    assert!(
        again
            .headers
            .raw(&HeaderName::Authorization)
            .next()
            .is_some()
    );
    let size = Message::Request(again).to_bytes().len();
    assert!((1200..=1300).contains(&size), "{size}");
    pair.answer(&Method::Message, 200, "m");
    pair.event(A);
    pair.sent(&["A MESSAGE", "A MESSAGE"]);
    leave(pair, id);
}

fn received(content_type: Option<&str>, bytes: &[u8]) -> Request {
    let cseq = sidetone_sip::message::CSeq {
        number: 1,
        method: Method::Message,
    };
    let at = address("sip:a@a.test");
    let headers = sidetone_sip::Headers::new(at.clone(), at, "c".into(), cseq);
    let mut request = Request::new(Method::Message, uri("sip:b@b.test"), headers);
    if let Some(content_type) = content_type {
        request
            .headers
            .push_raw(HeaderName::ContentType, content_type);
    }
    request.body = bytes.to_vec();
    request
}

#[test]
fn what_is_read_and_what_is_refused() {
    let read = |content_type, bytes: &[u8]| {
        let request = received(content_type, bytes);
        let read = InstantMessage::read(&request, &["image/png"]);
        read.map(|read| read.content).map_err(|refusal| {
            let says = refusal.headers.first().map(|h| h.value.to_string());
            (refusal.status.code(), says)
        })
    };
    let text = |text: &str| Ok(Content::Text(text.to_owned()));
    assert_eq!(read(None, b""), text(""));
    assert_eq!(read(Some("text/plain"), "é".as_bytes()), text("é"));
    assert_eq!(
        read(Some("Text/Plain ; charset=\"UTF-8\""), b"a"),
        text("a")
    );
    assert_eq!(
        read(Some("text/plain;charset=ISO-8859-1"), b"\xe9"),
        text("é")
    );
    let image = Body {
        content_type: "image/png".into(),
        bytes: b"\x89".to_vec(),
    };
    assert_eq!(read(Some("image/png"), b"\x89"), Ok(Content::Other(image)));
    let state = IsComposing {
        is_active: true,
        content_type: None,
        refresh: None,
    };
    let bytes = state.to_body().bytes;
    let composing = "application/im-iscomposing+xml";
    assert_eq!(read(Some(composing), &bytes), Ok(Content::Composing(state)));

    let types = "text/plain, application/im-iscomposing+xml, image/png".to_owned();
    let unsupported = Err((415, Some(types)));
    assert_eq!(read(None, b"a"), unsupported);
    assert_eq!(read(Some("text/html"), b"a"), unsupported);
    assert_eq!(read(Some("text"), b"a"), unsupported);
    assert_eq!(read(Some("text/plain;charset=utf-16"), b"a"), unsupported);
    assert_eq!(read(Some("text/plain"), b"\xe9"), Err((400, None)));
    assert_eq!(read(Some(composing), b"<a/>"), Err((400, None)));
    let mut packed = received(Some("text/plain"), b"a");
    packed.headers.push_raw(HeaderName::ContentEncoding, "gzip");
    let refusal = InstantMessage::read(&packed, &[]).unwrap_err();
    assert_eq!(refusal.status, Status::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn a_kind_of_message_that_is_not_taken_is_refused_with_those_that_are() {
    let mut pair = pair(Transport::Ws);
    let html = Body {
        content_type: "text/html".into(),
        bytes: b"<b>".to_vec(),
    };
    let id = send(&mut pair, html);
    let refused = take(&mut pair, InstantMessage::taken);
    assert_eq!(refused, Err(Status::UNSUPPORTED_MEDIA_TYPE));
    let delivery = delivery(&mut pair, id);
    let words = "The other phone can't show a message of this kind.";
    assert_eq!(delivery.to_string(), words);
    pair.sent(&["A MESSAGE", "B 415 MESSAGE"]);
    pair.finish();
}

// Who writes

const fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

/// What is told, if anything: whether somebody writes.
fn told(composer: &mut Composer) -> Option<bool> {
    let state = composer.poll_state()?;
    assert_eq!(state.content_type.as_deref(), Some("text/plain"));
    assert_eq!(state.refresh.is_some(), state.is_active);
    assert_eq!(composer.poll_state(), None);
    Some(state.is_active)
}

#[test]
fn writing_is_told_once_and_its_end_after_a_rest() {
    let mut composer = Composer::new();
    assert_eq!(told(&mut composer), None);
    assert_eq!(composer.next_timer(), None);
    composer.handle_keystroke(at(0));
    assert_eq!(told(&mut composer), Some(true));
    composer.handle_keystroke(at(10));
    assert_eq!(told(&mut composer), None);
    assert_eq!(composer.next_timer(), Some(at(25)));
    composer.handle_timer(at(24));
    assert_eq!(told(&mut composer), None);
    composer.handle_timer(at(25));
    assert_eq!(told(&mut composer), Some(false));
    assert_eq!(composer.next_timer(), None);
    composer.handle_timer(at(99));
    assert_eq!(told(&mut composer), None);
}

#[test]
fn long_writing_is_told_again_before_it_is_forgotten() {
    let (mut composer, mut peer) = (Composer::new(), ComposingPeer::new());
    let mut tellings = Vec::new();
    for second in 0..400 {
        let now = at(second);
        composer.handle_timer(now);
        if second < 300 {
            composer.handle_keystroke(now);
        }
        peer.handle_timer(now);
        if let Some(state) = composer.poll_state() {
            tellings.push((second, state.is_active));
            peer.handle_state(now, &state);
        }
        assert_eq!(peer.is_active(), second < 299 + 15, "{second}");
    }
    assert_eq!(
        tellings,
        [(0, true), (110, true), (220, true), (314, false)]
    );
}

#[test]
fn what_is_sent_needs_no_end_and_what_is_left_off_does() {
    let mut composer = Composer::new();
    composer.handle_keystroke(at(0));
    assert_eq!(told(&mut composer), Some(true));
    composer.handle_sent();
    assert_eq!((told(&mut composer), composer.next_timer()), (None, None));

    composer.handle_keystroke(at(1));
    assert_eq!(told(&mut composer), Some(true));
    composer.handle_left_off();
    assert_eq!(told(&mut composer), Some(false));

    // Nobody heard of it, so nobody has to hear of its end.
    composer.handle_keystroke(at(2));
    composer.handle_left_off();
    assert_eq!(told(&mut composer), None);
    composer.handle_left_off();
    composer.handle_sent();
    assert_eq!(told(&mut composer), None);

    // A refresh that was still to be told makes no difference.
    composer.handle_keystroke(at(4));
    assert_eq!(told(&mut composer), Some(true));
    composer.handle_keystroke(at(110));
    composer.handle_timer(at(114));
    composer.handle_left_off();
    assert_eq!(told(&mut composer), Some(false));

    // Told once that it doesn't want to hear, it hears no more.
    composer.handle_refused();
    composer.handle_keystroke(at(3));
    assert_eq!((told(&mut composer), composer.next_timer()), (None, None));
}

#[test]
fn a_peer_writes_until_its_message_its_word_or_its_time() {
    let state = |is_active, refresh: Option<u64>| IsComposing {
        is_active,
        content_type: None,
        refresh: refresh.map(S),
    };
    let mut peer = ComposingPeer::new();
    assert!(!peer.is_active());
    for (refresh, until) in [
        (None, 120),
        (Some(90), 90),
        (Some(0), 120),
        (Some(86_400), 600),
    ] {
        peer.handle_state(at(0), &state(true, refresh));
        assert_eq!(peer.next_timer(), Some(at(until)));
        peer.handle_timer(at(until - 1));
        assert!(peer.is_active());
        peer.handle_timer(at(until));
        assert!(!peer.is_active());
        assert_eq!(peer.next_timer(), None);
    }
    peer.handle_state(at(0), &state(true, None));
    peer.handle_message();
    assert!(!peer.is_active());
    peer.handle_state(at(0), &state(true, None));
    peer.handle_state(at(1), &state(false, None));
    assert!(!peer.is_active());
}
