//! An event state compositor (RFC 3903 §6): takes what is published, and puts it together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::endpoint::body;
use crate::endpoint::config::{Answer, Body};
use crate::message::{
    AllowEvents, EventType, Expires, HeaderName, MinExpires, RawHeader, SipEtag, SipIfMatch,
    TypedHeader,
};
use crate::{Moment, Request, Status, Text, TokenSource};

/// An event package that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publishes {
    /// As in the Event header.
    pub package: Text,
    /// The types of its bodies, in lower case.
    pub bodies: Vec<Text>,
}

/// What a compositor takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationRules {
    /// Which packages.
    pub packages: Vec<Publishes>,
    /// The shortest expiry, in seconds; 0 takes a publication back at any time.
    pub min_expires: u32,
    /// The longest expiry, and that of a publication that names none.
    pub max_expires: u32,
    /// How many publications one entity may have in one package.
    pub most: usize,
}

impl PublicationRules {
    /// A minute to an hour, and eight publications: one for each device.
    #[must_use]
    pub const fn new(packages: Vec<Publishes>) -> Self {
        Self {
            packages,
            min_expires: 60,
            max_expires: 3600,
            most: 8,
        }
    }
}

/// What a PUBLISH led to.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its answer, for [`crate::UserAgent::respond`].
    pub answer: Answer,
    /// The package whose state is another now.
    pub changed: Option<Text>,
}

/// Whose state, and of what.
type Key = (Text, Text);

#[derive(Debug)]
struct Entry {
    tag: Text,
    until: Moment,
    body: Body,
}

/// What is published, by entity and package. It keeps no time: call [`Compositor::expire`] when
/// [`Compositor::next_expiry`] has come. Who may publish for whom is decided before.
#[derive(Debug)]
pub struct Compositor {
    rules: PublicationRules,
    entries: BTreeMap<Key, Vec<Entry>>,
}

impl Compositor {
    /// One that knows nothing yet.
    #[must_use]
    pub const fn new(rules: PublicationRules) -> Self {
        Self {
            rules,
            entries: BTreeMap::new(),
        }
    }

    /// Takes a PUBLISH for `entity`.
    pub fn publish(
        &mut self,
        now: Moment,
        entity: &str,
        request: &Request,
        tokens: &mut dyn TokenSource,
    ) -> Published {
        match self.take(now, entity, request, tokens) {
            Ok((tag, expires, changed)) => {
                let headers = vec![raw(&SipEtag(tag)), raw(&Expires(expires))];
                Published {
                    answer: answer(Status::OK, headers),
                    changed,
                }
            }
            Err((status, headers)) => Published {
                answer: answer(status, headers),
                changed: None,
            },
        }
    }

    /// The steps of RFC 3903 §6.
    fn take(
        &mut self,
        now: Moment,
        entity: &str,
        request: &Request,
        tokens: &mut dyn TokenSource,
    ) -> Result<(Text, u32, Option<Text>), Refusal> {
        let event = request.headers.typed::<EventType>().ok().flatten();
        let known = event.and_then(|event| {
            let mut packages = self.rules.packages.iter();
            packages.find(|known| known.package == event.package)
        });
        let Some(known) = known else {
            let packages = self.rules.packages.iter();
            let packages = packages.map(|known| known.package.clone()).collect();
            return Err((Status::BAD_EVENT, vec![raw(&AllowEvents(packages))]));
        };
        let matches = request.headers.typed_all::<SipIfMatch>();
        let matches = matches.map_err(|_| (Status::BAD_REQUEST, Vec::new()))?;
        let expires = self.expiry(request)?;
        let body = readable_body(known, request)?;
        let package = known.package.clone();
        let key = (entity.into(), package.clone());
        let until = now + Duration::from_secs(expires.into());
        let tag = Text::from(tokens.token());
        let entries = self.entries.entry(key.clone()).or_default();
        entries.retain(|entry| entry.until > now);
        let outcome = match (&matches[..], body) {
            ([], Some(_)) if expires == 0 => Err(Status::BAD_REQUEST),
            ([], Some(_)) if entries.len() >= self.rules.most => Err(Status::SERVICE_UNAVAILABLE),
            ([], Some(body)) => {
                let tag = tag.clone();
                entries.push(Entry { tag, until, body });
                Ok(true)
            }
            ([SipIfMatch(asked)], body) => {
                let at = entries.iter().position(|entry| entry.tag == *asked);
                match at {
                    None => Err(Status::CONDITIONAL_REQUEST_FAILED),
                    Some(at) if expires == 0 => {
                        entries.remove(at);
                        Ok(true)
                    }
                    Some(at) => {
                        let entry = &mut entries[at];
                        entry.tag = tag.clone();
                        entry.until = until;
                        let is_new = body.as_ref().is_some_and(|body| *body != entry.body);
                        entry.body = body.unwrap_or_else(|| entry.body.clone());
                        Ok(is_new)
                    }
                }
            }
            // Nothing to publish, or no saying what is meant.
            _ => Err(Status::BAD_REQUEST),
        };
        if entries.is_empty() {
            self.entries.remove(&key);
        }
        let is_changed = outcome.map_err(|status| (status, Vec::new()))?;
        Ok((tag, expires, is_changed.then_some(package)))
    }

