//! Transfers by REFER: the transferor, the transferee and what is reported.

mod reports;
mod scripted;

use std::time::Duration;

use sidetone_sip::message::{
    HeaderName, Join, ReferSub, ReferTo, ReferredBy, Replaces, SubscriptionState, TargetDialog,
    TerminationReason, Transport, TypedHeader,
};
use sidetone_sip::{
    Body, CommandError, Config, EndedBy, Invite, Method, Refer, SessionEvent, SessionId, Status,
    TransferEvent, TransferOutcome,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Link, Pair, Side, address, config, uri};

fn pair_on(link: Link) -> Pair {
    let takes = |name| Config {
        takes_transfers: true,
        ..config(name)
    };
    Pair::with(link, takes("a"), takes("b"))
}

fn ws() -> Pair {
    pair_on(Link::new(Transport::Ws))
}

fn scripted() -> Pair {
    let mut pair = ws();
    pair.link.is_scripted = true;
    pair
}

fn to_103() -> Refer {
    Refer {
        target: address("sip:103@c.test"),
        referred_by: Some(address("sip:101@a.test")),
        wants_reports: true,
    }
}

fn transfer(pair: &mut Pair, side: Side, session: SessionId) -> TransferEvent {
    match pair.session_event(side, session) {
        SessionEvent::Transfer(event) => event,
        other => panic!("{side:?} has {other:?}"),
    }
}

const fn progress(status: Status) -> TransferEvent {
    TransferEvent::Progress { status }
}

/// A asks B, in a confirmed call, to call 103; B knows.
fn referred(pair: &mut Pair) -> (SessionId, SessionId) {
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    pair.settle();
    let requested = TransferEvent::Requested {
        target: Box::new(address("sip:103@c.test")),
        referred_by: Some(Box::new(address("sip:101@a.test"))),
        replaces: None,
    };
    assert_eq!(transfer(pair, B, callee), requested);
    pair.sent(&["A REFER"]);
    (caller, callee)
}

/// B calls as it was asked to; the other end of the link plays 103.
fn follow(pair: &mut Pair, (caller, callee): (SessionId, SessionId)) -> (SessionId, SessionId) {
    let Invite { origin, body, .. } = pair.invitation();
    let call = pair.command(B, |b, now| b.follow_refer(now, callee, origin, body));
    pair.settle();
    assert_eq!(transfer(pair, A, caller), progress(Status::TRYING));
    let target = pair.incoming(A);
    (call, target)
}

#[test]
fn a_blind_transfer_is_followed_to_its_end() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    let (call, target) = follow(&mut pair, (caller, callee));
    let invite = pair.last_request(&Method::Invite);
    assert_eq!(invite.uri, uri("sip:103@c.test"));
    assert_eq!(invite.headers.to, address("sip:103@c.test"));
    let referrer: Option<ReferredBy> = invite.headers.typed().unwrap();
    assert_eq!(referrer, Some(ReferredBy(address("sip:101@a.test"))));
    pair.sent(&["B 202 REFER", "B NOTIFY", "B INVITE", "A 200 NOTIFY"]);

    pair.command(A, |a, now| a.progress(now, target, Status::RINGING, None));
    pair.settle();
    assert_eq!(transfer(&mut pair, A, caller), progress(Status::RINGING));
    assert!(matches!(
        pair.session_event(B, call),
        SessionEvent::Progress { .. }
    ));
    pair.sent(&["A 180 INVITE", "B NOTIFY", "A 200 NOTIFY"]);

    pair.command(A, |a, now| a.accept(now, target, Body::sdp("answer")));
    pair.settle();
    assert_eq!(pair.session_event(A, target), SessionEvent::Confirmed);
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(transfer(&mut pair, A, caller), done);
    assert!(matches!(
        pair.session_event(B, call),
        SessionEvent::Accepted { .. }
    ));
    let told = pair.last_request(&Method::Notify).headers.typed();
    let terminated = SubscriptionState::terminated(TerminationReason::NoResource);
    assert_eq!(told, Ok(Some(terminated)));
    pair.sent(&["A 200 INVITE", "B ACK", "B NOTIFY", "A 200 NOTIFY"]);

    for (session, ended) in [(caller, callee), (target, call)] {
        pair.command(A, |a, now| a.end(now, session, None));
        pair.settle();
        assert_eq!(pair.ended(A, session).by, EndedBy::Local);
        assert_eq!(pair.ended(B, ended).by, EndedBy::RemoteBye);
    }
    pair.sent(&["A BYE", "B 200 BYE", "A BYE", "B 200 BYE"]);
    pair.finish();
}

fn end(mut pair: Pair, caller: SessionId, callee: SessionId) {
    pair.no_events();
    pair.trace();
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.settle();
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    assert_eq!(pair.ended(B, callee).by, EndedBy::RemoteBye);
    pair.sent(&["A BYE", "B 200 BYE"]);
    pair.finish();
}

