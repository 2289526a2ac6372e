//! What an agent makes of each class of message in RFC 4475: one message of our own for each of its
//! sections, and that RFC's own files where a folder of them is at hand, held to the same. Its length
//! is that of the table.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use sidetone_sip::message::{Incoming, Limits, Transport, read_frame};
use sidetone_sip::{
    Config, Event, FlowId, Input, Method, Moment, Output, SeededTokens, SessionEvent, UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The application is told of it: a call, or a request that it wants to have.
    Told,
    /// The agent answers it at once with this status, and nobody is told.
    Answered(u16),
    /// It is read, but it is a response to nothing: it is ignored.
    Ignored,
    /// It can't be read, nor answered.
    Dropped,
}
use Fate::{Answered, Dropped, Ignored, Told};

/// Sections, messages, fates. A message is its start line and the lines by which it differs from
/// the plainest one; a line without a value takes that one's away; what follows `|` is the body.
const CLASSES: [(&str, &str, &str, Fate); 49] = [
    // Legal: §3.1.1.
    (
        "3.1.1.1",
        "INVITE sip:b@example.org;unknown SIP/2.0",
        "TO :\r\n sip:b@example.org ;   tag    =\r\n\t9\nTo\nfrom   : \"J \\\\\\\"\"  <sip:j@example.org>\r\n  ;\r\n tag = 98\nFrom\n\
         MaX-fOrWaRdS: 0068\ncseq: 0009\r\n  INVITE\nCSeq\nv:  SIP  / 2.0  / UDP\r\n  h.example.org;branch=z9,\r\n SIP/2.0/TCP i\nVia\n\
         s :\nNewFangled:  a\r\n continued  line\nm:\"Q \\\"\\\"\" <sip:j@example.org> ; n =\r\n v; q = 0.33\nUnusual: ;;,,;",
        // A tag of no dialog.
        Answered(481),
    ),
    (
        "3.1.1.2",
        "!odd-Method0123456789_*+`.%indeed'~ sip:1_u~(to-be!sure)&it+$/crazy?,/;;*:&it+has=1,weird!*pas$@example.org SIP/2.0",
        "CSeq: 7 !odd-Method0123456789_*+`.%indeed'~\nTo: \"B\\\0 \\\u{7} \\\"\" <sip:1_u@example.org>\next-%.!*_+`'~: \u{feff}大停電",
        Answered(405),
    ),
    (
        "3.1.1.3",
        "INVITE sip:sips%3Auser%40example.com@example.org SIP/2.0",
        "CSeq: 7 INVITE\nTo: sip:%75se%72@example.org\nContact: <sip:cal%6Cer@h.example.org;%6C%72;n%61me=v%61lue%25%34%31>",
        Told,
    ),
    (
        "3.1.1.4",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContact: <sip:%00@h.example.org>\nContact: <sip:%00%00@h.example.org>",
        Told,
    ),
    (
        "3.1.1.5",
        "RE%47IST%45R sip:example.org SIP/2.0",
        "CSeq: 7 RE%47IST%45R\nTo: \"%Z%45\" <sip:r@example.org>\nC%6Fntact: <sip:alias@h.example.org>",
        Answered(405),
    ),
    (
        "3.1.1.6",
        "OPTIONS sip:b@example.org SIP/2.0",
        "From: caller<sip:c@example.org>;tag=3",
        Answered(200),
    ),
    (
        "3.1.1.7",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nX: LONG\nVia: SIP/2.0/UDP LONG.example.org;branch=z9hG4bKLONG\nContact: <sip:LONG@h.example.org>;LONG=LONG",
        Told,
    ),
    (
        "3.1.1.8",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContent-Length: 0|\r\nINVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\n\r\n",
        Told,
    ),
    (
        "3.1.1.9",
        "OPTIONS sip:user;par=u%40example.net@example.org SIP/2.0",
        "",
        Answered(200),
    ),
    (
        "3.1.1.10",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Via: SIP/2.0/UDP t1;branch=z9hG4bK1\nVia: SIP/2.0/SCTP t2\nVia: SIP/2.0/UNKNOWN t4;branch=z9hG4bKz",
        Answered(200),
    ),
    (
        "3.1.1.11",
        "MESSAGE sip:b@example.org SIP/2.0",
        "CSeq: 7 MESSAGE\nContent-Type: multipart/mixed;boundary=7a9c\n|--7a9c\r\n\r\na\u{0}\u{1}\u{ff}\r\n--7a9c--",
        Told,
    ),
    (
        "3.1.1.12",
        "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое",
        "",
        Ignored,
    ),
    ("3.1.1.13", "SIP/2.0 100 ", "", Ignored),
    // Illegal: §3.1.2.
    (
        "3.1.2.1",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nVia: SIP/2.0/UDP i;;,;,,\nContact: \"J\" <sip:j@example.org>;;;;",
        Answered(400),
    ),
    (
        "3.1.2.2",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Content-Length: 9999|v=0",
        Answered(400),
    ),
    (
        "3.1.2.3",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Content-Length: -999|v=0",
        Answered(400),
    ),
    (
        "3.1.2.4",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 36893488147419103232 REGISTER\nMax-Forwards: 300\nExpires: 10000000000",
        Answered(400),
    ),
    (
        "3.1.2.5",
        "SIP/2.0 503 Service Unavailable",
        "CSeq: 9292394834772304023312 OPTIONS\nRetry-After: 949302838503028349304023988\nWarning: 1812 overture",
        Dropped,
    ),
    (
        "3.1.2.6",
        "OPTIONS sip:b@example.org SIP/2.0",
        "To: \"Mr. J. User <sip:j@example.org>",
        Answered(400),
    ),
    (
        "3.1.2.7",
        "OPTIONS <sip:b@example.org> SIP/2.0",
        "",
        Answered(400),
    ),
    (
        "3.1.2.8",
        "OPTIONS sip:b@example.org; lr SIP/2.0",
        "",
        Answered(400),
    ),
    (
        "3.1.2.9",
        "OPTIONS  sip:b@example.org  SIP/2.0",
        "",
        Answered(400),
    ),
    (
        "3.1.2.10",
        "OPTIONS sip:b@example.org SIP/2.0  ",
        "",
        Answered(400),
    ),
    (
        "3.1.2.11",
        "OPTIONS sip:b@example.org?Route=%3Csip:h%3E SIP/2.0",
        "",
        Answered(400),
    ),
    // "If the Date header field is not used …, the element may ignore it".
    (
        "3.1.2.12",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nContact: <sip:c@h>\nDate: Fri, 01 Jan 2010 16:00:00 EST",
        Told,
    ),
    (
        "3.1.2.13",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContact: sip:b@example.org?Route=%3Csip:h%3E",
        Answered(400),
    ),
    (
        "3.1.2.14",
        "OPTIONS sip:b@example.org SIP/2.0",
        "To: \"B\" < sip:b@example.org >",
        Answered(400),
    ),
    (
        "3.1.2.15",
        "OPTIONS sip:b@example.org SIP/2.0",
        "From: Bell, Alexander <sip:a@example.org>;tag=43",
        Answered(400),
    ),
    (
        "3.1.2.16",
        "OPTIONS sip:b@example.org SIP/7.0",
        "",
        Answered(505),
    ),
    (
        "3.1.2.17",
        "OPTIONS sip:b@example.org SIP/2.0",
        "CSeq: 8 INVITE",
        Answered(400),
    ),
    // "… 501 … or 400".
    (
        "3.1.2.18",
        "NEWMETHOD sip:b@example.org SIP/2.0",
        "CSeq: 8 INVITE",
        Answered(400),
    ),
    (
        "3.1.2.19",
        "SIP/2.0 4294967301 better not break",
        "",
        Dropped,
    ),
    // Above the grammar: §3.2 to §3.4.
    (
        "3.2.1",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK",
        Answered(400),
    ),
    (
        "3.3.1",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nFrom\nTo\nCall-ID",
        Answered(400),
    ),
    (
        "3.3.2",
        "OPTIONS nobodyKnows:opaque SIP/2.0",
        "",
        Answered(416),
    ),
    (
        "3.3.3",
        "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
        "",
        Answered(416),
    ),
    // Whose bindings these are is the registrar's business.
    (
        "3.3.4",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nTo: isbn:2983792873\nFrom: <http://www.example.com>;tag=1\nContact: <name:J_Johnson>",
        Told,
    ),
    (
        "3.3.5",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Require: nothingSupportsThis, nothingSupportsThisEither\nProxy-Require: noProxies",
        Answered(420),
    ),
    (
        "3.3.6",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nContact: <sip:c@h>\nContent-Type: application/unknown|<?xml?>",
        Answered(415),
    ),
    (
        "3.3.7",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nAuthorization: NoOneKnowsThisScheme opaque-data=here",
        Told,
    ),
    (
        "3.3.8",
        "OPTIONS sip:b@example.org SIP/2.0",
        "X: y\nCSeq: 7 OPTIONS\nCSeq: 8 OPTIONS\nFrom: <sip:a@h>;tag=1\nFrom: <sip:b@h>;tag=2",
        Answered(400),
    ),
    (
        "3.3.9",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Content-Length: 3\nContent-Length: 5|v=0",
        Answered(400),
    ),
    (
        "3.3.10",
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2",
        Ignored,
    ),
    (
        "3.3.11",
        "OPTIONS sip:b@example.org SIP/2.0",
        "Max-Forwards: 0",
        Answered(200),
    ),
    (
        "3.3.12",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContact: sip:+19725552222@gw1.example.net;unknownparam",
        Told,
    ),
    (
        "3.3.13",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContact: <sip:+19725552222@gw1.example.net;unknownparam>",
        Told,
    ),
    (
        "3.3.14",
        "REGISTER sip:example.org SIP/2.0",
        "CSeq: 7 REGISTER\nContact: <sip:u@example.com?Route=%3Csip:h.example.com%3E>",
        Told,
    ),
    (
        "3.3.15",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nContact: <sip:c@h>\nAccept: text/nobodyKnowsThis\nContent-Type: application/sdp|v=0",
        Answered(406),
    ),
    (
        "3.4.1",
        "INVITE sip:b@example.org SIP/2.0",
        "CSeq: 7 INVITE\nVia: SIP/2.0/UDP h\nFrom: <sip:a@example.org>\nContent-Type: application/sdp|v=0",
        Told,
    ),
];

