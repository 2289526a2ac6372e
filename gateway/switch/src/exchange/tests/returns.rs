//! Calls that outlive a connection.

use std::time::Duration;

use super::bench::{Bench, audio};
use crate::exchange::Output;

const LOST: &str = "SIP;cause=480;text=\"The connection was lost\"";

#[test]
fn a_call_survives_a_cut_of_five_seconds_and_can_be_ended_from_both_sides() {
    for caller_is_cut in [true, false] {
        for cut_one_hangs_up in [true, false] {
            let mut bench = Bench::new();
            let (alice, bob) = (bench.phone("101"), bench.phone("102"));
            let [out, into] = bench.talk(alice, bob, "102");
            let (cut, other) = if caller_is_cut {
                (alice, bob)
            } else {
                (bob, alice)
            };
            bench.cut(cut);
            bench.advance(Duration::from_secs(5));
            assert_eq!(bench.heard(other), [""; 0]);
            assert_eq!(bench.exchange.snapshot().up, 1);
            bench.connect(cut);
            assert_eq!(bench.heard(cut), ["registered"]);
            bench.advance(Duration::from_secs(200));
            assert_eq!((bench.heard(cut), bench.heard(other)), (vec![], vec![]));
            let (by, to) = if cut_one_hangs_up {
                (cut, other)
            } else {
                (other, cut)
            };
            bench.hang_up(by, if by == alice { out } else { into });
            assert_eq!(bench.heard(by), ["ended Local"]);
            assert_eq!(bench.heard(to), ["ended RemoteBye"]);
            assert!(bench.exchange.is_quiet());
        }
    }
}

#[test]
fn a_new_offer_reaches_a_phone_that_came_back() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, into] = bench.talk(alice, bob, "102");
    bench.cut(bob);
    bench
        .command(alice, |ua, now| ua.offer(now, out, audio("hold")))
        .unwrap();
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.heard(bob), [""; 0]);
    bench.connect(bob);
    let mut heard = bench.heard(bob);
    heard.sort();
    assert_eq!(heard, ["offer hold", "registered"]);
    bench
        .command(bob, |ua, now| ua.answer_offer(now, into, audio("held")))
        .unwrap();
    assert_eq!(bench.heard(alice), ["offer answered held"]);
}

#[test]
fn the_other_side_can_hang_up_while_a_phone_is_away() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, _] = bench.talk(alice, bob, "102");
    bench.cut(bob);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(alice), ["ended Local"]);
    assert_eq!(bench.exchange.snapshot().up, 0);
}

#[test]
fn a_phone_that_stays_away_loses_its_call() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.talk(alice, bob, "102");
    bench.cut(bob);
    bench.advance(Duration::from_millis(119_999));
    assert_eq!(bench.heard(alice), [""; 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.heard(alice), [format!("ended RemoteBye {LOST}")]);
    assert!(bench.exchange.is_quiet());
}

#[test]
fn another_phone_of_the_same_person_does_not_take_the_call() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.talk(alice, bob, "102");
    bench.cut(bob);
    let _other = bench.phone("102");
    bench.advance(Duration::from_secs(120));
    assert_eq!(bench.heard(alice), [format!("ended RemoteBye {LOST}")]);
}

#[test]
fn a_page_that_was_loaded_afresh_has_left_its_call() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.talk(alice, bob, "102");
    bench.cut(bob);
    let afresh = bench.new_phone("102", "demo-102", "instance-1");
    assert_eq!(bench.heard(afresh), ["registered"]);
    assert_eq!(bench.heard(alice), [format!("ended RemoteBye {LOST}")]);
    assert!(bench.exchange.is_quiet());
}

#[test]
fn a_call_moves_to_the_new_socket_before_the_old_one_is_known_to_be_dead() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, _] = bench.talk(alice, bob, "102");
    let old = bench.flow(bob).unwrap();
    bench.lose_touch(bob);
    bench.connect(bob);
    assert_eq!(bench.heard(bob), ["registered"]);
    assert_eq!(bench.outputs(), [Output::CloseFlow { flow: old }]);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(bob), ["ended RemoteBye"]);
    assert!(bench.exchange.is_quiet());
}

#[test]
fn a_caller_lost_while_it_rings_stops_the_ringing() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.call(alice, "102");
    bench.ring(bob);
    bench.cut(alice);
    assert_eq!(
        bench.heard(bob),
        ["incoming".to_owned(), format!("ended RemoteCancel {LOST}")]
    );
    assert!(bench.exchange.is_quiet());
}

#[test]
fn a_phone_lost_while_it_rings_leaves_the_others_ringing() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.call(alice, "102");
    bench.cut(desk);
    assert_eq!(bench.heard(alice), [""; 0]);
    bench.answer(mobile, "mobile");
    assert_eq!(bench.heard(alice), ["accepted mobile"]);
}

#[test]
fn a_service_waits_for_its_caller_too() {
    let mut bench = Bench::new();
    let alice = bench.phone("101");
    let session = bench.call(alice, "600");
    let call = crate::exchange::CallKey(1);
    bench.report(
        call,
        crate::service::ServiceEvent::Answered("v=0\r\ns=echo\r\n".into()),
    );
    bench.cut(alice);
    bench.advance(Duration::from_secs(5));
    bench.connect(alice);
    bench.outputs();
    bench.hang_up(alice, session);
    assert_eq!(bench.outputs(), [Output::StopService { call }]);
    assert!(bench.exchange.is_quiet());
}

