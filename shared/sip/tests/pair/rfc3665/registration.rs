//! Registration (§2).

use std::time::Duration;

use sidetone_sip::{
    AccountId, Event, OutgoingId, RegistrationFailure, RegistrationState, Response,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{PATIENCE, Weather, finish, play};
use crate::harness::{A, Pair, account};
use crate::registrar::{PASSWORD, Registrar};

/// A registrar, and A in this weather.
fn registrar(weather: Weather) -> (Registrar, Pair) {
    let (registrar, mut pair) = Registrar::new();
    pair.flow_down();
    pair.link = weather.link();
    pair.flow_up();
    (registrar, pair)
}

/// The next state of A's registration.
#[track_caller]
fn state(registrar: &mut Registrar, pair: &mut Pair) -> RegistrationState {
    for _ in 0..PATIENCE {
        registrar.serve(pair);
        while let Some(event) = pair.next_event(A) {
            match event {
                Event::Registration { state, .. } if state != RegistrationState::Registering => {
                    return state;
                }
                Event::Registration { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    panic!("nothing is told of the registration");
}

const REGISTERED: RegistrationState = RegistrationState::Registered {
    expires: Duration::from_secs(600),
};

fn registered(weather: Weather) -> (Registrar, Pair, AccountId) {
    let (mut registrar, mut pair) = registrar(weather);
    let id = pair.command(A, |a, now| a.add_account(now, account(PASSWORD)));
    assert_eq!(state(&mut registrar, &mut pair), REGISTERED, "{weather:?}");
    assert_eq!(registrar.granted, [600]);
    (registrar, pair, id)
}

/// §2.4.
fn cancel(mut registrar: Registrar, mut pair: Pair, id: AccountId) {
    registrar.granted.clear();
    pair.command(A, |a, now| a.remove_account(now, id));
    let gone = state(&mut registrar, &mut pair);
    assert_eq!(gone, RegistrationState::Unregistered);
    assert_eq!(registrar.granted, [0]);
    finish(pair);
}

#[test]
fn registration_and_its_cancellation() {
    play(|weather| {
        let (registrar, pair, id) = registered(weather);
        cancel(registrar, pair, id);
    });
}

#[test]
fn update_of_a_registration() {
    play(|weather| {
        let (mut registrar, mut pair, id) = registered(weather);
        pair.command(A, |a, now| a.refresh_account(now, id));
        assert_eq!(state(&mut registrar, &mut pair), REGISTERED);
        assert_eq!(registrar.granted, [600, 600]);
        cancel(registrar, pair, id);
    });
}

/// §2.3.
#[test]
fn query_for_the_contacts() {
    play(|weather| {
        let (mut registrar, mut pair, id) = registered(weather);
        let asked = pair.command(A, |a, now| a.query_contacts(now, id));
        let response = answered(&mut registrar, &mut pair, asked);
        let [listed] = response.headers.contact.list() else {
            panic!("{response:?}");
        };
        assert_eq!(listed.uri, account(PASSWORD).contact.uri);
        assert_eq!(listed.params.value("expires"), Some("600"));
        assert_eq!(registrar.granted, [600], "it changes nothing");
        cancel(registrar, pair, id);
    });
}

/// What the registrar answers to a request of A.
#[track_caller]
fn answered(registrar: &mut Registrar, pair: &mut Pair, asked: OutgoingId) -> Box<Response> {
    for _ in 0..PATIENCE {
        registrar.serve(pair);
        match pair.next_event(A) {
            Some(Event::RequestAnswered { id, outcome }) if id == asked => return outcome.unwrap(),
            None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
    panic!("the registrar says nothing");
}

#[test]
fn unsuccessful_registration() {
    play(|weather| {
        let (mut registrar, mut pair) = registrar(weather);
        let id = pair.command(A, |a, now| a.add_account(now, account("guessed")));
        let failed = RegistrationState::Failed {
            cause: RegistrationFailure::WrongCredentials,
            retry_in: None,
        };
        assert_eq!(state(&mut registrar, &mut pair), failed, "{weather:?}");
        pair.command(A, |a, now| a.remove_account(now, id));
        let gone = state(&mut registrar, &mut pair);
        assert_eq!(gone, RegistrationState::Unregistered);
        assert!(registrar.granted.is_empty());
        finish(pair);
    });
}
