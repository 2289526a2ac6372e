//! `;name=value` behind a header value or within a URI.

use super::HeaderError;
use super::lexer::{Class, Lexer};
use crate::message::uri::{Param, Params};

/// More parameters than any message in use; keeps the search for duplicates bounded.
pub(super) const MOST: usize = 64;

fn push(params: &mut Params, param: Param) -> Result<(), HeaderError> {
    if params.has(&param.name) {
        return Err(HeaderError("a parameter is given twice"));
    }
    if params.0.len() == MOST {
        return Err(HeaderError("there are too many parameters"));
    }
    params.0.push(param);
    Ok(())
}

/// Header parameters (`generic-param`), white space allowed around `;` and `=`.
pub(super) fn of_header(lexer: &mut Lexer<'_>) -> Result<Params, HeaderError> {
    let mut params = Params::default();
    while lexer.eat_spaced(b';') {
        let written = lexer.take(Class::TOKEN);
        if written.is_empty() {
            if lexer.lenient {
                continue;
            }
            return Err(HeaderError("a parameter has no name"));
        }
        let value = if lexer.eat_spaced(b'=') {
            let value = match lexer.peek() {
                Some(b'"') => lexer.quoted()?,
                _ => lexer.expect(Class::VALUE, "a parameter has no value behind its `=`")?,
            };
            Some(lexer.share(value))
        } else {
            None
        };
        let name = lexer.cut(written).share_word();
        push(&mut params, Param { name, value })?;
    }
    Ok(params)
}

/// URI parameters (RFC 3261 §19.1.1, RFC 3966 §3), without white space.
pub(super) fn of_uri(lexer: &mut Lexer<'_>) -> Result<Params, HeaderError> {
    let mut params = Params::default();
    while lexer.eat(b';') {
        let written = lexer.expect(Class::URI_PARAM, "a URI parameter has no name")?;
        let value = if lexer.eat(b'=') {
            let value = lexer.expect(Class::URI_PARAM, "a URI parameter has an empty value")?;
            super::uri::escapes(value)?;
            Some(lexer.cut(value).share_word())
        } else {
            None
        };
        super::uri::escapes(written)?;
        let name = lexer.cut(written).share_word();
        push(&mut params, Param { name, value })?;
    }
    Ok(params)
}
