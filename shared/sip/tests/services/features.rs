//! The services of RFC 5359 that are made of calls; its transfers are in [`crate::transfers`].

use std::time::Duration;

use sidetone_sip::message::{
    HeaderName, Privacy, RawHeader, Replaces, SubscriptionState, Substate, TerminationReason,
    TypedHeader,
};
use sidetone_sip::{
    Body, CallFacts, EndedBy, Invite, Package, Refer, SessionEvent, Status, Subscribe,
    SubscriptionEnd, SubscriptionEvent, SubscriptionId, TransferEvent, TransferOutcome,
};

use crate::Script;
use crate::town::{ALICE, BOB, CAROL, Call, DAVE, Town, Who, address};
use crate::transfers::{follow, refuse};

pub(crate) const SCRIPTS: &[Script] = &[
    ("call hold (§2.1)", hold),
    ("consultation hold (§2.2)", consultation_hold),
    ("music on hold (§2.3)", music_on_hold),
    ("unconditional forwarding (§2.7)", forward_always),
    ("forwarding when busy (§2.8)", forward_busy),
    ("forwarding when nobody answers (§2.9)", forward_unanswered),
    ("forwarding in a circle", forward_in_a_circle),
    ("a third party is added (§2.10)", conference),
    ("find me (§2.12)", find_me),
    ("incoming call screening (§2.13)", screening),
    ("call park (§2.15)", park),
    ("call pickup (§2.16)", pickup),
    ("a pickup that comes too late", pickup_too_late),
    ("automatic redial (§2.17)", redial),
    ("a phone starts anew and goes on", started_anew),
    ("a phone starts anew and calls again", called_again),
];

fn hold(town: &mut Town) {
    let call = town.call(ALICE, BOB);
    for who in [ALICE, BOB] {
        town.renegotiate(who, call, "hold");
        town.renegotiate(who, call, "resume");
    }
    town.renegotiate(ALICE, call, "hold");
    town.renegotiate(BOB, call, "hold, too");
    town.hang_up(BOB, call);
}

fn consultation_hold(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    town.renegotiate(ALICE, first, "hold");
    let second = town.call(ALICE, CAROL);
    town.hang_up(ALICE, second);
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(ALICE, first);
}

