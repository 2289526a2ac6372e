//! Waiting messages: `application/simple-message-summary` (RFC 3842 §5.2).

use std::fmt::Write;

use super::BodyError;
use crate::{Body, Text};

/// What is waiting for an account.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MessageSummary {
    /// Whether anything is.
    pub waiting: bool,
    /// The account, as a URI.
    pub account: Option<Text>,
    /// Counts by kind, such as `voice-message`, in lower case.
    pub counts: Vec<(Text, Counts)>,
}

/// How many messages of a kind there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not heard yet.
    pub new: u32,
    /// Heard.
    pub old: u32,
    /// The urgent ones among the new and the old.
    pub urgent: Option<(u32, u32)>,
}

const KINDS: [&str; 6] = [
    "voice-message",
    "fax-message",
    "pager-message",
    "multimedia-message",
    "text-message",
    "none",
];

impl MessageSummary {
    /// Reads a body. Its first line tells whether messages wait.
    ///
    /// # Errors
    /// [`BodyError`] if that line is missing, or a count is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| BodyError("it is not UTF-8"))?;
        let mut summary = Self::default();
        let mut has_status = false;
        // Headers of single messages follow an empty line.
        for line in text.lines().take_while(|line| !line.trim().is_empty()) {
            let (name, value) = line
                .split_once(':')
                .ok_or(BodyError("a line has no colon"))?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "messages-waiting" => {
                    has_status = true;
                    summary.waiting = value.eq_ignore_ascii_case("yes");
                }
                "message-account" => summary.account = Some(value.into()),
                kind if KINDS.contains(&kind) => {
                    summary.counts.push((kind.into(), counts(value)?));
                }
                _ => {}
            }
        }
        if has_status {
            Ok(summary)
        } else {
            Err(BodyError("Messages-Waiting is missing"))
        }
    }

    /// The counts of voice messages.
    #[must_use]
    pub fn voice(&self) -> Counts {
        let voice = self
            .counts
            .iter()
            .find(|(kind, _)| *kind == "voice-message");
        voice.map_or_else(Counts::default, |(_, counts)| *counts)
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        let status = if self.waiting { "yes" } else { "no" };
        let mut text = format!("Messages-Waiting: {status}\r\n");
        if let Some(account) = &self.account {
            let _ = write!(text, "Message-Account: {account}\r\n");
        }
        for (kind, counts) in &self.counts {
            let _ = write!(text, "{kind}: {}/{}", counts.new, counts.old);
            if let Some((new, old)) = counts.urgent {
                let _ = write!(text, " ({new}/{old})");
            }
            text.push_str("\r\n");
        }
        super::body("application/simple-message-summary", text)
    }
}

fn counts(value: &str) -> Result<Counts, BodyError> {
    let (all, urgent) = match value.split_once('(') {
        Some((all, urgent)) => {
            let urgent = urgent.trim_end().strip_suffix(')');
            (all, Some(pair(urgent.ok_or(NO_COUNT)?)?))
        }
        None => (value, None),
    };
    let (new, old) = pair(all)?;
    Ok(Counts { new, old, urgent })
}

const NO_COUNT: BodyError = BodyError("a count can not be read");

fn pair(text: &str) -> Result<(u32, u32), BodyError> {
    let (new, old) = text.split_once('/').ok_or(NO_COUNT)?;
    let number = |text: &str| text.trim().parse().map_err(|_| NO_COUNT);
    Ok((number(new)?, number(old)?))
}
