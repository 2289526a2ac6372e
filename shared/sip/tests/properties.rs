//! Properties over made-up messages: printing and reading are inverse, and no bytes whatever
//! make the reader panic, answer a response or print what it can't read.
#![cfg(not(target_arch = "wasm32"))]

mod judge;
#[path = "differential/peers.rs"]
mod peers;

use judge::judge;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::RngSeed;

use sidetone_sip::message::{
    CSeq, Contacts, HeaderName, Host, Incoming, Limits, Params, Repairs, SipUri, TelUri, Transport,
    Via, read_frame, read_frame_of_pbx,
};
use sidetone_sip::{Address, Headers, Message, Method, Request, Response, Status, Text, Uri};

fn text(pattern: &'static str) -> impl Strategy<Value = Text> {
    pattern.prop_map(Text::from)
}

fn params(name: &'static str, value: &'static str) -> impl Strategy<Value = Params> {
    vec((name, option::of(value)), 0..4).prop_map(|pairs| {
        let mut params = Params::default();
        for (name, value) in pairs {
            params.set(&name, value.as_deref());
        }
        params
    })
}

fn uri_params() -> impl Strategy<Value = Params> {
    params(
        "[a-z][a-z0-9-]{0,6}",
        "([a-zA-Z0-9._~!*'()/:&+$-]|%[0-9a-f]{2}){1,9}",
    )
}

fn header_params() -> impl Strategy<Value = Params> {
    params(
        "[+a-zA-Z0-9.-]{1,9}",
        "[a-zA-Z0-9.!%*_+`'~-]{1,9}|\"([ -!#-\\[\\]-~äя]|\\\\[ -~\u{1}\u{7f}]){0,9}\"",
    )
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "([a-z0-9][a-z0-9-]{0,5}\\.){0,2}[a-z][a-z0-9]{0,5}\\.?".prop_map(|n| Host::Name(n.into())),
        any::<[u8; 4]>().prop_map(|octets| Host::V4(octets.into())),
        any::<[u16; 8]>().prop_map(|groups| Host::V6(groups.into())),
    ]
}

fn sip_uri() -> impl Strategy<Value = SipUri> {
    let user = text("([a-zA-Z0-9_.!~*'()&=+$,;?/-]|%[0-9A-F]{2}){1,12}");
    let password = text("([a-zA-Z0-9&=+$,]|%[0-9A-F]{2}){1,6}");
    let headers = text("[a-zA-Z]{1,5}=([a-z0-9:?]|%3C){0,9}");
    (
        any::<bool>(),
        option::of((user, option::of(password))),
        host(),
        option::of(any::<u16>()),
        uri_params(),
        option::of(headers),
    )
        .prop_map(|(secure, user, host, port, params, headers)| {
            let (user, password) = user.map_or((None, None), |(u, p)| (Some(u), p));
            SipUri {
                secure,
                user,
                password,
                host,
                port,
                params,
                headers,
            }
        })
}

fn uri() -> impl Strategy<Value = Uri> {
    let tel = (
        text("\\+?[0-9][0-9.()-]{0,12}|[0-9*#A-F][0-9*#A-F.()-]{0,12}"),
        uri_params(),
    )
        .prop_map(|(number, params)| Uri::Tel(TelUri { number, params }));
    let other = (
        text("urn|http|soap\\.beep|isbn"),
        text("([a-zA-Z0-9:/?@;,=&.-]|%[0-9a-f]{2}){1,20}"),
    )
        .prop_map(|(scheme, opaque)| Uri::Other { scheme, opaque });
    prop_oneof![6 => sip_uri().prop_map(Uri::Sip), 1 => tel, 1 => other]
}

fn address() -> impl Strategy<Value = Address> {
    let name = text("[ -~äя\u{1}\u{7f}\t]{1,12}");
    (option::of(name), uri(), header_params()).prop_map(|(display_name, uri, params)| Address {
        display_name,
        uri,
        params,
    })
}

fn transport() -> impl Strategy<Value = Transport> {
    let known = vec![
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];
    prop_oneof![
        select(known),
        text("X[a-z]{1,5}").prop_map(Transport::Other)
    ]
}

fn via() -> impl Strategy<Value = Via> {
    (
        transport(),
        host(),
        option::of(any::<u16>()),
        header_params(),
    )
        .prop_map(|(transport, host, port, params)| Via {
            transport,
            host,
            port,
            params,
        })
}

fn method() -> impl Strategy<Value = Method> {
    let known = vec![
        Method::Invite,
        Method::Ack,
        Method::Register,
        Method::Publish,
    ];
    prop_oneof![
        select(known),
        text("x[a-zA-Z.!%*_+`'~-]{1,9}").prop_map(Method::Other)
    ]
}

