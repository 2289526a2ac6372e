//! A part of a text, not yet a [`Text`] of its own.

use std::ops::Deref;

use crate::Text;
use crate::message::Method;

/// Reading cuts a message into ever smaller parts. Only what stays is shared, because each
/// share counts a reference.
#[derive(Clone, Copy)]
pub(crate) struct Span<'a> {
    source: &'a Text,
    text: &'a str,
}

impl<'a> Span<'a> {
    /// `text`, a part of `source`.
    pub(super) fn new(source: &'a Text, text: &'a str) -> Self {
        Self { source, text }
    }

    /// `part` of this one.
    pub(super) fn cut(self, part: &'a str) -> Self {
        Self::new(self.source, part)
    }

    /// The parts around the first `byte`, an ASCII character.
    #[inline]
    pub(super) fn split_at_byte(self, byte: u8) -> Option<(Self, Self)> {
        let at = self.bytes().position(|b| b == byte)?;
        Some((self.cut(&self.text[..at]), self.cut(&self.text[at + 1..])))
    }

    /// As [`Deref`], but as long as the source lasts.
    pub(super) fn as_str(self) -> &'a str {
        self.text
    }

    /// This part as a text.
    #[inline]
    pub(crate) fn share(self) -> Text {
        self.source.share(self.text)
    }

    /// This part, which is likely a word that everybody uses, as a text.
    #[inline]
    pub(super) fn share_word(self) -> Text {
        word(self.text).map_or_else(|| self.share(), Text::from_static)
    }

    /// This part as a text in lower case.
    #[inline]
    pub(super) fn lowered(self) -> Text {
        let upper = |any, byte: u8| any | byte.is_ascii_uppercase();
        if self.bytes().fold(false, upper) {
            self.to_ascii_lowercase().into()
        } else {
            self.share()
        }
    }

    /// The method it names; it must be a token.
    pub(super) fn method(self) -> Method {
        Method::named(self.text).unwrap_or_else(|| Method::Other(self.share()))
    }

    /// Without the white space around it.
    pub(super) fn trimmed(self) -> Self {
        self.cut(trim(self.text))
    }
}

/// Words too common to count references for, by their length.
const WORDS: [&[&str]; 14] = [
    &[],
    &[],
    &["lr", "ob", "ws"],
    &["tag", "tcp", "tls", "udp", "wss", "ACK", "BYE", "ice"],
    &["INFO", "gruu", "path"],
    &["PRACK", "REFER", "rport", "timer"],
    &[
        "CANCEL", "INVITE", "NOTIFY", "UPDATE", "branch", "reg-id", "100rel",
    ],
    &["MESSAGE", "OPTIONS", "PUBLISH", "expires"],
    &["REGISTER", "outbound", "received", "replaces"],
    &["SUBSCRIBE", "transport"],
    &["norefersub"],
    &[],
    &[],
    &["+sip.instance"],
];

fn word(text: &str) -> Option<&'static str> {
    let words = WORDS.get(text.len())?;
    // Few have the same length and the same first letter.
    let may_be = |word: &&&str| word.as_bytes().first() == text.as_bytes().first();
    let mut likely = words.iter().filter(may_be);
    likely.find(|word| **word == text).copied()
}

/// `text` without spaces and tabs around it.
#[inline]
pub(super) fn trim(text: &str) -> &str {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let bytes = text.as_bytes();
    let Some(from) = bytes.iter().position(|byte| !blank(byte)) else {
        return "";
    };
    let to = bytes.iter().rposition(|byte| !blank(byte));
    &text[from..=to.unwrap_or(from)]
}

impl<'a> From<&'a Text> for Span<'a> {
    fn from(text: &'a Text) -> Self {
        Self::new(text, text)
    }
}

impl Deref for Span<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn each_word_stands_where_it_is_looked_for() {
        for (length, words) in WORDS.iter().enumerate() {
            assert!(words.iter().all(|word| word.len() == length), "{words:?}");
        }
        assert_eq!(word("norefersub"), Some("norefersub"));
        assert_eq!(word("nothing"), None);
    }
}
