//! What is reported on a transfer, and for how long.

use std::time::Duration;

use sidetone_sip::message::{ReferSub, ReferTo, Require, Supported};
use sidetone_sip::{
    Body, CommandError, EndedBy, Invite, Message, Method, Refer, SessionEvent, Status,
    TransferEvent, TransferOutcome,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{end, follow, progress, referred, scripted, to_103, transfer, ws};
use crate::harness::{A, B, address};
use crate::offers::{in_dialog, scripted_call, scripted_end};

#[test]
fn the_application_may_report_by_itself_and_the_latest_counts() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    let early = pair.try_command(B, |b, now| b.report_refer(now, callee, Status::RINGING));
    assert_eq!(early, Err(CommandError::WrongState));
    pair.command(B, |b, now| b.accept_refer(now, callee));
    for status in [Status::RINGING, Status::SESSION_PROGRESS, Status::OK] {
        pair.command(B, |b, now| b.report_refer(now, callee, status));
    }
    let late = pair.try_command(B, |b, now| b.report_refer(now, callee, Status::BUSY_HERE));
    assert_eq!(late, Err(CommandError::WrongState));
    pair.settle();
    pair.sent(&[
        "B 202 REFER",
        "B NOTIFY",
        "A 200 NOTIFY",
        "B NOTIFY",
        "A 200 NOTIFY",
    ]);
    assert_eq!(transfer(&mut pair, A, caller), progress(Status::TRYING));
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(transfer(&mut pair, A, caller), done);
    end(pair, caller, callee);
}

#[test]
fn reports_can_be_waived() {
    let mut pair = ws();
    let (caller, callee) = pair.confirmed_call();
    let silent = Refer {
        wants_reports: false,
        ..to_103()
    };
    pair.command(A, |a, now| a.refer(now, caller, silent));
    pair.settle();
    transfer(&mut pair, B, callee);
    let refer = pair.last_request(&Method::Refer);
    assert_eq!(refer.headers.typed(), Ok(Some(ReferSub(false))));
    pair.command(B, |b, now| b.accept_refer(now, callee));
    pair.settle();
    let accepted = pair.last_response(202, &Method::Refer);
    assert_eq!(accepted.headers.typed(), Ok(Some(ReferSub(false))));
    let done = TransferEvent::Done(TransferOutcome::Unreported);
    assert_eq!(transfer(&mut pair, A, caller), done);
    pair.sent(&["A REFER", "B 202 REFER"]);
    end(pair, caller, callee);
}

#[test]
fn a_refer_may_require_that_nothing_is_reported() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let supported: Supported = invite.headers.typed().unwrap().unwrap();
    assert!(supported.has("norefersub") && !supported.has("replaces"));
    let mut refer = in_dialog(&invite, Method::Refer, 5);
    refer.headers.push(&ReferTo(address("sip:103@c.test")));
    refer.headers.push(&ReferSub(false));
    refer.headers.push(&Require(vec!["norefersub".into()]));
    pair.deliver(A, &Message::Request(refer));
    transfer(&mut pair, A, caller);
    let Invite { origin, body, .. } = pair.invitation();
    let call = pair.command(A, |a, now| a.follow_refer(now, caller, origin, body));
    pair.answer(&Method::Invite, 404, "c");
    assert_eq!(pair.ended(A, call).status, Some(Status::NOT_FOUND));
    let accepted = pair.last_response(202, &Method::Refer);
    assert_eq!(accepted.headers.typed(), Ok(Some(ReferSub(false))));
    pair.sent(&["A 202 REFER", "A INVITE", "A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn nobody_reports_for_ever() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    pair.command(B, |b, now| b.accept_refer(now, callee));
    pair.settle();
    assert_eq!(transfer(&mut pair, A, caller), progress(Status::TRYING));
    pair.run(Duration::from_secs(601));
    let done = match transfer(&mut pair, A, caller) {
        TransferEvent::Done(outcome) => outcome,
        other => panic!("{other:?}"),
    };
    // Whichever of the two waits ends first.
    let timed_out = TransferOutcome::Failed(Status::REQUEST_TIMEOUT);
    assert!(done == timed_out || done == TransferOutcome::Unreported);
    end(pair, caller, callee);
}

#[test]
fn an_undecided_transfer_is_forgotten() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    pair.run(Duration::from_secs(33));
    let failed = TransferOutcome::Failed(Status::REQUEST_TIMEOUT);
    assert_eq!(transfer(&mut pair, A, caller), TransferEvent::Done(failed));
    let late = pair.try_command(B, |b, now| b.accept_refer(now, callee));
    // RFC 3261 §12.2.1.2: a request that is not answered ends the call.
    assert_eq!(late, Err(CommandError::Gone));
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.trace();
    pair.finish();
}

#[test]
fn the_end_of_the_call_ends_its_transfers() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    let (call, target) = follow(&mut pair, (caller, callee));
    pair.command(A, |a, now| a.end(now, caller, None));
    let done = TransferEvent::Done(TransferOutcome::Unreported);
    assert_eq!(transfer(&mut pair, A, caller), done);
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.settle();
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    // The call that was asked for goes on; nobody is told.
    pair.trace();
    pair.command(A, |a, now| a.accept(now, target, Body::sdp("answer")));
    pair.settle();
    assert!(matches!(
        pair.session_event(B, call),
        SessionEvent::Accepted { .. }
    ));
    assert_eq!(pair.session_event(A, target), SessionEvent::Confirmed);
    pair.sent(&["A 200 INVITE", "B ACK"]);
    end(pair, target, call);
}

#[test]
fn a_request_that_waits_for_an_answer_gets_one_at_the_end() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    pair.command(B, |b, now| b.end(now, callee, None));
    assert_eq!(pair.ended(B, callee).by, EndedBy::Local);
    pair.settle();
    transfer(&mut pair, A, caller);
    assert_eq!(pair.ended(A, caller).by, EndedBy::RemoteBye);
    assert_eq!(pair.trace()[..2], ["B BYE", "B 487 REFER"]);
    pair.finish();
}
