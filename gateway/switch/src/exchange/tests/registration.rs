use std::time::Duration;

use sidetone_sip::{Message, Status};

use super::bench::Bench;
use crate::directory::{AddressOfRecord, TenantId};

fn users(bench: &Bench, number: &str) -> Vec<String> {
    let aor = AddressOfRecord {
        tenant: TenantId::new("demo"),
        number: number.into(),
    };
    let bindings = bench.exchange.registrar.bindings(bench.now, &aor);
    bindings
        .map(|b| b.contact.uri.user().unwrap().into_owned())
        .collect()
}

#[test]
fn a_phone_registers_with_the_strongest_digest() {
    let mut bench = Bench::new();
    let phone = bench.phone("101");
    let received = bench.received(phone);
    let statuses: Vec<Status> = received
        .iter()
        .map(|message| match message {
            Message::Response(response) => response.status,
            Message::Request(request) => panic!("{request:?}"),
        })
        .collect();
    assert_eq!(statuses, [Status::UNAUTHORIZED, Status::OK]);
    assert_eq!(users(&bench, "101"), ["101-0"]);
    bench.advance(Duration::from_secs(3600));
    assert_eq!(users(&bench, "101"), ["101-0"], "refreshed");
}

#[test]
fn a_wrong_password_is_told_and_changes_nothing() {
    let mut bench = Bench::new();
    let phone = bench.new_phone("101", "wrong", "a");
    assert_eq!(bench.heard(phone), ["not registered: WrongCredentials"]);
    assert_eq!(users(&bench, "101"), [""; 0]);
    assert_eq!(bench.exchange.snapshot().wrong_digests_total, 1);
}

#[test]
fn an_unknown_extension_is_answered_like_a_wrong_password() {
    let mut bench = Bench::new();
    let phone = bench.new_phone("199", "demo-199", "a");
    assert_eq!(bench.heard(phone), ["not registered: WrongCredentials"]);
}

#[test]
fn a_phone_unregisters() {
    let mut bench = Bench::new();
    let phone = bench.phone("101");
    let account = bench.account(phone);
    bench
        .command(phone, |ua, now| ua.remove_account(now, account))
        .unwrap();
    assert_eq!(bench.heard(phone), ["unregistered"]);
    assert_eq!(users(&bench, "101"), [""; 0]);
}

#[test]
fn a_killed_page_leaves_no_ghost() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.cut(bob);
    assert_eq!(users(&bench, "102"), [""; 0]);
    bench.call(alice, "102");
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.heard(alice), ["ended Refused 480"]);
    bench.connect(bob);
    assert_eq!(bench.heard(bob), ["registered"]);
    assert_eq!(users(&bench, "102"), ["102-1"]);
}

#[test]
fn a_registration_that_is_not_refreshed_expires() {
    let mut bench = Bench::new();
    let phone = bench.phone("101");
    // The phone falls silent, its socket stays.
    bench.lose_touch(phone);
    bench.advance(Duration::from_secs(599));
    assert_eq!(bench.exchange.snapshot().registered, 1);
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.exchange.snapshot().registered, 0);
}

#[test]
fn of_two_sockets_of_one_instance_the_newer_counts() {
    let mut bench = Bench::new();
    let older = bench.new_phone("101", "demo-101", "same");
    let older_flow = bench.flow(older).unwrap();
    let newer = bench.new_phone("101", "demo-101", "same");
    assert_eq!(bench.heard(newer), ["registered"]);
    assert_eq!(users(&bench, "101"), ["101-1"]);
    let closed = crate::exchange::Output::CloseFlow { flow: older_flow };
    assert_eq!(bench.outputs(), [closed]);
    assert_eq!(bench.exchange.snapshot().flows, 1);
}
