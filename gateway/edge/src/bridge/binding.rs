//! Registrations that a PBX has accepted.

use sidetone_sip::message::{Contacts, Expires, Headers};
use sidetone_sip::{FlowId, Response, Uri};

use super::token::{ContactToken, PhoneId, TokenKey, UpstreamId};

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) upstream: UpstreamId,
    /// `user@host`.
    pub(crate) account: String,
    pub(crate) phone: PhoneId,
    /// The way that it was made over.
    pub(crate) link: FlowId,
}

/// A registration that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registering {
    pub(crate) upstream: UpstreamId,
    pub(crate) account: String,
    pub(crate) phone: PhoneId,
}

/// What a registrar's answer made of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Registered,
    Unregistered,
}

/// `user@host` of an address of record, to compare by.
pub(crate) fn account(uri: &Uri) -> Option<String> {
    let uri = uri.as_sip()?;
    let user = uri.user_decoded()?;
    Some(format!("{user}@{}", uri.host))
}

/// Gives the browser its own Contacts back in a registrar's 2xx; answers what became of `phone`.
pub(crate) fn restore(key: &TokenKey, response: &mut Response, phone: PhoneId) -> Outcome {
    let lasts = lasts(&response.headers);
    let mut outcome = Outcome::Unregistered;
    if let Contacts::List(contacts) = &mut response.headers.contact {
        for contact in contacts {
            let Some(token) = token_of(key, &contact.uri) else {
                continue;
            };
            let granted = contact.expires().or(lasts);
            if token.phone == phone && granted != Some(0) {
                outcome = Outcome::Registered;
            }
            contact.uri = token.contact;
        }
    }
    outcome
}

fn lasts(headers: &Headers) -> Option<u32> {
    let expires = headers.typed::<Expires>().ok().flatten();
    expires.map(|Expires(seconds)| seconds)
}

/// What stands in the user part of a URI that is ours.
pub(crate) fn token_of(key: &TokenKey, uri: &Uri) -> Option<ContactToken> {
    key.open_contact(uri.as_sip()?.user.as_deref()?)
}
