//! Shapes that many headers share: comma lists, a token or a number with parameters.

use super::HeaderError;
use super::lexer::{Class, Lexer, number};
use super::params;
use super::span::{Span, trim};
use crate::Text;
use crate::message::uri::Params;

/// The items of a comma list, trimmed. Commas in quoted strings and angle brackets don't
/// separate; empty items are skipped (RFC 7230 §7 asks that of recipients).
pub(crate) fn items(value: &Text) -> impl Iterator<Item = Span<'_>> {
    let value = Span::from(value);
    let mut rest = value.as_str();
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (item, behind) = split_item(rest);
            rest = behind;
            let item = trim(item);
            if !item.is_empty() {
                return Some(value.cut(item));
            }
        }
        None
    })
}

/// The text ahead of the first separating comma, and the text behind it.
pub(super) fn split_item(text: &str) -> (&str, &str) {
    let (mut quoted, mut escape, mut bracket) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escape => escape = false,
            b'\\' if quoted => escape = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracket = true,
            b'>' if !quoted => bracket = false,
            b',' if !quoted && !bracket => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// A value that is one token.
pub(crate) fn token(value: Span<'_>) -> Result<Text, HeaderError> {
    if value.is_empty() || !Class::TOKEN.holds(&value) {
        return Err(HeaderError("a token is expected"));
    }
    Ok(value.share())
}

/// Tokens between commas; empty items are skipped as by [`items`].
pub(crate) fn tokens(value: Span<'_>) -> Result<Vec<Text>, HeaderError> {
    let commas = value.bytes().filter(|byte| *byte == b',').count();
    let mut tokens = Vec::with_capacity(commas + 1);
    let mut lexer = Lexer::new(value);
    loop {
        lexer.skip_space();
        let token = lexer.take(Class::TOKEN);
        if !token.is_empty() {
            tokens.push(lexer.cut(token).share_word());
        }
        if !lexer.eat_spaced(b',') {
            lexer.finish()?;
            return Ok(tokens);
        }
    }
}

/// `type/subtype ;name=value …`, the type in lower case.
pub(crate) fn media_type(value: Span<'_>) -> Result<(Text, Params), HeaderError> {
    let mut lexer = Lexer::new(value);
    let class = lexer.expect(Class::TOKEN, "a media type is missing")?;
    if !lexer.eat_spaced(b'/') {
        return Err(HeaderError("a media type has no slash"));
    }
    let subtype = lexer.expect(Class::TOKEN, "a media type has no subtype")?;
    let written = &value.as_str()[..lexer.position()];
    let name = if written.len() > class.len() + 1 + subtype.len() {
        format!("{class}/{subtype}").to_ascii_lowercase().into()
    } else {
        value.cut(written).lowered()
    };
    let params = params::of_header(&mut lexer)?;
    lexer.finish()?;
    Ok((name, params))
}

/// `word ;name=value …`.
pub(crate) fn value_and_params(value: Span<'_>) -> Result<(Text, Params), HeaderError> {
    let mut lexer = Lexer::new(value);
    let words = lexer.expect(Class::VALUE, "a value is missing")?;
    let words = lexer.share(words);
    let params = params::of_header(&mut lexer)?;
    lexer.finish()?;
    Ok((words, params))
}

/// `number (comment) ;name=value …`; comments are dropped.
pub(crate) fn number_and_params(value: Span<'_>) -> Result<(u32, Params), HeaderError> {
    let mut lexer = Lexer::new(value);
    let number = number(lexer.take(Class::NAME), u32::MAX)
        .ok_or(HeaderError("a number below 2^32 is expected"))?;
    lexer.skip_space();
    if lexer.eat(b'(') {
        lexer
            .take_until(b')')
            .ok_or(HeaderError("a comment is not closed"))?;
        lexer.eat(b')');
    }
    let params = params::of_header(&mut lexer)?;
    lexer.finish()?;
    Ok((number, params))
}