fn contacts() -> impl Strategy<Value = Contacts> {
    prop_oneof![
        Just(Contacts::Star),
        vec(address(), 0..3).prop_map(Contacts::List)
    ]
}

fn headers() -> impl Strategy<Value = Headers> {
    let other = (
        select(vec!["Supported", "X-Odd", "Subject", "Warning", "P-Thing!"]),
        "|[!-~ä]([ -~я\t]{0,30}[!-~ä])?",
    );
    (
        vec(via(), 1..4),
        (address(), address()),
        text("[!-~]{1,20}"),
        (0..1_u32 << 31, method()),
        option::of(any::<u8>()),
        contacts(),
        (vec(address(), 0..3), vec(address(), 0..3)),
        vec(other, 0..4),
    )
        .prop_map(
            |(via, (from, to), call_id, cseq, hops, contact, routes, others)| {
                let (number, method) = cseq;
                let mut headers = Headers::new(from, to, call_id, CSeq { number, method });
                headers.via = via;
                headers.max_forwards = hops;
                headers.contact = contact;
                (headers.route, headers.record_route) = routes;
                for (name, value) in others {
                    headers.push_raw(HeaderName::from(name), value);
                }
                headers
            },
        )
}

fn message() -> impl Strategy<Value = Message> {
    let body = || vec(any::<u8>(), 0..40);
    let request = (uri(), headers(), body()).prop_map(|(mut uri, headers, body)| {
        if let Uri::Sip(uri) = &mut uri {
            uri.headers = None;
        }
        let method = headers.cseq.method.clone();
        Message::Request(Request {
            method,
            uri,
            headers,
            body,
        })
    });
    let response = (100..700_u16, text("[ -~äя]{0,20}"), headers(), body()).prop_map(
        |(code, reason, headers, body)| {
            let status = Status::new(code).expect("a status lies within");
            Message::Response(Response {
                status,
                reason,
                headers,
                body,
            })
        },
    );
    prop_oneof![request, response]
}

/// What must hold of any bytes: a message reads back as itself; nothing but a request is ever
/// answered, never an ACK, and the answer itself can be read.
/// What PBXs do to a head whose meaning stays the same.
const FAULTS: [fn(&str) -> String; 6] = [
    |head| behind(head, "\r\nTo: ", ";"),
    |head| behind(head, "\r\nVia: ", ";;"),
    |head| behind(head, "\r\nCall-ID: ", "\r\nno line at all"),
    |head| head.replacen("\r\n", "\r\nContent-Length \r\n", 1),
    |head| head.replace("\r\nCSeq", "\r\nSubject\r\nCSeq"),
    // Content-Length comes last.
    |head| format!("{head}7"),
];

/// `head` with `more` behind the first line that starts so.
fn behind(head: &str, start: &str, more: &str) -> String {
    let from = head.find(start).expect("it is there") + 2;
    let end = head[from..]
        .find("\r\n")
        .map_or(head.len(), |end| from + end);
    format!("{}{more}{}", &head[..end], &head[end..])
}

