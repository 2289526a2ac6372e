//! Sorts header lines into [`Headers`].

use super::address::{address, addresses, contacts};
use super::lexer::{Class, Lexer, number};
use super::lines::Lines;
use super::span::Span;
use super::start::Start;
use super::{Fault, HeaderError, Limits, via};
use crate::Text;
use crate::message::{
    Address, CSeq, Contacts, HeaderName, Headers, Message, RawHeader, Request, Response, Via,
};

/// What was collected so far.
#[derive(Default)]
struct Head {
    seen: u64,
    via: Vec<Via>,
    from: Option<Address>,
    to: Option<Address>,
    call_id: Option<Text>,
    cseq: Option<CSeq>,
    max_forwards: Option<u8>,
    content_length: Option<usize>,
    contact: Option<Contacts>,
    route: Vec<Address>,
    record_route: Vec<Address>,
    others: Vec<RawHeader>,
}

pub(super) fn read(lines: &Lines<'_>, start: Start, limits: &Limits) -> Result<Message, Fault> {
    let mut head = Head {
        others: Vec::with_capacity(12),
        ..Head::default()
    };
    for line in lines.headers() {
        let (name, value) = split(line)?;
        head.take(name, value, limits)?;
    }
    let body = body(lines.rest, head.content_length)?;
    let headers = head.complete()?;
    match start {
        Start::Request { method, uri } => {
            // RFC 3261 §8.1.1.5.
            if headers.cseq.method != method {
                return Err(Fault::bad_request("CSeq names another method"));
            }
            // RFC 4475 §3.2.1: a branch of the cookie alone identifies nothing.
            if headers.via[0].branch() == Some("z9hG4bK") {
                return Err(Fault::bad_request(
                    "the Via branch is only the magic cookie",
                ));
            }
            Ok(Message::Request(Request {
                method,
                uri,
                headers,
                body,
            }))
        }
        Start::Response { status, reason } => Ok(Message::Response(Response {
            status,
            reason,
            headers,
            body,
        })),
    }
}

/// Splits a line at its colon.
pub(super) fn split(line: Span<'_>) -> Result<(HeaderName, Span<'_>), HeaderError> {
    let mut lexer = Lexer::new(line);
    let name = lexer.expect(Class::TOKEN, "a header has no name")?;
    lexer.skip_space();
    if !lexer.eat(b':') {
        return Err(HeaderError("a header line has no colon"));
    }
    let value = lexer.cut(lexer.rest()).trimmed();
    Ok((HeaderName::of(name, || line.cut(name).share()), value))
}

fn body(rest: &[u8], length: Option<usize>) -> Result<Vec<u8>, Fault> {
    let length = length.unwrap_or(rest.len());
    rest.get(..length)
        .map(<[u8]>::to_vec)
        .ok_or(Fault::bad_request("Content-Length is larger than the body"))
}

impl Head {
    fn take(
        &mut self,
        name: HeaderName,
        value: Span<'_>,
        limits: &Limits,
    ) -> Result<(), HeaderError> {
        if let Some(bit) = name.single_bit() {
            if self.seen & bit != 0 {
                return Err(HeaderError("a header that must be single is repeated"));
            }
            self.seen |= bit;
        }
        match name {
            HeaderName::Via => via::vias(value, &mut self.via, limits.vias)?,
            HeaderName::From => self.from = Some(address(value)?),
            HeaderName::To => self.to = Some(address(value)?),
            HeaderName::CallId => self.call_id = Some(call_id(value)?),
            HeaderName::CSeq => self.cseq = Some(cseq(value)?),
            HeaderName::MaxForwards => self.max_forwards = Some(max_forwards(value)?),
            HeaderName::ContentLength => self.content_length = Some(content_length(value)?),
            HeaderName::Contact => contacts(value, &mut self.contact, limits.addresses)?,
            HeaderName::Route => addresses(value, &mut self.route, limits.addresses)?,
            HeaderName::RecordRoute => {
                addresses(value, &mut self.record_route, limits.addresses)?;
            }
            name => self.others.push(RawHeader {
                name,
                value: value.share(),
            }),
        }
        Ok(())
    }

    fn complete(self) -> Result<Headers, Fault> {
        const fn missing(why: &'static str) -> Fault {
            Fault::bad_request(why)
        }
        if self.via.is_empty() {
            return Err(missing("Via is missing"));
        }
        Ok(Headers {
            via: self.via,
            from: self.from.ok_or(missing("From is missing"))?,
            to: self.to.ok_or(missing("To is missing"))?,
            call_id: self.call_id.ok_or(missing("Call-ID is missing"))?,
            cseq: self.cseq.ok_or(missing("CSeq is missing"))?,
            max_forwards: self.max_forwards,
            contact: self.contact.unwrap_or_default(),
            route: self.route,
            record_route: self.record_route,
            others: self.others,
        })
    }
}

/// Any visible characters: clients write more into it than RFC 3261 §25.1 allows.
pub(super) fn call_id(value: Span<'_>) -> Result<Text, HeaderError> {
    if value.is_empty() || !Class::VISIBLE.holds(&value) {
        return Err(HeaderError("Call-ID is malformed"));
    }
    Ok(value.share())
}

pub(super) fn cseq(value: Span<'_>) -> Result<CSeq, HeaderError> {
    let mut lexer = Lexer::new(value);
    let digits = lexer.take(Class::TOKEN);
    // RFC 3261 §8.1.1.5: less than 2³¹.
    let number =
        number(digits, (1 << 31) - 1).ok_or(HeaderError("CSeq has no number below 2^31"))?;
    lexer.skip_space();
    let method = lexer.expect(Class::TOKEN, "CSeq names no method")?;
    let method = lexer.cut(method).method();
    lexer.finish()?;
    Ok(CSeq { number, method })
}

/// `response-num CSeq-num Method` (RFC 3262 §7.2).
pub(crate) fn rack(value: Span<'_>) -> Result<(u32, CSeq), HeaderError> {
    let mut lexer = Lexer::new(value);
    let rseq = number(lexer.take(Class::TOKEN), u32::MAX)
        .filter(|rseq| *rseq > 0)
        .ok_or(HeaderError("RAck has no number above zero"))?;
    lexer.skip_space();
    Ok((rseq, cseq(lexer.cut(lexer.rest()))?))
}

fn max_forwards(value: Span<'_>) -> Result<u8, HeaderError> {
    number(&value, 255)
        .and_then(|hops| u8::try_from(hops).ok())
        .ok_or(HeaderError("Max-Forwards is not a number up to 255"))
}

fn content_length(value: Span<'_>) -> Result<usize, HeaderError> {
    number(&value, u32::MAX)
        .and_then(|length| usize::try_from(length).ok())
        .ok_or(HeaderError("Content-Length is not a number"))
}
