//! Who speaks in a request that is to be sent.

use super::Endpoint;
use super::config::Origin;
use super::event::AccountId;
use super::identity::Identity;
use crate::message::{Host, RawHeader, SipUri};
use crate::transaction::FlowId;
use crate::{Address, CommandError, Method, Request, Uri};

/// Who speaks, taken from an [`Origin`].
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) flow: FlowId,
    pub(crate) account: Option<AccountId>,
    pub(crate) from: Address,
    pub(crate) contact: Address,
    /// Headers that hide who it is.
    pub(crate) privacy: Vec<RawHeader>,
}

impl Endpoint {
    /// Who speaks for `origin`.
    pub(crate) fn speaker(&self, origin: Origin) -> Result<Speaker, CommandError> {
        let identity = |account| self.identities.get(&account).ok_or(CommandError::Gone);
        match origin {
            Origin::Account(account) => {
                let identity = identity(account)?;
                Ok(Speaker {
                    flow: identity.flow,
                    account: Some(account),
                    from: identity.address_of_record.clone(),
                    contact: Address::new(identity.contact.uri.clone()),
                    privacy: Vec::new(),
                })
            }
            Origin::Anonymous(account) => {
                let identity = identity(account)?;
                Ok(Speaker {
                    flow: identity.flow,
                    account: Some(account),
                    from: anonymous(),
                    contact: Address::new(identity.anonymous_contact()),
                    privacy: identity.privacy(),
                })
            }
            Origin::Explicit {
                flow,
                from,
                contact,
            } => Ok(Speaker {
                flow,
                account: None,
                from,
                contact,
                privacy: Vec::new(),
            }),
        }
    }

    /// The Service-Route of the account that a request is from, if it is outside of a dialog
    /// (RFC 3608 §5).
    pub(super) fn service_route(&self, flow: FlowId, request: &Request) -> Vec<Address> {
        let headers = &request.headers;
        let is_outside = headers.to.tag().is_none() && request.method != Method::Register;
        if !is_outside || !headers.route.is_empty() {
            return Vec::new();
        }
        let contact = headers.contact.first();
        let speaks = |identity: &Identity| {
            identity.address_of_record.uri == headers.from.uri
                || contact.is_some_and(|contact| contact.uri == identity.anonymous_contact())
        };
        let mut accounts = self.identities.values();
        let account = accounts.find(|identity| identity.flow == flow && speaks(identity));
        account.map_or_else(Vec::new, |account| account.service_route.clone())
    }
}

/// Who doesn't say who it is (RFC 3323 §4.1.1.3).
fn anonymous() -> Address {
    let uri = SipUri::new("anonymous", Host::Name("anonymous.invalid".into()));
    Address {
        display_name: Some("Anonymous".into()),
        ..Address::new(Uri::Sip(uri))
    }
}
