use super::*;

const MS: Duration = Duration::from_millis(1);

fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
    Packet {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp,
        ssrc: 0xabcd,
        payload: &[],
    }
}

fn reporter() -> (Reporter, Instant) {
    let start = Instant::now();
    (Reporter::new(WallClock::new(start), start), start)
}

#[test]
fn before_anything_is_sent_the_report_is_a_receivers() {
    let (mut reporter, start) = reporter();
    let report = reporter.write(start, &Source::new(1, 0));
    assert_eq!(report[..8], [0x80, RECEIVER_REPORT, 0, 1, 0, 0, 0, 1]);
    assert_eq!(report[8..12], [0x81, SOURCE_DESCRIPTION, 0, 4]);
    assert_eq!(report[16..26], *b"\x01\x08sidetone");
    assert_eq!(report.len(), 28);
}

#[test]
fn a_sender_report_tells_what_was_sent_and_heard() {
    let (mut reporter, start) = reporter();
    let mut source = Source::new(1, 0);
    source.write(0, false, 1000, &[0; 160]);
    reporter.on_sent(start, 1000, 8000);
    // Ten packets with one lost, perfectly paced, across the wrap of sequence numbers.
    for n in (0..10).filter(|n| *n != 4) {
        let sequence = 65_530_u16.wrapping_add(n);
        let at = start + 20 * MS * u32::from(n);
        reporter.on_received(at, &packet(sequence, 160 * u32::from(n)), 8000);
    }
    let now = start + 200 * MS;
    let report = reporter.write(now, &source);
    assert_eq!(report[..4], [0x81, SENDER_REPORT, 0, 12]);
    assert_eq!(word(&report, 4), Some(1000 + 1600), "time goes on");
    assert_eq!((word(&report, 5), word(&report, 6)), (Some(1), Some(160)));
    assert_eq!(word(&report, 7), Some(0xabcd));
    let fraction = 256 / 10;
    assert_eq!(word(&report, 8), Some(fraction << 24 | 1));
    assert_eq!(word(&report, 9), Some(65_539), "one wrap");
    assert_eq!(word(&report, 10), Some(0), "no jitter");
    // Nothing was lost since.
    let report = reporter.write(now, &source);
    assert_eq!(word(&report, 8), Some(1));
}

#[test]
fn the_delay_since_the_browsers_report_is_told() {
    let (mut reporter, start) = reporter();
    reporter.on_received(start, &packet(1, 0), 8000);
    let mut theirs = vec![0x80, SENDER_REPORT, 0, 6];
    for word in [0xabcd_u32, 0x1122_3344, 0x5566_7788, 0, 0, 0] {
        theirs.extend(word.to_be_bytes());
    }
    assert!(reporter.handle_rtcp(start, 1, &theirs));
    let report = reporter.write(start + 500 * MS, &Source::new(1, 0));
    assert_eq!(word(&report, 6), Some(0x3344_5566));
    assert_eq!(word(&report, 7), Some(32_768), "half a second");
}

#[test]
fn the_round_trip_is_what_the_peer_did_not_spend() {
    let (mut reporter, start) = reporter();
    let left = (reporter.clock.ntp(start) >> 16) as u32;
    let report = |ssrc: u32| {
        let mut report = vec![0x81, RECEIVER_REPORT, 0, 7];
        for word in [0xabcd_u32, ssrc, 0, 0, 0, left, 65_536] {
            report.extend(word.to_be_bytes());
        }
        report
    };
    let now = start + 1125 * MS;
    assert!(reporter.handle_rtcp(now, 1, &report(2)));
    assert_eq!(reporter.round_trip(), None, "on somebody else's sound");
    assert!(reporter.handle_rtcp(now, 1, &report(1)));
    let round_trip = reporter.round_trip().unwrap();
    assert!(round_trip.abs_diff(125 * MS) < MS, "{round_trip:?}");
}

#[test]
fn what_was_heard_is_summed_over_the_streams() {
    let (mut reporter, start) = reporter();
    for (ssrc, sequence) in [(1, 10), (1, 13), (2, 500), (2, 502)] {
        let packet = Packet {
            ssrc,
            ..packet(sequence, 0)
        };
        reporter.on_received(start, &packet, 8000);
    }
    let Reception { packets, lost, .. } = reporter.reception();
    assert_eq!((packets, lost), (4, 3));
}

#[test]
fn a_jump_in_the_numbers_is_no_loss() {
    let (mut reporter, start) = reporter();
    // A sender that begins anew, ahead and behind; and strays in between.
    let numbers = [
        10, 11, 13, 30_000, 14, 30_001, 30_002, 9, 30_003, 5, 6, 8, 60_000, 9,
    ];
    for sequence in numbers {
        reporter.on_received(start, &packet(sequence, 0), 8000);
    }
    let Reception { packets, lost, .. } = reporter.reception();
    assert_eq!(packets, numbers.len() as u64);
    assert_eq!(lost, 2, "12 and 7");
}

#[test]
fn broken_reports_are_told_apart() {
    let (mut reporter, start) = reporter();
    for broken in [&[0x80, 200, 0, 6, 1][..], &[0x80, 200], &[0, 200, 0, 0]] {
        assert!(!reporter.handle_rtcp(start, 1, broken), "{broken:?}");
    }
}

#[test]
fn jitter_grows_with_uneven_arrival() {
    let (mut reporter, start) = reporter();
    for n in 0..50_u16 {
        let late = if n % 2 == 0 { 0 } else { 10 };
        let at = start + MS * (20 * u32::from(n) + late);
        reporter.on_received(at, &packet(n, 160 * u32::from(n)), 8000);
    }
    let report = reporter.write(start + 1000 * MS, &Source::new(1, 0));
    let jitter = word(&report, 5).unwrap();
    assert!((60..=80).contains(&jitter), "10 ms are 80 ticks: {jitter}");
}
