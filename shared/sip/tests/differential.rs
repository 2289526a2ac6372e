//! Everyday messages as we, `rsip` 0.4 and `sipx-sip` 1.0.1 understand them. Where another reads
//! one differently the table says so: a change of its mind, or of ours, fails the test.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use sidetone_sip::Message;
use sidetone_sip::message::{Incoming, Limits, read_frame};
use sipx_sip::HeaderName;

/// What a message says of whom it belongs to.
#[derive(Debug, PartialEq)]
struct Facts {
    call_id: String,
    cseq: u32,
    branch: String,
    from_tag: String,
    from_user: String,
    to_host: String,
    contact_user: String,
    contact_host: String,
    body: usize,
}

/// How another parser's reading compares.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Same,
    /// It reads something else.
    Other,
    /// It does not read it.
    None,
}
use Reading::{None as Unread, Other, Same};

struct Case {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    contact: &'static str,
    more: &'static str,
    rsip: Reading,
    sipx: Reading,
}

const PLAIN: Case = Case {
    name: "plain",
    from: "From: \"Alice\" <sip:alice@example.org>;tag=f1",
    to: "To: <sip:bob@example.org>",
    contact: "Contact: <sip:al@h.invalid;transport=ws>",
    more: "Max-Forwards: 70",
    rsip: Same,
    sipx: Same,
};

const CASES: &[Case] = &[
    PLAIN,
    Case {
        name: "addresses without brackets",
        from: "From: sip:alice@example.org;tag=f1",
        to: "To: sip:bob@example.org",
        contact: "Contact: sip:al@h.invalid",
        ..PLAIN
    },
    Case {
        name: "compact names",
        from: "f: <sip:alice@example.org>;tag=f1",
        to: "t: <sip:bob@example.org>",
        contact: "m: <sip:al@h.invalid>",
        // Finds no From under its compact name.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "a dot in the user",
        from: "From: <sip:alice.smith@example.org>;tag=f1",
        // Takes the user for a host.
        rsip: Other,
        ..PLAIN
    },
    Case {
        name: "an instance and a registration number",
        contact: "Contact: <sip:al@h.invalid>;+sip.instance=\"<urn:uuid:0-1>\";reg-id=1",
        // Refuses the plus sign.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "a temporary GRUU",
        contact: "Contact: <sip:al@h.invalid;gr=urn:uuid:0-1>",
        ..PLAIN
    },
    Case {
        name: "a quoted comma and brackets",
        from: "From: \"Smith, A. <x>\" <sip:alice@example.org>;tag=f1",
        // Stops at the bracket within the quotes.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "a name in another script",
        from: "From: \"Алиса\" <sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "an escaped user",
        from: "From: <sip:%2372@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "IPv6",
        to: "To: <sip:bob@[2001:db8::1]:5070>",
        // Refuses the address.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "two contacts in a line",
        contact: "Contact: <sip:al@h.invalid>;q=0.5, <sip:al2@h2.invalid>",
        // Does not part the list.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "folded",
        from: "From: \"Alice\"\r\n <sip:alice@example.org>\r\n\t;tag=f1",
        // Does not unfold.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "blanks everywhere",
        from: "From :  \"Alice\"   <sip:alice@example.org> ; tag = f1",
        // Refuses blanks around the colon.
        rsip: Unread,
        ..PLAIN
    },
    Case {
        name: "a password",
        from: "From: <sip:alice:secret@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "an unknown parameter of a URI",
        contact: "Contact: <sip:al@h.invalid;alias=192.0.2.1~5060~1;ob>",
        ..PLAIN
    },
    Case {
        name: "Content-Length ends the body",
        more: "Content-Length: 2",
        // Takes all that follows for the body.
        rsip: Other,
        ..PLAIN
    },
];

fn frame(case: &Case) -> String {
    let Case {
        from,
        to,
        contact,
        more,
        ..
    } = case;
    format!(
        "OPTIONS sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/WSS h.invalid;branch=z9hG4bKb1\r\n{from}\r\n{to}\r\nCall-ID: c1@h\r\n\
         CSeq: 7 OPTIONS\r\n{contact}\r\n{more}\r\n\r\nabc"
    )
}