/// A change to a message at some place.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(u8),
    Insert(&'static [u8]),
    Remove(u8),
    Double(u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let telling: Vec<&[u8]> = vec![
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\"",
        b"\\",
        b"<",
        b">",
        b";",
        b",",
        b"=",
        b":",
        b"@",
        b"%",
        b" ",
        b"\t",
        b"\r\n ",
        b"\xff",
        b"[",
        b"]",
        b"?",
        b"SIP/2.0",
        b"\r\nl: 3",
        b"*",
        b"\\\"",
    ];
    prop_oneof![
        any::<u8>().prop_map(Mutation::Replace),
        select(telling).prop_map(Mutation::Insert),
        any::<u8>().prop_map(Mutation::Remove),
        any::<u8>().prop_map(Mutation::Double),
    ]
}

fn mutate(frame: &mut Vec<u8>, at: Index, mutation: Mutation) {
    let at = at.index(frame.len().max(1)).min(frame.len());
    let end = |length: u8| (at + usize::from(length)).min(frame.len());
    match mutation {
        Mutation::Replace(byte) => {
            if let Some(there) = frame.get_mut(at) {
                *there = byte;
            }
        }
        Mutation::Insert(bytes) => drop(frame.splice(at..at, bytes.iter().copied())),
        Mutation::Remove(length) => drop(frame.drain(at..end(length))),
        Mutation::Double(length) => {
            let part = frame[at..end(length)].to_vec();
            drop(frame.splice(at..at, part));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        // The same messages in every run.
        rng_seed: RngSeed::Fixed(3261),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_printed_message_reads_back(message in message()) {
        let printed = message.to_bytes();
        let read = read_frame(&printed, &Limits::default());
        prop_assert_eq!(read, Incoming::Message(message), "{}", String::from_utf8_lossy(&printed));
    }

    /// Another parser reads in what we print what we read in it.
    #[test]
    fn a_printed_request_is_understood_by_others(mut message in message()) {
        if let Message::Request(request) = &mut message {
            request.headers.max_forwards = Some(70);
            let printed = message.to_bytes();
            let shown = String::from_utf8_lossy(&printed);
            prop_assert_eq!(peers::sipxs(&printed), peers::ours(&printed), "{}", shown);
        }
    }

    /// Whatever a message is, a PBX's faults in it are undone.
    #[test]
    fn faults_of_a_pbx_are_undone(message in message(), faults in subsequence(FAULTS.to_vec(), 1..=4)) {
        let mut head = String::from_utf8_lossy(&message.to_bytes()).into_owned();
        let at = head.find("\r\n\r\n").expect("a head ends");
        let body = message.to_bytes().split_off(at + 4);
        head.truncate(at);
        for fault in &faults {
            head = fault(&head);
        }
        let frame = [head.as_bytes(), b"\r\n\r\n", &body].concat();
        let mut repairs = Repairs::default();
        let read = read_frame_of_pbx(&frame, &Limits::default(), &mut repairs);
        prop_assert_eq!(read, Incoming::Message(message), "{}", head);
        let made: u64 = repairs.iter().map(|(_, times)| times).sum();
        prop_assert!(made >= faults.len() as u64);
    }

    #[test]
    fn mutated_messages_are_judged(
        message in message(),
        mutations in vec((any::<Index>(), mutation()), 1..6),
    ) {
        let mut frame = message.to_bytes();
        for (at, mutation) in mutations {
            mutate(&mut frame, at, mutation);
        }
        judge(&frame);
    }

    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..200)) {
        judge(&bytes);
    }

    #[test]
    fn a_uri_reads_back(uri in uri()) {
        prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri.clone()));
        prop_assert!(uri.equivalent(&uri));
    }

    #[test]
    fn any_text_is_a_uri_or_not(text in "\\PC{0,40}|(sips?|tel|x):[!-~]{0,30}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
        }
    }

    #[test]
    fn no_text_starts_a_header(texts in vec("[ -~\r\n\0\t\u{7f}]{0,12}", 6)) {
        let mut message = Headers::new(
            Address::new(Uri::Sip(SipUri::new(&texts[0], Host::Name("h".into())))),
            Address::new(Uri::Other { scheme: "x".into(), opaque: texts[1].as_str().into() }),
            texts[2].as_str().into(),
            CSeq { number: 1, method: Method::Other(texts[3].as_str().into()) },
        );
        message.from.display_name = Some(texts[4].as_str().into());
        message.to.params.set(&texts[5], Some(&texts[0]));
        message.push_raw(HeaderName::Subject, texts[1].as_str());
        let uri = message.to.uri.clone();
        let request = Request::new(message.cseq.method.clone(), uri, message);
        let printed = String::from_utf8(request.to_bytes()).expect("only UTF-8 went in");
        // The start line, From, To, Call-ID, CSeq, Subject, Content-Length, nothing, no body.
        prop_assert_eq!(printed.split("\r\n").count(), 9);
        prop_assert!(!printed.replace("\r\n", "").contains(['\r', '\n']));
    }
}

/// What would keep a reader busy that looks back or ahead too far, at the size limit.
#[test]
fn the_longest_messages_are_judged() {
    let fills = [
        ("X: \"", "\\\u{1}"),
        ("X: ", "\t"),
        ("X: a", "\r\n b"),
        ("To: \"", "\\\""),
        ("To: <sip:a@b>", ";a"),
        ("To: <sip:a@b>", ";"),
        ("To: ", "@#"),
        ("Content-Length: 0", "\r\nl: 0"),
        ("To: ", "<"),
        ("Contact: ", "<sip:a@b>,"),
        ("Via: ", "SIP/2.0/UDP a,"),
        ("X: y", "\r\nX: y"),
    ];
    for (start, fill) in fills {
        let fill = fill.repeat(60_000 / fill.len());
        let frame = format!("OPTIONS sip:a@b SIP/2.0\r\n{start}{fill}\r\n\r\n");
        judge(frame.as_bytes());
        let limits = Limits {
            line: usize::MAX,
            headers: usize::MAX,
            ..Limits::default()
        };
        let _ = read_frame_of_pbx(frame.as_bytes(), &limits, &mut Repairs::default());
    }
}
