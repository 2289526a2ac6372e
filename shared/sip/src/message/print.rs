//! Prints messages (RFC 3261 §7).
//!
//! Headers come in one order and one spelling whatever the order they came in, and what is
//! printed reads back as the same message. A line break or another control character in a text
//! is printed as a space, so no text, wherever it comes from, can start a header of its own.

use std::fmt::{self, Write};

use super::control::{first_control, is_control};
use super::{
    Address, CSeq, Contacts, Headers, Host, Message, Params, RawHeader, Request, Response, SipUri,
    TelUri, Transport, Uri, Via,
};

/// Bytes on their way to the wire.
struct Wire {
    bytes: Vec<u8>,
    /// Where the line at hand starts.
    line: usize,
}

impl Write for Wire {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Wire {
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
        self.bytes.extend_from_slice(b"\r\n");
        self.line = self.bytes.len();
    }

    /// One header line per value.
    fn lines<T: Print>(&mut self, name: &str, values: &[T]) -> fmt::Result {
        for value in values {
            self.line(name, value)?;
        }
        Ok(())
    }

    fn line<T: Print + ?Sized>(&mut self, name: &str, value: &T) -> fmt::Result {
        self.write_str(name)?;
        self.write_str(": ")?;
        value.print(self)?;
        self.end_line();
        Ok(())
    }
}

/// Like [`fmt::Display`], but known to the compiler whole, for both kinds of writer.
trait Print {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result;
}

macro_rules! display {
    ($($type:ty)*) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.print(f)
            }
        })*
    };
}

display! { Address CSeq Contacts Host Params SipUri TelUri Transport Uri Via }

impl Print for str {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        to.write_str(self)
    }
}

impl Print for u32 {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        let mut digits = [0; 10];
        let mut at = digits.len();
        let mut rest = *self;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        to.write_str(std::str::from_utf8(&digits[at..]).map_err(|_| fmt::Error)?)
    }
}

impl Print for Params {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        for param in &self.0 {
            to.write_str(";")?;
            to.write_str(&param.name)?;
            if let Some(value) = &param.value {
                to.write_str("=")?;
                to.write_str(value)?;
            }
        }
        Ok(())
    }
}

impl Print for Host {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        match self {
            Self::Name(name) => to.write_str(name),
            Self::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        to.write_str(".")?;
                    }
                    u32::from(octet).print(to)?;
                }
                Ok(())
            }
            Self::V6(address) => write!(to, "[{address}]"),
        }
    }
}

fn port<W: Write>(to: &mut W, port: Option<u16>) -> fmt::Result {
    let Some(port) = port else { return Ok(()) };
    to.write_str(":")?;
    u32::from(port).print(to)
}

impl Print for SipUri {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        to.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            to.write_str(user)?;
            if let Some(password) = &self.password {
                to.write_str(":")?;
                to.write_str(password)?;
            }
            to.write_str("@")?;
        }
        self.host.print(to)?;
        port(to, self.port)?;
        self.params.print(to)?;
        if let Some(headers) = &self.headers {
            to.write_str("?")?;
            to.write_str(headers)?;
        }
        Ok(())
    }
}

impl Print for TelUri {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        to.write_str("tel:")?;
        to.write_str(&self.number)?;
        self.params.print(to)
    }
}

impl Print for Uri {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.print(to),
            Self::Tel(uri) => uri.print(to),
            Self::Other { scheme, opaque } => {
                to.write_str(scheme)?;
                to.write_str(":")?;
                to.write_str(opaque)
            }
        }
    }
}

/// Prints `text` as a quoted string. Line breaks become spaces; no quoted-pair may hold them.
pub(crate) fn quoted<W: Write>(to: &mut W, text: &str) -> fmt::Result {
    to.write_str("\"")?;
    let special = |byte: u8| byte == b'"' || byte == b'\\' || is_control(byte);
    if text.bytes().any(special) {
        for character in text.chars() {
            match character {
                '\r' | '\n' => to.write_str(" ")?,
                '\t' => to.write_str("\t")?,
                '"' | '\\' | '\0'..='\x1f' | '\x7f' => {
                    let pair = ['\\', character];
                    let pair: String = pair.iter().collect();
                    to.write_str(&pair)?;
                }
                other => to.write_char(other)?,
            }
        }
    } else {
        to.write_str(text)?;
    }
    to.write_str("\"")
}

impl Print for Address {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        if let Some(name) = &self.display_name {
            quoted(to, name)?;
            to.write_str(" ")?;
        }
        to.write_str("<")?;
        self.uri.print(to)?;
        to.write_str(">")?;
        self.params.print(to)
    }
}

impl Print for Contacts {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        match self {
            Self::Star => to.write_str("*"),
            Self::List(addresses) => {
                for (index, address) in addresses.iter().enumerate() {
                    if index > 0 {
                        to.write_str(", ")?;
                    }
                    address.print(to)?;
                }
                Ok(())
            }
        }
    }
}

impl Print for CSeq {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        self.number.print(to)?;
        to.write_str(" ")?;
        to.write_str(self.method.as_str())
    }
}

impl Print for Transport {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        to.write_str(self.as_str())
    }
}

impl Print for Via {
    fn print<W: Write>(&self, to: &mut W) -> fmt::Result {
        to.write_str("SIP/2.0/")?;
        self.transport.print(to)?;
        to.write_str(" ")?;
        self.host.print(to)?;
        port(to, self.port)?;
        self.params.print(to)
    }
}

impl Headers {
    fn print(&self, wire: &mut Wire) -> fmt::Result {
        wire.lines("Via", &self.via)?;
        wire.lines("Route", &self.route)?;
        wire.lines("Record-Route", &self.record_route)?;
        if let Some(hops) = self.max_forwards {
            wire.line("Max-Forwards", &u32::from(hops))?;
        }
        wire.line("From", &self.from)?;
        wire.line("To", &self.to)?;
        wire.line("Call-ID", &*self.call_id)?;
        wire.line("CSeq", &self.cseq)?;
        match &self.contact {
            Contacts::Star => wire.line("Contact", &Contacts::Star)?,
            Contacts::List(addresses) => wire.lines("Contact", addresses)?,
        }
        for RawHeader { name, value } in &self.others {
            wire.line(name.as_str(), &**value)?;
        }
        Ok(())
    }
}

/// Writing to memory does not fail, so neither does this.
fn print(headers: &Headers, body: &[u8], start: impl FnOnce(&mut Wire) -> fmt::Result) -> Vec<u8> {
    let mut wire = Wire {
        bytes: Vec::with_capacity(1024 + body.len()),
        line: 0,
    };
    let printed = start(&mut wire).and_then(|()| {
        wire.end_line();
        headers.print(&mut wire)?;
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        wire.line("Content-Length", &length)
    });
    debug_assert!(printed.is_ok());
    wire.end_line();
    wire.bytes.extend_from_slice(body);
    wire.bytes
}

impl Request {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        print(&self.headers, &self.body, |wire| {
            wire.write_str(self.method.as_str())?;
            wire.write_str(" ")?;
            self.uri.print(wire)?;
            wire.write_str(" SIP/2.0")
        })
    }
}

impl Response {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        print(&self.headers, &self.body, |wire| {
            wire.write_str("SIP/2.0 ")?;
            u32::from(self.status.code()).print(wire)?;
            wire.write_str(" ")?;
            wire.write_str(&self.reason)
        })
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
