//! Transfers with a peer that is played by the test.

use sidetone_sip::message::{
    EventType, HeaderName, ReferTo, ReferredBy, Replaces, Require, SubscriptionState, Substate,
    TerminationReason,
};
use sidetone_sip::packages::SipFrag;
use sidetone_sip::{
    EndedBy, Invite, Message, Method, Origin, Status, TransferEvent, TransferOutcome,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{scripted, to_103, transfer};
use crate::harness::{A, Pair, account, address, uri};
use crate::offers::{in_dialog, scripted_call, scripted_end};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, leave, respond};

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