fn ours(frame: &str) -> Facts {
    let incoming = read_frame(frame.as_bytes(), &Limits::default());
    let Incoming::Message(Message::Request(request)) = incoming else {
        panic!("{incoming:?}");
    };
    let headers = &request.headers;
    let contact = headers.contact.first().unwrap().uri.as_sip().unwrap();
    Facts {
        call_id: headers.call_id.to_string(),
        cseq: headers.cseq.number,
        branch: headers.via[0].branch().unwrap().to_owned(),
        from_tag: headers.from.tag().unwrap().to_owned(),
        from_user: headers
            .from
            .uri
            .as_sip()
            .unwrap()
            .user
            .clone()
            .unwrap()
            .to_string(),
        to_host: headers
            .to
            .uri
            .as_sip()
            .unwrap()
            .host
            .to_string()
            .replace(['[', ']'], ""),
        contact_user: contact.user.clone().unwrap().to_string(),
        contact_host: contact.host.to_string(),
        body: request.body.len(),
    }
}

fn rsips(frame: &str) -> Option<Facts> {
    let request = rsip::Request::try_from(frame.as_bytes()).ok()?;
    let from = request.from_header().ok()?.typed().ok()?;
    let contact = request.contact_header().ok()?.typed().ok()?;
    let user = |uri: &rsip::Uri| uri.auth.as_ref().map(|auth| auth.user.clone());
    Some(Facts {
        call_id: request.call_id_header().ok()?.value().to_owned(),
        cseq: request.cseq_header().ok()?.typed().ok()?.seq,
        branch: request
            .via_header()
            .ok()?
            .typed()
            .ok()?
            .branch()?
            .to_string(),
        from_tag: from.tag()?.to_string(),
        from_user: user(&from.uri).unwrap_or_default(),
        to_host: request
            .to_header()
            .ok()?
            .typed()
            .ok()?
            .uri
            .host()
            .to_string(),
        contact_user: user(&contact.uri).unwrap_or_default(),
        contact_host: contact.uri.host().to_string(),
        body: request.body.len(),
    })
}

fn sipxs(frame: &str) -> Option<Facts> {
    let bytes = bytes::Bytes::copy_from_slice(frame.as_bytes());
    let message = sipx_sip::parse_datagram(bytes, &sipx_sip::Limits::datagram()).ok()?;
    let headers = message.headers();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let address = |name: HeaderName| {
        let value = headers.value(&name)?;
        let list = sipx_sip::Address::parse_list(&value, "an address").ok()?;
        list.into_iter().next()
    };
    let from = address(HeaderName::From)?;
    let contact = address(HeaderName::Contact)?;
    let via = headers.typed::<sipx_sip::Via>()?.ok()?;
    let branch = via
        .params
        .iter()
        .find(|param| param.name.eq_ignore_ascii_case(b"branch"))?;
    Some(Facts {
        call_id: text(&headers.value(&HeaderName::CallId)?),
        cseq: headers.typed::<sipx_sip::CSeq>()?.ok()?.sequence,
        branch: text(branch.value.as_deref()?),
        from_tag: text(from.tag()?),
        from_user: text(from.uri.user()?),
        to_host: text(&address(HeaderName::To)?.uri.host()?.to_bytes()),
        contact_user: text(contact.uri.user()?),
        contact_host: text(&contact.uri.host()?.to_bytes()),
        body: message.body().len(),
    })
}

fn compare(theirs: Option<Facts>, ours: &Facts) -> Reading {
    match theirs {
        None => Unread,
        Some(theirs) if theirs == *ours => Same,
        Some(_) => Other,
    }
}

#[test]
fn everyday_messages() {
    let mut surprises = Vec::new();
    for case in CASES {
        let frame = frame(case);
        let facts = ours(&frame);
        for (peer, read, expected) in [
            ("rsip", rsips(&frame), case.rsip),
            ("sipx-sip", sipxs(&frame), case.sipx),
        ] {
            let said = format!("{peer}, {}: {read:?}, ours: {facts:?}", case.name);
            if compare(read, &facts) != expected {
                surprises.push(said);
            }
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
