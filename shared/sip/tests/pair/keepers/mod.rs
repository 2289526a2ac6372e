//! Accounts whose secret is kept elsewhere: the application answers their challenges.

mod calls;
mod registrations;
mod requests;

use sidetone_sip::auth::{Question, Secret};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{
    Account, AccountId, ChallengeId, CommandError, CredentialSource, Event, Message, Method,
    RegistrationState,
};

use crate::harness::{A, Pair, account};
use crate::registrar::PASSWORD;
use crate::registration::{asking, is_registered_for, respond, state};

const HOME: &str = r#"Digest realm="home", nonce="h1", qop="auth", algorithm=SHA-256"#;
const PROXY: &str = r#"Digest realm="proxy", nonce="p1", qop="auth-int", algorithm=SHA-512-256"#;

fn kept() -> Account {
    Account {
        credentials: CredentialSource::Application,
        ..account("")
    }
}

fn challenged(pair: &mut Pair, expected: AccountId) -> (ChallengeId, Question) {
    match pair.event(A) {
        Event::Challenged {
            challenge,
            account,
            question,
        } if account == expected => (challenge, *question),
        other => panic!("{other:?}"),
    }
}

/// Answers the next challenge as the keeper of the secret does.
fn unlock(pair: &mut Pair, id: AccountId) -> Question {
    let (challenge, question) = challenged(pair, id);
    let response = question.response(&Secret::new(PASSWORD));
    pair.command(A, |a, now| {
        a.answer_challenge(now, challenge, Some(response))
    });
    question
}

fn is_gone(pair: &mut Pair, challenge: ChallengeId) {
    let late = pair.try_command(A, |a, now| {
        a.answer_challenge(now, challenge, Some("0".into()))
    });
    assert_eq!(late, Err(CommandError::Gone));
}

/// An account that its registrar, played by the test, has challenged.
fn challenged_at_home() -> (Pair, AccountId) {
    let (mut pair, id) = asking(kept());
    respond(&mut pair, 401, &[(HeaderName::WwwAuthenticate, HOME)]);
    (pair, id)
}

/// A registered account.
fn registered() -> (Pair, AccountId) {
    let (mut pair, id) = challenged_at_home();
    pair.sent(&[]);
    unlock(&mut pair, id);
    respond(&mut pair, 200, &[]);
    is_registered_for(&mut pair, id, 600);
    pair.sent(&["A REGISTER"]);
    (pair, id)
}

/// The next REGISTER is granted at once.
fn is_registered_again(pair: &mut Pair, id: AccountId) {
    assert_eq!(state(pair, id), RegistrationState::Registering);
    respond(pair, 200, &[]);
    is_registered_for(pair, id, 600);
}

fn forget(mut pair: Pair, id: AccountId) {
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.sent(&["A REGISTER"]);
    respond(&mut pair, 200, &[]);
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// An account that isn't registered goes without a word.
fn forget_unregistered(mut pair: Pair, id: AccountId) {
    pair.sent(&[]);
    pair.command(A, |a, now| a.remove_account(now, id));
    assert_eq!(state(&mut pair, id), RegistrationState::Unregistered);
    pair.finish();
}

/// Answers the last request of this method.
fn refuse(pair: &mut Pair, method: &Method, status: u16, header: (HeaderName, &str)) {
    let request = pair.last_request(method).clone();
    let mut response = pair.response(&request, status, "p");
    response.headers.push_raw(header.0, header.1);
    pair.deliver(A, &Message::Response(response));
}
