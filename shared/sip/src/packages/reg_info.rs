//! The registrations of an address of record: `application/reginfo+xml` (RFC 3680 §5).

use std::collections::BTreeMap;
use std::fmt;

use super::BodyError;
use super::versions::{Update, Versions};
use super::xml::{Attribute, Element, Escaped};
use crate::{Body, Text};

/// A document, of the whole state or of what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegInfo {
    /// One more with each document of a subscription.
    pub version: u32,
    /// False: only what changed.
    pub is_full: bool,
    /// One for each address of record.
    pub registrations: Vec<RegistrationInfo>,
}

/// The registrations of one address of record (RFC 3680 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationInfo {
    /// The address of record, as a URI.
    pub aor: Text,
    /// Names it within the subscription.
    pub id: Text,
    /// How far it is.
    pub phase: RegistrationPhase,
    /// Its contacts; in a partial document those that changed.
    pub contacts: Vec<ContactInfo>,
}

/// How far the registrations of an address of record are (RFC 3680 §4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPhase {
    /// Nobody has registered yet.
    Init,
    /// There are contacts.
    Active,
    /// There are none any more.
    Terminated,
}

/// A contact (RFC 3680 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInfo {
    /// Names it within the address of record.
    pub id: Text,
    /// Whether it is registered.
    pub is_active: bool,
    /// What led there, such as `registered`, `refreshed`, `expired`, `unregistered`.
    pub event: ContactEvent,
    /// The URI.
    pub uri: Text,
    /// The name to be shown.
    pub display_name: Option<Text>,
    /// Seconds to its expiry.
    pub expires: Option<u32>,
    /// After `probation`: seconds after which it may register again.
    pub retry_after: Option<u32>,
    /// For how many seconds it has been registered.
    pub duration: Option<u32>,
    /// The Call-ID of its REGISTER.
    pub call_id: Option<Text>,
    /// The number of its REGISTER.
    pub cseq: Option<u32>,
    /// Its preference, as written: from 0 to 1.
    pub q: Option<Text>,
    /// Further parameters of the Contact, such as `+sip.instance`.
    pub params: Vec<(Text, Text)>,
}

/// What happened to a contact (RFC 3680 §4.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactEvent {
    /// It registered.
    Registered,
    /// The administrator made it.
    Created,
    /// It registered again.
    Refreshed,
    /// The administrator shortened it.
    Shortened,
    /// It was not refreshed.
    Expired,
    /// The administrator removed it, but it may come again.
    Deactivated,
    /// The administrator removed it for a while.
    Probation,
    /// It left.
    Unregistered,
    /// The administrator refused it.
    Rejected,
}

const PHASES: [(&str, RegistrationPhase); 3] = [
    ("init", RegistrationPhase::Init),
    ("active", RegistrationPhase::Active),
    ("terminated", RegistrationPhase::Terminated),
];

const EVENTS: [(&str, ContactEvent); 9] = [
    ("registered", ContactEvent::Registered),
    ("created", ContactEvent::Created),
    ("refreshed", ContactEvent::Refreshed),
    ("shortened", ContactEvent::Shortened),
    ("expired", ContactEvent::Expired),
    ("deactivated", ContactEvent::Deactivated),
    ("probation", ContactEvent::Probation),
    ("unregistered", ContactEvent::Unregistered),
    ("rejected", ContactEvent::Rejected),
];

fn named<T: Copy>(words: &[(&str, T)], word: Option<&str>) -> Option<T> {
    let found = words.iter().find(|(name, _)| Some(*name) == word);
    found.map(|(_, value)| *value)
}

fn name<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    let found = words.iter().find(|(_, known)| *known == value);
    found.map_or("", |(name, _)| name)
}

impl RegInfo {
    /// Reads a document.
    ///
    /// # Errors
    /// [`BodyError`] if it is no reginfo, or what must be there is missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let root = Element::read(bytes)?;
        if root.name != "reginfo" {
            return Err(BodyError("it is no reginfo"));
        }
        let version = root.attribute("version").and_then(|v| v.parse().ok());
        let registrations = root.children_of("registration").map(RegistrationInfo::read);
        Ok(Self {
            version: version.ok_or(BodyError("it has no version"))?,
            is_full: match root.attribute("state") {
                Some("full") => true,
                Some("partial") => false,
                _ => return Err(BodyError("it is neither full nor partial")),
            },
            registrations: registrations.collect::<Result<_, _>>()?,
        })
    }

    /// As a body.
    #[must_use]
    pub fn to_body(&self) -> Body {
        super::body("application/reginfo+xml", self.to_string())
    }
}

impl fmt::Display for RegInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_full { "full" } else { "partial" };
        write!(
            f,
            "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
             version=\"{}\" state=\"{state}\">",
            self.version
        )?;
        for registration in &self.registrations {
            registration.fmt(f)?;
        }
        f.write_str("</reginfo>")
    }
}

