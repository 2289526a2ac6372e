//! The transfers of RFC 5589: Alice is the transferor, Bob the transferee, Carol the target.

use sidetone_sip::{
    Body, CallFacts, EndedBy, Refer, SessionEvent, SessionId, Status, TransferEvent,
    TransferOutcome,
};

use crate::Script;
use crate::town::{ALICE, BOB, CAROL, Call, DAVE, Town, Who, address, named};

pub(crate) const SCRIPTS: &[Script] = &[
    ("basic transfer (§6.1)", basic),
    ("failed basic transfer (§6.3)", busy),
    ("target does not answer (§6.4)", unanswered),
    ("transferee declines", declined),
    ("no reports wanted (RFC 4488)", unreported),
    ("attended transfer (§7.3)", attended),
    ("transferee was called", attended_callee),
    ("target refuses, then basic transfer (§7.6)", fallback),
    ("consultation is over when it is to be replaced", too_late),
    ("semi-attended transfer (§7.5)", semi_attended),
    (
        "semi-attended transfer to who does not answer",
        semi_attended_unanswered,
    ),
    (
        "semi-attended transfer of who hangs up",
        semi_attended_abandoned,
    ),
    ("a transferred call is transferred on", twice),
];

const SUCCEEDED: TransferEvent = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));

const fn failed(status: Status) -> TransferEvent {
    TransferEvent::Done(TransferOutcome::Failed(status))
}

fn refer(town: &mut Town, who: Who, call: Call, target: Who) {
    let refer = Refer {
        target: address(target),
        referred_by: Some(address(who)),
        wants_reports: true,
    };
    town.command(who, |agent, now| agent.refer(now, call.of(who), refer));
}

/// The transferee does what it is asked to; at the target it rings.
pub(crate) fn follow(
    town: &mut Town,
    (who, asked): (Who, SessionId),
    referrer: Who,
) -> (Call, CallFacts) {
    let TransferEvent::Requested {
        target,
        referred_by,
        replaces,
    } = town.transfer(who, asked)
    else {
        panic!("no transfer requested");
    };
    assert_eq!(referred_by, Some(Box::new(address(referrer))));
    let target = named(&target.uri);
    let origin = town.origin(who, target);
    let caller = town.command(who, |agent, now| {
        agent.follow_refer(now, asked, origin, Some(Body::sdp("offer")))
    });
    let (callee, facts) = town.incoming(target);
    assert_eq!(facts.referred_by, Some(address(referrer)));
    assert_eq!(facts.replaces.is_some(), replaces.is_some());
    let call = Call {
        caller: (who, caller),
        callee: (target, callee),
    };
    (call, facts)
}

/// The target takes the call for the one it replaces, which ends.
pub(crate) fn take_over(town: &mut Town, new: Call, facts: &CallFacts, old: Call) {
    let (target, taken) = new.callee;
    assert_eq!(facts.replaces, Some(old.of(target)));
    town.answer(new);
    let replaced = town.ended(target, old.of(target));
    assert_eq!(replaced, (EndedBy::Replaced(taken), None));
    let (who, other) = old.peer(target);
    assert_eq!(town.ended(who, other), (EndedBy::RemoteBye, None));
}

fn basic(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    town.renegotiate(ALICE, first, "hold");
    refer(town, ALICE, first, CAROL);
    let (second, _) = follow(town, first.peer(ALICE), ALICE);
    town.answer(second);
    assert_eq!(town.transfer(ALICE, first.of(ALICE)), SUCCEEDED);
    town.hang_up(ALICE, first);
    town.hang_up(BOB, second);
}

fn busy(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    town.renegotiate(ALICE, first, "hold");
    refer(town, ALICE, first, CAROL);
    let (second, _) = follow(town, first.peer(ALICE), ALICE);
    refuse(town, second, Status::BUSY_HERE);
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(Status::BUSY_HERE));
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(ALICE, first);
}

pub(crate) fn refuse(town: &mut Town, call: Call, status: Status) {
    let (who, session) = call.callee;
    town.command(who, |agent, now| {
        agent.reject(now, session, status, Vec::new())
    });
    assert_eq!(town.ended(who, session), (EndedBy::Local, Some(status)));
    let (who, session) = call.caller;
    assert_eq!(town.ended(who, session), (EndedBy::Refused, Some(status)));
}

fn unanswered(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    refer(town, ALICE, first, CAROL);
    let (second, _) = follow(town, first.peer(ALICE), ALICE);
    let (target, rings) = second.callee;
    town.command(target, |agent, now| {
        agent.progress(now, rings, Status::RINGING, None)
    });
    // Bob loses patience.
    let call = second.of(BOB);
    town.command(BOB, |agent, now| agent.end(now, call, None));
    assert_eq!(town.ended(BOB, call), (EndedBy::Local, None));
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(Status::REQUEST_TERMINATED));
    // The CANCEL waits for a provisional response, and one that is lost is not sent again for a
    // minute.
    assert_eq!(town.ended(CAROL, rings).0, EndedBy::RemoteCancel);
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(BOB, first);
}

fn declined(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    refer(town, ALICE, first, CAROL);
    let asked = first.of(BOB);
    let requested = town.transfer(BOB, asked);
    assert!(matches!(requested, TransferEvent::Requested { .. }));
    town.command(BOB, |agent, now| {
        agent.reject_refer(now, asked, Status::DECLINE)
    });
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(Status::DECLINE));
    town.hang_up(BOB, first);
}

