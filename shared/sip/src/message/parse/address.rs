//! `name-addr` and `addr-spec` (RFC 3261 §20.10) and lists of them.

use super::HeaderError;
use super::lexer::{Class, Lexer, unquoted};
use super::params;
use super::span::Span;
use super::uri::uri;
use crate::message::{Address, Contacts};

/// Exactly one address.
pub(crate) fn address(value: Span<'_>) -> Result<Address, HeaderError> {
    let mut lexer = Lexer::new(value);
    let address = next(&mut lexer)?;
    lexer.finish()?;
    Ok(address)
}

/// One or more addresses, appended to `list`, which may grow to `most`.
pub(crate) fn addresses(
    value: Span<'_>,
    list: &mut Vec<Address>,
    most: usize,
) -> Result<(), HeaderError> {
    let mut lexer = Lexer::new(value);
    loop {
        if list.len() >= most {
            return Err(HeaderError("there are too many addresses"));
        }
        list.push(next(&mut lexer)?);
        if !lexer.eat_spaced(b',') {
            return lexer.finish();
        }
    }
}

/// Adds a Contact line to those before. `*` stands alone (RFC 3261 §20.10).
pub(super) fn contacts(
    value: Span<'_>,
    contacts: &mut Option<Contacts>,
    most: usize,
) -> Result<(), HeaderError> {
    if &*value == "*" {
        if contacts.is_some() {
            return Err(HeaderError("Contact holds `*` beside something else"));
        }
        *contacts = Some(Contacts::Star);
        return Ok(());
    }
    match contacts.get_or_insert_with(Contacts::default) {
        Contacts::Star => Err(HeaderError("Contact holds `*` beside something else")),
        Contacts::List(list) => addresses(value, list, most),
    }
}

/// Reads an address up to the comma or the end behind it.
#[inline]
pub(super) fn next(lexer: &mut Lexer<'_>) -> Result<Address, HeaderError> {
    lexer.skip_space();
    let display_name = match lexer.peek() {
        Some(b'"') => {
            let quoted = lexer.quoted()?;
            lexer.skip_space();
            if lexer.peek() != Some(b'<') {
                return Err(HeaderError("a quoted name is not followed by `<`"));
            }
            Some(unquoted(lexer.cut(quoted)))
        }
        Some(b'<') => None,
        _ => {
            let start = lexer.position();
            let words = lexer.take(Class::DISPLAY);
            if lexer.peek() != Some(b'<') {
                lexer.rewind(start);
                return bare(lexer);
            }
            Some(lexer.cut(words).trimmed().share())
        }
    };
    lexer.eat(b'<');
    let inside = lexer
        .take_until(b'>')
        .ok_or(HeaderError("a `<` is not closed"))?;
    lexer.eat(b'>');
    Ok(Address {
        display_name: display_name.filter(|name| !name.is_empty()),
        uri: uri(lexer.cut(inside))?,
        params: params::of_header(lexer)?,
    })
}

/// An `addr-spec`. RFC 3261 §20.10: without angle brackets a comma, a semicolon or a question
/// mark does not belong to the URI.
fn bare(lexer: &mut Lexer<'_>) -> Result<Address, HeaderError> {
    let spec = lexer.take(Class::VALUE);
    if spec.contains('?') {
        return Err(HeaderError("a URI with headers stands without `<` and `>`"));
    }
    Ok(Address {
        display_name: None,
        uri: uri(lexer.cut(spec))?,
        params: params::of_header(lexer)?,
    })
}
