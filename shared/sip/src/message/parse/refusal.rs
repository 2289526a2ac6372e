//! Reads what can be read of a faulty request, so that it can be refused.
//!
//! Slow and lenient on purpose: nothing read here is used but to address the refusal.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::lexer::{Class, Lexer};
use super::lines::is_folded;
use super::span::{Span, trim};
use super::{Fault, Incoming, Limits, Refusal, address, head, params, start, uri, via};
use crate::Text;
use crate::message::{Address, CSeq, HeaderName, Headers, Method, Response, SipUri, Uri, Via};

/// Refuses the request in `frame`, or drops what is not one that can be answered.
pub(super) fn refuse(frame: &[u8], limits: &Limits, fault: &Fault) -> Incoming {
    let frame = super::without_empty_lines(frame);
    let frame = &frame[..frame.len().min(limits.message)];
    let text = String::from_utf8_lossy(frame);
    let lines = unfolded(&text, limits);
    let Some(method) = lines.first().and_then(|line| method(line)) else {
        return Incoming::Dropped(fault.why);
    };
    // RFC 3261 §17.1.1.3: nothing answers an ACK.
    if method == Method::Ack {
        return Incoming::Dropped(fault.why);
    }
    let mut remains = Remains::default();
    for line in &lines[1..] {
        remains.take(Span::from(&Text::from(line.as_str())), limits);
    }
    if remains.via.is_empty() {
        return Incoming::Dropped(fault.why);
    }
    let mut headers = remains.into_headers(method);
    if headers.to.tag().is_none() {
        headers.to.params.set("tag", Some(&tag(&headers)));
    }
    Incoming::Refused(Refusal {
        status: fault.status,
        why: fault.why,
        response: Box::new(Response {
            status: fault.status,
            reason: Text::from_static(fault.why),
            headers,
            body: Vec::new(),
        }),
    })
}

fn unfolded(text: &str, limits: &Limits) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() || lines.len() > limits.headers {
            break;
        }
        let printable = line
            .chars()
            .map(|c| if c.is_ascii_control() { ' ' } else { c });
        match lines.last_mut().filter(|_| is_folded(line)) {
            Some(last) => last.extend(printable),
            None => lines.push(printable.collect()),
        }
    }
    lines
}

/// The method, if this is the start line of a request.
fn method(line: &str) -> Option<Method> {
    let (method, rest) = trim(line).split_once(' ')?;
    let version = rest.rsplit_once(' ').map_or(rest, |(_, version)| version);
    let request = Class::TOKEN.holds(method) && start::is_version(version);
    request.then(|| Method::from_token(&Text::from(method)))
}

/// The first of each header that can be read.
#[derive(Default)]
struct Remains {
    via: Vec<Via>,
    from: Option<Address>,
    to: Option<Address>,
    call_id: Option<Text>,
    cseq: Option<CSeq>,
}

impl Remains {
    fn take(&mut self, line: Span<'_>, limits: &Limits) {
        let Ok((name, value)) = head::split(line) else {
            return;
        };
        match name {
            HeaderName::Via => hops(value, &mut self.via, limits.vias),
            HeaderName::From if self.from.is_none() => self.from = sender(value),
            HeaderName::To if self.to.is_none() => self.to = sender(value),
            HeaderName::CallId if self.call_id.is_none() => {
                self.call_id = head::call_id(value).ok();
            }
            HeaderName::CSeq if self.cseq.is_none() => self.cseq = head::cseq(value).ok(),
            _ => {}
        }
    }

    fn into_headers(self, method: Method) -> Headers {
        let from = self.from.unwrap_or_else(anonymous);
        let to = self.to.unwrap_or_else(anonymous);
        let call_id = self.call_id.unwrap_or(Text::from_static("unreadable"));
        let cseq = self.cseq.unwrap_or(CSeq { number: 0, method });
        Headers {
            via: self.via,
            ..Headers::new(from, to, call_id, cseq)
        }
    }
}

fn hops(value: Span<'_>, list: &mut Vec<Via>, most: usize) {
    let mut lexer = Lexer::new(value);
    lexer.lenient = true;
    while list.len() < most {
        let Ok(hop) = via::next(&mut lexer) else {
            return;
        };
        list.push(hop);
        if !lexer.eat_spaced(b',') {
            return;
        }
    }
}

/// The address as it stands, else what stands in its angle brackets.
fn sender(value: Span<'_>) -> Option<Address> {
    address::address(value).ok().or_else(|| bracketed(value))
}

fn bracketed(value: Span<'_>) -> Option<Address> {
    let (_, rest) = value.as_str().rsplit_once('<')?;
    let (inside, behind) = rest.split_once('>')?;
    let uri = uri::uri(value.cut(inside).trimmed()).ok()?;
    let mut lexer = Lexer::new(value.cut(behind));
    lexer.lenient = true;
    Some(Address {
        display_name: None,
        uri,
        params: params::of_header(&mut lexer).unwrap_or_default(),
    })
}

fn anonymous() -> Address {
    let host = crate::message::Host::Name(Text::from_static("anonymous.invalid"));
    Address::new(Uri::Sip(SipUri::new("anonymous", host)))
}

/// RFC 3261 §8.2.7: a server without state gives every copy of a request the same tag.
fn tag(headers: &Headers) -> String {
    let mut hasher = DefaultHasher::new();
    headers.call_id.hash(&mut hasher);
    headers.from.tag().hash(&mut hasher);
    headers.cseq.number.hash(&mut hasher);
    headers.via.first().and_then(Via::branch).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