/// Dave plays music to who is on hold: he makes the offer, Bob the answer.
fn music_on_hold(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let invite = Invite {
        body: None,
        ..town.invitation(ALICE, DAVE)
    };
    let player = town.command(ALICE, |agent, now| agent.invite(now, invite));
    let (plays, _) = town.incoming(DAVE);
    let music = Body::sdp("music");
    town.command(DAVE, |agent, now| agent.accept(now, plays, music));
    let body = match town.heard(ALICE, player) {
        SessionEvent::Accepted { body, .. } => body.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(body, Body::sdp("music"));
    town.renegotiate(ALICE, first, "music");
    let answer = Body::sdp("answer");
    town.command(ALICE, |agent, now| {
        agent.answer_offer(now, player, answer.clone())
    });
    assert_eq!(town.heard(DAVE, plays), SessionEvent::Confirmed);
    let body = Some(answer);
    let answered = SessionEvent::OfferAnswered { body };
    assert_eq!(town.heard(DAVE, plays), answered);
    let music = Call {
        caller: (ALICE, player),
        callee: (DAVE, plays),
    };
    town.hang_up(ALICE, music);
    town.renegotiate(ALICE, first, "resume");
    town.hang_up(BOB, first);
}

/// Alice calls Bob, who sends her to somebody else; it rings there.
fn forwarded(town: &mut Town, call: Call, to: Who) {
    let (who, session) = call.callee;
    let contact = RawHeader {
        name: HeaderName::Contact,
        value: address(to).to_string().into(),
    };
    let moved = Status::MOVED_TEMPORARILY;
    town.command(who, |agent, now| {
        agent.reject(now, session, moved, vec![contact])
    });
    assert_eq!(town.ended(who, session), (EndedBy::Local, Some(moved)));
}

/// What is forwarded comes by the flow it was first made on: Bob's phone plays Carol's.
fn forward(town: &mut Town, call: Call) {
    forwarded(town, call, CAROL);
    let (callee, facts) = town.incoming(BOB);
    assert_eq!(facts, CallFacts::default());
    let second = Call {
        callee: (BOB, callee),
        ..call
    };
    town.answer(second);
    town.hang_up(ALICE, second);
}

fn forward_always(town: &mut Town) {
    let call = town.dial(ALICE, BOB);
    forward(town, call);
}

fn forward_busy(town: &mut Town) {
    let other = town.call(BOB, DAVE);
    let call = town.dial(ALICE, BOB);
    forward(town, call);
    town.hang_up(DAVE, other);
}

fn forward_unanswered(town: &mut Town) {
    let call = town.dial(ALICE, BOB);
    town.run(Duration::from_secs(20));
    forward(town, call);
}

fn forward_in_a_circle(town: &mut Town) {
    let call = town.dial(ALICE, BOB);
    forwarded(town, call, CAROL);
    let (callee, _) = town.incoming(BOB);
    let again = Call {
        callee: (BOB, callee),
        ..call
    };
    forwarded(town, again, BOB);
    let refused = (EndedBy::Refused, Some(Status::MOVED_TEMPORARILY));
    assert_eq!(town.ended(ALICE, call.of(ALICE)), refused);
}

/// Alice mixes: she takes both calls to the mixer.
fn conference(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    town.renegotiate(ALICE, first, "hold");
    let second = town.call(ALICE, CAROL);
    town.renegotiate(ALICE, first, "mixed");
    town.renegotiate(ALICE, second, "mixed");
    town.hang_up(BOB, first);
    town.renegotiate(ALICE, second, "of two");
    town.hang_up(ALICE, second);
}

/// Dave's service looks for Bob, first at home, then at Carol's.
fn find_me(town: &mut Town) {
    let invite = town.invitation(ALICE, DAVE);
    let caller = town.command(ALICE, |agent, now| agent.invite(now, invite));
    let (asked, _) = town.incoming(DAVE);
    let home = town.dial(DAVE, BOB);
    town.run(Duration::from_secs(15));
    let (_, tried) = home.caller;
    town.command(DAVE, |agent, now| agent.end(now, tried, None));
    assert_eq!(town.ended(DAVE, tried), (EndedBy::Local, None));
    let (bob, rang) = home.callee;
    assert_eq!(town.ended(bob, rang), (EndedBy::RemoteCancel, None));
    let found = town.call(DAVE, CAROL);
    let first = Call {
        caller: (ALICE, caller),
        callee: (DAVE, asked),
    };
    town.answer(first);
    town.hang_up(ALICE, first);
    town.hang_up(DAVE, found);
}

fn screening(town: &mut Town) {
    let privacy = RawHeader {
        name: Privacy::NAME,
        value: Privacy::id().to_string().into(),
    };
    let invite = Invite {
        headers: vec![privacy],
        ..town.invitation(ALICE, BOB)
    };
    let caller = town.command(ALICE, |agent, now| agent.invite(now, invite));
    let (callee, facts) = town.incoming(BOB);
    assert!(facts.is_private);
    let call = Call {
        caller: (ALICE, caller),
        callee: (BOB, callee),
    };
    // RFC 5079: Anonymity Disallowed.
    refuse(town, call, Status::new(433).unwrap());
}

/// Who takes the place of `who` towards `peer`; it rings there.
fn take_place(town: &mut Town, new: Who, peer: Who, replaces: &Replaces) -> (Call, CallFacts) {
    let invite = town.invitation(new, peer);
    let caller = town.command(new, |agent, now| {
        agent.invite_replacing(now, invite, replaces)
    });
    let (callee, facts) = town.incoming(peer);
    let call = Call {
        caller: (new, caller),
        callee: (peer, callee),
    };
    (call, facts)
}

/// Alice parks Bob at Dave's, and Carol takes him from there.
fn park(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let own = first.of(ALICE);
    let refer = Refer {
        target: address(DAVE),
        referred_by: Some(address(ALICE)),
        wants_reports: true,
    };
    town.command(ALICE, |agent, now| agent.refer(now, own, refer));
    let (parked, _) = follow(town, first.peer(ALICE), ALICE);
    town.answer(parked);
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(town.transfer(ALICE, own), done);
    town.hang_up(ALICE, first);
    let replaces = town.agent(DAVE).replaces_of(parked.of(DAVE)).unwrap();
    assert!(!replaces.early_only);
    let (taken, facts) = take_place(town, CAROL, BOB, &replaces);
    assert_eq!(facts.replaces, Some(parked.of(BOB)));
    town.answer(taken);
    let replaced = (EndedBy::Replaced(taken.of(BOB)), None);
    assert_eq!(town.ended(BOB, parked.of(BOB)), replaced);
    let ended = town.ended(DAVE, parked.of(DAVE));
    assert_eq!(ended, (EndedBy::RemoteBye, None));
    town.hang_up(CAROL, taken);
}

/// Alice calls Bob, and Carol picks it up.
fn pickup(town: &mut Town) {
    let (first, second, facts) = picked(town);
    // Alice's phone knows the call only if the ringing was heard.
    let Some(replaced) = facts.replaces else {
        panic!("{facts:?}");
    };
    assert_eq!(replaced, first.of(ALICE));
    town.answer(second);
    let by = EndedBy::Replaced(second.of(ALICE));
    assert_eq!(town.ended(ALICE, replaced), (by, None));
    let ended = town.ended(BOB, first.of(BOB));
    assert_eq!(ended, (EndedBy::RemoteCancel, None));
    town.hang_up(ALICE, second);
}

fn picked(town: &mut Town) -> (Call, Call, CallFacts) {
    let first = town.dial(ALICE, BOB);
    town.ringing(ALICE, first.of(ALICE));
    let replaces = town.agent(BOB).replaces_of(first.of(BOB)).unwrap();
    assert!(replaces.early_only);
    let (second, facts) = take_place(town, CAROL, ALICE, &replaces);
    (first, second, facts)
}

fn pickup_too_late(town: &mut Town) {
    let (first, second, facts) = picked(town);
    assert_eq!(facts.replaces, Some(first.of(ALICE)));
    town.answer(first);
    let (alice, taken) = second.callee;
    town.command(alice, |agent, now| {
        agent.accept(now, taken, Body::sdp("answer"))
    });
    let busy = Some(Status::BUSY_HERE);
    assert_eq!(town.ended(alice, taken), (EndedBy::Local, busy));
    let (carol, picks) = second.caller;
    assert_eq!(town.ended(carol, picks), (EndedBy::Refused, busy));
    town.hang_up(BOB, first);
}

/// Bob is busy; Alice's phone calls again when he is free.
fn redial(town: &mut Town) {
    let other = town.call(DAVE, BOB);
    let call = town.dial(ALICE, BOB);
    refuse(town, call, Status::BUSY_HERE);
    let bob = address(BOB);
    let wish = Subscribe {
        origin: town.origin(ALICE, BOB),
        target: bob.uri.clone(),
        to: bob,
        packages: vec![Package::DIALOG],
        expires: 600,
        headers: Vec::new(),
    };
    let own = town.command(ALICE, |agent, now| agent.subscribe(now, wish));
    let (watcher, event) = town.told(BOB);
    assert!(matches!(event, SubscriptionEvent::Requested { .. }));
    let state = |text: &str| {
        Some(Body {
            content_type: "application/dialog-info+xml".into(),
            bytes: text.as_bytes().to_vec(),
        })
    };
    town.command(BOB, |agent, now| {
        agent.accept_subscription(now, watcher, 600, false, state("busy"))
    });
    assert_eq!(notified(town, own), (Substate::Active, state("busy")));
    town.hang_up(DAVE, other);
    let over = SubscriptionState::terminated(TerminationReason::NoResource);
    town.command(BOB, |agent, now| {
        agent.end_subscription(now, watcher, over, state("free"))
    });
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::Local);
    assert_eq!(town.told(BOB), (watcher, ended));
    assert_eq!(notified(town, own), (Substate::Terminated, state("free")));
    let reason = Some(TerminationReason::NoResource);
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::Terminated(reason));
    assert_eq!(town.told(ALICE), (own, ended));
    let again = town.call(ALICE, BOB);
    town.hang_up(ALICE, again);
}

