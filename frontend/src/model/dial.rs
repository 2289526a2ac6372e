//! From what was typed to what is called.

use sidetone_sip::Uri;
use sidetone_sip::message::{Host, SipUri};

use super::{Party, Problem};

/// Why nobody is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// What is wrong with what was typed, in words.
    Unusable(String),
    /// Nobody is signed in.
    SignedOut,
    /// There is no sound to be had.
    NoSound(Problem),
    /// The line is not ready.
    NoConnection,
}

impl DialError {
    /// What happened, and what to do.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Unusable(words) => words,
            Self::SignedOut => "Sign in first.",
            Self::NoSound(problem) => problem.advice(),
            Self::NoConnection => {
                "There is no connection to the server now. Try again when the light is green."
            }
        }
    }
}

/// A number or address that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The Request-URI.
    pub uri: Uri,
    /// How the card shows it.
    pub party: Party,
}

impl Destination {
    /// Reads what was typed: a number with or without separators, a name, `user@host` or a whole
    /// `sip:` URI. What names no host is looked for at `domain`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(typed: &str, domain: &Host) -> Result<Self, String> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err("Type a number or a name first.".to_owned());
        }
        let unusable =
            || format!("“{typed}” can't be called: it is neither a number nor an address.");
        if typed.chars().any(char::is_control) {
            return Err(unusable());
        }
        if let Some((scheme, _)) = typed.split_once(':')
            && ["sip", "sips"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Self::from_uri(typed, typed).ok_or_else(unusable);
        }
        if typed.contains('@') {
            return Self::from_uri(&format!("sip:{typed}"), typed).ok_or_else(unusable);
        }
        let number = without_separators(typed);
        let speaks = |c: char| c.is_alphanumeric() || matches!(c, '*' | '#');
        if !number.contains(speaks) || number.contains(char::is_whitespace) {
            return Err(unusable());
        }
        let uri = Uri::Sip(SipUri::new(&escape_user(&number), domain.clone()));
        Ok(Self {
            uri,
            party: Party { name: None, number },
        })
    }

    fn from_uri(uri: &str, shown: &str) -> Option<Self> {
        let uri = Uri::parse(uri).ok()?;
        uri.as_sip()?;
        Some(Self {
            uri,
            party: Party {
                name: None,
                number: shown.to_owned(),
            },
        })
    }
}

/// `+1 (555) 010-2000` → `+15550102000`; anything but a number is left alone.
fn without_separators(typed: &str) -> String {
    let separator = |c: char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '/');
    let digit = |c: char| c.is_ascii_digit() || matches!(c, '+' | '*' | '#');
    let is_number = typed.chars().all(|c| separator(c) || digit(c)) && typed.contains(digit);
    typed
        .chars()
        .filter(|c| !is_number || !separator(*c))
        .collect()
}

/// Escapes what may not stand in the user part (RFC 3261 §25.1, `user`).
fn escape_user(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(typed: &str) -> Result<(String, String), String> {
        let destination = Destination::parse(typed, &Host::Name("demo.local".into()))?;
        Ok((destination.uri.to_string(), destination.party.number))
    }

    #[test]
    fn numbers_lose_their_separators() {
        for (typed, number) in [
            ("102", "102"),
            (" 102 ", "102"),
            ("+1 (555) 010-2000", "+15550102000"),
            ("*98", "*98"),
            ("555.0100", "5550100"),
        ] {
            let uri = format!("sip:{number}@demo.local");
            assert_eq!(called(typed), Ok((uri, number.to_owned())), "{typed}");
        }
    }

    #[test]
    fn what_a_uri_can_not_hold_is_escaped() {
        assert_eq!(
            called("888#1"),
            Ok(("sip:888%231@demo.local".into(), "888#1".into()))
        );
        assert_eq!(
            called("zoë").map(|(uri, _)| uri),
            Ok("sip:zo%C3%AB@demo.local".into())
        );
    }

    #[test]
    fn addresses_keep_their_host() {
        assert_eq!(
            called("alice@other.example"),
            Ok((
                "sip:alice@other.example".into(),
                "alice@other.example".into()
            ))
        );
        assert_eq!(
            called("sip:bob@h:5070").map(|(uri, _)| uri),
            Ok("sip:bob@h:5070".into())
        );
    }

    #[test]
    fn the_rest_is_refused_in_words() {
        for typed in ["", "   ", "()", "Bob Miller", "a@b@c", "sip:", "1\u{7}2"] {
            let words = called(typed).expect_err(typed);
            assert!(words.ends_with('.'), "{words}");
        }
    }
}
