//! What is played and echoed.

use super::*;

#[test]
fn a_replayed_packet_is_echoed_once() {
    let mut call = Call::connected(Program::Echo);
    let packet = Source::new(1, 1).write(111, false, 0, b"once");
    let protected = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    assert_eq!(call.receive(Protocol::Rtp, &protected), Ok(()));
    let replayed = call.receive(Protocol::Rtp, &protected);
    assert_eq!(replayed, Err(Dropped::Unauthentic));
    assert_eq!(call.heard.len(), 1);
}

#[test]
fn keys_are_reported_and_not_echoed() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"a");
    for end in [0, 0, 0x80, 0x80, 0x80] {
        call.say(&mut microphone, 126, 960, &[11, end, 0, 160]);
    }
    call.say(&mut microphone, 111, 5760, b"b");
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Dtmf('#')]);
    let packets: Vec<_> = call
        .heard
        .iter()
        .map(|(_, p)| Packet::parse(p).unwrap())
        .collect();
    assert_eq!(packets.len(), 2);
    assert_eq!([packets[0].payload, packets[1].payload], [b"a", b"b"]);
    assert_eq!(packets[1].sequence, packets[0].sequence + 1);
    assert_eq!(
        packets[1].timestamp.wrapping_sub(packets[0].timestamp),
        5760
    );
}

#[test]
fn what_was_not_negotiated_is_dropped() {
    let mut call = Call::connected(Program::Echo);
    let packet = Source::new(1, 1).write(99, false, 0, b"what?");
    let protected = call
        .outbound
        .as_mut()
        .unwrap()
        .encrypt_rtp(&packet)
        .unwrap();
    assert_eq!(
        call.receive(Protocol::Rtp, &protected),
        Err(Dropped::Malformed)
    );
    assert_eq!(call.heard, []);
}

#[test]
fn reports_come_regularly() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    call.say(&mut microphone, 111, 0, b"a");
    call.pass(11 * SECOND);
    assert_eq!(call.reports.len(), 3, "at 0.5, 5.5 and 10.5 s");
    for report in &call.reports {
        assert_eq!(report[..2], [0x81, 200]);
    }
}

#[test]
fn the_announcement_is_played_in_time_and_then_finished() {
    let mut call = Call::connected(Program::Announcement);
    let start = call.now;
    call.check();
    call.pass(10 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Finished]);
    assert!(call.heard.len() > 100);
    let first = Packet::parse(&call.heard[0].1).unwrap();
    assert!(first.marker);
    for (n, (at, bytes)) in call.heard.iter().enumerate() {
        let packet = Packet::parse(bytes).unwrap();
        assert_eq!(*at, start + 20 * MS * n as u32);
        assert_eq!((packet.payload_type, packet.payload.len()), (0, 160));
        assert_eq!(packet.sequence.wrapping_sub(first.sequence), n as u16);
        let elapsed = packet.timestamp.wrapping_sub(first.timestamp);
        assert_eq!(elapsed, 160 * n as u32);
    }
}

#[test]
fn the_announcement_waits_while_on_hold() {
    let mut call = Call::connected(Program::Announcement);
    call.pass(SECOND);
    let before = call.heard.len();
    assert!(call.reoffer("them", "sendonly").contains("a=recvonly\r\n"));
    call.pass(5 * SECOND);
    assert_eq!(call.heard.len(), before);
    assert!(call.reoffer("them", "sendrecv").contains("a=sendrecv\r\n"));
    call.pass(10 * SECOND);
    assert_eq!(call.events, [LegEvent::Connected, LegEvent::Finished]);
}

#[test]
fn nothing_is_echoed_on_hold() {
    let mut call = Call::connected(Program::Echo);
    let mut microphone = Source::new(1, 1);
    for (direction, heard) in [
        ("sendonly", 0),
        ("inactive", 0),
        ("recvonly", 0),
        ("sendrecv", 1),
    ] {
        call.reoffer("them", direction);
        call.say(&mut microphone, 111, 0, b"a");
        assert_eq!(call.heard.len(), heard, "{direction}");
    }
}