/// The plainest message, less what is given otherwise.
fn message(start: &str, given: &str) -> Vec<u8> {
    let given = given.replace("LONG", &"long".repeat(60));
    let (head, body) = given.split_once('|').unwrap_or((&given, ""));
    // Folds stay within their line.
    let head = head.replace("\r\n", "\u{1f}");
    let lines: Vec<&str> = head.split('\n').collect();
    let plain = [
        "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKx",
        "From: <sip:a@example.org>;tag=1",
        "To: <sip:b@example.org>",
        "Call-ID: c1",
        "CSeq: 7 OPTIONS",
    ];
    let name = |line: &str| line.split(':').next().unwrap().to_owned();
    let is_plain = |line: &&str| !lines.iter().any(|given| name(given) == name(line));
    let given = lines.iter().copied().filter(|line| line.contains(':'));
    let mut frame = format!("{start}\r\n");
    for line in plain.into_iter().filter(is_plain).chain(given) {
        frame.push_str(&line.replace('\u{1f}', "\r\n"));
        frame.push_str("\r\n");
    }
    frame.push_str("\r\n");
    // The body is Latin-1, so that it can hold any byte.
    let body = body.chars().map(|c| u8::try_from(c).unwrap());
    frame.into_bytes().into_iter().chain(body).collect()
}

