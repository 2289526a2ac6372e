//! Whether somebody types: `application/im-iscomposing+xml` (RFC 3994 §3).

use std::time::Duration;

use super::BodyError;
use super::xml::{Attribute, Element, Escaped};
use crate::{Body, Text};

/// The state of a composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsComposing {
    /// Whether a message is being written.
    pub is_active: bool,
    /// What kind of content, such as `text`.
    pub content_type: Option<Text>,
    /// How soon an active state is told again; without it, [`Self::DEFAULT_REFRESH`] counts.
    pub refresh: Option<Duration>,
}

impl IsComposing {
    /// How long an active state counts if nothing is said (RFC 3994 §3.3).
    pub const DEFAULT_REFRESH: Duration = Duration::from_secs(120);

    /// Reads a document. An unknown state counts as idle (RFC 3994 §3.4).
    ///
    /// # Errors
    /// [`BodyError`] if it is none, or has no state.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let root = Element::read(bytes)?;
        if root.name != "isComposing" {
            return Err(BodyError("it is no isComposing"));
        }
        let text = |name| root.child(name).map(Element::text);
        let state = text("state").ok_or(BodyError("it has no state"))?;
        let refresh = text("refresh").and_then(|seconds| seconds.parse().ok());
        Ok(Self {
            is_active: state == "active",
            content_type: text("contenttype").map(Text::from),
            refresh: refresh.map(Duration::from_secs),
        })
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        let state = if self.is_active { "active" } else { "idle" };
        let content_type = self.content_type.as_ref();
        let content_type =
            content_type.map(|t| format!("<contenttype>{}</contenttype>", Escaped(t)));
        let refresh = self.refresh.map(|refresh| refresh.as_secs());
        let refresh = refresh.map(|seconds| format!("<refresh>{seconds}</refresh>"));
        let namespace = "urn:ietf:params:xml:ns:im-iscomposing";
        let text = format!(
            "<?xml version=\"1.0\"?>\n<isComposing{}><state>{state}</state>{}{}</isComposing>",
            Attribute("xmlns", Some(&namespace)),
            content_type.unwrap_or_default(),
            refresh.unwrap_or_default()
        );
        super::body("application/im-iscomposing+xml", text)
    }
}
