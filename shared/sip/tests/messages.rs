//! Building, printing and reading back messages and their parts.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use sidetone_sip::message::{
    Accept, Allow, CSeq, Contacts, ContentType, Expires, HeaderName, Host, Incoming, Limits,
    MinExpires, MinSe, RAck, RSeq, Reason, Refresher, Require, RetryAfter, SessionExpires, SipUri,
    Supported, Transport, TypedHeader, Via, read_frame,
};
use sidetone_sip::{Address, Headers, Message, Method, Request, Response, Status, Text, Uri};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

fn via(branch: &str) -> Via {
    let mut via = Via {
        transport: Transport::Ws,
        host: host("a.invalid"),
        port: None,
        params: Default::default(),
    };
    via.params.set("branch", Some(branch));
    via
}

fn invite() -> Request {
    let alice = Address::new(Uri::Sip(SipUri::new("alice", host("example.org"))));
    let bob = Address::new(Uri::parse("sip:bob@example.org").unwrap());
    let cseq = CSeq {
        number: 1,
        method: Method::Invite,
    };
    let mut headers = Headers::new(alice.with_tag("1"), bob.clone(), "c1".into(), cseq);
    headers.via = vec![via("z9hG4bKtop"), via("z9hG4bKlow")];
    headers.max_forwards = Some(70);
    headers.contact = Contacts::one(Address::new(Uri::parse("sip:x@a.invalid;ob").unwrap()));
    headers.route = vec![Address::new(Uri::parse("sip:p1;lr").unwrap())];
    headers.record_route = vec![Address::new(Uri::parse("sip:p2;lr").unwrap())];
    headers.push_raw(HeaderName::Timestamp, "54");
    headers.push_raw(HeaderName::ContentType, "application/sdp");
    Request {
        body: b"v=0\r\n".to_vec(),
        ..Request::new(Method::Invite, bob.uri, headers)
    }
}

