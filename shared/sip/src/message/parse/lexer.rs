//! Reads one header value from left to right.

use super::HeaderError;
use super::span::Span;
use crate::Text;

/// A set of characters, one bit in [`CLASSES`].
#[derive(Clone, Copy)]
pub(super) struct Class(u16);

impl Class {
    /// `token` (RFC 3261 §25.1).
    pub(super) const TOKEN: Self = Self(1);
    /// `user`, escapes included.
    pub(super) const USER: Self = Self(1 << 1);
    /// `password`, escapes included.
    pub(super) const PASSWORD: Self = Self(1 << 2);
    /// `paramchar` of URI parameters, escapes included.
    pub(super) const URI_PARAM: Self = Self(1 << 3);
    /// The characters of `headers` in a URI, with their `=` and `&`.
    pub(super) const URI_HEADERS: Self = Self(1 << 4);
    /// What an unquoted header parameter may hold: `token`, `host`, and the further characters
    /// that occur in the wild and mean nothing there.
    pub(super) const VALUE: Self = Self(1 << 5);
    /// A host name; the underscore is no DNS character but common in private networks.
    pub(super) const NAME: Self = Self(1 << 6);
    /// An unquoted display name: tokens, blanks and, beyond the RFC, any other script.
    pub(super) const DISPLAY: Self = Self(1 << 7);
    /// A `tel:` number with its visual separators.
    pub(super) const PHONE: Self = Self(1 << 8);
    /// What may stand in a URI of any scheme.
    pub(super) const URI: Self = Self(1 << 9);
    /// Visible ASCII.
    pub(super) const VISIBLE: Self = Self(1 << 10);

    #[inline(always)]
    pub(super) fn has(self, byte: u8) -> bool {
        CLASSES[byte as usize] & self.0 != 0
    }

    /// Whether all of `text` is in this set.
    pub(super) fn holds(self, text: &str) -> bool {
        text.bytes().all(|byte| self.has(byte))
    }
}

const fn among(byte: u8, set: &[u8]) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn classes_of(b: u8) -> u16 {
    let alphanum = b.is_ascii_alphanumeric();
    let unreserved = alphanum || among(b, b"-_.!~*'()");
    let escaped = unreserved || b == b'%';
    let visible = b > b' ' && b < 0x7f;
    let token = alphanum || among(b, b"-.!%*_+`'~");
    let sets = [
        (token, Class::TOKEN),
        (escaped || among(b, b"&=+$,;?/"), Class::USER),
        (escaped || among(b, b"&=+$,"), Class::PASSWORD),
        (escaped || among(b, b"[]/:&+$"), Class::URI_PARAM),
        (escaped || among(b, b"[]/?:+$=&"), Class::URI_HEADERS),
        (visible && !among(b, b"\",;<>\\"), Class::VALUE),
        (alphanum || among(b, b"-._"), Class::NAME),
        (
            token || b == b' ' || b == b'\t' || b >= 0x80,
            Class::DISPLAY,
        ),
        (b.is_ascii_hexdigit() || among(b, b"+*#-.()"), Class::PHONE),
        (visible && !among(b, b"\"<>\\^`{|}"), Class::URI),
        (visible, Class::VISIBLE),
    ];
    let mut bits = 0;
    let mut i = 0;
    while i < sets.len() {
        if sets[i].0 {
            bits |= sets[i].1.0;
        }
        i += 1;
    }
    bits
}

static CLASSES: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = classes_of(byte as u8);
        byte += 1;
    }
    table
};

/// A cursor over a text. Its smallest steps are inlined in a build for size, too: there they cost a
/// tenth of the time and no bytes.
pub(super) struct Lexer<'a> {
    span: Span<'a>,
    at: usize,
    /// Skips what is merely empty instead of refusing it; see [`super::refusal`].
    pub(super) lenient: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(span: Span<'a>) -> Self {
        Self {
            span,
            at: 0,
            lenient: false,
        }
    }

    /// `part`, a slice this lexer handed out, to be read on its own.
    pub(super) fn cut(&self, part: &'a str) -> Span<'a> {
        self.span.cut(part)
    }

    /// `part`, a slice this lexer handed out, as a text.
    pub(super) fn share(&self, part: &'a str) -> Text {
        self.cut(part).share()
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.span.as_bytes().get(self.at).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.span.len()
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a str {
        &self.span.as_str()[self.at..]
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes back to where [`Lexer::position`] was taken.
    pub(super) fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte`, an ASCII character, if it comes next.
    #[inline(always)]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Steps over `byte` and the white space around it, if it comes next.
    #[inline]
    pub(super) fn eat_spaced(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.eat(byte);
        if there {
            self.skip_space();
        }
        there
    }

    /// The longest run of `class`, possibly empty.
    #[inline]
    pub(super) fn take(&mut self, class: Class) -> &'a str {
        let rest = &self.span.as_bytes()[self.at..];
        let length = rest
            .iter()
            .position(|byte| !class.has(*byte))
            .unwrap_or(rest.len());
        self.take_bytes(length)
    }

    /// Everything up to `byte`, an ASCII character, which stays; `None` if it does not come.
    #[inline]
    pub(super) fn take_until(&mut self, byte: u8) -> Option<&'a str> {
        let rest = &self.span.as_bytes()[self.at..];
        let length = rest.iter().position(|b| *b == byte)?;
        Some(self.take_bytes(length))
    }

    #[inline(always)]
    fn take_bytes(&mut self, length: usize) -> &'a str {
        let part = &self.span.as_str()[self.at..self.at + length];
        self.at += length;
        part
    }

    /// A run of `class` that must not be empty.
    #[inline]
    pub(super) fn expect(
        &mut self,
        class: Class,
        why: &'static str,
    ) -> Result<&'a str, HeaderError> {
        let part = self.take(class);
        if part.is_empty() {
            Err(HeaderError(why))
        } else {
            Ok(part)
        }
    }

    /// A quoted string with its quotes; the opening one comes next.
    pub(super) fn quoted(&mut self) -> Result<&'a str, HeaderError> {
        let rest = &self.span.as_bytes()[self.at..];
        let mut end = 1;
        loop {
            match rest.get(end) {
                None => return Err(HeaderError("a quoted string is not closed")),
                Some(b'"') => return Ok(self.take_bytes(end + 1)),
                // A quoted-pair is ASCII, so a character beyond is not skipped but read next.
                Some(b'\\') if rest.get(end + 1).is_some_and(u8::is_ascii) => end += 2,
                Some(_) => end += 1,
            }
        }
    }

    /// Only white space may follow.
    pub(super) fn finish(mut self) -> Result<(), HeaderError> {
        self.skip_space();
        if self.at_end() {
            Ok(())
        } else {
            Err(HeaderError(
                "there is something behind the end of the value",
            ))
        }
    }
}

/// A decimal number, digits only, no larger than `max`.
pub(crate) fn number(text: &str, max: u32) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = text.bytes().try_fold(0_u32, |value, digit| {
        value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })?;
    (value <= max).then_some(value)
}

/// The content of a quoted string, quoted pairs resolved; of any other text, the text.
pub(crate) fn unquoted(value: Span<'_>) -> Text {
    let inside = value
        .as_str()
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'));
    let Some(inside) = inside else {
        return value.share();
    };
    if !inside.contains('\\') {
        return value.cut(inside).share();
    }
    let mut content = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => content.extend(characters.next()),
            other => content.push(other),
        }
    }
    content.into()
}
