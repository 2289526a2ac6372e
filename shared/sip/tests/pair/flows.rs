//! Flows that break and come back.

use std::time::Duration;

use sidetone_sip::message::Transport;
use sidetone_sip::{
    Body, CommandError, Config, EndedBy, Event, FlowId, Input, Method, NoResponse, Origin,
    OutgoingRequest, Output, SeededTokens, SessionEvent, Status, UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::calls::hang_up;
use crate::harness::{A, B, FLOW, Link, Pair, config, uri};
use crate::offers::{in_dialog, scripted_call};

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn a_call_survives_a_broken_flow_and_both_ends_make_sure_of_it() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.flow_down();
    pair.run(S(5));
    pair.no_events();
    pair.flow_up();
    pair.settle();
    pair.sent(&["A OPTIONS", "B OPTIONS", "B 200 OPTIONS", "A 200 OPTIONS"]);
    hang_up(pair, caller, callee);
}

#[test]
fn what_is_asked_for_while_the_flow_is_down_is_done_when_it_is_back() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.flow_down();
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("waits")));
    pair.command(B, |b, now| b.end(now, callee, None));
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.run(S(20));
    pair.sent(&[]);
    pair.flow_up();
    pair.settle();
    pair.sent(&[
        "A INFO",
        "A OPTIONS",
        "B BYE",
        "B 481 INFO",
        "B 481 OPTIONS",
        "A 200 BYE",
    ]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    pair.finish();
}

#[test]
fn a_call_whose_peer_is_gone_does_not_linger() {
    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.flow_down();
    pair.flow_up();
    pair.sent(&["A OPTIONS"]);
    pair.answer(&Method::Options, 481, "b");
    let ended = pair.ended(A, caller);
    assert_eq!(
        (ended.by, ended.status),
        (EndedBy::Refused, Some(Status::CALL_DOES_NOT_EXIST))
    );
    pair.answer(&Method::Bye, 481, "b");
    pair.sent(&["A BYE"]);
    pair.finish();

    let mut pair = Pair::scripted();
    let (caller, _) = scripted_call(&mut pair);
    pair.flow_down();
    pair.flow_up();
    pair.run(S(32));
    pair.sent(&["A OPTIONS", "A BYE"]);
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    pair.finish();
}

#[test]
fn a_flow_that_stays_down_ends_no_call_by_itself() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.flow_down();
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("lost")));
    pair.command(B, |b, now| b.offer(now, callee, Body::sdp("lost")));
    pair.run(S(31));
    pair.no_events();
    pair.run(S(2));
    let refused = SessionEvent::OfferRefused {
        status: Status::REQUEST_TIMEOUT,
    };
    assert_eq!(pair.session_event(B, callee), refused);
    pair.no_events();
    // However often it comes back, one probe at a time.
    for _ in 0..3 {
        pair.flow_up();
        pair.flow_down();
    }
    pair.flow_up();
    pair.settle();
    let trace = pair.trace();
    assert_eq!(
        trace
            .iter()
            .filter(|line| line.ends_with("200 OPTIONS"))
            .count(),
        2
    );
    pair.run(S(10));
    pair.sent(&[]);
    hang_up(pair, caller, callee);
}

#[test]
fn hanging_up_on_a_flow_that_stays_down_comes_to_an_end() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.flow_down();
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.command(B, |b, now| b.end(now, callee, None));
    pair.ended(A, caller);
    pair.ended(B, callee);
    pair.finish();
}

#[test]
fn a_request_lost_with_its_flow_is_sent_again_and_served_once() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.info(now, caller, Body::sdp("once")));
    pair.run(Duration::from_millis(10));
    // The INFO arrived, its answer did not.
    pair.flow_down();
    pair.flow_up();
    pair.settle();
    pair.sent(&[
        "A INFO",
        "B 200 INFO",
        "A INFO",
        "A OPTIONS",
        "B OPTIONS",
        "B 200 INFO",
        "B 200 OPTIONS",
        "A 200 OPTIONS",
    ]);
    assert_eq!(
        pair.session_event(B, callee),
        SessionEvent::Info {
            body: Some(Body::sdp("once"))
        }
    );
    hang_up(pair, caller, callee);
}

