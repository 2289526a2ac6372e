//! Messages, whether we read them, and who is right where others don't agree: one long table.

pub(crate) struct Case {
    pub(crate) name: &'static str,
    start: &'static str,
    via: &'static str,
    from: &'static str,
    to: &'static str,
    cseq: &'static str,
    contact: &'static str,
    /// Further lines, and what follows the head.
    more: &'static str,
    body: &'static str,
    pub(crate) is_read: bool,
    /// What the RFC says; empty if all agree.
    pub(crate) ruling: &'static str,
}

const PLAIN: Case = Case {
    name: "plain",
    start: "OPTIONS sip:bob@example.org SIP/2.0",
    via: "Via: SIP/2.0/WSS h.invalid;branch=z9hG4bKb1",
    from: "From: \"Alice\" <sip:alice@example.org>;tag=f1",
    to: "To: <sip:bob@example.org>",
    cseq: "CSeq: 7 OPTIONS",
    contact: "Contact: <sip:al@h.invalid;transport=ws>",
    more: "Content-Length: 3",
    body: "abc",
    is_read: true,
    ruling: "",
};

impl Case {
    pub(crate) fn frame(&self) -> Vec<u8> {
        let Self {
            start,
            via,
            from,
            to,
            cseq,
            contact,
            more,
            body,
            ..
        } = self;
        let lines = [
            start,
            via,
            from,
            to,
            "Call-ID: c1@h",
            cseq,
            contact,
            "Max-Forwards: 70",
            more,
        ];
        let lines = lines.iter().filter(|line| !line.is_empty());
        let head: String = lines.map(|line| format!("{line}\r\n")).collect();
        // A byte each, so that a case can hold what is not UTF-8: U+0001 stands for it.
        let frame = format!("{head}\r\n{body}").into_bytes();
        let latin = |byte| if byte == 1 { 0xe9 } else { byte };
        frame.into_iter().map(latin).collect()
    }
}

