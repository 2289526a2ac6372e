//! Where phones are: the bindings of RFC 3261 §10.3, each tied to the flow it came over.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::message::{Contacts, Expires, Headers};
use sidetone_sip::{Address, FlowId, Moment, Text, Uri};

use crate::directory::AddressOfRecord;

/// What a registrar grants.
#[derive(Clone, Copy, Debug)]
pub struct RegistrarLimits {
    /// Shorter wishes are answered with 423, in seconds.
    pub min_expires: u32,
    /// Longer wishes are cut to this, in seconds; also what is granted when nothing is asked.
    pub max_expires: u32,
    /// Devices per extension.
    pub contacts: usize,
}

impl Default for RegistrarLimits {
    fn default() -> Self {
        Self {
            min_expires: 60,
            max_expires: 3600,
            contacts: 10,
        }
    }
}

/// What tells one phone of an extension from another: it stays the same over reconnections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// `+sip.instance` (RFC 5626 §4.1).
    Instance(Text),
    /// The Contact URI of a phone that has none.
    Contact(Uri),
}

/// One contact of an extension.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// As registered, without `expires`.
    pub(crate) contact: Address,
    /// Which phone.
    pub(crate) device: Device,
    /// The connection that reaches it.
    pub(crate) flow: FlowId,
    expires_at: Moment,
    call_id: Text,
    cseq: u32,
}

/// Why a REGISTER changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegisterError {
    /// RFC 3261 §10.3 step 6.
    #[error("* goes alone and with Expires: 0")]
    StarMisused,
    /// No `sip:` URI, or a malformed Expires.
    #[error("a Contact or Expires header can't be read")]
    Malformed,
    /// RFC 3261 §10.3 step 7.
    #[error("expires too soon")]
    TooBrief,
    /// RFC 3261 §10.3 step 7: an older request of the same Call-ID.
    #[error("out of order")]
    OutOfOrder,
    /// More devices than an extension may have.
    #[error("too many devices")]
    TooMany,
}

/// What a phone wishes of one contact.
struct Wish {
    contact: Address,
    device: Device,
    expires: u32,
}

/// The table of bindings.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    limits: RegistrarLimits,
    bindings: BTreeMap<AddressOfRecord, Vec<Binding>>,
    /// No binding expires before this; the one that did may have been renewed.
    next_expiry: Option<Moment>,
}

impl Registrar {
    pub(crate) fn new(limits: RegistrarLimits) -> Self {
        Self {
            limits,
            bindings: BTreeMap::new(),
            next_expiry: None,
        }
    }

    pub(crate) fn limits(&self) -> RegistrarLimits {
        self.limits
    }

    /// Carries out an authenticated REGISTER that came over `flow`: all of it or nothing.
    pub(crate) fn register(
        &mut self,
        now: Moment,
        aor: &AddressOfRecord,
        flow: FlowId,
        headers: &Headers,
    ) -> Result<(), RegisterError> {
        let default = headers
            .typed::<Expires>()
            .map_err(|_| RegisterError::Malformed)?;
        let mut bindings = self.bindings.get(aor).cloned().unwrap_or_default();
        bindings.retain(|b| b.expires_at > now);
        match &headers.contact {
            Contacts::Star if default == Some(Expires(0)) => {
                if bindings.iter().any(|b| b.is_newer_than(headers)) {
                    return Err(RegisterError::OutOfOrder);
                }
                bindings.clear();
            }
            Contacts::Star => return Err(RegisterError::StarMisused),
            Contacts::List(contacts) => {
                for contact in contacts {
                    let wish = self.wish(contact, default)?;
                    apply(&mut bindings, wish, now, flow, headers)?;
                }
            }
        }
        if bindings.len() > self.limits.contacts {
            return Err(RegisterError::TooMany);
        }
        self.put(aor, bindings);
        Ok(())
    }

    /// The contacts that have not expired, oldest first.
    pub(crate) fn bindings(
        &self,
        now: Moment,
        aor: &AddressOfRecord,
    ) -> impl Iterator<Item = &Binding> {
        self.bindings
            .get(aor)
            .into_iter()
            .flatten()
            .filter(move |b| b.expires_at > now)
    }