impl RegistrationInfo {
    fn read(element: &Element) -> Result<Self, BodyError> {
        let text = |name| element.attribute(name).map(Text::from);
        let phase = named(&PHASES, element.attribute("state"));
        let contacts = element.children_of("contact").map(ContactInfo::read);
        Ok(Self {
            aor: text("aor").ok_or(BodyError("a registration has no address of record"))?,
            id: text("id").ok_or(BodyError("a registration has no id"))?,
            phase: phase.ok_or(BodyError("a registration has no known state"))?,
            contacts: contacts.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for RegistrationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (aor, id) = (Escaped(&self.aor), Escaped(&self.id));
        let state = name(&PHASES, self.phase);
        write!(
            f,
            "<registration aor=\"{aor}\" id=\"{id}\" state=\"{state}\">"
        )?;
        for contact in &self.contacts {
            contact.fmt(f)?;
        }
        f.write_str("</registration>")
    }
}

impl ContactInfo {
    /// A contact of this name that is registered or not by this event, and no more is told of it.
    #[must_use]
    pub fn new(id: impl Into<Text>, uri: impl Into<Text>, event: ContactEvent) -> Self {
        let is_active = matches!(
            event,
            ContactEvent::Registered
                | ContactEvent::Created
                | ContactEvent::Refreshed
                | ContactEvent::Shortened
        );
        Self {
            id: id.into(),
            is_active,
            event,
            uri: uri.into(),
            display_name: None,
            expires: None,
            retry_after: None,
            duration: None,
            call_id: None,
            cseq: None,
            q: None,
            params: Vec::new(),
        }
    }

    fn read(element: &Element) -> Result<Self, BodyError> {
        let text = |name| element.attribute(name).map(Text::from);
        let number = |name| element.attribute(name)?.parse().ok();
        let event = named(&EVENTS, element.attribute("event"));
        let uri = element
            .child("uri")
            .ok_or(BodyError("a contact has no URI"))?;
        let params = element.children_of("unknown-param");
        let param = |param: &Element| Some((param.attribute("name")?.into(), param.text().into()));
        Ok(Self {
            id: text("id").ok_or(BodyError("a contact has no id"))?,
            is_active: match element.attribute("state") {
                Some("active") => true,
                Some("terminated") => false,
                _ => return Err(BodyError("a contact has no known state")),
            },
            event: event.ok_or(BodyError("a contact has no known event"))?,
            uri: uri.text().into(),
            display_name: element.child("display-name").map(|name| name.text().into()),
            expires: number("expires"),
            retry_after: number("retry-after"),
            duration: number("duration-registered"),
            call_id: text("callid"),
            cseq: number("cseq"),
            q: text("q"),
            params: params.filter_map(param).collect(),
        })
    }
}

impl fmt::Display for ContactInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_active {
            "active"
        } else {
            "terminated"
        };
        write!(
            f,
            "<contact id=\"{}\" state=\"{state}\" event=\"{}\"{}{}{}{}{}{}><uri>{}</uri>",
            Escaped(&self.id),
            name(&EVENTS, self.event),
            Attribute("duration-registered", self.duration.as_ref()),
            Attribute("expires", self.expires.as_ref()),
            Attribute("retry-after", self.retry_after.as_ref()),
            Attribute("q", self.q.as_ref()),
            Attribute("callid", self.call_id.as_ref()),
            Attribute("cseq", self.cseq.as_ref()),
            Escaped(&self.uri)
        )?;
        if let Some(name) = &self.display_name {
            write!(f, "<display-name>{}</display-name>", Escaped(name))?;
        }
        for (name, value) in &self.params {
            let (name, value) = (Escaped(name), Escaped(value));
            write!(f, "<unknown-param name=\"{name}\">{value}</unknown-param>")?;
        }
        f.write_str("</contact>")
    }
}

/// What is known of registrations, put together from one subscription's documents.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RegWatch {
    versions: Versions,
    registrations: BTreeMap<Text, RegistrationInfo>,
}

impl RegWatch {
    /// Knows nothing yet. Start afresh for each subscription, since versions do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All addresses of record with the contacts that are registered.
    pub fn registrations(&self) -> impl Iterator<Item = &RegistrationInfo> {
        self.registrations.values()
    }

    /// Takes a document in, in the order of versions (RFC 3680 §5.1).
    pub fn take(&mut self, info: RegInfo) -> Update {
        let update = self.versions.take(info.version, info.is_full);
        if update == Update::Outdated {
            return update;
        }
        if info.is_full {
            self.registrations.clear();
        }
        for told in info.registrations {
            let known = self.registrations.entry(told.id.clone());
            let known = known.or_insert_with(|| RegistrationInfo {
                contacts: Vec::new(),
                ..told.clone()
            });
            known.phase = told.phase;
            known.aor = told.aor;
            for contact in told.contacts {
                known.contacts.retain(|other| other.id != contact.id);
                known.contacts.extend(Some(contact).filter(|c| c.is_active));
            }
        }
        update
    }
}