fn unreported(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    let refer = Refer {
        target: address(CAROL),
        referred_by: Some(address(ALICE)),
        wants_reports: false,
    };
    let own = first.of(ALICE);
    town.command(ALICE, |agent, now| agent.refer(now, own, refer));
    let (second, _) = follow(town, first.peer(ALICE), ALICE);
    let told = town.transfer(ALICE, own);
    assert_eq!(told, TransferEvent::Done(TransferOutcome::Unreported));
    town.hang_up(ALICE, first);
    town.answer(second);
    town.hang_up(CAROL, second);
}

fn attended(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    transfer_attended(town, first);
}

fn attended_callee(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    transfer_attended(town, first);
}

fn transfer_attended(town: &mut Town, first: Call) {
    town.renegotiate(ALICE, first, "hold");
    let consultation = town.call(ALICE, CAROL);
    town.renegotiate(ALICE, consultation, "hold");
    refer_to_peer(town, first, consultation);
    let (second, facts) = follow(town, first.peer(ALICE), ALICE);
    take_over(town, second, &facts, consultation);
    assert_eq!(town.transfer(ALICE, first.of(ALICE)), SUCCEEDED);
    town.hang_up(ALICE, first);
    town.hang_up(CAROL, second);
}

fn refer_to_peer(town: &mut Town, first: Call, consultation: Call) {
    let (own, consulted) = (first.of(ALICE), consultation.of(ALICE));
    town.command(ALICE, |agent, now| {
        agent.refer_to_peer(now, own, consulted, Some(address(ALICE)))
    });
}

fn fallback(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let consultation = town.call(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    let (second, facts) = follow(town, first.peer(ALICE), ALICE);
    assert_eq!(facts.replaces, Some(consultation.of(CAROL)));
    refuse(town, second, Status::NOT_ACCEPTABLE_HERE);
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(Status::NOT_ACCEPTABLE_HERE));
    // Both calls are as they were.
    town.renegotiate(ALICE, first, "resume");
    town.renegotiate(ALICE, consultation, "hold");
    town.hang_up(ALICE, consultation);
    refer(town, ALICE, first, CAROL);
    let (third, facts) = follow(town, first.peer(ALICE), ALICE);
    assert_eq!(facts.replaces, None);
    town.answer(third);
    assert_eq!(town.transfer(ALICE, first.of(ALICE)), SUCCEEDED);
    town.hang_up(ALICE, first);
    town.hang_up(BOB, third);
}

fn too_late(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let consultation = town.call(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    let asked = first.of(BOB);
    let requested = town.transfer(BOB, asked);
    assert!(matches!(requested, TransferEvent::Requested { .. }));
    town.hang_up(CAROL, consultation);
    let origin = town.origin(BOB, CAROL);
    let call = town.command(BOB, |agent, now| {
        agent.follow_refer(now, asked, origin, Some(Body::sdp("offer")))
    });
    let (by, status) = town.ended(BOB, call);
    assert_eq!(by, EndedBy::Refused);
    // Carol remembers a call that is over for a while only.
    let known = [Status::DECLINE, Status::CALL_DOES_NOT_EXIST];
    let status = status.filter(|status| known.contains(status)).unwrap();
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(status));
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(ALICE, first);
}

fn semi_attended(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    town.renegotiate(ALICE, first, "hold");
    let consultation = town.dial(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    town.answer(consultation);
    let (second, facts) = follow(town, first.peer(ALICE), ALICE);
    take_over(town, second, &facts, consultation);
    assert_eq!(town.transfer(ALICE, first.of(ALICE)), SUCCEEDED);
    town.hang_up(ALICE, first);
    town.hang_up(BOB, second);
}

fn semi_attended_unanswered(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    town.renegotiate(ALICE, first, "hold");
    let consultation = town.dial(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    refuse(town, consultation, Status::TEMPORARILY_UNAVAILABLE);
    let told = town.transfer(ALICE, first.of(ALICE));
    assert_eq!(told, failed(Status::TEMPORARILY_UNAVAILABLE));
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(BOB, first);
}

fn semi_attended_abandoned(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let consultation = town.dial(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    let (own, other) = (first.of(ALICE), first.of(BOB));
    town.command(BOB, |agent, now| agent.end(now, other, None));
    assert_eq!(town.ended(BOB, other), (EndedBy::Local, None));
    let told = town.transfer(ALICE, own);
    assert_eq!(told, TransferEvent::Done(TransferOutcome::Unreported));
    assert_eq!(town.ended(ALICE, own), (EndedBy::RemoteBye, None));
    // Alice keeps the call that she made.
    town.answer(consultation);
    town.hang_up(CAROL, consultation);
}

fn twice(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let consultation = town.call(ALICE, CAROL);
    refer_to_peer(town, first, consultation);
    let (second, facts) = follow(town, first.peer(ALICE), ALICE);
    take_over(town, second, &facts, consultation);
    assert_eq!(town.transfer(ALICE, first.of(ALICE)), SUCCEEDED);
    town.hang_up(ALICE, first);
    // Carol passes Bob on to Dave.
    refer(town, CAROL, second, DAVE);
    let (third, facts) = follow(town, second.peer(CAROL), CAROL);
    assert_eq!(facts.replaces, None);
    town.answer(third);
    let own = second.of(CAROL);
    assert_eq!(town.transfer(CAROL, own), SUCCEEDED);
    town.hang_up(CAROL, second);
    let quiet = SessionEvent::Info {
        body: Some(Body::sdp("thanks")),
    };
    let (dave, session) = third.callee;
    let thanks = Body::sdp("thanks");
    town.command(dave, |agent, now| agent.info(now, session, thanks));
    assert_eq!(town.heard(BOB, third.of(BOB)), quiet);
    town.hang_up(DAVE, third);
}
