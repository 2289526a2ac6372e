//! Push notification with SIP (RFC 8599): how a phone that sleeps is woken, as it registers it,
//! and what the network says to that.

use std::time::Duration;

use crate::message::{FeatureCaps, Headers, Params, Quoted, SipUri, decode_escapes};
use crate::{Address, Text, Uri};

const PROVIDER: &str = "pn-provider";
const PARAM: &str = "pn-param";
const PRID: &str = "pn-prid";
const PURR: &str = "pn-purr";
const WAKES_ITSELF: &str = "+sip.pnsreg";

/// Where a phone that sleeps is woken (RFC 8599 §4.1). It goes into the Contact of a REGISTER and
/// nowhere else, as whoever knows it can wake the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The kind of service, such as `webpush`; empty to ask which ones the network knows.
    pub provider: Text,
    /// What the service needs besides.
    pub param: Option<Text>,
    /// Names the phone to the service: for `webpush` the URL of its subscription.
    pub prid: Option<Text>,
    /// The phone can refresh its registration without being woken for it (RFC 8599 §4.1.4).
    pub wakes_itself: bool,
}

impl Push {
    /// What a registered contact says.
    #[must_use]
    pub fn of(contact: &Address) -> Option<Self> {
        let params = &contact.uri.as_sip()?.params;
        let value = |name| {
            let value = params.value(name).filter(|value| !value.is_empty());
            value.map(|value| decode_escapes(value).as_ref().into())
        };
        params.has(PROVIDER).then(|| Self {
            provider: value(PROVIDER).unwrap_or_default(),
            param: value(PARAM),
            prid: value(PRID),
            wakes_itself: contact.params.has(WAKES_ITSELF),
        })
    }

    /// Says so in a contact to be registered, in place of what it says.
    pub fn write(&self, contact: &mut Address) {
        erase(contact);
        if let Uri::Sip(uri) = &mut contact.uri {
            set(uri, PROVIDER, Some(&self.provider));
            for (name, value) in [(PARAM, &self.param), (PRID, &self.prid)] {
                if value.is_some() {
                    set(uri, name, value.as_ref());
                }
            }
        }
        if self.wakes_itself {
            contact.params.set(WAKES_ITSELF, None);
        }
    }
}

fn set(uri: &mut SipUri, name: &str, value: Option<&Text>) {
    let value = value.filter(|value| !value.is_empty());
    let value = value.map(|value| escaped(value));
    uri.params.set(name, value.as_deref());
}

/// Removes what a contact says of push.
pub(crate) fn erase(contact: &mut Address) {
    contact.params.remove(WAKES_ITSELF);
    hide(&mut contact.uri);
}

/// Removes what peers may not see (RFC 8599 §4.1.1).
pub(crate) fn hide(uri: &mut Uri) {
    if let Uri::Sip(uri) = uri {
        for name in [PROVIDER, PARAM, PRID] {
            uri.params.remove(name);
        }
    }
}

/// Makes a REGISTER end the push, too (RFC 8599 §4.1.2).
pub(crate) fn end(contact: &mut Address) {
    if let Uri::Sip(uri) = &mut contact.uri {
        uri.params.remove(PRID);
    }
}

/// What may stand in a URI parameter, everything else percent-encoded.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A push service that the network makes use of, as Feature-Caps tells (RFC 8599 §5.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushService {
    /// The kind of service: `+sip.pns`.
    pub provider: Text,
    /// For `webpush`: the application server's key, to subscribe with (`+sip.vapid`).
    pub vapid: Option<Text>,
    /// A phone that can wake itself is to refresh its registration this long before it expires
    /// (`+sip.pnsreg`).
    pub refresh_before: Option<Duration>,
    /// Names the registration in long-lived dialogs, so that requests within them wake the phone,
    /// too (`+sip.pnspurr`, RFC 8599 §6).
    pub purr: Option<Text>,
}

impl PushService {
    /// All services that a response names.
    #[must_use]
    pub fn all(headers: &Headers) -> Vec<Self> {
        let caps = headers.typed::<FeatureCaps>().ok().flatten();
        let sets = caps.unwrap_or_default().0;
        let read = |set: &Params| {
            let refresh_before = set.value("+sip.pnsreg").and_then(|v| v.parse().ok());
            Some(Self {
                provider: set.unquoted("+sip.pns")?.detached(),
                vapid: set.unquoted("+sip.vapid").map(|vapid| vapid.detached()),
                refresh_before: refresh_before.map(Duration::from_secs),
                purr: set.unquoted("+sip.pnspurr").map(|purr| purr.detached()),
            })
        };
        sets.iter().filter_map(read).collect()
    }

    /// As a registrar says it.
    #[must_use]
    pub fn to_caps(&self) -> FeatureCaps {
        let mut set = Params::default();
        let mut quote = |name, value: &str| set.set(name, Some(&Quoted(value).to_string()));
        quote("+sip.pns", &self.provider);
        if let Some(vapid) = &self.vapid {
            quote("+sip.vapid", vapid);
        }
        if let Some(before) = self.refresh_before {
            quote("+sip.pnsreg", &before.as_secs().to_string());
        }
        if let Some(purr) = &self.purr {
            quote("+sip.pnspurr", purr);
        }
        FeatureCaps(vec![set])
    }
}

/// Asks for a push ahead of requests within a dialog (RFC 8599 §6.1.1).
pub(crate) fn set_purr(uri: &mut Uri, purr: &str) {
    if let Uri::Sip(uri) = uri {
        uri.params.set(PURR, Some(&escaped(purr)));
    }
}