#[test]
fn an_answer_given_while_the_flow_is_down_arrives_later() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("hold")));
    pair.settle();
    pair.session_event(B, callee);
    pair.flow_down();
    pair.command(B, |b, now| b.answer_offer(now, callee, Body::sdp("held")));
    pair.run(S(3));
    pair.sent(&["A INVITE"]);
    pair.flow_up();
    pair.run(Duration::from_millis(400));
    let held = SessionEvent::OfferAnswered {
        body: Some(Body::sdp("held")),
    };
    assert_eq!(pair.session_event(A, caller), held);
    let trace = pair.trace();
    assert_eq!(trace.iter().filter(|line| *line == "A ACK").count(), 1);
    hang_up(pair, caller, callee);
}

#[test]
fn a_ringing_call_ends_with_its_flow() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.call();
    pair.command(B, |b, now| b.progress(now, callee, Status::RINGING, None));
    pair.settle();
    pair.session_event(A, caller);
    pair.sent(&["A INVITE", "B 180 INVITE"]);
    pair.flow_down();
    assert_eq!(pair.ended(A, caller).by, EndedBy::FlowDown);
    assert_eq!(pair.ended(B, callee).by, EndedBy::FlowDown);
    pair.flow_up();
    pair.settle();
    // Neither knows whether the other was cut off, too.
    pair.sent(&["A CANCEL", "B 480 INVITE", "B 200 CANCEL"]);
    pair.finish();
}

#[test]
fn without_a_flow_nothing_new_begins() {
    let mut pair = Pair::ws();
    pair.flow_down();
    let invite = pair.invitation();
    let origin = invite.origin.clone();
    assert_eq!(
        pair.try_command(A, |a, now| a.invite(now, invite)),
        Err(CommandError::NoFlow)
    );
    let options = || options(origin.clone());
    assert_eq!(
        pair.try_command(A, |a, now| a.request(now, options())),
        Err(CommandError::NoFlow)
    );

    pair.flow_up();
    let id = pair.command(A, |a, now| a.request(now, options()));
    pair.flow_down();
    let outcome = Err(NoResponse::FlowDown);
    assert_eq!(pair.event(A), Event::RequestAnswered { id, outcome });
    pair.sent(&["A OPTIONS"]);
    pair.finish();
}

fn options(origin: Origin) -> OutgoingRequest {
    let target = uri("sip:102@b.test");
    OutgoingRequest {
        origin,
        method: Method::Options,
        target,
        headers: Vec::new(),
        body: None,
    }
}

/// All outputs up to the timeout.
fn outputs(agent: &mut UserAgent) -> Vec<Output> {
    std::iter::from_fn(|| match agent.poll_output() {
        Output::Timeout(_) => None,
        output => Some(output),
    })
    .collect()
}

#[test]
fn a_call_moves_to_the_flow_its_phone_came_back_on() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let other = FlowId(2);
    let now = pair.now;
    let agent = pair.agent(A);
    agent
        .handle_input(now, Input::TransportDown { flow: FLOW })
        .unwrap();
    assert_eq!(outputs(agent), []);
    agent.info(now, caller, Body::sdp("waits")).unwrap();
    assert_eq!(outputs(agent), []);
    agent
        .handle_input(
            now,
            Input::TransportUp {
                flow: other,
                transport: Transport::Ws,
            },
        )
        .unwrap();
    assert_eq!(outputs(agent), []);

    agent.rebind_flow(now, FLOW, other).unwrap();
    let sent = outputs(agent);
    let starts: Vec<String> = sent
        .iter()
        .map(|output| match output {
            Output::Transmit { flow, bytes } if *flow == other => String::from_utf8_lossy(bytes)
                .split(' ')
                .next()
                .unwrap()
                .to_owned(),
            unexpected => panic!("{unexpected:?}"),
        })
        .collect();
    assert_eq!(starts, ["INFO", "OPTIONS"]);

    let bye = in_dialog(&invite, Method::Bye, 1);
    let bytes = bye.to_bytes();
    agent
        .handle_input(now, Input::Received { flow: other, bytes })
        .unwrap();
    let ended = outputs(agent);
    assert!(
        matches!(&ended[0], Output::Transmit { flow, .. } if *flow == other),
        "{ended:?}"
    );
    let Output::Event(Event::Session {
        session,
        event: SessionEvent::Ended(over),
    }) = &ended[1]
    else {
        panic!("{ended:?}");
    };
    assert_eq!((*session, over.by), (caller, EndedBy::RemoteBye));
    assert_eq!(ended.len(), 2);
    // The old flow is of no concern any more.
    agent
        .handle_input(now, Input::TransportDown { flow: FLOW })
        .unwrap();
    assert_eq!(outputs(agent), []);
    agent.handle_input(now + S(40), Input::TimerFired).unwrap();
    assert_eq!(outputs(agent), []);
    assert!(agent.is_idle());
}