    fn expiry(&self, request: &Request) -> Result<u32, Refusal> {
        let asked = request.headers.typed::<Expires>();
        let asked = asked.map_err(|_| (Status::BAD_REQUEST, Vec::new()))?;
        let rules = &self.rules;
        match asked.map_or(rules.max_expires, |asked| asked.0) {
            0 => Ok(0),
            brief if brief < rules.min_expires => {
                let least = raw(&MinExpires(rules.min_expires));
                Err((Status::INTERVAL_TOO_BRIEF, vec![least]))
            }
            long => Ok(long.min(rules.max_expires)),
        }
    }

    /// What is published of `entity` in `package`, the oldest first.
    pub fn bodies<'a>(
        &'a self,
        now: Moment,
        entity: &str,
        package: &str,
    ) -> impl Iterator<Item = &'a Body> + use<'a> {
        let entries = self.entries.get(&(entity.into(), package.into()));
        let valid = entries.into_iter().flatten();
        let valid = valid.filter(move |entry| entry.until > now);
        valid.map(|entry| &entry.body)
    }

    /// When the next publication expires.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Moment> {
        let entries = self.entries.values().flatten();
        entries.map(|entry| entry.until).min()
    }

    /// Forgets what has expired; the entities and packages whose state is another now.
    pub fn expire(&mut self, now: Moment) -> Vec<(Text, Text)> {
        let mut changed = Vec::new();
        self.entries.retain(|key, entries| {
            let before = entries.len();
            entries.retain(|entry| entry.until > now);
            if entries.len() < before {
                changed.push(key.clone());
            }
            !entries.is_empty()
        });
        changed
    }
}

type Refusal = (Status, Vec<RawHeader>);

fn readable_body(known: &Publishes, request: &Request) -> Result<Option<Body>, Refusal> {
    let Some(body) = body::read(&request.headers, &request.body) else {
        return Ok(None);
    };
    let encoded = request.headers.raw(&HeaderName::ContentEncoding);
    let is_encoded = encoded
        .into_iter()
        .any(|e| !e.eq_ignore_ascii_case("identity"));
    let media_type = body.content_type.split(';').next().unwrap_or_default();
    let is_known = |known: &Text| known.eq_ignore_ascii_case(media_type.trim());
    if is_encoded || !known.bodies.iter().any(is_known) {
        let readable: Vec<&str> = known.bodies.iter().map(Text::as_str).collect();
        let accept = RawHeader {
            name: HeaderName::Accept,
            value: readable.join(", ").into(),
        };
        return Err((Status::UNSUPPORTED_MEDIA_TYPE, vec![accept]));
    }
    // It is kept for longer than its message.
    let content_type = body.content_type.detached();
    Ok(Some(Body {
        content_type,
        ..body
    }))
}

fn raw<T: TypedHeader>(header: &T) -> RawHeader {
    RawHeader {
        name: T::NAME,
        value: header.to_string().into(),
    }
}

fn answer(status: Status, headers: Vec<RawHeader>) -> Answer {
    Answer {
        headers,
        ..Answer::of(status)
    }
}
