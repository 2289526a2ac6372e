//! Mends what PBXs are known to get wrong.
//!
//! ```text
//!   frame ──▶ strict reading ──▶ message
//!                  │ fault
//!                  ▼
//!             mended head ──▶ strict reading ──▶ message; each repair is counted
//!                                   │ fault
//!                                   ▼
//!                             the first fault; nothing is counted
//! ```
//!
//! Nothing is read here but text: what is mended is judged by the reader of all other messages.

mod address;

use std::borrow::Cow;

use super::Limits;
use super::lexer::{Class, number};
use crate::message::HeaderName;
use crate::message::control::{first_control, is_control};

macro_rules! repairs {
    ($($(#[$doc:meta])* $repair:ident = $label:literal;)*) => {
        /// A fault of a PBX that can be mended without a doubt of what was meant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Repair {
            $($(#[$doc])* $repair,)*
        }

        impl Repair {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$repair,)*];

            /// A name for counters.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$repair => $label,)*
                }
            }
        }
    };
}

repairs! {
    /// All lines of the head ended in LF alone.
    LineEnds = "line_ends";
    /// The head was not UTF-8: what is not is taken for Latin-1.
    Charset = "charset";
    /// A control character became a space.
    Control = "control";
    /// Blanks at the end of the start line, or brackets around its URI, were taken away.
    StartLine = "start_line";
    /// A line without a name and a colon was left out.
    Line = "line";
    /// A header that may stand once stood there twice with one value.
    Header = "header";
    /// Content-Length said more than there was.
    ContentLength = "content_length";
    /// A display name was put into quotes.
    Name = "name";
    /// Characters of a user were escaped, blanks around a URI or an empty port taken away.
    Uri = "uri";
    /// A parameter without a name or repeated was left out, an empty value dropped, or a value
    /// escaped or put into quotes.
    Param = "param";
    /// An empty item of a list was left out.
    Item = "item";
}

/// How often each repair was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs([u64; Repair::ALL.len()]);

impl Repairs {
    /// How often this one was made.
    #[must_use]
    pub const fn of(&self, repair: Repair) -> u64 {
        self.0[repair as usize]
    }

    /// Those that were made, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Repair, u64)> {
        let counted = |repair: &Repair| (*repair, self.of(*repair));
        Repair::ALL.iter().map(counted).filter(|(_, n)| *n > 0)
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (repair, times) in more.iter() {
            self.0[repair as usize] += times;
        }
    }

    fn note(&mut self, repair: Repair) {
        self.0[repair as usize] += 1;
    }

    /// `mended` if it differs from what was `written`, which then counts.
    fn changed(&mut self, repair: Repair, written: &str, mended: String) -> String {
        if mended != written {
            self.note(repair);
        }
        mended
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The frame with its head mended, and what was mended; `None` if there is no head within the
/// limits.
pub(super) fn mend(frame: &[u8], limits: &Limits) -> Option<(Vec<u8>, Repairs)> {
    let mut repairs = Repairs::default();
    let (lines, body) = lines(frame, &mut repairs)?;
    let (start, headers) = lines.split_first()?;
    if headers.len() > limits.headers || lines.iter().any(|line| line.len() > limits.line) {
        return None;
    }
    let mut mended = repairs.start_line(start);
    let mut singles: Vec<(HeaderName, &str)> = Vec::new();
    for line in headers {
        let Some((name, written)) = named(line) else {
            repairs.note(Repair::Line);
            continue;
        };
        if name.single_bit().is_some() {
            let single = (name.clone(), written);
            if singles.contains(&single) {
                repairs.note(Repair::Header);
                continue;
            }
            singles.push(single);
        }
        let value = repairs.value(&name, written, body.len());
        mended.extend(["\r\n", name.as_str(), ": ", &value]);
    }
    mended.push_str("\r\n\r\n");
    let mut bytes = mended.into_bytes();
    bytes.extend_from_slice(body);
    Some((bytes, repairs))
}

/// The lines of the head, decoded and unfolded, and the body.
fn lines<'a>(frame: &'a [u8], repairs: &mut Repairs) -> Option<(Vec<String>, &'a [u8])> {
    let (end, head, body) = match halves(frame, b"\r\n\r\n") {
        Some((head, body)) => ("\r\n", head, body),
        None => {
            let (head, body) = halves(frame, b"\n\n")?;
            repairs.note(Repair::LineEnds);
            ("\n", head, body)
        }
    };
    let head = decoded(head, repairs);
    let mut lines: Vec<String> = Vec::new();
    for line in head.split(end) {
        // A lone CR or LF may be the end of a line to somebody else.
        if line.contains(['\r', '\n']) {
            return None;
        }
        let line = without_controls(line, repairs);
        if line.starts_with(BLANKS) {
            let last = lines.last_mut()?;
            last.truncate(last.trim_end_matches(BLANKS).len());
            last.extend([" ", line.trim_matches(BLANKS)]);
        } else {
            lines.push(line.into_owned());
        }
    }
    Some((lines, body))
}