fn read(bytes: &[u8]) -> Message {
    match read_frame(bytes, &Limits::default()) {
        Incoming::Message(message) => message,
        other => panic!("{other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

#[test]
fn a_request_prints_in_the_usual_order() {
    let request = invite();
    assert_eq!(
        String::from_utf8(request.to_bytes()).unwrap(),
        "INVITE sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/WS a.invalid;branch=z9hG4bKtop\r\n\
         Via: SIP/2.0/WS a.invalid;branch=z9hG4bKlow\r\n\
         Route: <sip:p1;lr>\r\n\
         Record-Route: <sip:p2;lr>\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=1\r\n\
         To: <sip:bob@example.org>\r\n\
         Call-ID: c1\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:x@a.invalid;ob>\r\n\
         Timestamp: 54\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: 5\r\n\
         \r\n\
         v=0\r\n"
    );
    assert_eq!(read(&request.to_bytes()), Message::Request(request));
}

#[test]
fn responses_copy_what_they_must() {
    let request = invite();
    let print =
        |status, tag| String::from_utf8(Response::to(&request, status, tag).to_bytes()).unwrap();
    let core = |start: &str, tag: &str, more: &str| {
        format!(
            "SIP/2.0 {start}\r\n\
             Via: SIP/2.0/WS a.invalid;branch=z9hG4bKtop\r\n\
             Via: SIP/2.0/WS a.invalid;branch=z9hG4bKlow\r\n\
             {more}From: <sip:alice@example.org>;tag=1\r\n\
             To: <sip:bob@example.org>{tag}\r\n\
             Call-ID: c1\r\n\
             CSeq: 1 INVITE\r\n"
        )
    };
    let end = "Content-Length: 0\r\n\r\n";
    let route = "Record-Route: <sip:p2;lr>\r\n";
    assert_eq!(
        print(Status::TRYING, Some("t")),
        core("100 Trying", "", "") + "Timestamp: 54\r\n" + end
    );
    assert_eq!(
        print(Status::RINGING, Some("t")),
        core("180 Ringing", ";tag=t", route) + end
    );
    assert_eq!(
        print(Status::OK, Some("t")),
        core("200 OK", ";tag=t", route) + end
    );
    assert_eq!(
        print(Status::BUSY_HERE, Some("t")),
        core("486 Busy Here", ";tag=t", "") + end
    );
    assert_eq!(
        print(Status::NOT_FOUND, None),
        core("404 Not Found", "", "") + end
    );

    let mut within = invite();
    within.headers.to = within.headers.to.with_tag("theirs");
    let answer = Response::to(&within, Status::OK, Some("t"));
    assert_eq!(answer.headers.to.tag(), Some("theirs"));
}

/// No text given to the API may start a header of its own or end the head.
#[test]
fn line_breaks_print_as_spaces() {
    let evil = "x\r\nEvil: 1\r\n\r\nbody\n\r\0\u{7}";
    let mut request = invite();
    let headers = &mut request.headers;
    headers.from.display_name = Some(evil.into());
    headers.to.params.set("p", Some(evil));
    headers.call_id = evil.into();
    headers.via[0].params.set(evil, Some(evil));
    headers.contact = Contacts::one(Address::new(Uri::Other {
        scheme: evil.into(),
        opaque: evil.into(),
    }));
    headers.push_raw(HeaderName::Subject, evil);
    headers.push_raw(HeaderName::Other(evil.into()), evil);
    headers.push(&Reason {
        protocol: "SIP".into(),
        cause: None,
        text: Some(evil.into()),
    });
    request.method = Method::Other(evil.into());
    let clean = invite().to_bytes();
    let bytes = request.to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    let lines = |text: &str| text.split("\r\n").count();
    assert_eq!(
        lines(&text),
        lines(std::str::from_utf8(&clean).unwrap()) + 3
    );
    assert!(!text.lines().any(|line| line.starts_with("Evil")));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));

    let mut response = Response::to(&invite(), Status::OK, Some(evil));
    response.reason = evil.into();
    let text = String::from_utf8(response.to_bytes()).unwrap();
    assert!(!text.lines().any(|line| line.starts_with("Evil")));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
}

#[test]
fn display_names_survive_any_content_but_line_breaks() {
    for name in [
        "\"",
        "\\",
        "a\\\"b",
        "<sip:x@y>",
        "täg;=,",
        "\0\u{7}\u{7f}",
        "a\tb",
        "\\\r",
    ] {
        let mut request = invite();
        request.headers.from.display_name = Some(name.into());
        let Message::Request(again) = read(&request.to_bytes()) else {
            panic!()
        };
        let expected = name.replace(['\r', '\n'], " ");
        assert_eq!(
            again.headers.from.display_name.as_deref(),
            Some(expected.as_str())
        );
    }
}

#[test]
fn users_are_escaped_when_made() {
    for (user, printed) in [
        ("alice.smith", "sip:alice.smith@h"),
        ("a b", "sip:a%20b@h"),
        ("a%20b", "sip:a%20b@h"),
        ("100%", "sip:100%25@h"),
        ("%4", "sip:%254@h"),
        ("#72", "sip:%2372@h"),
        ("a@b:c", "sip:a%40b%3Ac@h"),
        ("ä\r\n", "sip:%C3%A4%0D%0A@h"),
        ("*98", "sip:*98@h"),
    ] {
        let made = Uri::Sip(SipUri::new(user, host("h")));
        assert_eq!(made.to_string(), printed);
        assert_eq!(uri(printed), made);
    }
    let made = Uri::Sip(SipUri::new("ä b", host("h")));
    assert_eq!(made.user().as_deref(), Some("ä b"));
    assert_eq!(
        Uri::Sip(SipUri::of_host(host("[::1]"))).to_string(),
        "sip:[::1]"
    );
    assert_eq!(host("::1"), host("[::1]"));
    for wrong in [
        "", "a b", "a..b", ".a", "1.2.3", "[::1", "[x]", "a;b", "a:5",
    ] {
        assert!(Host::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn uris_that_are_the_same_and_that_are_not() {
    for (one, other) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:b@biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:b@biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:a@atlanta.com?subject=project%20x&priority=urgent",
            "sip:a@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-918-555-0100", "TEL:+1(918)555.0100"),
        (
            "tel:7042;phone-context=a;ext=1",
            "tel:7042;EXT=1;phone-context=A",
        ),
        ("HTTP://a", "http://a"),
    ] {
        assert!(uri(one).equivalent(&uri(other)), "{one} {other}");
        assert!(uri(other).equivalent(&uri(one)), "{one} {other}");
    }
    for (one, other) in [
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob:pw@biloxi.com"),
        ("sip:+19185550100@a;user=phone", "tel:+19185550100"),
        ("tel:7042;ext=1", "tel:7042"),
        ("http://a", "https://a"),
    ] {
        assert!(!uri(one).equivalent(&uri(other)), "{one} {other}");
        assert!(!uri(other).equivalent(&uri(one)), "{one} {other}");
    }
}

#[test]
fn contact_parameters() {
    let contact = |params: &str| {
        let frame = format!(
            "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/WS a.invalid\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:a@b>{params}\r\n\r\n"
        );
        read(frame.as_bytes())
            .headers()
            .contact
            .first()
            .unwrap()
            .clone()
    };
    let full = contact(";+sip.instance=\"<urn:uuid:0-1>\";reg-id=2;expires=600;q=0.25");
    assert_eq!(full.instance(), Some("urn:uuid:0-1"));
    assert_eq!(full.reg_id(), Some(2));
    assert_eq!(full.expires(), Some(600));
    assert_eq!(full.q(), Some(250));
    let none = contact("");
    assert_eq!(
        (none.instance(), none.reg_id(), none.expires(), none.q()),
        (None, None, None, None)
    );
    assert_eq!(contact(";expires=280297596632815").expires(), Some(3600));
    for (written, q) in [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("1.", Some(1000)),
        ("1.000", Some(1000)),
        ("0.5", Some(500)),
        ("0.001", Some(1)),
        ("1.001", None),
        ("2", None),
        ("0.0001", None),
        (".5", None),
        ("x", None),
    ] {
        assert_eq!(contact(&format!(";q={written}")).q(), q, "{written}");
    }
    assert_eq!(contact(";+sip.instance=x").instance(), None);
}

#[test]
fn typed_headers_read_and_print() {
    fn check<T: TypedHeader + PartialEq + std::fmt::Debug>(
        written: &str,
        header: T,
        printed: &str,
    ) {
        assert_eq!(T::parse(&written.into()), Ok(header), "{written}");
        let again = T::parse(&printed.into()).unwrap();
        assert_eq!(again.to_string(), printed);
    }
    check("3600", Expires(3600), "3600");
    check("60", MinExpires(60), "60");
    check(
        "18 (in a \"meeting\") ;duration=3",
        RetryAfter(Duration::from_secs(18)),
        "18",
    );
    let tokens = |list: &[&str]| {
        list.iter()
            .map(|item| Text::from(*item))
            .collect::<Vec<_>>()
    };
    check(
        "path, outbound ,gruu",
        Supported(tokens(&["path", "outbound", "gruu"])),
        "path, outbound, gruu",
    );
    check("", Supported(vec![]), "");
    check(
        "INVITE,BYE",
        Allow(tokens(&["INVITE", "BYE"])),
        "INVITE, BYE",
    );
    check(
        "application/SDP;level=1, text/*",
        Accept(tokens(&["application/sdp", "text/*"])),
        "application/sdp, text/*",
    );
    let minute = Duration::from_secs(60);
    check("776656", RSeq(776_656), "776656");
    let cseq = CSeq {
        number: 1,
        method: Method::Invite,
    };
    let rack = RAck {
        rseq: 776_656,
        cseq,
    };
    check("776656  1 INVITE", rack, "776656 1 INVITE");
    for (written, refresher) in [
        ("60", None),
        ("60;refresher=uac", Some(Refresher::Uac)),
        ("60 ; Refresher=UAS", Some(Refresher::Uas)),
        ("60;refresher=who", None),
    ] {
        let interval = minute;
        let header = SessionExpires {
            interval,
            refresher,
        };
        check(written, header, &header.to_string());
    }
    check("60;x=y", MinSe(minute), "60");
    for wrong in ["", "0", "-1", "4294967296", "1 2", "x"] {
        assert!(RSeq::parse(&wrong.into()).is_err(), "{wrong}");
    }
    for wrong in [
        "",
        "1",
        "1 1",
        "0 1 INVITE",
        "1 x INVITE",
        "1 1 INV/ITE",
        "1 1 A B",
    ] {
        assert!(RAck::parse(&wrong.into()).is_err(), "{wrong}");
    }
    assert!(SessionExpires::parse(&";refresher=uac".into()).is_err());
    let mixed = ContentType::parse(&"Multipart / Mixed ; Boundary=\"a;b\"".into()).unwrap();
    assert_eq!(mixed.media_type, "multipart/mixed");
    assert_eq!(mixed.params.value("boundary"), Some("a;b"));
    assert_eq!(mixed.to_string(), "multipart/mixed;Boundary=\"a;b\"");
    let reason = Reason {
        protocol: "SIP".into(),
        cause: Some(200),
        text: Some("Call completed \"elsewhere\"".into()),
    };
    let printed = "SIP;cause=200;text=\"Call completed \\\"elsewhere\\\"\"";
    check(printed, reason, printed);

    for wrong in ["", "-1", "4294967296", "x", "1 2", "1 (x"] {
        assert!(Expires::parse(&wrong.into()).is_err(), "{wrong}");
    }
    for wrong in ["text", "text/", "/plain", "a/b/c", "a/b;", "a/b;c="] {
        assert!(ContentType::parse(&wrong.into()).is_err(), "{wrong}");
    }
    assert!(Require::parse(&"a b".into()).is_err());
    assert!(Reason::parse(&";cause=1".into()).is_err());
}

/// RFC 3261 §7.3.1.
#[test]
fn header_names_compare_without_regard_to_case() {
    let ours = HeaderName::from("X-Ours");
    assert_eq!(HeaderName::from("x-ours"), ours);
    assert_ne!(HeaderName::from("X-Our"), ours);
    assert_eq!(HeaderName::from("vIA"), HeaderName::Via);
    let mut request = invite();
    request.headers.push_raw(HeaderName::from("x-OURS"), "1");
    let Message::Request(mut read) = read(&request.to_bytes()) else {
        panic!("not a request");
    };
    let values: Vec<&Text> = read.headers.raw(&ours).collect();
    assert_eq!(values, ["1"]);
    let printed = String::from_utf8(read.to_bytes()).unwrap();
    assert!(printed.contains("\r\nx-OURS: 1\r\n"), "{printed}");
    read.headers.remove(&ours);
    assert_eq!(read.headers.raw(&ours).next(), None);
}

#[test]
fn lines_of_a_list_are_joined() {
    let mut headers = invite().headers;
    headers.push_raw(HeaderName::Supported, "a,b");
    headers.push_raw(HeaderName::from("k"), "c");
    let supported = headers.typed::<Supported>().unwrap().unwrap();
    assert!(supported.has("A") && supported.has("c") && !supported.has("d"));
    assert_eq!(headers.typed_all::<Supported>().unwrap().len(), 2);
    assert_eq!(headers.typed::<Allow>(), Ok(None));
    headers.push_raw(HeaderName::Supported, "not a token");
    assert!(headers.typed::<Supported>().is_err());
    headers.set(&Supported(vec!["x".into()]));
    assert_eq!(headers.raw(&HeaderName::Supported).count(), 1);

    headers.push_raw(
        HeaderName::Reason,
        "SIP;cause=200;text=\"a, b\" , Q.850;cause=16,;",
    );
    headers.push_raw(HeaderName::Reason, "X");
    let reasons = headers.reasons();
    let protocols: Vec<_> = reasons
        .iter()
        .map(|reason| reason.protocol.as_str())
        .collect();
    assert_eq!(protocols, ["SIP", "Q.850", "X"]);
    assert_eq!(reasons[0].text.as_deref(), Some("a, b"));
    assert_eq!(reasons[1].cause, Some(16));
    assert!(Accept(vec!["text/*".into()]).allows("text/plain"));
    assert!(!Accept(vec!["text/*".into()]).allows("application/sdp"));
    assert!(Accept(vec!["*/*".into()]).allows("application/sdp"));
}

#[test]
fn a_detached_text_is_equal() {
    let Message::Request(request) = read(&invite().to_bytes()) else {
        panic!()
    };
    let call_id = request.headers.call_id.detached();
    assert_eq!(call_id, request.headers.call_id);
    drop(request);
    assert_eq!(call_id, "c1");
    assert_eq!(Text::default().detached(), "");
}