/// Alice's phone is lost with all it knew but the call.
fn started_anew(town: &mut Town) {
    let first = town.call(ALICE, BOB);
    let state = town.agent(ALICE).export_call(first.of(ALICE)).unwrap();
    town.renegotiate(ALICE, first, "hold");
    town.start_anew(ALICE);
    let origin = town.origin(ALICE, BOB);
    let again = town.command(ALICE, |agent, now| agent.restore_call(now, origin, &state));
    let call = Call {
        caller: (ALICE, again),
        ..first
    };
    town.renegotiate(ALICE, call, "resume");
    town.renegotiate(BOB, call, "hold");
    town.hang_up(BOB, call);
}

fn called_again(town: &mut Town) {
    let first = town.call(BOB, ALICE);
    let state = town.agent(ALICE).export_call(first.of(ALICE)).unwrap();
    // What comes twice would be new to the new one.
    town.run(Duration::from_secs(20));
    town.start_anew(ALICE);
    let origin = town.origin(ALICE, BOB);
    let offer = Some(Body::sdp("offer"));
    let caller = town.command(ALICE, |agent, now| {
        agent.replace_call(now, origin, &state, offer)
    });
    let (callee, facts) = town.incoming(BOB);
    assert_eq!(facts.replaces, Some(first.of(BOB)));
    let second = Call {
        caller: (ALICE, caller),
        callee: (BOB, callee),
    };
    town.answer(second);
    let replaced = (EndedBy::Replaced(callee), None);
    assert_eq!(town.ended(BOB, first.of(BOB)), replaced);
    town.hang_up(ALICE, second);
}

fn notified(town: &mut Town, own: SubscriptionId) -> (Substate, Option<Body>) {
    match town.told(ALICE) {
        (subscription, SubscriptionEvent::Notified { state, body, .. }) => {
            assert_eq!(subscription, own);
            (state, body)
        }
        other => panic!("{other:?}"),
    }
}
