//! Calls that are sent elsewhere (RFC 3261 §8.1.3.4).

use std::time::Duration;

use sidetone_sip::message::{Contacts, Transport};
use sidetone_sip::{
    Address, Body, CommandError, Config, EndedBy, Invite, Message, Method, Redirection,
    SessionEvent, SessionId, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::{A, B, Link, Pair, address, config, uri};
use crate::offers::scripted_end;

/// A with this policy; the test plays the other end.
fn scripted(redirection: Redirection) -> Pair {
    let a = Config {
        redirection,
        ..config("a")
    };
    let mut pair = Pair::with(Link::new(Transport::Ws), a, config("b"));
    pair.link.is_scripted = true;
    pair
}

const FOLLOWING: Redirection = Redirection::Follow { most: 3 };

fn calling(pair: &mut Pair, target: &str) -> SessionId {
    let invite = Invite {
        target: uri(target),
        ..pair.invitation()
    };
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    pair.sent(&["A INVITE"]);
    caller
}

/// Answers the last INVITE with this status and these Contacts, each with its q.
fn redirect(pair: &mut Pair, status: u16, contacts: &[(&str, Option<&str>)]) {
    let invite = pair.last_request(&Method::Invite).clone();
    let mut response = pair.response(&invite, status, "b");
    let contacts = contacts.iter().map(|(text, q)| {
        let mut contact: Address = address(text);
        if let Some(q) = q {
            contact.params.set("q", Some(q));
        }
        contact
    });
    response.headers.contact = Contacts::List(contacts.collect());
    pair.deliver(A, &Message::Response(response));
}

fn target(pair: &Pair) -> String {
    pair.last_request(&Method::Invite).uri.to_string()
}

fn refused(pair: &mut Pair, caller: SessionId, status: Status) {
    let ended = pair.ended(A, caller);
    assert_eq!((ended.by, ended.status), (EndedBy::Refused, Some(status)));
}

#[test]
fn without_a_policy_a_redirected_call_ends() {
    let mut pair = Pair::scripted();
    let caller = calling(&mut pair, "sip:102@b.test");
    redirect(&mut pair, 302, &[("sip:103@b.test", None)]);
    pair.sent(&["A ACK"]);
    let ended = pair.ended(A, caller);
    let targets = ended.response.unwrap().headers.contact;
    assert_eq!(targets, Contacts::one(address("sip:103@b.test")));
    pair.finish();
}

#[test]
fn the_best_target_is_called_first_and_the_next_when_it_fails() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sip:102@b.test");
    let first = pair.last_request(&Method::Invite).clone();
    redirect(
        &mut pair,
        302,
        &[
            ("sip:low@b.test", Some("0.2")),
            ("mailto:102@b.test", None),
            ("sip:102@B.test", None),
            ("sip:chat@b.test;method=MESSAGE", None),
            ("sip:high@b.test;method=INVITE?Subject=x", Some("0.9")),
        ],
    );
    pair.sent(&["A ACK", "A INVITE"]);
    let second = pair.last_request(&Method::Invite).clone();
    assert_eq!(second.uri.to_string(), "sip:high@b.test");
    assert_eq!(second.body, first.body);
    let (old, new) = (&first.headers, &second.headers);
    assert_eq!(
        (&new.from, &new.to, &new.call_id, new.cseq.number),
        (&old.from, &old.to, &old.call_id, old.cseq.number + 1)
    );
    assert_ne!(new.via, old.via);
    // Its early dialog ends with it.
    pair.answer(&Method::Invite, 180, "high");
    let ringing = pair.session_event(A, caller);
    assert!(matches!(ringing, SessionEvent::Progress { .. }));
    pair.answer(&Method::Invite, 486, "high");
    pair.sent(&["A ACK", "A INVITE"]);
    assert_eq!(target(&pair), "sip:low@b.test");
    pair.no_events();
    pair.answer(&Method::Invite, 200, "b");
    let accepted = pair.session_event(A, caller);
    assert!(matches!(accepted, SessionEvent::Accepted { .. }));
    pair.sent(&["A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn no_call_goes_round_in_circles() {
    let mut pair = scripted(Redirection::Follow { most: 200 });
    let caller = calling(&mut pair, "sip:102@b.test");
    redirect(&mut pair, 302, &[("sip:103@b.test", None)]);
    pair.sent(&["A ACK", "A INVITE"]);
    let back = [("sip:102@b.test", None), ("sip:103@b.test", None)];
    redirect(&mut pair, 302, &back);
    pair.sent(&["A ACK"]);
    refused(&mut pair, caller, Status::MOVED_TEMPORARILY);
    pair.finish();
}

#[test]
fn only_so_many_targets_are_called() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sip:102@b.test");
    for number in 0..3 {
        let next = format!("sip:{number}@b.test");
        redirect(&mut pair, 301, &[(&next, None)]);
        pair.sent(&["A ACK", "A INVITE"]);
        assert_eq!(target(&pair), next);
    }
    redirect(&mut pair, 300, &[("sip:4@b.test", None)]);
    pair.sent(&["A ACK"]);
    refused(&mut pair, caller, Status::MULTIPLE_CHOICES);
    pair.finish();
}

#[test]
fn a_global_refusal_and_other_kinds_of_redirection_end_it() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sip:102@b.test");
    let two = [("sip:103@b.test", None), ("sip:104@b.test", None)];
    redirect(&mut pair, 302, &two);
    pair.answer(&Method::Invite, 603, "b");
    pair.sent(&["A ACK", "A INVITE", "A ACK"]);
    refused(&mut pair, caller, Status::DECLINE);

    let caller = calling(&mut pair, "sip:102@b.test");
    redirect(&mut pair, 305, &two);
    pair.sent(&["A ACK"]);
    refused(&mut pair, caller, Status::new(305).unwrap());
    pair.finish();
}

