//! What a registrar granted.

use std::time::Duration;

use super::readers::Readers;
use crate::message::{FlowTimer, Headers, Require};
use crate::push::{self, PushService};
use crate::{Address, Response, Uri};

/// What a registrar granted with a registration, beyond its duration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Requests come on the flow that registered, and on no other (RFC 5626 §4.2).
    pub is_outbound: bool,
    /// How often the flow has to carry a sign of life (RFC 5626 §4.4).
    pub flow_timer: Option<Duration>,
    /// Reaches this device alone, from anywhere (RFC 5627 §3.1).
    pub public_gruu: Option<Uri>,
    /// The same without telling who it is. Each refresh brings another one.
    pub temporary_gruu: Option<Uri>,
    /// The push services that the network makes use of. Without the one that was registered, no
    /// push can be counted on (RFC 8599 §4.1.1).
    pub push: Vec<PushService>,
}

impl Binding {
    /// What a 2xx to the registration of `registered` says.
    pub(crate) fn of(response: &Response, registered: &Uri, readers: Readers) -> Self {
        let headers = &response.headers;
        let timer = headers.typed::<FlowTimer>().ok().flatten();
        Self {
            is_outbound: requires_outbound(headers),
            flow_timer: timer.map(|timer| Duration::from_secs(timer.0.into())),
            public_gruu: gruu(headers, registered, "pub-gruu"),
            temporary_gruu: gruu(headers, registered, "temp-gruu"),
            push: readers.push.map_or_else(Vec::new, |read| read(headers)),
        }
    }

    /// What peers are told: the GRUU (RFC 5627 §4.4), or else the registered contact without what
    /// only the registrar may know.
    pub(crate) fn contact(&self, registered: &Uri) -> Uri {
        let mut contact = match &self.public_gruu {
            Some(gruu) => gruu.clone(),
            None => self.bare(registered),
        };
        if let Some(purr) = self.push.iter().find_map(|service| service.purr.as_ref()) {
            push::set_purr(&mut contact, purr);
        }
        contact
    }

    fn bare(&self, registered: &Uri) -> Uri {
        let mut contact = registered.clone();
        push::hide(&mut contact);
        // RFC 5626 §4.3: without a GRUU, this keeps the dialog on the flow.
        if let Uri::Sip(uri) = &mut contact
            && self.is_outbound
        {
            uri.params.set("ob", None);
        }
        contact
    }

    /// How long before its expiry the registration has to be refreshed for the sake of push.
    pub(crate) fn refresh_before(&self) -> Option<Duration> {
        self.push
            .iter()
            .filter_map(|push| push.refresh_before)
            .max()
    }
}

/// RFC 5626 §6: a registrar that keeps the flow says so.
fn requires_outbound(headers: &Headers) -> bool {
    let required = headers.typed::<Require>().ok().flatten();
    required.is_some_and(|tags| tags.has("outbound"))
}

fn gruu(headers: &Headers, registered: &Uri, name: &str) -> Option<Uri> {
    let contacts = headers.contact.list().iter();
    let ours = contacts.filter(|contact| contact.uri == *registered);
    let gruu = ours.filter_map(|contact: &Address| contact.params.unquoted(name));
    gruu.filter_map(|gruu| Uri::parse(&gruu).ok()).next()
}