/// What an agent that takes calls, registrations and messages makes of it.
fn fate(frame: &[u8]) -> Fate {
    const FLOW: FlowId = FlowId(1);
    let config = Config {
        keep_alive: None,
        accepts: vec![Method::Register, Method::Message],
        ..Config::new("test", "test.invalid")
    };
    let mut agent = UserAgent::new(config, Box::new(SeededTokens::new(1)));
    let now = Moment::from_millis(1);
    let up = Input::TransportUp {
        flow: FLOW,
        transport: Transport::Udp,
    };
    let bytes = frame.to_vec();
    let mut fates = Vec::new();
    for input in [up, Input::Received { flow: FLOW, bytes }] {
        agent.handle_input(now, input).unwrap();
        loop {
            match agent.poll_output() {
                Output::Transmit { bytes, .. } => fates.extend(answered(&bytes)),
                Output::Event(Event::RequestReceived { .. }) => fates.push(Told),
                Output::Event(Event::Session {
                    event: SessionEvent::Incoming { .. },
                    ..
                }) => fates.push(Told),
                // A response shows that the flow is alive, whatever it answers.
                Output::Event(Event::FlowAnswered { .. }) => fates.push(Ignored),
                Output::Event(other) => panic!("{other:?}"),
                Output::Timeout(_) => break,
            }
        }
    }
    if agent.counters().dropped > 0 {
        fates.push(Dropped);
    }
    assert_eq!(fates.len(), 1, "{fates:?}");
    fates[0]
}

