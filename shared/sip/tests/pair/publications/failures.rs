//! Publications that are refused, forgotten or challenged.

use sidetone_sip::auth::{self, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    CommandError, CredentialSource, Event, Method, NoResponse, Origin, PublicationEnd,
    PublicationEvent, Publish, RegistrationState, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{S, TAG, answer, end, forget, is_published, next, presence, published, shown, wish};
use crate::harness::{A, Pair, account};
use crate::registrar::PASSWORD;
use crate::registration::{is_registered_for, respond, state};

#[test]
fn what_was_forgotten_is_published_anew() {
    let (mut pair, id) = published();
    pair.run(S(240));
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 600, false));
    answer(&mut pair, 412, &[]);
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (None, 600, true));
    answer(&mut pair, 200, &[(HeaderName::SipEtag, "t2")]);
    is_published(&mut pair, id, 600);
    // Said to one that names nothing, 412 is a refusal.
    forget(pair, id);

    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 412, &[]);
    let refused = PublicationEnd::Refused {
        status: Status::CONDITIONAL_REQUEST_FAILED,
        phrase: "Conditional Request Failed".into(),
    };
    assert_eq!(next(&mut pair, id), PublicationEvent::Ended(refused));
    pair.sent(&["A PUBLISH"]);
    pair.finish();
}

#[test]
fn a_longer_expiry_is_asked_for_when_told() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 423, &[(HeaderName::MinExpires, "900")]);
    assert_eq!(shown(&pair), (None, 900, true));
    answer(&mut pair, 200, &[TAG]);
    is_published(&mut pair, id, 900);
    pair.sent(&["A PUBLISH", "A PUBLISH"]);
    forget(pair, id);
}

#[test]
fn one_that_is_given_up_early_is_taken_back_when_it_is_there() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    end(&mut pair, id);
    pair.sent(&["A PUBLISH"]);
    answer(&mut pair, 200, &[TAG]);
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 0, false));
    answer(&mut pair, 500, &[]);
    pair.no_events();
    pair.finish();
}

#[test]
fn failures_that_pass_are_followed_by_another_try() {
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.publish(now, wish("here")));
    answer(&mut pair, 503, &[(HeaderName::RetryAfter, "20")]);
    let lost = |event| match event {
        PublicationEvent::Lost { cause, retry_in } => (cause, retry_in),
        other => panic!("{other:?}"),
    };
    assert_eq!(lost(next(&mut pair, id)).1, Some(S(20)));
    pair.run(S(20));
    pair.sent(&["A PUBLISH", "A PUBLISH"]);
    // Nobody answers: 64·T1, then half to all of a minute.
    pair.run(S(32));
    let (cause, wait) = lost(next(&mut pair, id));
    assert_eq!(cause, PublicationEnd::NoAnswer(NoResponse::TimedOut));
    let wait = wait.unwrap();
    assert!(wait >= S(30) && wait <= S(60), "{wait:?}");
    pair.run(wait);
    pair.sent(&["A PUBLISH"]);
    // The flow breaks: with the flow it comes back.
    pair.flow_down();
    let down = (PublicationEnd::NoAnswer(NoResponse::FlowDown), None);
    assert_eq!(lost(next(&mut pair, id)), down);
    pair.run(S(7200));
    pair.sent(&[]);
    pair.flow_up();
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (None, 600, true));
    answer(&mut pair, 200, &[TAG]);
    is_published(&mut pair, id, 600);
    // One that is published stays so while the flow is down.
    pair.flow_down();
    pair.run(S(700));
    pair.sent(&[]);
    pair.no_events();
    pair.flow_up();
    pair.sent(&["A PUBLISH"]);
    assert_eq!(shown(&pair), (Some("t1".into()), 600, false));
    answer(&mut pair, 200, &[(HeaderName::SipEtag, "t2")]);
    is_published(&mut pair, id, 600);
    forget(pair, id);
}

#[test]
fn refusals_and_an_answer_without_a_tag_end_it() {
    for (status, cause) in [
        (
            489,
            PublicationEnd::Refused {
                status: Status::BAD_EVENT,
                phrase: "Bad Event".into(),
            },
        ),
        (200, PublicationEnd::NoTag),
    ] {
        let mut pair = Pair::scripted();
        let id = pair.command(A, |a, now| a.publish(now, wish("here")));
        answer(&mut pair, status, &[]);
        assert_eq!(next(&mut pair, id), PublicationEvent::Ended(cause));
        pair.sent(&["A PUBLISH"]);
        pair.finish();
    }
    let mut pair = Pair::scripted();
    let mut never = wish("here");
    never.expires = 0;
    let refused = pair.try_command(A, |a, now| a.publish(now, never));
    assert_eq!(refused, Err(CommandError::WrongState));
    pair.finish();
}

#[test]
fn challenges_are_answered_by_the_agent_or_the_application() {
    const CHALLENGE: (HeaderName, &str) = (
        HeaderName::ProxyAuthenticate,
        r#"Digest realm="proxy", nonce="p1", qop="auth", algorithm=SHA-256"#,
    );
    for is_kept in [false, true] {
        let mut pair = Pair::scripted();
        let mut account = account(PASSWORD);
        if is_kept {
            account.credentials = CredentialSource::Application;
        }
        let alice = pair.command(A, |a, now| a.add_account(now, account));
        state(&mut pair, alice);
        respond(&mut pair, 200, &[]);
        is_registered_for(&mut pair, alice, 600);
        let publish = Publish {
            origin: Origin::Account(alice),
            ..wish("here")
        };
        let id = pair.command(A, |a, now| a.publish(now, publish));
        answer(&mut pair, 407, &[CHALLENGE]);
        if is_kept {
            let Event::Challenged {
                challenge,
                question,
                ..
            } = pair.event(A)
            else {
                panic!("nobody asks");
            };
            pair.sent(&["A REGISTER", "A PUBLISH"]);
            let response = question.response(&Secret::new(PASSWORD));
            pair.command(A, |a, now| {
                a.answer_challenge(now, challenge, Some(response))
            });
            pair.sent(&["A PUBLISH"]);
        } else {
            pair.sent(&["A REGISTER", "A PUBLISH", "A PUBLISH"]);
        }
        let request = pair.last_request(&Method::Publish);
        let shown = auth::credentials(&request.headers, &HeaderName::ProxyAuthorization);
        assert_eq!((shown.len(), shown[0].nonce.as_str()), (1, "p1"));
        assert_eq!(request.headers.cseq.number, 2);
        assert_eq!(request.body, presence("here").bytes);
        // A second challenge with the same nonce means that the secret is wrong.
        answer(&mut pair, 407, &[CHALLENGE]);
        let wrong = PublicationEvent::Ended(PublicationEnd::WrongCredentials);
        assert_eq!(next(&mut pair, id), wrong);
        pair.command(A, |a, now| a.remove_account(now, alice));
        respond(&mut pair, 200, &[]);
        assert_eq!(state(&mut pair, alice), RegistrationState::Unregistered);
        pair.sent(&["A REGISTER"]);
        pair.finish();
    }
}