    /// The contacts as a 200 to REGISTER lists them (RFC 3261 §10.3 step 8).
    pub(crate) fn contacts(&self, now: Moment, aor: &AddressOfRecord) -> Vec<Address> {
        self.bindings(now, aor)
            .map(|binding| {
                let mut contact = binding.contact.clone();
                let seconds = binding.expires_at.since(now).as_millis().div_ceil(1000);
                contact.params.set("expires", Some(&seconds.to_string()));
                contact
            })
            .collect()
    }

    /// Forgets what came over `flow`, which is gone, for `aor`, and answers what that was.
    pub(crate) fn remove_flow(&mut self, aor: &AddressOfRecord, flow: FlowId) -> Vec<Binding> {
        let Some(bindings) = self.bindings.get_mut(aor) else {
            return Vec::new();
        };
        let gone = bindings.extract_if(.., |b| b.flow == flow).collect();
        if bindings.is_empty() {
            self.bindings.remove(aor);
        }
        gone
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Moment) {
        if self.next_expiry.is_none_or(|at| at > now) {
            return;
        }
        self.bindings.retain(|_, bindings| {
            bindings.retain(|b| b.expires_at > now);
            !bindings.is_empty()
        });
        self.next_expiry = self.bindings.values().flatten().map(|b| b.expires_at).min();
    }

    /// When to call [`Registrar::expire`]: when the next binding expires, or before.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        self.next_expiry
    }

    /// How many extensions have a phone.
    pub(crate) fn registered(&self) -> usize {
        self.bindings.len()
    }

    fn put(&mut self, aor: &AddressOfRecord, mut bindings: Vec<Binding>) {
        // Few have more than one, and a phone that waits should be small.
        bindings.shrink_to_fit();
        let soonest = bindings.iter().map(|b| b.expires_at);
        self.next_expiry = soonest.chain(self.next_expiry).min();
        if bindings.is_empty() {
            self.bindings.remove(aor);
        } else {
            self.bindings.insert(aor.clone(), bindings);
        }
    }

    fn wish(&self, contact: &Address, default: Option<Expires>) -> Result<Wish, RegisterError> {
        if contact.uri.as_sip().is_none() {
            return Err(RegisterError::Malformed);
        }
        let RegistrarLimits {
            min_expires,
            max_expires,
            ..
        } = self.limits;
        let asked = match contact.params.value("expires") {
            // RFC 3261 §10.2.1.1: a malformed value counts as 3600.
            Some(text) => text.parse().unwrap_or(3600),
            None => default.map_or(max_expires, |Expires(seconds)| seconds),
        };
        if asked > 0 && asked < min_expires && asked < 3600 {
            return Err(RegisterError::TooBrief);
        }
        let mut contact = contact.clone();
        contact.params.remove("expires");
        let device = match contact.params.value("+sip.instance") {
            Some(instance) => Device::Instance(instance.into()),
            None => Device::Contact(contact.uri.clone()),
        };
        Ok(Wish {
            contact,
            device,
            expires: asked.min(max_expires),
        })
    }
}

impl Binding {
    /// RFC 3261 §10.3 step 7: within one Call-ID a lower or equal CSeq is an old request.
    fn is_newer_than(&self, headers: &Headers) -> bool {
        self.call_id == headers.call_id && self.cseq >= headers.cseq.number
    }
}

fn apply(
    bindings: &mut Vec<Binding>,
    wish: Wish,
    now: Moment,
    flow: FlowId,
    headers: &Headers,
) -> Result<(), RegisterError> {
    let is_same = |b: &Binding| b.device == wish.device || b.contact.uri == wish.contact.uri;
    if bindings
        .iter()
        .any(|b| is_same(b) && b.is_newer_than(headers))
    {
        return Err(RegisterError::OutOfOrder);
    }
    let place = bindings.iter().position(&is_same).unwrap_or(bindings.len());
    bindings.retain(|b| !is_same(b));
    if wish.expires > 0 {
        let expires_at = now + Duration::from_secs(u64::from(wish.expires));
        let binding = Binding {
            contact: wish.contact,
            device: wish.device,
            flow,
            expires_at,
            call_id: headers.call_id.detached(),
            cseq: headers.cseq.number,
        };
        bindings.insert(place.min(bindings.len()), binding);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