fn halves<'a>(frame: &'a [u8], between: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = frame
        .windows(between.len())
        .position(|window| window == between)?;
    Some((&frame[..at], &frame[at + between.len()..]))
}

fn decoded<'a>(head: &'a [u8], repairs: &mut Repairs) -> Cow<'a, str> {
    if let Ok(text) = str::from_utf8(head) {
        return Cow::Borrowed(text);
    }
    repairs.note(Repair::Charset);
    let mut text = String::with_capacity(head.len());
    for chunk in head.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    Cow::Owned(text)
}

/// A control character that a backslash quotes may stay, if it stands in quotes.
fn without_controls<'a>(line: &'a str, repairs: &mut Repairs) -> Cow<'a, str> {
    let mut is_escaped = false;
    let mut judged = |character: char| {
        let is_control = character != '\t' && u8::try_from(character).is_ok_and(is_control);
        let is_wrong = is_control && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        if is_wrong { ' ' } else { character }
    };
    if first_control(line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mended: String = line.chars().map(&mut judged).collect();
    Cow::Owned(repairs.changed(Repair::Control, line, mended))
}

fn named(line: &str) -> Option<(HeaderName, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end_matches(BLANKS);
    let is_token = !name.is_empty() && Class::TOKEN.holds(name);
    is_token.then(|| (HeaderName::from(name), value.trim_matches(BLANKS)))
}

impl Repairs {
    fn start_line(&mut self, line: &str) -> String {
        if super::start::is_response(line) {
            return line.to_owned();
        }
        let parts = line.trim_end().split_once(' ');
        let parts = parts.and_then(|(method, rest)| Some((method, rest.rsplit_once(' ')?)));
        let Some((method, (target, version))) = parts else {
            return line.to_owned();
        };
        let bare = target.trim();
        let bare = bare.strip_prefix('<').unwrap_or(bare);
        let bare = bare.strip_suffix('>').unwrap_or(bare);
        let blanks_less = format!("{method} {bare} {version}");
        self.changed(Repair::StartLine, line, blanks_less);
        format!("{method} {} {version}", self.uri(bare))
    }

    fn value(&mut self, name: &HeaderName, written: &str, body: usize) -> String {
        match name {
            HeaderName::From | HeaderName::To => self.address(written),
            HeaderName::Contact if written == "*" => written.to_owned(),
            HeaderName::Contact | HeaderName::Route | HeaderName::RecordRoute => {
                self.list(written, Self::address)
            }
            HeaderName::Via => self.list(written, Self::hop),
            HeaderName::ContentLength => {
                let told = number(written, u32::MAX).and_then(|told| usize::try_from(told).ok());
                let is_more = told.is_some_and(|told| told > body);
                let length = if is_more {
                    body.to_string()
                } else {
                    written.to_owned()
                };
                self.changed(Repair::ContentLength, written, length)
            }
            _ => written.to_owned(),
        }
    }
}
