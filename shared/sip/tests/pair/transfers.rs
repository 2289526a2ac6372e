//! Transfers by REFER: the transferor, the transferee and what is reported.

use std::time::Duration;

use sidetone_sip::message::{
    EventType, HeaderName, ReferSub, ReferTo, ReferredBy, Replaces, Require, SubscriptionState,
    Substate, Supported, TerminationReason, Transport, TypedHeader,
};
use sidetone_sip::packages::SipFrag;
use sidetone_sip::{
    Body, CommandError, Config, EndedBy, Invite, Message, Method, Origin, Refer, SessionEvent,
    SessionId, Status, TransferEvent, TransferOutcome,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Link, Pair, Side, account, address, config, uri};
use crate::offers::{in_dialog, scripted_call, scripted_end};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, leave, respond};

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

#[test]
fn what_is_no_refer_or_no_report_is_refused() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let bare = in_dialog(&invite, Method::Refer, 5);
    pair.deliver(A, &Message::Request(bare.clone()));
    let mut twice = in_dialog(&invite, Method::Refer, 6);
    let to = ReferTo(address("sip:103@c.test"));
    twice.headers.push(&to);
    pair.deliver(A, &Message::Request(twice));
    assert!(matches!(
        transfer(&mut pair, A, caller),
        TransferEvent::Requested {
            referred_by: None,
            ..
        }
    ));
    let mut second = in_dialog(&invite, Method::Refer, 7);
    second.headers.push(&to);
    pair.deliver(A, &Message::Request(second));
    pair.command(A, |a, now| a.reject_refer(now, caller, Status::DECLINE));
    // A report on nothing.
    let mut report = in_dialog(&invite, Method::Notify, 8);
    report.headers.push(&EventType::of("refer"));
    let state = SubscriptionState::lasting(Substate::Active, 60);
    report.headers.push(&state);
    report.body = SipFrag::of(Status::OK).to_body().bytes;
    pair.deliver(A, &Message::Request(report));
    let mut other = in_dialog(&invite, Method::Notify, 9);
    other.headers.push(&EventType::of("dialog"));
    other.headers.push(&state);
    pair.deliver(A, &Message::Request(other));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Notify, 10)));
    pair.no_events();
    pair.sent(&[
        "A 400 REFER",
        "A 491 REFER",
        "A 603 REFER",
        "A 481 NOTIFY",
        "A 489 NOTIFY",
        "A 400 NOTIFY",
    ]);
    scripted_end(pair, caller);
}

#[test]
fn a_report_may_overtake_the_answer_to_the_refer() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    let mut report = in_dialog(&invite, Method::Notify, 5);
    report.headers.push(&EventType::of("refer"));
    let state = SubscriptionState::terminated(TerminationReason::NoResource);
    report.headers.push(&state);
    report.body = SipFrag::of(Status::OK).to_body().bytes;
    pair.deliver(A, &Message::Request(report));
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(transfer(&mut pair, A, caller), done);
    pair.answer(&Method::Refer, 202, "b");
    pair.no_events();
    pair.sent(&["A REFER", "A 200 NOTIFY"]);
    scripted_end(pair, caller);
}

#[test]
fn a_late_answer_to_one_refer_is_none_to_the_next() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let report = |number, id: &str, status| {
        let mut report = in_dialog(&invite, Method::Notify, number);
        report.headers.push(&EventType {
            id: Some(id.into()),
            ..EventType::of("refer")
        });
        let over = SubscriptionState::terminated(TerminationReason::NoResource);
        report.headers.push(&over);
        report.body = SipFrag::of(status).to_body().bytes;
        Message::Request(report)
    };
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    let first = pair.last_request(&Method::Refer).clone();
    pair.deliver(A, &report(5, "2", Status::BUSY_HERE));
    let failed = TransferOutcome::Failed(Status::BUSY_HERE);
    assert_eq!(transfer(&mut pair, A, caller), TransferEvent::Done(failed));
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    let late = pair.response(&first, 202, "b");
    pair.deliver(A, &Message::Response(late));
    pair.deliver(A, &report(6, "2", Status::BUSY_HERE));
    pair.no_events();
    pair.deliver(A, &report(7, "3", Status::OK));
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(transfer(&mut pair, A, caller), done);
    pair.answer(&Method::Refer, 202, "b");
    pair.no_events();
    pair.sent(&[
        "A REFER",
        "A 200 NOTIFY",
        "A REFER",
        "A 481 NOTIFY",
        "A 200 NOTIFY",
    ]);
    scripted_end(pair, caller);
}

