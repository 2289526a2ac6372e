//! Prints messages (RFC 3261 §7).
//!
//! Headers come in one order and one spelling whatever the order they came in, and what is
//! printed reads back as the same message. A line break or another control character in a text
//! is printed as a space, so no text, wherever it comes from, can start a header of its own.

use std::fmt;
use std::net::Ipv6Addr;
use std::ops::Range;

use super::control::{first_control, is_control};
use super::{
    Address, CSeq, Contacts, Headers, Host, Message, Params, RawHeader, Request, Response, SipUri,
    TelUri, Transport, Uri, Via,
};

/// Bytes on their way to the wire.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    /// Where the line at hand starts.
    line: usize,
}

impl Wire {
    #[inline]
    fn put(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, value: u32, base: u32) {
        let mut digits = [0; 10];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[(rest % base) as usize];
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// Tabs may stay, and so may what a backslash quotes, but never CR or LF.
    #[cold]
    fn blank_controls(line: &mut [u8]) {
        for at in 0..line.len() {
            let byte = line[at];
            let quoted = at > 0 && line[at - 1] == b'\\' && byte != b'\r' && byte != b'\n';
            if is_control(byte) && byte != b'\t' && !quoted {
                line[at] = b' ';
            }
        }
    }

    fn end_line(&mut self) {
        let line = &mut self.bytes[self.line..];
        if first_control(line).is_some() {
            Self::blank_controls(line);
        }
        self.put("\r\n");
        self.line = self.bytes.len();
    }

    /// One header line per value.
    fn lines<T: Print>(&mut self, name: &str, values: &[T]) {
        for value in values {
            self.line(name, value);
        }
    }

    fn line<T: Print + ?Sized>(&mut self, name: &str, value: &T) {
        self.put(name);
        self.put(": ");
        value.print(self);
        self.end_line();
    }

    /// All behind the start line.
    fn finish(mut self, headers: &Headers, body: &[u8]) -> Vec<u8> {
        self.end_line();
        headers.print(&mut self);
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.line("Content-Length", &length);
        self.end_line();
        self.bytes.extend_from_slice(body);
        self.bytes
    }
}

/// What stands in a message.
trait Print {
    fn print(&self, to: &mut Wire);
}

macro_rules! display {
    ($($type:ty)*) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                display(self, f)
            }
        })*
    };
}

display! { Address CSeq Contacts Host Params Quoted<'_> SipUri TelUri Transport Uri Via }

fn display(value: &dyn Print, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut wire = Wire::default();
    value.print(&mut wire);
    f.write_str(&String::from_utf8_lossy(&wire.bytes))
}

impl Print for str {
    fn print(&self, to: &mut Wire) {
        to.put(self);
    }
}

impl Print for u32 {
    fn print(&self, to: &mut Wire) {
        to.number(*self, 10);
    }
}

impl Print for Params {
    fn print(&self, to: &mut Wire) {
        for param in &self.0 {
            to.put(";");
            to.put(&param.name);
            if let Some(value) = &param.value {
                to.put("=");
                to.put(value);
            }
        }
    }
}

impl Print for Host {
    fn print(&self, to: &mut Wire) {
        match self {
            Self::Name(name) => to.put(name),
            Self::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        to.put(".");
                    }
                    to.number(octet.into(), 10);
                }
            }
            Self::V6(address) => address.print(to),
        }
    }
}

/// In brackets, and as short as RFC 5952 says.
impl Print for Ipv6Addr {
    fn print(&self, to: &mut Wire) {
        to.put("[");
        if let Some(address) = self.to_ipv4_mapped() {
            to.put("::ffff:");
            Host::V4(address).print(to);
        } else {
            let segments = self.segments();
            let zeros = longest_zeros(&segments);
            for (at, segment) in segments.into_iter().enumerate() {
                if at == zeros.start && !zeros.is_empty() {
                    to.put("::");
                }
                if zeros.contains(&at) {
                    continue;
                }
                if at > 0 && at != zeros.end {
                    to.put(":");
                }
                to.number(segment.into(), 16);
            }
        }
        to.put("]");
    }
}

/// The first of the longest runs of two zeros or more.
fn longest_zeros(segments: &[u16; 8]) -> Range<usize> {
    let mut longest = 0..0;
    let mut from = 0;
    for (at, segment) in segments.iter().enumerate() {
        if *segment != 0 {
            from = at + 1;
        } else if at > from && at + 1 - from > longest.len() {
            longest = from..at + 1;
        }
    }
    longest
}