#[test]
fn the_call_is_as_it_was_when_the_transfer_fails() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    let (call, target) = follow(&mut pair, (caller, callee));
    pair.command(A, |a, now| {
        a.reject(now, target, Status::BUSY_HERE, Vec::new())
    });
    pair.ended(A, target);
    pair.settle();
    assert_eq!(pair.ended(B, call).status, Some(Status::BUSY_HERE));
    let done = TransferEvent::Done(TransferOutcome::Failed(Status::BUSY_HERE));
    assert_eq!(transfer(&mut pair, A, caller), done);

    // It can be taken back, and transferred again.
    pair.command(A, |a, now| a.offer(now, caller, Body::sdp("resume")));
    pair.settle();
    assert!(matches!(
        pair.session_event(B, callee),
        SessionEvent::Offer { .. }
    ));
    pair.command(B, |b, now| {
        b.answer_offer(now, callee, Body::sdp("resumed"))
    });
    pair.settle();
    assert!(matches!(
        pair.session_event(A, caller),
        SessionEvent::OfferAnswered { .. }
    ));
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    pair.settle();
    assert!(matches!(
        transfer(&mut pair, B, callee),
        TransferEvent::Requested { .. }
    ));
    pair.command(B, |b, now| b.reject_refer(now, callee, Status::DECLINE));
    pair.settle();
    let done = TransferEvent::Done(TransferOutcome::Failed(Status::DECLINE));
    assert_eq!(transfer(&mut pair, A, caller), done);
    end(pair, caller, callee);
}

#[test]
fn a_call_given_up_is_reported_as_well() {
    let mut pair = ws();
    let (caller, callee) = referred(&mut pair);
    let (call, target) = follow(&mut pair, (caller, callee));
    pair.command(B, |b, now| b.end(now, call, None));
    assert_eq!(pair.ended(B, call).by, EndedBy::Local);
    pair.settle();
    let failed = TransferOutcome::Failed(Status::REQUEST_TERMINATED);
    assert_eq!(transfer(&mut pair, A, caller), TransferEvent::Done(failed));
    // No provisional response: the CANCEL has to wait for one.
    pair.command(A, |a, now| a.progress(now, target, Status::RINGING, None));
    pair.settle();
    assert_eq!(pair.ended(A, target).by, EndedBy::RemoteCancel);
    end(pair, caller, callee);
}

#[test]
fn an_agent_that_takes_no_transfers_says_so() {
    let mut pair = Pair::ws();
    let (caller, callee) = pair.confirmed_call();
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    let again = pair.try_command(A, |a, now| a.refer(now, caller, to_103()));
    assert_eq!(again, Err(CommandError::WrongState));
    pair.settle();
    pair.sent(&["A REFER", "B 405 REFER"]);
    let failed = TransferOutcome::Failed(Status::METHOD_NOT_ALLOWED);
    assert_eq!(transfer(&mut pair, A, caller), TransferEvent::Done(failed));
    end(pair, caller, callee);
}

#[test]
fn transfers_survive_a_bad_link() {
    for seed in 0..20 {
        let mut pair = pair_on(Link::lossy(seed, 15, 10));
        let invite = pair.invitation();
        let caller = pair.command(A, |a, now| a.invite(now, invite));
        pair.run(Duration::from_secs(15));
        let callee = pair.incoming(B);
        pair.command(B, |b, now| b.accept(now, callee, Body::sdp("answer")));
        pair.run(Duration::from_secs(20));
        while pair.next_event(A).is_some() {}
        while pair.next_event(B).is_some() {}
        pair.command(A, |a, now| a.refer(now, caller, to_103()));
        pair.run(Duration::from_secs(15));
        assert!(matches!(
            transfer(&mut pair, B, callee),
            TransferEvent::Requested { .. }
        ));
        pair.command(B, |b, now| b.accept_refer(now, callee));
        pair.command(B, |b, now| b.report_refer(now, callee, Status::OK));
        pair.run(Duration::from_secs(70));
        let mut outcome = None;
        while let Some(event) = pair.next_event(A) {
            if let sidetone_sip::Event::Session {
                event: SessionEvent::Transfer(TransferEvent::Done(done)),
                ..
            } = event
            {
                assert_eq!(outcome.replace(done), None, "seed {seed}");
            }
        }
        let succeeded = TransferOutcome::Succeeded(Status::OK);
        assert_eq!(outcome, Some(succeeded), "seed {seed}");
        pair.command(A, |a, now| a.end(now, caller, None));
        pair.run(Duration::from_secs(70));
        pair.ended(A, caller);
        pair.ended(B, callee);
        pair.trace();
        pair.finish();
    }
}

#[test]
fn headers_of_transfer_read_and_print() {
    let text = "c@h;from-tag=f;to-tag=t;early-only";
    let replaces = Replaces::parse(&text.into()).unwrap();
    assert_eq!(replaces.to_string(), "c@h;to-tag=t;from-tag=f;early-only");
    assert_eq!(
        Replaces::parse(&replaces.to_string().as_str().into()),
        Ok(replaces)
    );
    for bad in ["c@h;to-tag=t", "c@h;from-tag=f", ";to-tag=t;from-tag=f"] {
        assert!(Replaces::parse(&bad.into()).is_err(), "{bad}");
    }
    let join = Join::parse(&"c@h;from-tag=f;x;to-tag=t".into()).unwrap();
    assert_eq!(join.to_string(), "c@h;to-tag=t;from-tag=f");
    assert!(Join::parse(&"c@h;to-tag=t".into()).is_err());
    let target = TargetDialog::parse(&"c@h;remote-tag=r;local-tag=l".into()).unwrap();
    assert_eq!(target.to_string(), "c@h;local-tag=l;remote-tag=r");
    assert!(TargetDialog::parse(&"c@h;to-tag=t;from-tag=f".into()).is_err());
    assert_eq!(ReferSub::parse(&"FALSE".into()), Ok(ReferSub(false)));
    assert!(ReferSub::parse(&"no".into()).is_err());
    let to = ReferTo::parse(&"<sip:a@b?Replaces=c>".into()).unwrap();
    assert_eq!(to.to_string(), "<sip:a@b?Replaces=c>");
    assert_eq!(ReferTo::NAME, HeaderName::ReferTo);
}
