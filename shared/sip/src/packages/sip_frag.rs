//! A piece of a SIP message: `message/sipfrag` (RFC 3420), as a referrer is told how it goes
//! (RFC 3515 §2.4.5).

use super::BodyError;
use crate::{Body, Status, Text};

/// The status line of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipFrag {
    /// The status.
    pub status: Status,
    /// The phrase.
    pub phrase: Text,
}

impl SipFrag {
    /// A status with its usual phrase.
    #[must_use]
    pub const fn of(status: Status) -> Self {
        Self {
            status,
            phrase: Text::from_static(status.phrase()),
        }
    }

    /// Reads the status line; what follows it is skipped.
    ///
    /// # Errors
    /// [`BodyError`] if there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        const NONE: BodyError = BodyError("it has no status line");
        let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next();
        let line = std::str::from_utf8(line.unwrap_or_default()).map_err(|_| NONE)?;
        let rest = line.strip_prefix("SIP/2.0 ").ok_or(NONE)?;
        let (code, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
        if code.len() != 3 {
            return Err(NONE);
        }
        let code = code.parse().ok().and_then(Status::new).ok_or(NONE)?;
        Ok(Self {
            status: code,
            phrase: phrase.trim().into(),
        })
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        let line = format!("SIP/2.0 {} {}\r\n", self.status.code(), self.phrase);
        super::body("message/sipfrag;version=2.0", line)
    }
}