fn port(to: &mut Wire, port: Option<u16>) {
    if let Some(port) = port {
        to.put(":");
        to.number(port.into(), 10);
    }
}

impl Print for SipUri {
    fn print(&self, to: &mut Wire) {
        to.put(if self.secure { "sips:" } else { "sip:" });
        if let Some(user) = &self.user {
            to.put(user);
            if let Some(password) = &self.password {
                to.put(":");
                to.put(password);
            }
            to.put("@");
        }
        self.host.print(to);
        port(to, self.port);
        self.params.print(to);
        if let Some(headers) = &self.headers {
            to.put("?");
            to.put(headers);
        }
    }
}

impl Print for TelUri {
    fn print(&self, to: &mut Wire) {
        to.put("tel:");
        to.put(&self.number);
        self.params.print(to);
    }
}

impl Print for Uri {
    fn print(&self, to: &mut Wire) {
        match self {
            Self::Sip(uri) => uri.print(to),
            Self::Tel(uri) => uri.print(to),
            Self::Other { scheme, opaque } => {
                to.put(scheme);
                to.put(":");
                to.put(opaque);
            }
        }
    }
}

/// A text as a quoted string. Line breaks become spaces; no quoted-pair may hold them.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Print for Quoted<'_> {
    fn print(&self, to: &mut Wire) {
        to.put("\"");
        // What is special is ASCII, so that no character is torn apart.
        for byte in self.0.bytes() {
            match byte {
                b'\r' | b'\n' => to.bytes.push(b' '),
                b'\t' => to.bytes.push(byte),
                b'"' | b'\\' | ..b' ' | 0x7f => to.bytes.extend_from_slice(&[b'\\', byte]),
                _ => to.bytes.push(byte),
            }
        }
        to.put("\"");
    }
}

impl Print for Address {
    fn print(&self, to: &mut Wire) {
        if let Some(name) = &self.display_name {
            Quoted(name).print(to);
            to.put(" ");
        }
        to.put("<");
        self.uri.print(to);
        to.put(">");
        self.params.print(to);
    }
}

impl Print for Contacts {
    fn print(&self, to: &mut Wire) {
        match self {
            Self::Star => to.put("*"),
            Self::List(addresses) => {
                for (index, address) in addresses.iter().enumerate() {
                    if index > 0 {
                        to.put(", ");
                    }
                    address.print(to);
                }
            }
        }
    }
}

impl Print for CSeq {
    fn print(&self, to: &mut Wire) {
        to.number(self.number, 10);
        to.put(" ");
        to.put(self.method.as_str());
    }
}

impl Print for Transport {
    fn print(&self, to: &mut Wire) {
        to.put(self.as_str());
    }
}

impl Print for Via {
    fn print(&self, to: &mut Wire) {
        to.put("SIP/2.0/");
        self.transport.print(to);
        to.put(" ");
        self.host.print(to);
        port(to, self.port);
        self.params.print(to);
    }
}

impl Print for Headers {
    fn print(&self, to: &mut Wire) {
        to.lines("Via", &self.via);
        to.lines("Route", &self.route);
        to.lines("Record-Route", &self.record_route);
        if let Some(hops) = self.max_forwards {
            to.line("Max-Forwards", &u32::from(hops));
        }
        to.line("From", &self.from);
        to.line("To", &self.to);
        to.line("Call-ID", &*self.call_id);
        to.line("CSeq", &self.cseq);
        match &self.contact {
            Contacts::Star => to.line("Contact", &Contacts::Star),
            Contacts::List(addresses) => to.lines("Contact", addresses),
        }
        for RawHeader { name, value } in &self.others {
            to.line(name.as_str(), &**value);
        }
    }
}

/// Room for a message with this body.
fn wire(body: &[u8]) -> Wire {
    Wire {
        bytes: Vec::with_capacity(1024 + body.len()),
        line: 0,
    }
}

impl Request {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut wire = wire(&self.body);
        wire.put(self.method.as_str());
        wire.put(" ");
        self.uri.print(&mut wire);
        wire.put(" SIP/2.0");
        wire.finish(&self.headers, &self.body)
    }
}

impl Response {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut wire = wire(&self.body);
        wire.put("SIP/2.0 ");
        wire.number(self.status.code().into(), 10);
        wire.put(" ");
        wire.put(&self.reason);
        wire.finish(&self.headers, &self.body)
    }
}

impl Message {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}
