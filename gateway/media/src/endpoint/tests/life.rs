//! What keeps a leg alive, and what ends it.

use super::*;

#[test]
fn a_leg_that_nobody_calls_fails_after_30_seconds() {
    let mut call = Call::new(Program::Echo);
    call.pass(30 * SECOND - MS);
    assert_eq!(call.events, []);
    call.pass(MS);
    assert_eq!(call.events, [LegEvent::Failed]);
}

#[test]
fn checks_without_dtls_do_not_keep_a_leg_for_ever() {
    let mut call = Call::new(Program::Echo);
    for _ in 0..29 {
        call.check();
        call.pass(SECOND);
    }
    assert_eq!(call.events, []);
    call.check();
    call.pass(SECOND);
    assert_eq!(call.events, [LegEvent::Failed]);
}

#[test]
fn a_connected_leg_lives_as_long_as_it_is_checked() {
    let mut call = Call::connected(Program::Echo);
    for _ in 0..5 {
        call.pass(25 * SECOND);
        call.check();
    }
    assert_eq!(call.events, [LegEvent::Connected]);
    call.pass(30 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
}

#[test]
fn packets_that_are_not_authentic_are_no_sign_of_life() {
    let mut call = Call::connected(Program::Echo);
    let forged = Source::new(1, 1).write(111, false, 0, &[0; 80]);
    for _ in 0..29 {
        call.pass(SECOND);
        let dropped = call.receive(Protocol::Rtp, &forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
    }
    call.pass(SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
    assert_eq!(call.heard, []);
}

#[test]
fn the_browser_closing_dtls_ends_the_leg() {
    let mut call = Call::connected(Program::Echo);
    call.dtls.close().unwrap();
    call.talk_dtls();
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Failed]);
}

#[test]
fn nonsense_before_the_handshake_does_not_prevent_it() {
    let mut call = Call::new(Program::Echo);
    call.check();
    let mut random = 7_u32;
    for length in 0..1500 {
        let mut nonsense: Vec<u8> = Vec::with_capacity(length + 1);
        nonsense.push(22);
        nonsense.extend((0..length).map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        }));
        // A plausible record header every other time.
        if length > 13 && length % 2 == 0 {
            nonsense[1..13].copy_from_slice(&[254, 253, 0, 0, 0, 0, 0, 0, 0, length as u8, 0, 9]);
        }
        call.receive(Protocol::Dtls, &nonsense).unwrap();
        let _ = call.receive(Protocol::Rtp, &nonsense);
        let _ = call.receive(Protocol::Rtcp, &nonsense);
    }
    assert_eq!(call.events, []);
    call.talk_dtls();
    assert_eq!(call.events, [LegEvent::Connected]);
}

#[test]
fn nonsense_after_the_handshake_changes_nothing() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    let packet = microphone.write(111, false, 0, &[5; 40]);
    let whole = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    for length in 0..whole.len() {
        assert!(call.receive(Protocol::Rtp, &whole[..length]).is_err());
        assert!(call.receive(Protocol::Rtcp, &whole[..length]).is_err());
        call.receive(Protocol::Dtls, &whole[..length]).unwrap();
    }
    let mut alert = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2];
    alert.extend([2, 40]);
    call.receive(Protocol::Dtls, &alert).unwrap();
    call.receive(Protocol::Rtp, &whole).unwrap();
    assert_eq!(call.heard.len(), 1);
    assert_eq!(call.events, [LegEvent::Connected]);
}
