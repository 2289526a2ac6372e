//! Splits the head into lines.

use std::ops::Range;

use super::span::{Span, trim};
use super::{Fault, Limits};
use crate::Text;
use crate::message::control::first_control;

/// The lines of a head, unfolded, and the bytes behind it.
pub(super) struct Lines<'a> {
    /// The whole head.
    text: Text,
    /// The lines, start line first, without their ends.
    ranges: Vec<Range<usize>>,
    /// What follows the empty line.
    pub(super) rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(super) fn read(frame: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        let mut ranges = Vec::with_capacity(32);
        let mut folded = false;
        let (mut from, mut unfolded_from) = (0, 0);
        let rest = loop {
            if let Some(b' ' | b'\t') = frame.get(from) {
                folded = true;
            } else {
                unfolded_from = from;
            }
            let end = line_end(frame, from, unfolded_from)?;
            if end == from && !ranges.is_empty() {
                break end + 2;
            }
            if end - from > limits.line {
                return Err(Fault::bad_request("a header line is too long"));
            }
            if ranges.len() > limits.headers {
                return Err(Fault::bad_request("there are too many header lines"));
            }
            ranges.push(from..end);
            from = end + 2;
        };
        let head = std::str::from_utf8(&frame[..rest])
            .map_err(|_| Fault::bad_request("the head is not UTF-8"))?;
        let rest = &frame[rest..];
        if folded {
            let (text, ranges) = unfold(head, &ranges, limits)?;
            return Ok(Self { text, ranges, rest });
        }
        let text = Text::from(head);
        Ok(Self { text, ranges, rest })
    }

    pub(super) fn start(&self) -> Span<'_> {
        self.line(&self.ranges[0])
    }

    /// The header lines.
    pub(super) fn headers(&self) -> impl Iterator<Item = Span<'_>> {
        self.ranges[1..].iter().map(|range| self.line(range))
    }

    fn line(&self, range: &Range<usize>) -> Span<'_> {
        Span::new(&self.text, &self.text[range.clone()])
    }
}

/// Where the line that starts at `from` ends in CRLF; the line that it continues starts at
/// `unfolded_from`. Control characters within are refused, but where a quoted-pair may hold them
/// (RFC 3261 §25.1).
fn line_end(frame: &[u8], from: usize, unfolded_from: usize) -> Result<usize, Fault> {
    let mut quoting = Quoting::default();
    let (mut at, mut judged) = (from, unfolded_from);
    loop {
        at += frame
            .get(at..)
            .and_then(first_control)
            .ok_or(Fault::bad_request("there is no empty line behind the head"))?;
        match frame[at] {
            b'\t' => {}
            b'\r' if frame.get(at + 1) == Some(&b'\n') => return Ok(at),
            b'\r' | b'\n' => {
                return Err(Fault::bad_request("a line does not end in CR and LF"));
            }
            _ => {
                frame[judged..at]
                    .iter()
                    .for_each(|byte| quoting.pass(*byte));
                judged = at;
                if !quoting.escape {
                    return Err(Fault::bad_request("there is a control character"));
                }
            }
        }
        at += 1;
    }
}

/// Where in quoted strings a position lies.
#[derive(Default)]
struct Quoting {
    quoted: bool,
    /// Behind the backslash of a quoted-pair.
    escape: bool,
}

impl Quoting {
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escape => self.escape = false,
            b'\\' if self.quoted => self.escape = true,
            b'"' => self.quoted = !self.quoted,
            _ => {}
        }
    }
}

/// Whether it continues the line before it.
pub(super) fn is_folded(line: &str) -> bool {
    line.starts_with(' ') || line.starts_with('\t')
}

/// RFC 3261 §7.3.1: a line that starts with white space continues the one before it, and the
/// break with all white space around it means one space.
fn unfold(
    head: &str,
    ranges: &[Range<usize>],
    limits: &Limits,
) -> Result<(Text, Vec<Range<usize>>), Fault> {
    let mut joined = String::with_capacity(head.len());
    let mut lines: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        let line = &head[range.clone()];
        let folded = is_folded(line);
        match lines.last_mut().filter(|_| folded) {
            // The start line can't be continued, nor can the message start with a blank.
            None if folded => return Err(Fault::bad_request("the start line is malformed")),
            None => {
                let from = joined.len();
                joined.push_str(line);
                lines.push(from..joined.len());
            }
            Some(last) => {
                let kept = trim(&joined[last.clone()]).len();
                joined.truncate(last.start + kept);
                joined.push(' ');
                joined.push_str(trim(line));
                last.end = joined.len();
                if last.len() > limits.line {
                    return Err(Fault::bad_request("a header line is too long"));
                }
            }
        }
    }
    Ok((Text::from(joined), lines))
}
