//! What is mended in messages of a PBX, and what is not: refused from anybody else, read from a PBX,
//! and counted.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use sidetone_sip::Message;
use sidetone_sip::message::{Incoming, Limits, Repair, Repairs, read_frame, read_frame_of_pbx};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A request in which one line is at fault: in place of that of the same name, or added.
fn request(line: &str) -> Vec<u8> {
    let mut lines = vec![
        "OPTIONS sip:101@192.0.2.9 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "From: <sip:pbx@example.org>;tag=1",
        "To: <sip:101@example.org>",
        "Call-ID: c1",
        "CSeq: 7 OPTIONS",
    ];
    let name = |line: &str| line.split([':', ' ']).next().unwrap().to_owned();
    match lines.iter_mut().find(|known| name(known) == name(line)) {
        Some(known) => *known = line,
        None => lines.push(line),
    }
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

fn read(frame: &[u8]) -> (Incoming, Repairs) {
    let mut repairs = Repairs::default();
    let incoming = read_frame_of_pbx(frame, &Limits::default(), &mut repairs);
    (incoming, repairs)
}

/// Checks that only a PBX may send this, that it is mended as told, and answers how it prints.
#[track_caller]
fn mended(frame: &[u8], expected: &[Repair]) -> String {
    let shown = String::from_utf8_lossy(frame);
    let strict = read_frame(frame, &Limits::default());
    assert!(!matches!(strict, Incoming::Message(_)), "{shown}");
    let (incoming, repairs) = read(frame);
    let Incoming::Message(message) = incoming else {
        panic!("{incoming:?}: {shown}");
    };
    let made: Vec<Repair> = repairs
        .iter()
        .flat_map(|(repair, times)| vec![repair; times as usize])
        .collect();
    assert_eq!(made, expected, "{shown}");
    let printed = message.to_bytes();
    let again = read_frame(&printed, &Limits::default());
    assert_eq!(again, Incoming::Message(message), "{shown}");
    String::from_utf8(printed).unwrap()
}

#[test]
fn addresses_hops_and_start_lines() {
    use Repair::{Item, Name, Param, StartLine, Uri};
    for (wrong, right, repairs) in [
        // Users with what has to be escaped.
        (
            "To: <sip:*72#5551234@example.org>",
            "To: <sip:*72%235551234@example.org>",
            &[Uri][..],
        ),
        (
            "To: <sip:Jörg [b]@example.org>",
            "To: <sip:J%C3%B6rg%20%5Bb%5D@example.org>",
            &[Uri],
        ),
        (
            "To: <sip:bob@corp.example@192.0.2.1:5060>",
            "To: <sip:bob%40corp.example@192.0.2.1:5060>",
            &[Uri],
        ),
        (
            "To: <sip:bob:pass#word@example.org>",
            "To: <sip:bob:pass%23word@example.org>",
            &[Uri],
        ),
        (
            "To: <sip:100%@example.org>",
            "To: <sip:100%25@example.org>",
            &[Uri],
        ),
        // Blanks and ports.
        (
            "To: < sip:101@example.org >",
            "To: <sip:101@example.org>",
            &[Uri],
        ),
        (
            "To: <sip:101@example.org:;user=phone>",
            "To: <sip:101@example.org;user=phone>",
            &[Uri],
        ),
        // Parameters.
        (
            "To: <sip:101@example.org>;",
            "To: <sip:101@example.org>",
            &[Param],
        ),
        (
            "From: <sip:101@example.org>;;tag=1;",
            "From: <sip:101@example.org>;tag=1",
            &[Param, Param],
        ),
        (
            "To: <sip:101@example.org;>",
            "To: <sip:101@example.org>",
            &[Param],
        ),
        (
            "To: <sip:101@example.org;;user=phone>",
            "To: <sip:101@example.org;user=phone>",
            &[Param],
        ),
        (
            "To: <sip:101@example.org;lr;lr>",
            "To: <sip:101@example.org;lr>",
            &[Param],
        ),
        (
            "Contact: <sip:101@192.0.2.1;ctx=a@b=c>",
            "Contact: <sip:101@192.0.2.1;ctx=a%40b%3Dc>",
            &[Param],
        ),
        (
            "To: <sip:101@example.org>;tag=",
            "To: <sip:101@example.org>",
            &[Param],
        ),
        (
            "Via: SIP/2.0/UDP 192.0.2.1;rport=;branch=z9hG4bK1;",
            "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1",
            &[Param, Param],
        ),
        (
            "Contact: <sip:101@192.0.2.1>;description=Front desk",
            "Contact: <sip:101@192.0.2.1>;description=\"Front desk\"",
            &[Param],
        ),
        // Names.
        (
            "From: Bob (mobile) <sip:101@example.org>;tag=1",
            "From: \"Bob (mobile)\" <sip:101@example.org>;tag=1",
            &[Name],
        ),
        (
            "From: Doe, John <sip:101@example.org>;tag=1",
            "From: \"Doe, John\" <sip:101@example.org>;tag=1",
            &[Name],
        ),
        (
            "From: 101@example.org <sip:101@example.org>;tag=1",
            "From: \"101@example.org\" <sip:101@example.org>;tag=1",
            &[Name],
        ),
        (
            "From: \"Accounts <sip:101@example.org>;tag=1",
            "From: \"Accounts\" <sip:101@example.org>;tag=1",
            &[Name],
        ),
        (
            "From: \"Bob\" at work <sip:101@example.org>;tag=1",
            "From: \"Bob\\\" at work\" <sip:101@example.org>;tag=1",
            &[Name],
        ),
        // Lists.
        (
            "Contact: <sip:101@192.0.2.1>,",
            "Contact: <sip:101@192.0.2.1>",
            &[Item],
        ),
        (
            "Record-Route: <sip:192.0.2.1;lr>,,<sip:192.0.2.2;lr>",
            "Record-Route: <sip:192.0.2.1;lr>\r\nRecord-Route: <sip:192.0.2.2;lr>",
            &[Item],
        ),
        (
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1,",
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            &[Item],
        ),
        // Start lines.
        (
            "OPTIONS sip:101@192.0.2.9 SIP/2.0 ",
            "OPTIONS sip:101@192.0.2.9 SIP/2.0",
            &[StartLine],
        ),
        (
            "OPTIONS <sip:101@192.0.2.9> SIP/2.0",
            "OPTIONS sip:101@192.0.2.9 SIP/2.0",
            &[StartLine],
        ),
        (
            "OPTIONS  sip:101@192.0.2.9  SIP/2.0",
            "OPTIONS sip:101@192.0.2.9 SIP/2.0",
            &[StartLine],
        ),
        (
            "OPTIONS sip:*8#@192.0.2.9 SIP/2.0",
            "OPTIONS sip:*8%23@192.0.2.9 SIP/2.0",
            &[Uri],
        ),
    ] {
        let printed = mended(&request(wrong), repairs);
        let is_there = printed.contains(&format!("{right}\r\n"));
        assert!(is_there, "{wrong}\n{printed}");
    }
}

#[test]
fn heads_and_bodies() {
    use Repair::{Charset, ContentLength, Control, Header, Line, LineEnds, Param};
    let plain = request("Subject: x");
    let without = |line: &str| String::from_utf8_lossy(&plain).replace(line, "");

    let bare = String::from_utf8_lossy(&plain).replace("\r\n", "\n") + "a\nb";
    let printed = mended(bare.as_bytes(), &[LineEnds]);
    assert!(printed.ends_with("\r\nContent-Length: 3\r\n\r\na\nb"));

    let latin = |text: &[u8]| {
        let mut frame = plain.clone();
        let at = frame.windows(9).position(|w| w == b"<sip:pbx@").unwrap();
        frame.splice(at..at, text.iter().copied());
        frame
    };
    let printed = mended(&latin(b"\"Andr\xe9\""), &[Charset]);
    assert!(printed.contains("From: \"André\" <"));
    // A name that was cut within a character.
    let printed = mended(&latin(b"\"J\xc3\xb6rg\xc3\" "), &[Charset]);
    assert!(printed.contains("From: \"JörgÃ\" <"));

    let printed = mended(&request("Subject: a\u{1}b"), &[Control]);
    assert!(printed.contains("Subject: a b\r\n"));

    let printed = mended(&request("a line of nothing"), &[Line]);
    assert!(!printed.contains("nothing"));

    let twice = "Max-Forwards: 70\r\nmax-forwards: 70";
    assert!(mended(&request(twice), &[Header]).contains("Max-Forwards: 70\r\n"));

    let mut short = request("Content-Length: 9");
    short.extend(b"v=0\r\n");
    let printed = mended(&short, &[ContentLength]);
    assert!(printed.ends_with("\r\nContent-Length: 5\r\n\r\nv=0\r\n"));

    // A folded line, and empty lines ahead, are no faults by themselves.
    let folded =
        format!("\r\n{}", without("Subject: x\r\n\r\n")) + "Contact:\r\n <sip:a@b>;\r\n\r\n";
    assert!(mended(folded.as_bytes(), &[Param]).contains("Contact: <sip:a@b>\r\n"));

    let response = String::from_utf8_lossy(&request("Contact: <sip:101@192.0.2.1>;;"))
        .replace("OPTIONS sip:101@192.0.2.9 SIP/2.0", "SIP/2.0 200 OK");
    assert!(mended(response.as_bytes(), &[Param; 2]).contains("Contact: <sip:101@192.0.2.1>\r\n"));
}

/// What could be meant in two ways, and what makes one message two to somebody else.
#[test]
fn what_stays_refused() {
    for line in [
        "To: <sip:bob@>",
        "To: <sip:bob@exa mple.org>",
        "To: <sip:101@example.org>;tag=1;tag=2",
        "To: <sip:101@example.org;transport=udp;transport=tcp>",
        "To: <sip:101@example.org",
        "To: <sip:101@example.org> and more",
        "Contact: Doe, John <sip:101@192.0.2.1>",
        "Max-Forwards: 70\r\nMax-Forwards: 69",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: -1",
        "Content-Length: 1 2",
        "Call-ID: c1\r\ni: c2",
        "CSeq: 7",
        "CSeq: 7 INVITE",
        "OPTIONS sip:101@192.0.2.9 SIP/3.0",
        "OPTIONS sip:101@192.0.2.9",
        "Via: SIP/2.0/UDP",
        "Via: ,",
        "Subject: a\nEvil: b",
        "Subject: a\rEvil: b",
        "Subject: \"\\\n\"",
    ] {
        let frame = request(line);
        let strict = read_frame(&frame, &Limits::default());
        assert!(!matches!(strict, Incoming::Message(_)), "{line}");
        // As it would be refused from anybody, whatever could have been mended besides.
        let (incoming, repairs) = read(&frame);
        assert_eq!(incoming, strict, "{line}");
        assert_eq!(repairs, Repairs::default(), "{line}");
    }
    let large = [request("Subject: x;"), vec![b'x'; 64 * 1024]].concat();
    assert!(matches!(read(&large).0, Incoming::Refused(_)));
    for nothing in ["", "\0\0\0\0", "\n\n", "jaK", "\r\n \r\n\r\n", " \n\n"] {
        let (incoming, repairs) = read(nothing.as_bytes());
        assert!(matches!(incoming, Incoming::Dropped(_)), "{nothing:?}");
        assert_eq!(repairs, Repairs::default());
    }
}

#[test]
fn what_is_right_is_not_touched() {
    for line in [
        "Subject: x",
        "From: Алиса <sip:a%23b@example.org;lr>;tag=1;x=\"a;b\"",
        "Contact: *",
    ] {
        let frame = request(line);
        let (incoming, repairs) = read(&frame);
        assert_eq!(incoming, read_frame(&frame, &Limits::default()));
        assert!(matches!(incoming, Incoming::Message(Message::Request(_))));
        assert_eq!(repairs.iter().count(), 0);
    }
    assert_eq!(read(b"\r\n\r\n").0, Incoming::Ping);
    assert_eq!(read(b"\r\n").0, Incoming::Pong);
}

#[test]
fn counts_add_up() {
    let mut repairs = Repairs::default();
    let limits = Limits::default();
    for _ in 0..3 {
        let frame = request("To: < sip:101@example.org >;;");
        let incoming = read_frame_of_pbx(&frame, &limits, &mut repairs);
        assert!(matches!(incoming, Incoming::Message(_)));
    }
    assert_eq!(repairs.of(Repair::Uri), 3);
    assert_eq!(repairs.of(Repair::Param), 6);
    assert_eq!(repairs.of(Repair::Name), 0);
    let names: Vec<&str> = repairs.iter().map(|(repair, _)| repair.as_str()).collect();
    assert_eq!(names, ["uri", "param"]);
}
