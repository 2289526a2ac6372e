//! Good and bad messages, piece by piece; `rfc4475.rs` has them by the classes of that RFC. It is long
//! because it is tables: one for each piece.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use sidetone_sip::message::{
    Contacts, HeaderName, Incoming, Limits, ReferTo, ReferredBy, Refusal, Uri, read_frame,
};
use sidetone_sip::{Message, Method, Request, Response, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The headers of a message that nothing is wrong with, without the start line.
const CORE: &str = "Via: SIP/2.0/WS a.invalid;branch=z9hG4bKx\r\n\
    From: <sip:alice@example.org>;tag=1\r\n\
    To: <sip:bob@example.org>\r\n\
    Call-ID: c1\r\n\
    CSeq: 7 OPTIONS\r\n";

fn read(frame: impl AsRef<[u8]>) -> Incoming {
    read_frame(frame.as_ref(), &Limits::default())
}

fn request(frame: impl AsRef<[u8]>) -> Request {
    match read(&frame) {
        Incoming::Message(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(frame: impl AsRef<[u8]>) -> Response {
    match read(&frame) {
        Incoming::Message(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn refusal(frame: impl AsRef<[u8]>) -> Refusal {
    match read(&frame) {
        Incoming::Refused(refusal) => refusal,
        other => panic!("{other:?}\n{}", String::from_utf8_lossy(frame.as_ref())),
    }
}

fn dropped(frame: impl AsRef<[u8]>) -> &'static str {
    match read(&frame) {
        Incoming::Dropped(why) => why,
        other => panic!("{other:?}"),
    }
}

/// An OPTIONS with [`CORE`] and `lines`, each of which is ended here.
fn options(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("OPTIONS sip:bob@example.org SIP/2.0\r\n{CORE}{lines}\r\n")
}

/// An OPTIONS in which the line of `name` is `line`.
fn with(name: &str, line: &str) -> String {
    let lines = CORE.split_inclusive("\r\n");
    let kept: String = lines.filter(|line| !line.starts_with(name)).collect();
    format!("OPTIONS sip:bob@example.org SIP/2.0\r\n{kept}{line}\r\n\r\n")
}

#[test]
fn folds_blanks_and_compact_names() {
    let request = request(
        "INVITE sip:bob@example.com;unknown SIP/2.0\r\n\
         TO :\r\n sip:bob@example.com ;   tag    = 1918n\r\n\
         f   : \"J \\\\\\\"\"       <sip:j@example.com>\r\n\t;\r\n  tag = 98a\r\n\
         MaX-fOrWaRdS: 0068\r\n\
         i: wsinv@192.0.2.1\r\n\
         L   : 3\r\n\
         cseq: 0009\r\n  INVITE\r\n\
         Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390\r\n\
         s :\r\n\
         NewFangled:   value\r\n continued   here\t\r\n \r\n\
         Unusual: ;;,,;;,;\r\n\
         Route:\r\n <sip:services.example.com;lr;unknownwith=value;no-value>\r\n\
         v:  SIP  / 2.0  / tcp     h.example.com : 5070   ;\r\n  branch  =   z9  ,\r\n SIP / 2.0 /\
         WSS [2001:db8::1];branch=y\r\n\
         m:\"Quoted \\\"\\\"\" <sip:j@example.com> ; new =\r\n  v ;\r\n  second ; q = 0.33\r\n\
         \r\n\
         abc",
    );
    let headers = &request.headers;
    assert_eq!(request.method, Method::Invite);
    assert_eq!(headers.to.tag(), Some("1918n"));
    assert_eq!(headers.from.display_name.as_deref(), Some("J \\\""));
    assert_eq!(headers.from.tag(), Some("98a"));
    assert_eq!(headers.max_forwards, Some(68));
    assert_eq!(headers.call_id, "wsinv@192.0.2.1");
    assert_eq!(
        (headers.cseq.number, &headers.cseq.method),
        (9, &Method::Invite)
    );
    let hops: Vec<String> = headers.via.iter().map(ToString::to_string).collect();
    assert_eq!(
        hops,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390",
            "SIP/2.0/TCP h.example.com:5070;branch=z9",
            "SIP/2.0/WSS [2001:db8::1];branch=y",
        ]
    );
    assert_eq!(
        headers.route[0].uri.to_string(),
        "sip:services.example.com;lr;unknownwith=value;no-value"
    );
    let contact = &headers.contact.list()[0];
    assert_eq!(
        contact.to_string(),
        "\"Quoted \\\"\\\"\" <sip:j@example.com>;new=v;second;q=0.33"
    );
    let others: Vec<_> = headers
        .others
        .iter()
        .map(|h| (h.name.as_str(), h.value.as_str()))
        .collect();
    assert_eq!(
        others,
        [
            ("Subject", ""),
            ("NewFangled", "value continued   here"),
            ("Unusual", ";;,,;;,;")
        ]
    );
    assert_eq!(request.body, b"abc");
}

#[test]
fn addresses_of_every_shape() {
    for (written, printed) in [
        ("sip:bob@example.org", "<sip:bob@example.org>"),
        ("sip:bob@example.org;tag=2", "<sip:bob@example.org>;tag=2"),
        (
            "<sip:bob@example.org;p=1>;tag=2",
            "<sip:bob@example.org;p=1>;tag=2",
        ),
        ("Bob<sip:bob@example.org>", "\"Bob\" <sip:bob@example.org>"),
        (
            "Bob B. Bo  <sip:bob@example.org>",
            "\"Bob B. Bo\" <sip:bob@example.org>",
        ),
        ("\"\" <sip:bob@example.org>", "<sip:bob@example.org>"),
        (
            "\"a, <b>;c\"<sip:bob@example.org>",
            "\"a, <b>;c\" <sip:bob@example.org>",
        ),
        (
            "\"Böb\" <sip:bob@example.org>",
            "\"Böb\" <sip:bob@example.org>",
        ),
        ("Böb <sip:bob@example.org>", "\"Böb\" <sip:bob@example.org>"),
        (
            "\"N:\\\0 B:\\\u{7}\" <sip:b@c>",
            "\"N:\\\0 B:\\\u{7}\" <sip:b@c>",
        ),
        ("\"%Z%45\" <sip:r@e.com>", "\"%Z%45\" <sip:r@e.com>"),
        ("\"a\r\n \\\u{7}b\" <sip:b@c>", "\"a \\\u{7}b\" <sip:b@c>"),
        ("<tel:+1-918-555-0100;ext=5>", "<tel:+1-918-555-0100;ext=5>"),
        (
            "tel:7042;phone-context=example.com",
            "<tel:7042>;phone-context=example.com",
        ),
        ("<sip:[2001:DB8::1]:5060>", "<sip:[2001:db8::1]:5060>"),
        ("<sip:alice.smith@host>", "<sip:alice.smith@host>"),
        (
            "<SIPS:A%40b:p@EXAMPLE.org.?Route=%3Csip:x%3E&b=>",
            "<sips:A%40b:p@example.org.?Route=%3Csip:x%3E&b=>",
        ),
        (
            "<sip:bob;par=u%40example.net@example.com>",
            "<sip:bob;par=u%40example.net@example.com>",
        ),
        ("<sip:%00@h.example.com>", "<sip:%00@h.example.com>"),
        ("isbn:2983792873", "<isbn:2983792873>"),
        (
            "<http://www.example.com/a?b>",
            "<http://www.example.com/a?b>",
        ),
        (
            "<sip:1_u.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com>",
            "<sip:1_u.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com>",
        ),
        (
            "<sip:b@e.com>;x''~+*_!.-%=\"работа\";y=[::1]",
            "<sip:b@e.com>;x''~+*_!.-%=\"работа\";y=[::1]",
        ),
    ] {
        let to = request(with("To", &format!("To: {written}"))).headers.to;
        assert_eq!(to.to_string(), printed);
        assert_eq!(
            request(with("To", &format!("To: {printed}"))).headers.to,
            to
        );
    }
}

#[test]
fn faulty_addresses_are_refused_and_read_as_far_as_possible() {
    for (written, answered) in [
        ("\"Mr. User <sip:bob@example.org>", "<sip:bob@example.org>"),
        (
            "\"Bob\" < sip:bob@example.org >;tag=3",
            "<sip:bob@example.org>;tag=3",
        ),
        ("Bob, Al <sip:bob@example.org>", "<sip:bob@example.org>"),
        (
            "<sip:bob@example.org>;;tag=3",
            "<sip:bob@example.org>;tag=3",
        ),
        ("<sip:bob@example.org>;tag=3;tag=4", "<sip:bob@example.org>"),
        ("<sip:bob@example.org>;tag=", "<sip:bob@example.org>"),
        (
            "<sip:bob@example.org>, <sip:x@example.org>",
            "<sip:x@example.org>",
        ),
        ("<sip:bob@example.org> junk", "<sip:bob@example.org>"),
        ("<sip:bob@example.org", "<sip:anonymous@anonymous.invalid>"),
        (
            "sip:bob@example.org?a=b",
            "<sip:anonymous@anonymous.invalid>",
        ),
        (
            "<sip:bob@exa mple.org>",
            "<sip:anonymous@anonymous.invalid>",
        ),
        ("<sip:bob@>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:@example.org>", "<sip:anonymous@anonymous.invalid>"),
        (
            "<sip:b%4x@example.org>",
            "<sip:anonymous@anonymous.invalid>",
        ),
        (
            "<sip:b@example.org:70000>",
            "<sip:anonymous@anonymous.invalid>",
        ),
        ("<sip:b@example.org:>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:b@1.2.3.400>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:b@[::1>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:b@c@d>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:b@e.com;x=1;X=2>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:b@e.com;;x>", "<sip:anonymous@anonymous.invalid>"),
        ("<sip:>", "<sip:anonymous@anonymous.invalid>"),
        ("<tel:>", "<sip:anonymous@anonymous.invalid>"),
        ("<tel:1+1>", "<sip:anonymous@anonymous.invalid>"),
        ("<nothing>", "<sip:anonymous@anonymous.invalid>"),
        ("", "<sip:anonymous@anonymous.invalid>"),
    ] {
        let refusal = refusal(with("To", &format!("To: {written}")));
        assert_eq!(refusal.status, Status::BAD_REQUEST, "{written}");
        let mut to = refusal.response.headers.to.clone();
        let tag = to.tag().map(str::to_owned);
        assert!(tag.is_some_and(|tag| !tag.is_empty()), "{written}");
        if !answered.contains("tag") {
            to.params.remove("tag");
        }
        assert_eq!(to.to_string(), answered, "{written}");
    }
}

#[test]
fn start_lines_that_are_refused() {
    for (start, status) in [
        ("OPTIONS  sip:bob@example.org  SIP/2.0", 400),
        ("OPTIONS sip:bob@example.org SIP/2.0  ", 400),
        ("OPTIONS <sip:bob@example.org> SIP/2.0", 400),
        ("OPTIONS sip:bob@example.org; lr SIP/2.0", 400),
        ("OPTIONS sip:bob@example.org?Route=%3Csip:x%3E SIP/2.0", 400),
        ("OPTIONS sip:bob@example.org\t SIP/2.0", 400),
        ("OPTIONS SIP/2.0", 400),
        ("OPTIONS sip:bob@example.org SIP/7.0", 505),
        ("OPTIONS sip:bob@example.org SIP/2.1", 505),
        ("BYE sip:bob@example.org SIP/2.0", 400),
        ("NEWMETHOD sip:bob@example.org SIP/2.0", 400),
        ("options sip:bob@example.org SIP/2.0", 400),
    ] {
        let refusal = refusal(format!("{start}\r\n{CORE}\r\n"));
        assert_eq!(refusal.status.code(), status, "{start}");
        let headers = &refusal.response.headers;
        assert_eq!(headers.via[0].branch(), Some("z9hG4bKx"));
        assert_eq!(headers.from.tag(), Some("1"));
        assert_eq!(headers.call_id, "c1");
        assert_eq!(headers.cseq.number, 7);
        assert_eq!(refusal.response.status, refusal.status);
        assert_eq!(refusal.response.reason, refusal.why);
    }
}

#[test]
fn start_lines_of_nothing_are_dropped() {
    for start in [
        "HELLO",
        "GET / HTTP/1.1",
        "OPTIONS sip:bob@example.org",
        "OPTIONS sip:bob@example.org SIP/2",
        "OPT@IONS sip:bob@example.org SIP/2.0",
        " OPTIONS sip:bob@example.org SIP/9",
        "SIP/2.0",
        "SIP/2.0 ",
        "SIP/2.0 20",
        "SIP/2.0 4294967301 OK",
        "SIP/2.0 700 Beyond",
        "SIP/2.0 099 Below",
        "SIP/2.0 +20 OK",
        "SIP/2.0 2000 OK",
        "SIP/3.0 200 OK",
        "SIP/2.0  200 OK",
    ] {
        dropped(format!("{start}\r\n{CORE}\r\n"));
    }
}

#[test]
fn unknown_methods_schemes_and_transports_are_accepted() {
    let odd = "!interesting-Method0123456789_*+`.%indeed'~";
    let core = CORE.replace("OPTIONS", odd);
    let request = request(format!(
        "{odd} soap.beep://192.0.2.103:3002 sip/2.0\r\n{core}Via: SIP/2.0/UNKNOWN t4.example.com\r\n\r\n"
    ));
    assert_eq!(request.method.as_str(), odd);
    let Uri::Other { scheme, opaque } = &request.uri else {
        panic!()
    };
    assert_eq!(
        (scheme.as_str(), opaque.as_str()),
        ("soap.beep", "//192.0.2.103:3002")
    );
    assert_eq!(
        request.headers.via[1].to_string(),
        "SIP/2.0/UNKNOWN t4.example.com"
    );
}

#[test]
fn reason_phrases() {
    for phrase in ["", " ", "OK", "= 2**3 * 5**2 но сто девяносто девять"] {
        let response = response(format!("SIP/2.0 200 {phrase}\r\n{CORE}\r\n"));
        assert_eq!(response.reason, phrase);
    }
    assert_eq!(response(format!("SIP/2.0 486\r\n{CORE}\r\n")).reason, "");
}

#[test]
fn faulty_headers_are_refused() {
    for lines in [
        "CSeq: 7 OPTIONS",
        "Call-ID: c1",
        "i: c2",
        "t: <sip:x@example.org>",
        "Max-Forwards: 5\r\nMax-Forwards: 6",
        "Max-Forwards: 256",
        "Max-Forwards: -1",
        "Max-Forwards:",
        "Content-Length: 0\r\nl: 0",
        "Content-Length: 1",
        "Content-Length: -1",
        "Content-Length: 1 2",
        "Content-Length: 99999999999999999999",
        "Content-Type: a/b\r\nc: a/b",
        "Via: SIP/2.0/UDP 192.0.2.15;;,;,,",
        "Via: SIP/2.0/UDP",
        "Via: SIP/2.0/UDP;branch=x",
        "Via: HTTP/2.0/UDP a.example.org",
        "Via:",
        "Contact: \"Joe\" <sip:joe@example.org>;;;;",
        "Contact: <sip:joe@example.org>,,<sip:joe@example.org>",
        "Contact: *, <sip:joe@example.org>",
        "Contact: *\r\nContact: <sip:joe@example.org>",
        "Contact: <sip:joe@example.org>\r\nm: *",
        "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "Contact:",
        "Route: sip:a b@example.org",
        "Record-Route: <sip:a@example.org",
        "No colon here",
        ": no name",
        "Na me: x",
        "Bad\u{1}: x",
        "Bad: \u{0}",
        "Bad: a\u{7}b",
        "Bad: \\\u{7}",
        "Bad: \"a\" \\\u{7}",
        "Bad: \u{7f}",
        "Bare: a\rb",
        "Bare: a\nb: c",
        "Bare: \"\\\n\"",
        "Bare: \"\\\r\"",
    ] {
        let refusal = refusal(options(&[lines]));
        assert_eq!(refusal.status, Status::BAD_REQUEST, "{lines}");
        assert_eq!(refusal.response.headers.via[0].branch(), Some("z9hG4bKx"));
    }
}

#[test]
fn faulty_core_headers_are_refused() {
    for (name, line) in [
        ("From", "Frum: x"),
        ("To", "Tu: x"),
        ("Call-ID", "X: y"),
        ("Call-ID", "Call-ID: a b"),
        ("Call-ID", "Call-ID:"),
        ("Call-ID", "Call-ID: ä"),
        ("CSeq", "X: y"),
        ("CSeq", "CSeq: 2147483648 OPTIONS"),
        ("CSeq", "CSeq: 36893488147419103232 OPTIONS"),
        ("CSeq", "CSeq: 1OPTIONS"),
        ("CSeq", "CSeq: OPTIONS"),
        ("CSeq", "CSeq: 1"),
        ("CSeq", "CSeq: 1 OPTIONS x"),
        ("CSeq", "CSeq: 1 INVITE"),
        ("Via", "Via: SIP/2.0/WS a.invalid;branch=z9hG4bK"),
    ] {
        let refusal = refusal(with(name, line));
        assert_eq!(refusal.status, Status::BAD_REQUEST, "{line}");
        assert!(matches!(
            read(refusal.response.to_bytes()),
            Incoming::Message(_)
        ));
    }
    assert_eq!(dropped(with("Via", "X: y")), "Via is missing");
}

#[test]
fn an_empty_call_is_answered_with_what_there_is() {
    let refusal = refusal(
        "INVITE sip:u@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj\r\n\r\n",
    );
    let printed = String::from_utf8(refusal.response.to_bytes()).unwrap();
    let tag = refusal.response.headers.to.tag().unwrap();
    assert_eq!(
        printed,
        format!(
            "SIP/2.0 400 From is missing\r\n\
             Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj\r\n\
             From: <sip:anonymous@anonymous.invalid>\r\n\
             To: <sip:anonymous@anonymous.invalid>;tag={tag}\r\n\
             Call-ID: unreadable\r\n\
             CSeq: 1 INVITE\r\n\
             Content-Length: 0\r\n\
             \r\n"
        )
    );
}

#[test]
fn responses_and_acks_are_never_answered() {
    for fault in ["CSeq: 8 ACK", "Max-Forwards: 999", "Bad: \0", "no colon"] {
        dropped(format!("SIP/2.0 200 OK\r\n{CORE}{fault}\r\n\r\n"));
        let core = CORE.replace("OPTIONS", "ACK");
        dropped(format!(
            "ACK sip:bob@example.org SIP/2.0\r\n{core}{fault}\r\n\r\n"
        ));
    }
    dropped(format!("ACK  sip:bob@example.org SIP/7.0\r\n{CORE}\r\n"));
}

#[test]
fn framing() {
    assert_eq!(read("\r\n\r\n"), Incoming::Ping);
    assert_eq!(read("\r\n"), Incoming::Pong);
    for nothing in ["", "\r", "\n", "\r\n\r\n\r\n", "\0", " ", "x"] {
        assert!(matches!(read(nothing), Incoming::Dropped(_)), "{nothing:?}");
    }
    let plain = options(&[]);
    assert_eq!(request(format!("\r\n\r\n{plain}")), request(&plain));
    // RFC 3261 §18.3: without Content-Length the body is the rest, with it the rest is cut.
    assert_eq!(request(format!("{plain}abc")).body, b"abc");
    assert_eq!(
        request(format!("{}abc", options(&["Content-Length: 2"]))).body,
        b"ab"
    );
    assert_eq!(request(format!("{}abc", options(&["l: 0"]))).body, b"");
    let why = refusal(format!("{}abc", options(&["Content-Length: 4"]))).why;
    assert_eq!(why, "Content-Length is larger than the body");
    // A body may be anything; a head must be UTF-8.
    let mut binary = plain.clone().into_bytes();
    binary.extend([0, 0xff, b'\r', b'\n', b'\r', b'\n', 7]);
    assert_eq!(
        request(&binary).body,
        [0, 0xff, b'\r', b'\n', b'\r', b'\n', 7]
    );
    let mut latin = b"OPTIONS sip:bob@example.org SIP/2.0\r\nSubject: caf\xe9\r\n".to_vec();
    latin.extend(CORE.bytes());
    latin.extend(b"\r\n");
    assert_eq!(refusal(&latin).why, "the head is not UTF-8");
    // No line ends but CR and LF.
    refusal(plain.replace("\r\n", "\n"));
    refusal(plain.trim_end());
}

#[test]
fn limits() {
    let long = "x".repeat(8 * 1024);
    assert_eq!(
        refusal(options(&[&format!("X: {long}")])).why,
        "a header line is too long"
    );
    let folded = format!("X: a{}", format!("\r\n {}", "y".repeat(4000)).repeat(3));
    assert_eq!(
        refusal(options(&[&folded])).why,
        "a header line is too long"
    );
    let many = vec!["X: y"; 200];
    assert_eq!(
        refusal(options(&many)).why,
        "there are too many header lines"
    );
    let hops = vec!["Via: SIP/2.0/UDP h.example.org, SIP/2.0/UDP i.example.org"; 35];
    let refused = refusal(options(&hops));
    assert_eq!(refused.why, "there are too many Via hops");
    assert_eq!(refused.response.headers.via.len(), 70);
    let contacts = vec!["Contact: <sip:a@example.org>"; 101];
    assert_eq!(
        refusal(options(&contacts)).why,
        "there are too many addresses"
    );
    let params: String = (0..65).map(|n| format!(";p{n}")).collect();
    let contact = format!("Contact: <sip:a@example.org>{params}");
    assert_eq!(
        refusal(options(&[&contact])).why,
        "there are too many parameters"
    );
    let large = refusal(format!("{}{}", options(&[]), "x".repeat(64 * 1024)));
    assert_eq!(large.status, Status::MESSAGE_TOO_LARGE);
    assert_eq!(large.response.headers.call_id, "c1");
}

#[test]
fn refusals_of_equal_requests_are_equal() {
    let frame = options(&["Max-Forwards: 999"]);
    assert_eq!(refusal(&frame), refusal(&frame));
    let other = frame.replace("Call-ID: c1", "Call-ID: c2");
    let tag = |frame: &str| refusal(frame).response.headers.to.tag().map(str::to_owned);
    assert_ne!(tag(&frame), tag(&other));
}

#[test]
fn star_and_lists_of_contacts() {
    assert_eq!(
        request(options(&["Contact: *"])).headers.contact,
        Contacts::Star
    );
    assert_eq!(request(options(&[])).headers.contact, Contacts::default());
    let contacts = request(options(&[
        "Contact: <sip:a@example.org>;q=0.5 ,\"B, b\" <sip:b@example.org>",
        "m: sip:+19725552222@gw1.example.net;unknownparam",
    ]))
    .headers
    .contact;
    let printed: Vec<String> = contacts.list().iter().map(ToString::to_string).collect();
    assert_eq!(
        printed,
        [
            "<sip:a@example.org>;q=0.5",
            "\"B, b\" <sip:b@example.org>",
            "<sip:+19725552222@gw1.example.net>;unknownparam",
        ]
    );
}

#[test]
fn names_are_known_in_any_spelling() {
    let request = request(options(&[
        "sUPPORTED: a",
        "K: b",
        "session-EXPIRES: 90",
        "o: x",
        "C%6Fntact: y",
        "Q: z",
    ]));
    let names: Vec<_> = request
        .headers
        .others
        .iter()
        .map(|h| h.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Supported",
            "Supported",
            "Session-Expires",
            "Event",
            "C%6Fntact",
            "Q"
        ]
    );
    assert_eq!(HeaderName::from("call-id"), HeaderName::CallId);
    assert_eq!(HeaderName::from("v"), HeaderName::Via);
    assert_eq!(HeaderName::from(""), HeaderName::Other("".into()));
}

/// The classes of RFC 5118, and every place where a host can stand.
#[test]
fn ipv6_wherever_a_host_can_stand() {
    for (written, printed) in [
        ("sip:[2001:db8::10]", "sip:[2001:db8::10]"),
        ("sip:u@[2001:DB8:0:0::10]:5070", "sip:u@[2001:db8::10]:5070"),
        // §4.3: this is a longer address, not a port.
        ("sip:[2001:db8::10:5070]", "sip:[2001:db8::10:5070]"),
        ("sips:[::ffff:192.0.2.10];lr", "sips:[::ffff:192.0.2.10];lr"),
    ] {
        let lines = options(&[
            &format!("Contact: <{written}>"),
            &format!("Route: <{written}>"),
            &format!("Record-Route: <{written}>"),
        ]);
        let request = request(lines.replace("sip:bob@example.org SIP", &format!("{written} SIP")));
        let headers = &request.headers;
        let contact = &headers.contact.list()[0].uri;
        let places = [
            &request.uri,
            contact,
            &headers.route[0].uri,
            &headers.record_route[0].uri,
        ];
        assert_eq!(places.map(ToString::to_string), [printed; 4]);
    }
    for hop in [
        "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKx",
        // §4.5: without brackets it is to be read as well.
        "SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;branch=z9hG4bKx",
    ] {
        let via = &request(with("Via", &format!("Via: {hop}"))).headers.via[0];
        assert_eq!(via.to_string(), hop);
    }
    for wrong in [
        // §4.2: who could tell its port?
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[2001:db8:::10]",
        "sip:[192.0.2.10]",
        "sip:[example.org]",
        "sip:[fe80::1%25eth0]",
        "sip:[2001:db8::10]x",
    ] {
        let frame = options(&[]).replace("sip:bob@example.org SIP", &format!("{wrong} SIP"));
        assert_eq!(refusal(frame).status, Status::BAD_REQUEST, "{wrong}");
    }
}

#[test]
fn telephone_numbers_wherever_a_uri_can_stand() {
    let tel = "tel:+1-918-555-0100;ext=5";
    let frame = options(&[
        &format!("Contact: <{tel}>"),
        &format!("Route: <{tel}>"),
        &format!("Refer-To: <{tel}>"),
        &format!("Referred-By: <{tel}>;a=b"),
    ]);
    let frame = frame
        .replace("sip:bob@example.org", tel)
        .replace("sip:alice@example.org", tel);
    let request = request(frame);
    let headers = &request.headers;
    let refer_to: ReferTo = headers.typed().unwrap().unwrap();
    let referred_by: ReferredBy = headers.typed().unwrap().unwrap();
    for uri in [
        &request.uri,
        &headers.from.uri,
        &headers.to.uri,
        &headers.contact.list()[0].uri,
        &headers.route[0].uri,
        &refer_to.0.uri,
        &referred_by.0.uri,
    ] {
        assert_eq!(uri.to_string(), tel);
        assert!(matches!(uri, Uri::Tel(_)));
    }
    for wrong in [
        "tel:",
        "tel:-",
        "tel:+",
        "tel:+A",
        "tel:+1*2",
        "tel:1+2",
        "tel:x",
        "tel:5;ext=",
    ] {
        let frame = with("To", &format!("To: <{wrong}>"));
        assert_eq!(refusal(frame).status, Status::BAD_REQUEST, "{wrong}");
    }
}