#[test]
fn a_challenged_refer_is_followed_as_well() {
    let (mut pair, id) = asking(account(PASSWORD));
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    let invite = Invite {
        origin: Origin::Account(id),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let invite = pair.last_request(&Method::Invite).clone();
    pair.answer(&Method::Invite, 200, "b");
    pair.session_event(A, caller);
    pair.command(A, |a, now| a.refer(now, caller, to_103()));
    pair.trace();
    let refer = pair.last_request(&Method::Refer).clone();
    let mut challenge = pair.response(&refer, 407, "b");
    let proxy = r#"Digest realm="proxy", nonce="p1", qop="auth", algorithm=SHA-256"#;
    let name = HeaderName::ProxyAuthenticate;
    challenge.headers.push_raw(name, proxy);
    pair.deliver(A, &Message::Response(challenge));
    pair.answer(&Method::Refer, 202, "b");
    let number = pair.last_request(&Method::Refer).headers.cseq.number;
    assert_eq!(number, refer.headers.cseq.number + 1);
    let mut report = in_dialog(&invite, Method::Notify, 5);
    report.headers.push(&EventType {
        id: Some(number.to_string().into()),
        ..EventType::of("refer")
    });
    let over = SubscriptionState::terminated(TerminationReason::NoResource);
    report.headers.push(&over);
    report.body = SipFrag::of(Status::OK).to_body().bytes;
    pair.deliver(A, &Message::Request(report));
    let done = TransferEvent::Done(TransferOutcome::Succeeded(Status::OK));
    assert_eq!(transfer(&mut pair, A, caller), done);
    pair.sent(&["A REFER", "A 200 NOTIFY"]);
    pair.command(A, |a, now| a.end(now, caller, None));
    pair.answer(&Method::Bye, 200, "b");
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.sent(&["A BYE"]);
    leave(pair, id);
}

/// A REFER of the test's end to A, with this Refer-To.
fn refer(pair: &mut Pair, invite: &sidetone_sip::Request, number: u32, target: &str) {
    let mut refer = in_dialog(invite, Method::Refer, number);
    refer.headers.push_raw(HeaderName::ReferTo, target);
    let by = "<sip:102@b.test>;cid=\"20398823.2UWQFN309shb3@r\"";
    refer.headers.push_raw(HeaderName::ReferredBy, by);
    pair.deliver(A, &Message::Request(refer));
}

#[test]
fn a_refer_says_no_more_than_whom_to_call_and_what_to_replace() {
    let mut pair = scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let table = [
        ("<sip:103@c.test;method=BYE>", "A 603 REFER"),
        ("<mailto:103@c.test>", "A 416 REFER"),
        ("<sip:103@c.test?Replaces=x>", "A 400 REFER"),
    ];
    for (number, (target, expected)) in (5..).zip(table) {
        refer(&mut pair, &invite, number, target);
        pair.sent(&[expected]);
    }
    pair.no_events();
    let target = "\"Carol\" <sip:103@c.test;user=phone;method=INVITE?Replaces=1%40h%3Bto-tag%3Dt\
                  %3Bfrom-tag%3Df&Require=100rel%2Creplaces&From=x%40y&Route=z>";
    refer(&mut pair, &invite, 9, target);
    let replaces = Replaces {
        call_id: "1@h".into(),
        to_tag: "t".into(),
        from_tag: "f".into(),
        early_only: false,
    };
    let mut carol = address("sip:103@c.test;user=phone");
    carol.display_name = Some("Carol".into());
    let requested = TransferEvent::Requested {
        target: Box::new(carol.clone()),
        referred_by: Some(Box::new(address("sip:102@b.test"))),
        replaces: Some(Box::new(replaces.clone())),
    };
    assert_eq!(transfer(&mut pair, A, caller), requested);
    let Invite { origin, body, .. } = pair.invitation();
    let call = pair.command(A, |a, now| a.follow_refer(now, caller, origin, body));
    let made = pair.last_request(&Method::Invite);
    assert_eq!(made.uri, carol.uri);
    let headers = &made.headers;
    assert_eq!(headers.to, carol);
    assert_eq!(headers.from.uri, uri("sip:101@a.test"));
    assert_eq!(headers.route, []);
    assert_eq!(headers.typed(), Ok(Some(replaces)));
    assert_eq!(headers.typed(), Ok(Some(Require(vec!["replaces".into()]))));
    let by = ReferredBy(address("sip:102@b.test"));
    assert_eq!(headers.typed(), Ok(Some(by)));
    pair.answer(&Method::Notify, 200, "b");
    pair.answer(&Method::Invite, 481, "c");
    let ended = pair.ended(A, call);
    assert_eq!(ended.status, Some(Status::CALL_DOES_NOT_EXIST));
    let report = pair.last_request(&Method::Notify);
    let frag = SipFrag::parse(&report.body).unwrap();
    assert_eq!(frag.status, Status::CALL_DOES_NOT_EXIST);
    pair.answer(&Method::Notify, 200, "b");
    pair.sent(&["A 202 REFER", "A NOTIFY", "A INVITE", "A ACK", "A NOTIFY"]);
    scripted_end(pair, caller);
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
    assert_eq!(ReferSub::parse(&"FALSE".into()), Ok(ReferSub(false)));
    assert!(ReferSub::parse(&"no".into()).is_err());
    let to = ReferTo::parse(&"<sip:a@b?Replaces=c>".into()).unwrap();
    assert_eq!(to.to_string(), "<sip:a@b?Replaces=c>");
    assert_eq!(ReferTo::NAME, HeaderName::ReferTo);
}
