//! What calls somebody has: `application/dialog-info+xml` (RFC 4235 §4).

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::BodyError;
use super::versions::{Update, Versions};
use super::xml::{Attribute, Element, Escaped};
use crate::{Body, Text};

/// A document, of the whole state or of what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogInfo {
    /// One more with each document of a subscription.
    pub version: u32,
    /// False: only what changed.
    pub is_full: bool,
    /// Whose calls these are, as a URI.
    pub entity: Text,
    /// The calls.
    pub dialogs: Vec<DialogState>,
}

/// One call (RFC 4235 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogState {
    /// Names it among those of the entity.
    pub id: Text,
    /// The Call-ID and both tags, as far as they may be told; to pick the call up (RFC 3891).
    pub call_id: Option<Text>,
    /// The entity's tag.
    pub local_tag: Option<Text>,
    /// The other party's tag.
    pub remote_tag: Option<Text>,
    /// Who called.
    pub direction: Option<Direction>,
    /// How far it is.
    pub phase: DialogPhase,
    /// The status that led there.
    pub code: Option<u16>,
    /// The entity.
    pub local: Option<Party>,
    /// The other party.
    pub remote: Option<Party>,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The entity.
    Initiator,
    /// The other party.
    Recipient,
}

/// How far a call is (RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogPhase {
    /// INVITE was sent.
    Trying,
    /// Somebody works on it.
    Proceeding,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
    /// It is over.
    Terminated,
}

/// One end of a call (RFC 4235 §4.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Party {
    /// The name to be shown.
    pub display: Option<Text>,
    /// The URI of the person.
    pub identity: Option<Text>,
    /// The URI of the device.
    pub target: Option<Text>,
}

const PHASES: [(&str, DialogPhase); 5] = [
    ("trying", DialogPhase::Trying),
    ("proceeding", DialogPhase::Proceeding),
    ("early", DialogPhase::Early),
    ("confirmed", DialogPhase::Confirmed),
    ("terminated", DialogPhase::Terminated),
];

impl fmt::Display for DialogPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PHASES.iter().find(|(_, phase)| phase == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiator => "initiator",
            Self::Recipient => "recipient",
        })
    }
}

impl DialogInfo {
    /// Reads a document.
    ///
    /// # Errors
    /// [`BodyError`] if it is no dialog-info, or what must be there is missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let root = Element::read(bytes)?;
        if root.name != "dialog-info" {
            return Err(BodyError("it is no dialog-info"));
        }
        let version = root.attribute("version").and_then(|v| v.parse().ok());
        let dialogs = root.children_of("dialog").map(DialogState::read);
        Ok(Self {
            version: version.ok_or(BodyError("it has no version"))?,
            is_full: match root.attribute("state") {
                Some("full") => true,
                Some("partial") => false,
                _ => return Err(BodyError("it is neither full nor partial")),
            },
            entity: root.attribute("entity").unwrap_or_default().into(),
            dialogs: dialogs.collect::<Result<_, _>>()?,
        })
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        super::body("application/dialog-info+xml", self.to_string())
    }
}

impl fmt::Display for DialogInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_full { "full" } else { "partial" };
        write!(
            f,
            "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{}\" state=\"{state}\" entity=\"{}\">",
            self.version,
            Escaped(&self.entity)
        )?;
        for dialog in &self.dialogs {
            dialog.fmt(f)?;
        }
        f.write_str("</dialog-info>")
    }
}

impl DialogState {
    /// A call of this name that is this far.
    #[must_use]
    pub fn new(id: impl Into<Text>, phase: DialogPhase) -> Self {
        Self {
            id: id.into(),
            call_id: None,
            local_tag: None,
            remote_tag: None,
            direction: None,
            phase,
            code: None,
            local: None,
            remote: None,
        }
    }

    fn read(element: &Element) -> Result<Self, BodyError> {
        let text = |name| element.attribute(name).map(Text::from);
        let state = element.child("state");
        let word = state.map(Element::text).unwrap_or_default();
        let phase = PHASES.iter().find(|(name, _)| *name == word);
        let code = state.and_then(|state| state.attribute("code")?.parse().ok());
        Ok(Self {
            id: text("id").ok_or(BodyError("a dialog has no id"))?,
            call_id: text("call-id"),
            local_tag: text("local-tag"),
            remote_tag: text("remote-tag"),
            direction: match element.attribute("direction") {
                Some("initiator") => Some(Direction::Initiator),
                Some("recipient") => Some(Direction::Recipient),
                _ => None,
            },
            phase: phase.ok_or(BodyError("a dialog has no known state"))?.1,
            code,
            local: element.child("local").map(Party::read),
            remote: element.child("remote").map(Party::read),
        })
    }
}

impl fmt::Display for DialogState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<dialog id=\"{}\"{}{}{}{}>",
            Escaped(&self.id),
            Attribute("call-id", self.call_id.as_ref()),
            Attribute("local-tag", self.local_tag.as_ref()),
            Attribute("remote-tag", self.remote_tag.as_ref()),
            Attribute("direction", self.direction.as_ref()),
        )?;
        let code = Attribute("code", self.code.as_ref());
        write!(f, "<state{code}>{}</state>", self.phase)?;
        for (name, party) in [("local", &self.local), ("remote", &self.remote)] {
            if let Some(party) = party {
                write!(f, "<{name}>{party}</{name}>")?;
            }
        }
        f.write_str("</dialog>")
    }
}

impl Party {
    fn read(element: &Element) -> Self {
        let identity = element.child("identity");
        let target = element.child("target");
        Self {
            display: identity
                .and_then(|i| i.attribute("display"))
                .map(Text::from),
            identity: identity.map(|identity| identity.text().into()),
            target: target.and_then(|t| t.attribute("uri")).map(Text::from),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(identity) = &self.identity {
            let display = Attribute("display", self.display.as_ref());
            write!(f, "<identity{display}>{}</identity>", Escaped(identity))?;
        }
        match &self.target {
            Some(target) => write!(f, "<target uri=\"{}\"/>", Escaped(target)),
            None => f.write_char(' '),
        }
    }
}

/// What is known of somebody's calls, put together from one subscription's documents.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DialogWatch {
    versions: Versions,
    dialogs: BTreeMap<Text, DialogState>,
}

impl DialogWatch {
    /// Knows nothing yet. Start afresh for each subscription, since versions do (RFC 4235 §4.3).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The calls that are not over.
    pub fn dialogs(&self) -> impl Iterator<Item = &DialogState> {
        self.dialogs.values()
    }

    /// Takes a document in, in the order of versions.
    pub fn take(&mut self, info: DialogInfo) -> Update {
        let update = self.versions.take(info.version, info.is_full);
        if update == Update::Outdated {
            return update;
        }
        if info.is_full {
            self.dialogs.clear();
        }
        for dialog in info.dialogs {
            if dialog.phase == DialogPhase::Terminated {
                self.dialogs.remove(&dialog.id);
            } else {
                self.dialogs.insert(dialog.id.clone(), dialog);
            }
        }
        update
    }
}
