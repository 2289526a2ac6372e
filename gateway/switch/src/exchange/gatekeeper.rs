//! Digests: who a request is from.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetone_sip::auth::{Authenticator, Challenge, Refused, Verdict, credentials};
use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::{FlowId, Moment, Request, Status, TokenSource};

use super::{Exchange, Rejection};
use crate::directory::{AddressOfRecord, Directory, TenantId};

/// How long a nonce is good; then the client is challenged anew without bothering its person.
const NONCE_LIFETIME: Duration = Duration::from_secs(600);
/// Wrong digests after which a flow is closed: guessing should cost a connection each time.
const GUESSES: u32 = 10;

/// In which role the switch asks (RFC 3261 §22.2, §22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// 401, WWW-Authenticate, Authorization.
    Registrar,
    /// 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

/// The authenticators of all tenants.
pub(super) struct Gatekeeper {
    tenants: BTreeMap<TenantId, Authenticator>,
    tokens: Box<dyn TokenSource + Send>,
}

impl Gatekeeper {
    pub(super) fn new(directory: &Directory, mut tokens: Box<dyn TokenSource + Send>) -> Self {
        let tenants = directory.tenants().iter().map(|tenant| {
            let authenticator = Authenticator::new(&tenant.realm, NONCE_LIFETIME, &mut *tokens);
            (tenant.id.clone(), authenticator)
        });
        Self {
            tenants: tenants.collect(),
            tokens,
        }
    }

    fn challenge(&mut self, now: Moment, tenant: &TenantId, door: Door, stale: bool) -> Rejection {
        let Some(authenticator) = self.tenants.get(tenant) else {
            return Rejection::new(Status::FORBIDDEN);
        };
        let (status, name) = match door {
            Door::Registrar => (Status::UNAUTHORIZED, HeaderName::WwwAuthenticate),
            Door::Proxy => (
                Status::PROXY_AUTHENTICATION_REQUIRED,
                HeaderName::ProxyAuthenticate,
            ),
        };
        let challenges = authenticator.challenges(now, &mut *self.tokens, stale);
        let header = |c: Challenge| RawHeader {
            name: name.clone(),
            value: c.to_string().into(),
        };
        Rejection {
            status,
            headers: challenges.into_iter().map(header).collect(),
        }
    }
}

impl Exchange {
    /// Whose digest a request bears.
    pub(super) fn verify(
        &mut self,
        now: Moment,
        flow: FlowId,
        tenant: &TenantId,
        request: &Request,
        door: Door,
    ) -> Result<AddressOfRecord, Rejection> {
        let Self {
            config, gatekeeper, ..
        } = self;
        let of_user = |user: &str| AddressOfRecord {
            tenant: tenant.clone(),
            number: user.into(),
        };
        let lookup = |user: &str| {
            config
                .directory
                .extension(&of_user(user))
                .map(|e| e.secret.clone())
        };
        let realm = config.directory.tenant(tenant).map(|t| &t.realm);
        let name = match door {
            Door::Registrar => HeaderName::Authorization,
            Door::Proxy => HeaderName::ProxyAuthorization,
        };
        let ours = credentials(&request.headers, &name)
            .into_iter()
            .find(|c| Some(&c.realm) == realm);
        let (stale, refused) = match ours.zip(gatekeeper.tenants.get_mut(tenant)) {
            None => (false, None),
            Some((ours, authenticator)) => {
                match authenticator.verify(now, &ours, &request.method, &request.body, lookup) {
                    Verdict::Granted { username } => return Ok(of_user(&username)),
                    Verdict::Stale => (true, None),
                    Verdict::Refused(refused) => (false, Some(refused)),
                }
            }
        };
        let challenge = gatekeeper.challenge(now, tenant, door, stale);
        if let Some(Refused::WrongSecret | Refused::UnknownUser) = refused {
            self.on_wrong_digest(flow);
        }
        Err(challenge)
    }

    fn on_wrong_digest(&mut self, flow: FlowId) {
        tracing::warn!(flow = flow.0, "a wrong digest");
        self.wrong_digests_total += 1;
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.wrong_digests += 1;
        }
    }

    pub(super) fn close_flow_of_guesser(&mut self, now: Moment, flow: FlowId) {
        if self
            .flows
            .get(flow)
            .is_some_and(|f| f.wrong_digests >= GUESSES)
        {
            tracing::warn!(flow = flow.0, "too many wrong digests: the flow is closed");
            self.close_flow(now, flow);
        }
    }
}