#[test]
fn who_calls_a_phone_that_has_just_gone_waits_for_it() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.cut(bob);
    bench.advance(Duration::from_secs(3));
    let out = bench.call(alice, "102");
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.heard(alice), [""; 0]);
    bench.connect(bob);
    assert_eq!(bench.heard(bob), ["registered", "incoming"]);
    bench.answer(bob, "here");
    assert_eq!(bench.heard(alice), ["accepted here"]);
    assert_eq!(bench.heard(bob), ["confirmed"]);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(alice), ["ended Local"]);
    assert_eq!(bench.heard(bob), ["ended RemoteBye"]);
    bench.assert_quiet();
}

#[test]
fn nobody_waits_long_for_a_phone_that_has_gone() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.cut(bob);
    bench.advance(Duration::from_secs(3));
    bench.call(alice, "102");
    bench.advance(Duration::from_millis(1999));
    assert_eq!(bench.heard(alice), [""; 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.heard(alice), ["ended Refused 480"]);
    // Nor for it once more.
    bench.call(alice, "102");
    assert_eq!(bench.heard(alice), ["ended Refused 480"]);
    bench.connect(bob);
    assert_eq!(bench.heard(bob), ["registered"]);
    bench.assert_quiet();
}

#[test]
fn nobody_waits_for_a_phone_that_has_signed_out() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let account = bench.account(bob);
    bench
        .command(bob, |ua, now| ua.remove_account(now, account))
        .unwrap();
    assert_eq!(bench.heard(bob), ["unregistered"]);
    bench.cut(bob);
    bench.call(alice, "102");
    assert_eq!(bench.heard(alice), ["ended Refused 480"]);
    bench.assert_quiet();
}

#[test]
fn a_phone_lost_while_it_rings_rings_on() {
    for both_notice in [true, false] {
        let mut bench = Bench::new();
        let (alice, bob) = (bench.phone("101"), bench.phone("102"));
        let out = bench.call(alice, "102");
        bench.ring(bob);
        assert_eq!(bench.heard(alice), ["180"]);
        assert_eq!(bench.heard(bob), ["incoming"]);
        match both_notice {
            true => bench.cut(bob),
            false => bench.lose_touch(bob),
        }
        bench.advance(Duration::from_secs(3));
        bench.connect(bob);
        bench.advance(Duration::from_secs(10));
        assert_eq!(bench.heard(bob), ["registered"]);
        assert_eq!(bench.heard(alice), [""; 0]);
        bench.answer(bob, "still here");
        assert_eq!(bench.heard(alice), ["accepted still here"]);
        assert_eq!(bench.heard(bob), ["confirmed"]);
        bench.hang_up(alice, out);
        assert_eq!(bench.heard(alice), ["ended Local"]);
        assert_eq!(bench.heard(bob), ["ended RemoteBye"]);
        bench.outputs();
        bench.assert_quiet();
    }
}

#[test]
fn a_page_that_is_loaded_anew_rings_again() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let out = bench.call(alice, "102");
    bench.ring(bob);
    bench.cut(bob);
    assert_eq!(bench.heard(alice), ["180"]);
    let afresh = bench.new_phone("102", "demo-102", "instance-1");
    assert_eq!(bench.heard(afresh), ["registered", "incoming"]);
    bench.answer(afresh, "afresh");
    assert_eq!(bench.heard(alice), ["accepted afresh"]);
    assert_eq!(bench.heard(afresh), ["confirmed"]);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(alice), ["ended Local"]);
    assert_eq!(bench.heard(afresh), ["ended RemoteBye"]);
    bench.advance(Duration::from_secs(8));
    assert_eq!(
        bench.heard(bob),
        ["incoming", "ended FlowDown"],
        "the former page"
    );
    bench.assert_quiet();
}

#[test]
fn a_phone_lost_while_it_rings_is_not_waited_for_long() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.call(alice, "102");
    bench.ring(bob);
    assert_eq!(bench.heard(alice), ["180"]);
    bench.cut(bob);
    bench.advance(Duration::from_millis(4999));
    assert_eq!(bench.heard(alice), [""; 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.heard(alice), ["ended Refused 480"]);
    bench.advance(Duration::from_secs(3));
    assert_eq!(bench.heard(bob), ["incoming", "ended FlowDown"]);
    bench.assert_quiet();
}

#[test]
fn a_caller_who_gives_up_while_the_phone_is_away_ends_the_ringing() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let out = bench.call(alice, "102");
    bench.ring(bob);
    bench.cut(bob);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(alice), ["180", "ended Local"]);
    bench.connect(bob);
    let mut heard = bench.heard(bob);
    heard.sort();
    assert_eq!(heard, ["ended RemoteCancel", "incoming", "registered"]);
    bench.assert_quiet();
}

#[test]
fn the_others_ring_while_one_is_away() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.cut(mobile);
    bench.call(alice, "102");
    bench.ring(desk);
    assert_eq!(bench.heard(desk), ["incoming"]);
    bench.answer(desk, "desk");
    assert_eq!(bench.heard(alice), ["180", "accepted desk"]);
    assert_eq!(bench.heard(desk), ["confirmed"]);
    bench.advance(Duration::from_secs(6));
    bench.connect(mobile);
    assert_eq!(bench.heard(mobile), ["registered"]);
}
