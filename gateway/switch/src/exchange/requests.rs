//! Requests outside of calls.

use sidetone_sip::message::{Expires, HeaderName};
use sidetone_sip::{Address, Answer, FlowId, Method, Moment, Request, RequestId, Status};

use super::gatekeeper::Door;
use super::{Exchange, Rejection};
use crate::registrar::RegisterError;

/// What a phone may send here.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER";

impl Exchange {
    pub(super) fn on_request(
        &mut self,
        now: Moment,
        id: RequestId,
        flow: FlowId,
        request: &Request,
    ) {
        let answer = match &request.method {
            Method::Register => self.on_register(now, flow, request),
            // RFC 3261 §11.2. It is also a phone's sign of life before it has registered.
            Method::Options => Ok(capabilities()),
            // RFC 3261 §12.2.2: these belong into dialogs, and this one is not known.
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                Err(Rejection::new(Status::CALL_DOES_NOT_EXIST))
            }
            // RFC 6665 §7.2, RFC 3903 §11.2.8: no event package is known here.
            Method::Subscribe | Method::Publish => {
                Err(Rejection::new(Status::BAD_EVENT).with(HeaderName::AllowEvents, ""))
            }
            Method::Other(_) => Err(Rejection::new(Status::NOT_IMPLEMENTED)),
            // RFC 3261 §8.2.1.
            _ => Err(Rejection::new(Status::METHOD_NOT_ALLOWED).with(HeaderName::Allow, ALLOW)),
        };
        let registered = request.method == Method::Register && answer.is_ok();
        let answer = answer.unwrap_or_else(Answer::from);
        if let Err(error) = self.agent.command(|ua| ua.respond(now, id, answer)) {
            tracing::debug!(flow = flow.0, %error, "a request could not be answered");
        }
        if registered {
            self.claim_former_flows(now, flow);
        }
    }

    /// RFC 3261 §10.3.
    fn on_register(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: &Request,
    ) -> Result<Answer, Rejection> {
        refuse_requirements(request)?;
        let headers = &request.headers;
        let served = request.uri.as_sip().is_some_and(|uri| {
            // Step 1: the Request-URI names a domain.
            uri.user.is_none() && self.config.directory.tenant_at(&uri.host).is_some()
        });
        let aor = self.config.directory.address_of_record(&headers.to.uri);
        let (true, Some(aor)) = (served, aor) else {
            return Err(
                Rejection::new(Status::NOT_FOUND).warn(399, "that domain is not served here")
            );
        };
        let who = self.verify(now, flow, &aor.tenant, request, Door::Registrar)?;
        // Step 5: nobody registers for somebody else.
        if who != aor {
            return Err(Rejection::new(Status::FORBIDDEN).warn(399, "this is not your extension"));
        }
        if self.closing {
            return Err(self.shutting_down());
        }
        self.registrar
            .register(now, &aor, flow, headers)
            .map_err(|error| self.not_registered(error))?;
        let device = self
            .registrar
            .bindings(now, &aor)
            .find(|b| b.flow == flow)
            .map(|b| b.device.clone());
        if let Some(flow) = self.flows.get_mut(&flow) {
            match device {
                Some(device) => flow.devices.insert(aor.clone(), device),
                None => flow.devices.remove(&aor),
            };
        }
        let contacts: Vec<Address> = self.registrar.contacts(now, &aor);
        Ok(Answer {
            status: Status::OK,
            contacts,
            headers: Vec::new(),
            body: None,
        })
    }

    fn not_registered(&self, error: RegisterError) -> Rejection {
        let status = match error {
            RegisterError::StarMisused | RegisterError::Malformed => Status::BAD_REQUEST,
            RegisterError::TooBrief => {
                let least = Expires(self.registrar.limits().min_expires);
                return Rejection::new(Status::INTERVAL_TOO_BRIEF)
                    .with(HeaderName::MinExpires, least.to_string());
            }
            RegisterError::OutOfOrder => Status::SERVER_INTERNAL_ERROR,
            RegisterError::TooMany => Status::FORBIDDEN,
        };
        Rejection::new(status).warn(399, &error.to_string())
    }
}

/// RFC 3261 §8.2.2.3: extensions that must be understood, and none is.
pub(super) fn refuse_requirements(request: &Request) -> Result<(), Rejection> {
    let required: Vec<&str> = request
        .headers
        .raw(&HeaderName::Require)
        .map(|v| v.as_str())
        .collect();
    if required.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(Status::BAD_EXTENSION).with(HeaderName::Unsupported, required.join(", ")))
}

fn capabilities() -> Answer {
    let able = Rejection::new(Status::OK)
        .with(HeaderName::Allow, ALLOW)
        .with(HeaderName::Accept, "application/sdp")
        .with(HeaderName::AcceptEncoding, "identity")
        .with(HeaderName::AcceptLanguage, "en")
        .with(HeaderName::Supported, "");
    able.into()
}