#[test]
fn a_secure_call_stays_secure() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sips:102@b.test");
    let two = [("sip:103@b.test", None), ("sips:104@b.test", Some("0.1"))];
    redirect(&mut pair, 302, &two);
    assert_eq!(target(&pair), "sips:104@b.test");
    pair.answer(&Method::Invite, 404, "b");
    pair.sent(&["A ACK", "A INVITE", "A ACK"]);
    refused(&mut pair, caller, Status::NOT_FOUND);
    pair.finish();
}

#[test]
fn who_does_not_answer_at_all_has_failed() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sip:102@b.test");
    let two = [("sip:103@b.test", None), ("sip:104@b.test", None)];
    redirect(&mut pair, 302, &two);
    pair.run(Duration::from_secs(33));
    pair.sent(&["A ACK", "A INVITE", "A INVITE"]);
    assert_eq!(target(&pair), "sip:104@b.test");
    pair.no_events();
    pair.run(Duration::from_secs(33));
    assert_eq!(pair.ended(A, caller).by, EndedBy::TimedOut);
    pair.finish();
}

#[test]
fn a_redirected_call_can_be_given_up() {
    let mut pair = scripted(FOLLOWING);
    let caller = calling(&mut pair, "sip:102@b.test");
    pair.answer(&Method::Invite, 180, "b");
    pair.session_event(A, caller);
    redirect(&mut pair, 302, &[("sip:103@b.test", None)]);
    pair.sent(&["A ACK", "A INVITE"]);
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    // RFC 3261 §9.1: this INVITE has no provisional response yet.
    pair.sent(&[]);
    pair.answer(&Method::Invite, 180, "c");
    pair.sent(&["A CANCEL"]);
    pair.answer(&Method::Cancel, 200, "c");
    pair.answer(&Method::Invite, 487, "c");
    pair.sent(&["A ACK"]);
    pair.finish();
}

