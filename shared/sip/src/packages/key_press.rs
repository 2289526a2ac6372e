//! A key of the dial pad in an INFO: `application/dtmf-relay` and `application/dtmf`, which no RFC
//! defines and most PBXs know.

use std::time::Duration;

use super::{BodyError, body};
use crate::Body;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// `0`–`9`, `*`, `#` or `A`–`D`.
    key: char,
    /// How long the tone lasts.
    pub duration: Duration,
}

/// What a press lasts if nothing is said.
const USUAL: Duration = Duration::from_millis(160);

/// Nobody presses a key for longer.
const LONGEST: Duration = Duration::from_secs(10);

impl KeyPress {
    /// A press of this key, also if it is written in lower case.
    ///
    /// # Errors
    /// [`BodyError`] if there is no such key.
    pub fn of(key: char, duration: Duration) -> Result<Self, BodyError> {
        let key = key.to_ascii_uppercase();
        match key {
            '0'..='9' | '*' | '#' | 'A'..='D' => Ok(Self {
                key,
                duration: duration.min(LONGEST),
            }),
            _ => Err(BodyError("there is no such key")),
        }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> char {
        self.key
    }

    /// Reads either kind.
    ///
    /// # Errors
    /// [`BodyError`] if it is of another kind, or names no key.
    pub fn parse(body: &Body) -> Result<Self, BodyError> {
        let media_type = body.content_type.split(';').next().unwrap_or("").trim();
        let text = str::from_utf8(&body.bytes).map_err(|_| BodyError("it is no text"))?;
        if media_type.eq_ignore_ascii_case("application/dtmf") {
            return Self::of(key(text.trim())?, USUAL);
        }
        if !media_type.eq_ignore_ascii_case("application/dtmf-relay") {
            return Err(BodyError("it is no key"));
        }
        let field = |wanted: &str| {
            let fields = text.lines().filter_map(|line| line.split_once('='));
            let mut named = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            named.next().map(|(_, value)| value.trim())
        };
        let signal = field("Signal").ok_or(BodyError("it has no signal"))?;
        let millis = field("Duration").and_then(|millis| millis.parse().ok());
        Self::of(key(signal)?, millis.map_or(USUAL, Duration::from_millis))
    }

    /// Writes `application/dtmf-relay`.
    #[must_use]
    pub fn to_body(&self) -> Body {
        let millis = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        let text = format!("Signal={}\r\nDuration={millis}\r\n", self.key);
        body("application/dtmf-relay", text)
    }
}

/// A key by its name, or by the number of its event (RFC 4733 §3.2), which some write from 10 on.
fn key(text: &str) -> Result<char, BodyError> {
    const BY_NUMBER: [char; 6] = ['*', '#', 'A', 'B', 'C', 'D'];
    let mut chars = text.chars();
    if let (Some(key), None) = (chars.next(), chars.next()) {
        return Ok(key);
    }
    let number: usize = text
        .parse()
        .map_err(|_| BodyError("there is no such key"))?;
    let named = number.checked_sub(10).and_then(|at| BY_NUMBER.get(at));
    named.copied().ok_or(BodyError("there is no such key"))
}