fn keeping_alive() -> UserAgent {
    let config = Config {
        keep_alive: Some(S(25)),
        keep_alive_patience: S(10),
        ..config("a")
    };
    let mut agent = UserAgent::new(config, Box::new(SeededTokens::new(1)));
    let up = Input::TransportUp {
        flow: FLOW,
        transport: Transport::Ws,
    };
    agent.handle_input(at(0), up).unwrap();
    assert_eq!(outputs(&mut agent), []);
    agent
}

const fn at(seconds: u64) -> sidetone_sip::Moment {
    sidetone_sip::Moment::from_millis(seconds * 1000)
}

fn ping() -> Vec<Output> {
    vec![Output::Transmit {
        flow: FLOW,
        bytes: b"\r\n\r\n".to_vec(),
    }]
}

fn received(agent: &mut UserAgent, seconds: u64, bytes: &[u8]) -> Vec<Output> {
    let input = Input::Received {
        flow: FLOW,
        bytes: bytes.to_vec(),
    };
    agent.handle_input(at(seconds), input).unwrap();
    outputs(agent)
}

fn fired(agent: &mut UserAgent, seconds: u64) -> Vec<Output> {
    agent.handle_input(at(seconds), Input::TimerFired).unwrap();
    outputs(agent)
}

#[test]
fn an_idle_flow_is_asked_for_a_sign_of_life() {
    let mut agent = keeping_alive();
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(25))));
    assert_eq!(fired(&mut agent, 24), []);
    assert_eq!(fired(&mut agent, 25), ping());
    let alive = vec![Output::Event(Event::FlowAnswered { flow: FLOW })];
    assert_eq!(received(&mut agent, 26, b"\r\n"), alive);
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(51))));
    assert_eq!(fired(&mut agent, 51), ping());
    assert_eq!(fired(&mut agent, 60), []);
    let silent = vec![Output::Event(Event::FlowSilent { flow: FLOW })];
    assert_eq!(fired(&mut agent, 61), silent);
    // Said once.
    assert_eq!(agent.poll_output(), Output::Timeout(None));
    assert_eq!(received(&mut agent, 70, b"\r\n"), alive);
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(95))));
    agent
        .handle_input(at(71), Input::TransportDown { flow: FLOW })
        .unwrap();
    assert_eq!(agent.poll_output(), Output::Timeout(None));
    assert!(agent.is_idle());
}

#[test]
fn a_flow_can_be_probed_at_any_time() {
    let mut agent = keeping_alive();
    agent.probe_flow(at(3), FLOW).unwrap();
    assert_eq!(outputs(&mut agent), ping());
    agent.probe_flow(at(4), FLOW).unwrap();
    assert_eq!(outputs(&mut agent), [], "one at a time");
    let silent = vec![Output::Event(Event::FlowSilent { flow: FLOW })];
    assert_eq!(fired(&mut agent, 13), silent);
    assert_eq!(
        agent.probe_flow(at(14), FlowId(9)),
        Err(CommandError::NoFlow)
    );
}

#[test]
fn a_ping_is_answered() {
    let mut agent = keeping_alive();
    let pong = vec![Output::Transmit {
        flow: FLOW,
        bytes: b"\r\n".to_vec(),
    }];
    assert_eq!(received(&mut agent, 1, b"\r\n\r\n"), pong);
}

#[test]
fn any_response_is_a_sign_of_life() {
    let mut pair = Pair::with(
        Link::new(Transport::Ws),
        Config {
            keep_alive: Some(S(25)),
            ..config("a")
        },
        config("b"),
    );
    let origin = pair.invitation().origin;
    pair.run(S(20));
    pair.command(A, |a, now| a.request(now, options(origin)));
    pair.settle();
    pair.sent(&["A OPTIONS", "B 200 OPTIONS"]);
    assert!(matches!(
        pair.event(A),
        Event::RequestAnswered { outcome: Ok(_), .. }
    ));
    pair.run(S(24));
    pair.sent(&[]);
    pair.run(S(1));
    pair.sent(&["A ping", "B pong"]);
    pair.no_events();
}