fn answered(bytes: &[u8]) -> Option<Fate> {
    let Incoming::Message(sidetone_sip::Message::Response(response)) =
        read_frame(bytes, &Limits::default())
    else {
        panic!("{}", String::from_utf8_lossy(bytes));
    };
    let status = response.status;
    (!status.is_provisional()).then(|| Answered(status.code()))
}

/// What is read prints as what reads the same.
fn reads_back(frame: &[u8]) {
    if let Incoming::Message(message) = read_frame(frame, &Limits::default()) {
        let again = read_frame(&message.to_bytes(), &Limits::default());
        assert_eq!(again, Incoming::Message(message));
    }
}

#[test]
fn each_class_has_its_fate() {
    for (section, start, given, expected) in CLASSES {
        let frame = message(start, given);
        let shown = String::from_utf8_lossy(&frame);
        assert_eq!(fate(&frame), expected, "{section}\n{shown}");
        reads_back(&frame);
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use std::path::PathBuf;

    use super::{CLASSES, Fate, fate, reads_back};

    fn folder() -> Option<PathBuf> {
        let beside = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/conformance/rfc4475"
        );
        let named = std::env::var_os("SIDETONE_RFC4475").map(PathBuf::from);
        let named_or_beside = named.unwrap_or_else(|| beside.into());
        named_or_beside
            .join("index.tsv")
            .exists()
            .then_some(named_or_beside)
    }

    #[test]
    fn the_messages_of_the_rfc_have_the_same() {
        let Some(folder) = folder() else {
            eprintln!("skipped: set SIDETONE_RFC4475 to a folder with the messages of RFC 4475");
            return;
        };
        let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
        let mut sections = Vec::new();
        for line in index.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [file, section, expected, _, status, _] = fields[..] else {
                panic!("{line}")
            };
            let class = CLASSES.iter().find(|(known, ..)| *known == section);
            let (.., ours) = class.unwrap_or_else(|| panic!("{section} is not known"));
            let frame = std::fs::read(folder.join(file)).unwrap();
            assert_eq!(fate(&frame), *ours, "{file}");
            reads_back(&frame);
            is_as_told(section, expected, status, *ours);
            sections.push(section.to_owned());
        }
        let known: Vec<&str> = CLASSES.iter().map(|(section, ..)| *section).collect();
        assert_eq!(sections, known);
    }

    /// Whether our fate is one that the index of the folder allows.
    fn is_as_told(section: &str, expected: &str, status: &str, ours: Fate) {
        let right = match (section, ours) {
            // The table says why.
            ("3.1.2.12" | "3.3.4" | "3.3.7", Fate::Told) => true,
            ("3.1.2.18", Fate::Answered(400)) => true,
            (_, Fate::Told | Fate::Ignored) if expected == "accept" => true,
            // A method that nobody knows, a dialog that nobody has: read, and answered so.
            (_, Fate::Answered(200 | 405 | 481)) => expected == "accept",
            (_, Fate::Answered(code)) => code.to_string() == status,
            (_, Fate::Dropped | Fate::Ignored) => expected == "drop",
            (_, Fate::Told) => false,
        };
        assert!(right, "{section}: {expected} {status}, but {ours:?}");
    }
}