pub(crate) const CASES: &[Case] = &[
    PLAIN,
    // Addresses.
    Case {
        name: "addresses without brackets",
        from: "From: sip:alice@example.org;tag=f1",
        to: "To: sip:bob@example.org",
        contact: "Contact: sip:al@h.invalid",
        ..PLAIN
    },
    Case {
        name: "a dot in the user",
        from: "From: <sip:alice.smith@example.org>;tag=f1",
        ruling: "§25.1: a dot may stand in a user, who ends at the `@`",
        ..PLAIN
    },
    Case {
        name: "a semicolon in the user",
        from: "From: <sip:user;par=u%40example.net@example.org>;tag=f1",
        ruling: "RFC 4475 §3.1.1.9: ahead of the `@` it belongs to the user",
        ..PLAIN
    },
    Case {
        name: "an escaped `#` in the user",
        from: "From: <sip:%2372@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a bare `#` in the user",
        from: "From: <sip:#72@example.org>;tag=f1",
        is_read: false,
        ruling: "§25.1: `#` must be escaped",
        ..PLAIN
    },
    Case {
        name: "an escaped NUL in the user",
        from: "From: <sip:%00@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a `%` that escapes nothing",
        from: "From: <sip:b%4x@example.org>;tag=f1",
        is_read: false,
        ruling: "§25.1: `%` must be followed by two hexadecimal digits",
        ..PLAIN
    },
    Case {
        name: "a password",
        from: "From: <sip:alice:secret@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a temporary GRUU",
        contact: "Contact: <sip:al@h.invalid;gr=urn:uuid:0-1>",
        ..PLAIN
    },
    Case {
        name: "an instance and a registration number",
        contact: "Contact: <sip:al@h.invalid>;+sip.instance=\"<urn:uuid:0-1>\";reg-id=1",
        ruling: "§25.1: `+` may stand in the name of a parameter; RFC 5626 §4.1 names one so",
        ..PLAIN
    },
    Case {
        name: "an unknown parameter of a URI",
        contact: "Contact: <sip:al@h.invalid;alias=192.0.2.1~5060~1;ob>",
        ..PLAIN
    },
    Case {
        name: "an unknown parameter of a header",
        contact: "Contact: <sip:al@h.invalid>;video;+u.x!y=\"1\"",
        ruling: "§20.10, §25.1: any token may name a parameter, with a value or without",
        ..PLAIN
    },
    Case {
        name: "headers in a URI",
        contact: "Contact: <sip:al@h.invalid?Route=%3Csip:x%3E>",
        ruling: "§19.1.1: a Contact may hold them",
        ..PLAIN
    },
    Case {
        name: "headers in a URI without brackets",
        contact: "Contact: sip:al@h.invalid?Route=%3Csip:x%3E",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a SIPS URI",
        from: "From: <sips:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a telephone number",
        from: "From: <tel:+1-918-555-0100>;tag=f1",
        ruling: "§20.10: an address may be a URI of any scheme",
        ..PLAIN
    },
    Case {
        name: "a local number without its context",
        from: "From: <tel:7042>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "letters in a global number",
        from: "From: <tel:+1-800-ABCDEF>;tag=f1",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a `%` that escapes nothing, in a URN",
        from: "From: <urn:service:%>;tag=f1",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "IPv6",
        to: "To: <sip:bob@[2001:db8::1]:5070>",
        ruling: "§19.1.1: it may stand in brackets",
        ..PLAIN
    },
    Case {
        name: "a host in capitals",
        to: "To: <sip:bob@EXAMPLE.org>",
        ..PLAIN
    },
    Case {
        name: "a host with a dot at its end",
        to: "To: <sip:bob@example.org.>",
        ..PLAIN
    },
    Case {
        name: "a host with an underscore",
        to: "To: <sip:bob@my_pbx.example.org>",
        ..PLAIN
    },
    Case {
        name: "an address of 1.2.3.400",
        to: "To: <sip:bob@1.2.3.400>",
        is_read: false,
        ruling: "the digits fit the grammar of §25.1, but no such address exists, and a name may not end in a label of digits",
        ..PLAIN
    },
    Case {
        name: "two `@`",
        to: "To: <sip:bob@corp@example.org>",
        is_read: false,
        ruling: "§25.1: `@` must be escaped in a user",
        ..PLAIN
    },
    Case {
        name: "a port of 70000",
        to: "To: <sip:bob@example.org:70000>",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "an empty port",
        to: "To: <sip:bob@example.org:>",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "an empty user",
        to: "To: <sip:@example.org>",
        is_read: false,
        ruling: "§25.1: a user is a character at least",
        ..PLAIN
    },
    Case {
        name: "blanks within the brackets",
        to: "To: < sip:bob@example.org >",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.14: they are a fault",
        ..PLAIN
    },
    Case {
        name: "brackets that are not closed",
        to: "To: <sip:bob@example.org",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "something behind the address",
        to: "To: <sip:bob@example.org> and more",
        is_read: false,
        ..PLAIN
    },
    // Names.
    Case {
        name: "no blank behind a name",
        from: "From: Alice<sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a name of several words",
        from: "From: Alice B. Smith <sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "an empty name",
        from: "From: \"\" <sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "a comma and brackets in quotes",
        from: "From: \"Smith, A. <x>\" <sip:alice@example.org>;tag=f1",
        ruling: "§25.1: what is quoted ends with the quotes",
        ..PLAIN
    },
    Case {
        name: "an escaped quote",
        from: "From: \"a\\\"b\" <sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "another script in quotes",
        from: "From: \"Алиса\" <sip:alice@example.org>;tag=f1",
        ..PLAIN
    },
    Case {
        name: "another script without quotes",
        from: "From: Алиса <sip:alice@example.org>;tag=f1",
        ruling: "§25.1 wants quotes; it is read because it can mean nothing else",
        ..PLAIN
    },
    Case {
        name: "a name in Latin-1",
        from: "From: \"Andr\u{1}\" <sip:alice@example.org>;tag=f1",
        is_read: false,
        ruling: "§7.3.1, §25.1: the head is UTF-8",
        ..PLAIN
    },
    Case {
        name: "quotes that are not closed",
        from: "From: \"Alice <sip:alice@example.org>;tag=f1",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.6: they are a fault",
        ..PLAIN
    },
    Case {
        name: "a comma without quotes",
        from: "From: Smith, A <sip:alice@example.org>;tag=f1",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.15: it is a fault",
        ..PLAIN
    },
    // Parameters.
    Case {
        name: "a semicolon in a quoted value",
        from: "From: <sip:alice@example.org>;x=\"a;b\";tag=f1",
        ruling: "§25.1: what is quoted ends with the quotes",
        ..PLAIN
    },
    Case {
        name: "an `=` in a value",
        from: "From: <sip:alice@example.org>;x=a=b;tag=f1",
        ruling: "§25.1 wants quotes; it is read because it can mean nothing else",
        ..PLAIN
    },
    Case {
        name: "an empty value",
        from: "From: <sip:alice@example.org>;x=;tag=f1",
        is_read: false,
        ruling: "§25.1: behind the `=` stands a value",
        ..PLAIN
    },
    Case {
        name: "an empty parameter",
        from: "From: <sip:alice@example.org>;;tag=f1",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.1: it is a fault",
        ..PLAIN
    },
    Case {
        name: "two tags",
        from: "From: <sip:alice@example.org>;tag=f1;tag=f2",
        is_read: false,
        ruling: "§7.3.1: a parameter may stand once",
        ..PLAIN
    },
    Case {
        name: "no tag (RFC 2543)",
        from: "From: <sip:alice@example.org>",
        ..PLAIN
    },
    // Lines.
    Case {
        name: "compact names",
        from: "f: <sip:alice@example.org>;tag=f1",
        to: "t: <sip:bob@example.org>",
        contact: "m: <sip:al@h.invalid>",
        ruling: "§7.3.3: they must be understood",
        ..PLAIN
    },
    Case {
        name: "names in odd case",
        from: "fRoM: <sip:alice@example.org>;tag=f1",
        to: "tO: <sip:bob@example.org>",
        ..PLAIN
    },
    Case {
        name: "folded",
        from: "From: \"Alice\"\r\n <sip:alice@example.org>\r\n\t;tag=f1",
        ruling: "§7.3.1: a line that starts with a blank continues the one before",
        ..PLAIN
    },
    Case {
        name: "blanks everywhere",
        from: "From :  \"Alice\"   <sip:alice@example.org> ; tag = f1",
        ruling: "§25.1: blanks may stand around `:`, `;` and `=`",
        ..PLAIN
    },
    Case {
        name: "two contacts in a line",
        contact: "Contact: <sip:al@h.invalid>;q=0.5, <sip:al2@h2.invalid>",
        ruling: "§7.3.1: values may be joined by commas",
        ..PLAIN
    },
    Case {
        name: "an empty item among the contacts",
        contact: "Contact: <sip:al@h.invalid>,,<sip:al2@h2.invalid>",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a `*` for a contact",
        contact: "Contact: *",
        ..PLAIN
    },
    Case {
        name: "a name with a blank",
        more: "Na me: x\r\nContent-Length: 3",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a line without a colon",
        more: "what is this\r\nContent-Length: 3",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a lone LF in a value",
        more: "Subject: a\nEvil: b\r\nContent-Length: 3",
        is_read: false,
        ruling: "§7, §25.1: a line ends in CR and LF, and no value holds one of them",
        ..PLAIN
    },
    Case {
        name: "a lone CR in a value",
        more: "Subject: a\rEvil: b\r\nContent-Length: 3",
        is_read: false,
        ruling: "§7, §25.1: a line ends in CR and LF, and no value holds one of them",
        ..PLAIN
    },
    Case {
        name: "a NUL in a value",
        more: "Subject: a\0b\r\nContent-Length: 3",
        is_read: false,
        ruling: "§25.1: no text holds control characters",
        ..PLAIN
    },
    Case {
        name: "two Call-IDs",
        more: "Call-ID: c2\r\nContent-Length: 3",
        is_read: false,
        ruling: "RFC 4475 §3.3.8: what may stand once and stands twice is a fault",
        ..PLAIN
    },
    Case {
        name: "an escaped letter in a name",
        more: "C%6Fntact: x\r\nContent-Length: 3",
        ..PLAIN
    },
    // Bodies.
    Case {
        name: "Content-Length ends the body",
        more: "Content-Length: 2",
        ruling: "§18.3: what is behind it is thrown away",
        ..PLAIN
    },
    Case {
        name: "Content-Length beyond the body",
        more: "Content-Length: 4",
        is_read: false,
        ruling: "§18.3: a request that is cut short is answered with 400",
        ..PLAIN
    },
    Case {
        name: "Content-Length below zero",
        more: "Content-Length: -1",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.3: it is a fault",
        ..PLAIN
    },
    Case {
        name: "two Content-Lengths",
        more: "Content-Length: 3\r\nContent-Length: 2",
        is_read: false,
        ruling: "RFC 4475 §3.3.9: it is a fault",
        ..PLAIN
    },
    Case {
        name: "no Content-Length",
        more: "",
        ..PLAIN
    },
    // Hops.
    Case {
        name: "two hops in a line",
        via: "Via: SIP/2.0/WSS h.invalid;branch=z9hG4bKb1, SIP/2.0/UDP i.invalid;branch=z9hG4bKb2",
        ..PLAIN
    },
    Case {
        name: "blanks in a hop",
        via: "Via: SIP / 2.0 / WSS  h.invalid : 5060 ; branch = z9hG4bKb1",
        ruling: "§20.42: blanks may stand there; §25.1: and around the colon",
        ..PLAIN
    },
    Case {
        name: "a hop at IPv6",
        via: "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKb1",
        ruling: "§25.1: it may stand in brackets, there and in `received` (RFC 5118 §4.5)",
        ..PLAIN
    },
    Case {
        name: "received without brackets (RFC 5118 §4.5)",
        via: "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKb1",
        ruling: "§25.1: so `received` is written; RFC 5118 §4.5: both are to be read",
        ..PLAIN
    },
    Case {
        name: "a bare rport",
        via: "Via: SIP/2.0/WSS h.invalid;rport;branch=z9hG4bKb1",
        ..PLAIN
    },
    Case {
        name: "an unknown transport",
        via: "Via: SIP/2.0/CARRIER h.invalid;branch=z9hG4bKb1",
        ruling: "RFC 4475 §3.1.1.10: any token may name one",
        ..PLAIN
    },
    Case {
        name: "no branch (RFC 2543)",
        via: "Via: SIP/2.0/UDP h.invalid",
        ..PLAIN
    },
    Case {
        name: "a branch of the cookie alone",
        via: "Via: SIP/2.0/UDP h.invalid;branch=z9hG4bK",
        is_read: false,
        ruling: "RFC 4475 §3.2.1: 400 is one of two right answers, the other to match as of old",
        ..PLAIN
    },
    Case {
        name: "no hop",
        via: "",
        is_read: false,
        ..PLAIN
    },
    // Start lines and CSeq.
    Case {
        name: "an unknown method",
        start: "HELLO sip:bob@example.org SIP/2.0",
        cseq: "CSeq: 7 HELLO",
        ruling: "§7.1, §25.1: any token may be one; §8.2.1: it is answered with 405",
        ..PLAIN
    },
    Case {
        name: "a method of odd characters",
        start: "!m_*+`.%'~ sip:bob@example.org SIP/2.0",
        cseq: "CSeq: 7 !m_*+`.%'~",
        ruling: "RFC 4475 §3.1.1.2: any token may be one",
        ..PLAIN
    },
    Case {
        name: "a method in small letters",
        start: "options sip:bob@example.org SIP/2.0",
        cseq: "CSeq: 7 options",
        ruling: "§7.1: methods differ by case, so that this is another one",
        ..PLAIN
    },
    Case {
        name: "the version in small letters",
        start: "OPTIONS sip:bob@example.org sip/2.0",
        ruling: "§7.1: the version does not differ by case",
        ..PLAIN
    },
    Case {
        name: "version 7",
        start: "OPTIONS sip:bob@example.org SIP/7.0",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "an unknown scheme",
        start: "OPTIONS nobodyknows:opaque SIP/2.0",
        ruling: "RFC 4475 §3.3.2: it is read, and answered with 416",
        ..PLAIN
    },
    Case {
        name: "a URI in brackets",
        start: "OPTIONS <sip:bob@example.org> SIP/2.0",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.7: they are a fault",
        ..PLAIN
    },
    Case {
        name: "two blanks in the start line",
        start: "OPTIONS  sip:bob@example.org SIP/2.0",
        is_read: false,
        ruling: "RFC 4475 §3.1.2.9: they are a fault",
        ..PLAIN
    },
    Case {
        name: "a blank behind the start line",
        start: "OPTIONS sip:bob@example.org SIP/2.0 ",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "headers in the Request-URI",
        start: "OPTIONS sip:bob@example.org?Route=%3Csip:x%3E SIP/2.0",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "empty lines ahead",
        start: "\r\n\r\nOPTIONS sip:bob@example.org SIP/2.0",
        ruling: "§7.5: they are ignored",
        ..PLAIN
    },
    Case {
        name: "zeros ahead of a CSeq",
        cseq: "CSeq: 0007 OPTIONS",
        ..PLAIN
    },
    Case {
        name: "a CSeq of 2^31",
        cseq: "CSeq: 2147483648 OPTIONS",
        is_read: false,
        ruling: "§8.1.1.5: it is smaller than that",
        ..PLAIN
    },
    Case {
        name: "a CSeq of 2^32 + 7",
        cseq: "CSeq: 4294967303 OPTIONS",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a CSeq of another method",
        cseq: "CSeq: 7 INVITE",
        is_read: false,
        ruling: "§8.1.1.5: it is that of the request",
        ..PLAIN
    },
    Case {
        name: "a CSeq without a method",
        cseq: "CSeq: 7",
        is_read: false,
        ..PLAIN
    },
    Case {
        name: "a CSeq without a blank",
        cseq: "CSeq: 7OPTIONS",
        is_read: false,
        ..PLAIN
    },
];