fn asked(pair: &mut Pair, caller: SessionId, expected: Status) -> Vec<String> {
    match pair.session_event(A, caller) {
        SessionEvent::Redirected { status, targets } => {
            assert_eq!(status, expected);
            let uris = targets.iter().map(|target| target.uri.to_string());
            uris.collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_user_may_choose() {
    let mut pair = scripted(Redirection::Ask);
    let caller = calling(&mut pair, "sip:102@b.test");
    let early = pair.try_command(A, |a, now| {
        a.follow_redirect(now, caller, &uri("sip:103@b.test"))
    });
    assert_eq!(early, Err(CommandError::WrongState));
    let three = [
        ("sip:103@b.test", Some("0.5")),
        ("sip:104@b.test", Some("0.7")),
        ("tel:+4930105", Some("0.1")),
    ];
    redirect(&mut pair, 300, &three);
    pair.sent(&["A ACK"]);
    let targets = asked(&mut pair, caller, Status::MULTIPLE_CHOICES);
    assert_eq!(
        targets,
        ["sip:104@b.test", "sip:103@b.test", "tel:+4930105"]
    );
    let other = pair.try_command(A, |a, now| {
        a.follow_redirect(now, caller, &uri("sip:102@b.test"))
    });
    assert_eq!(other, Err(CommandError::WrongState));
    pair.command(A, |a, now| {
        a.follow_redirect(now, caller, &uri("sip:103@b.test"))
    });
    pair.sent(&["A INVITE"]);
    assert_eq!(target(&pair), "sip:103@b.test");
    pair.answer(&Method::Invite, 486, "b");
    let targets = asked(&mut pair, caller, Status::BUSY_HERE);
    assert_eq!(targets, ["sip:104@b.test", "tel:+4930105"]);
    pair.command(A, |a, now| {
        a.follow_redirect(now, caller, &uri("tel:+4930105"))
    });
    pair.answer(&Method::Invite, 200, "b");
    let accepted = pair.session_event(A, caller);
    assert!(matches!(accepted, SessionEvent::Accepted { .. }));
    pair.sent(&["A ACK", "A INVITE", "A ACK"]);
    scripted_end(pair, caller);
}

#[test]
fn the_user_may_choose_nothing() {
    let mut pair = scripted(Redirection::Ask);
    let caller = calling(&mut pair, "sip:102@b.test");
    pair.answer(&Method::Invite, 180, "b");
    pair.session_event(A, caller);
    redirect(&mut pair, 302, &[("sip:103@b.test", None)]);
    pair.sent(&["A ACK"]);
    asked(&mut pair, caller, Status::MOVED_TEMPORARILY);
    pair.flow_down();
    let choice = uri("sip:103@b.test");
    let cut = pair.try_command(A, |a, now| a.follow_redirect(now, caller, &choice));
    assert_eq!(cut, Err(CommandError::NoFlow));
    pair.flow_up();
    pair.command(A, |a, now| a.end(now, caller, None));
    assert_eq!(pair.ended(A, caller).by, EndedBy::Local);
    pair.sent(&[]);

    // Nothing to choose from.
    let caller = calling(&mut pair, "sip:102@b.test");
    redirect(&mut pair, 302, &[("sip:102@b.test", None)]);
    refused(&mut pair, caller, Status::MOVED_TEMPORARILY);
    pair.sent(&["A ACK"]);
    pair.finish();
}

#[test]
fn a_call_is_redirected_by_who_rejects_it_so() {
    let a = Config {
        redirection: FOLLOWING,
        ..config("a")
    };
    let mut pair = Pair::with(Link::new(Transport::Ws), a, config("b"));
    let (caller, callee) = pair.call();
    let contact = sidetone_sip::message::RawHeader {
        name: sidetone_sip::message::HeaderName::Contact,
        value: "<sip:103@b.test>;q=0.5".into(),
    };
    pair.command(B, |b, now| {
        b.reject(now, callee, Status::MOVED_TEMPORARILY, vec![contact])
    });
    pair.ended(B, callee);
    pair.settle();
    pair.sent(&["A INVITE", "B 302 INVITE", "A ACK", "A INVITE"]);
    let forwarded = pair.incoming(B);
    assert_eq!(target(&pair), "sip:103@b.test");
    pair.command(B, |b, now| b.accept(now, forwarded, Body::sdp("answer")));
    pair.settle();
    let accepted = pair.session_event(A, caller);
    assert!(matches!(accepted, SessionEvent::Accepted { .. }));
    assert_eq!(pair.session_event(B, forwarded), SessionEvent::Confirmed);
    pair.sent(&["B 200 INVITE", "A ACK"]);
    crate::calls::hang_up(pair, caller, forwarded);
}
