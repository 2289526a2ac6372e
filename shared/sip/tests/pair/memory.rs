//! What a registrar remembers of requests that it has answered.

use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{Answer, Config, Event, Input, Method, RequestId, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{B, FLOW, Link, Pair, config};

/// B, which takes registrations; what it says goes nowhere.
fn registrar() -> Pair {
    let b = Config {
        accepts: vec![Method::Register],
        ..config("b")
    };
    let mut pair = Pair::with(Link::new(Transport::Ws), config("a"), b);
    pair.link.is_scripted = true;
    pair
}

/// A REGISTER by the branch of this number.
fn register(branch: u32, cseq: u32) -> String {
    format!(
        "REGISTER sip:b.test SIP/2.0\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK{branch}\n\
         Max-Forwards: 70\nFrom: <sip:101@b.test>;tag=f\nTo: <sip:101@b.test>\n\
         Call-ID: r\nCSeq: {cseq} REGISTER\nContact: <sip:101@a.invalid>\n\
         Content-Length: 0\n\n"
    )
}

/// What reaches the application.
fn asked(pair: &mut Pair, text: &str) -> Option<RequestId> {
    pair.receive(B, text);
    match pair.next_event(B)? {
        Event::RequestReceived { id, .. } => Some(id),
        other => panic!("{other:?}"),
    }
}

fn answer(pair: &mut Pair, id: RequestId, status: Status) {
    pair.command(B, |b, now| b.respond(now, id, Answer::of(status)));
}

#[test]
fn the_answer_to_the_last_registration_is_repeated_and_those_before_are_forgotten() {
    let mut pair = registrar();
    for (branch, status) in [(1, Status::UNAUTHORIZED), (2, Status::OK), (3, Status::OK)] {
        let id = asked(&mut pair, &register(branch, branch)).unwrap();
        answer(&mut pair, id, status);
    }
    pair.sent(&["B 401 REGISTER", "B 200 REGISTER", "B 200 REGISTER"]);

    assert_eq!(asked(&mut pair, &register(3, 3)), None);
    pair.sent(&["B 200 REGISTER"]);

    // Nobody repeats the first one; if somebody did, it would be asked anew.
    let id = asked(&mut pair, &register(1, 1)).unwrap();
    answer(&mut pair, id, Status::OK);
    pair.sent(&["B 200 REGISTER"]);
    pair.run(Duration::from_secs(33));
    pair.no_events();
    pair.finish();
}

#[test]
fn a_registration_that_is_unanswered_is_not_forgotten() {
    let mut pair = registrar();
    let first = asked(&mut pair, &register(1, 1)).unwrap();
    let second = asked(&mut pair, &register(2, 2)).unwrap();
    assert_eq!(asked(&mut pair, &register(1, 1)), None);
    pair.sent(&[]);
    answer(&mut pair, second, Status::OK);
    answer(&mut pair, first, Status::BAD_REQUEST);
    pair.sent(&["B 200 REGISTER", "B 400 REGISTER"]);
    pair.run(Duration::from_secs(33));
    pair.no_events();
    pair.finish();
}

#[test]
fn a_copy_that_came_by_another_way_is_known() {
    let mut pair = registrar();
    let id = asked(&mut pair, &register(1, 1)).unwrap();
    assert_eq!(asked(&mut pair, &register(2, 1)), None);
    answer(&mut pair, id, Status::OK);
    pair.sent(&["B 482 REGISTER", "B 200 REGISTER"]);
    pair.run(Duration::from_secs(33));
    pair.finish();
}

/// The answer may have been lost with the old connection.
#[test]
fn the_answer_stays_when_the_phone_comes_by_another_connection() {
    let mut pair = registrar();
    let id = asked(&mut pair, &register(1, 1)).unwrap();
    answer(&mut pair, id, Status::OK);
    let flow = sidetone_sip::FlowId(FLOW.0 + 1);
    let transport = Transport::Ws;
    pair.input(B, Input::TransportUp { flow, transport });
    let bytes = register(2, 2).replace('\n', "\r\n").into_bytes();
    pair.input(B, Input::Received { flow, bytes });
    let asked_anew = pair.next_event(B);
    assert!(matches!(asked_anew, Some(Event::RequestReceived { .. })));
    pair.sent(&["B 200 REGISTER"]);
    assert_eq!(asked(&mut pair, &register(1, 1)), None);
    pair.sent(&["B 200 REGISTER"]);
    pair.run(Duration::from_secs(33));
    pair.no_events();
    pair.finish();
}
