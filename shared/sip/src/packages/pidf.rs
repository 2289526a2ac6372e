//! Presence: `application/pidf+xml` (RFC 3863 §4).

use std::fmt::{self, Write};

use super::BodyError;
use super::xml::{Element, Escaped};
use crate::{Body, Text};

/// What is known of somebody's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whose, as a URI.
    pub entity: Text,
    /// One for each way to reach the entity.
    pub tuples: Vec<Tuple>,
    /// Words for a person.
    pub notes: Vec<Text>,
}

/// One way to reach somebody (RFC 3863 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// Names it within the document.
    pub id: Text,
    /// Whether messages or calls are taken there, if that is told.
    pub is_open: Option<bool>,
    /// The URI.
    pub contact: Option<Text>,
    /// Words for a person.
    pub notes: Vec<Text>,
}

impl Presence {
    /// Reads a document.
    ///
    /// # Errors
    /// [`BodyError`] if it is none, or has no entity, or a tuple has no id or no status.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let root = Element::read(bytes)?;
        if root.name != "presence" {
            return Err(BodyError("it is no presence"));
        }
        let entity = root.attribute("entity");
        let tuples = root.children_of("tuple").map(Tuple::read);
        Ok(Self {
            entity: entity.ok_or(BodyError("it has no entity"))?.into(),
            tuples: tuples.collect::<Result<_, _>>()?,
            notes: notes(&root),
        })
    }

    /// Whether the entity can be reached in any way.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tuples.iter().any(|tuple| tuple.is_open == Some(true))
    }

    /// What several devices tell of one entity, as one document. Each keeps its tuples; the names
    /// of these are told apart by the place of their device.
    #[must_use]
    pub fn composed<'a>(
        entity: impl Into<Text>,
        parts: impl IntoIterator<Item = &'a Self>,
    ) -> Self {
        let mut whole = Self {
            entity: entity.into(),
            tuples: Vec::new(),
            notes: Vec::new(),
        };
        for (place, part) in parts.into_iter().enumerate() {
            whole.tuples.extend(part.tuples.iter().map(|tuple| Tuple {
                id: format!("d{place}-{}", tuple.id).into(),
                ..tuple.clone()
            }));
            let new = part.notes.iter().filter(|note| !whole.notes.contains(note));
            let new: Vec<Text> = new.cloned().collect();
            whole.notes.extend(new);
        }
        whole
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        super::body("application/pidf+xml", self.to_string())
    }
}

fn notes(element: &Element) -> Vec<Text> {
    let notes = element.children_of("note");
    notes.map(|note| note.text().into()).collect()
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<?xml version=\"1.0\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             entity=\"{}\">",
            Escaped(&self.entity)
        )?;
        for tuple in &self.tuples {
            tuple.fmt(f)?;
        }
        for note in &self.notes {
            write!(f, "<note>{}</note>", Escaped(note))?;
        }
        f.write_str("</presence>")
    }
}

impl Tuple {
    fn read(element: &Element) -> Result<Self, BodyError> {
        let id = element.attribute("id");
        let status = element.child("status");
        let status = status.ok_or(BodyError("a tuple has no status"))?;
        Ok(Self {
            id: id.ok_or(BodyError("a tuple has no id"))?.into(),
            is_open: match status.child("basic").map(Element::text) {
                Some("open") => Some(true),
                Some("closed") => Some(false),
                _ => None,
            },
            contact: element
                .child("contact")
                .map(|contact| contact.text().into()),
            notes: notes(element),
        })
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<tuple id=\"{}\"><status>", Escaped(&self.id))?;
        match self.is_open {
            Some(true) => f.write_str("<basic>open</basic>")?,
            Some(false) => f.write_str("<basic>closed</basic>")?,
            None => f.write_char(' ')?,
        }
        f.write_str("</status>")?;
        if let Some(contact) = &self.contact {
            write!(f, "<contact>{}</contact>", Escaped(contact))?;
        }
        for note in &self.notes {
            write!(f, "<note>{}</note>", Escaped(note))?;
        }
        f.write_str("</tuple>")
    }
}
