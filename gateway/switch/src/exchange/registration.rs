//! REGISTER (RFC 3261 §10.3).

use sidetone_sip::message::{Expires, HeaderName};
use sidetone_sip::{Address, Answer, FlowId, Moment, Request, RequestId, Status};

use super::gatekeeper::Door;
use super::{Exchange, Rejection};
use crate::registrar::RegisterError;

impl Exchange {
    /// Answers a REGISTER, and then lets calls follow a phone that has come back.
    pub(super) fn on_register(
        &mut self,
        now: Moment,
        id: RequestId,
        flow: FlowId,
        request: &Request,
    ) {
        let answer = self.register(now, flow, request);
        let registered = answer.is_ok();
        let answer = answer.unwrap_or_else(Answer::from);
        if let Err(error) = self.agent.command(|ua| ua.respond(now, id, answer)) {
            tracing::debug!(flow = flow.0, %error, "a REGISTER could not be answered");
        }
        if registered {
            self.claim_former_flows(now, flow);
        }
    }

    fn register(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: &Request,
    ) -> Result<Answer, Rejection> {
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
        if self.closing.is_some() {
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
        self.flows.note_device(flow, &aor, device);
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
