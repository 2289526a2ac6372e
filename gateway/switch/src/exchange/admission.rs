//! Who may call whom: an INVITE becomes a call or is refused.

use sidetone_sip::message::{ContentType, HeaderName, RawHeader};
use sidetone_sip::{
    Address, Body, FlowId, Invite, Moment, Origin, Request, SessionId, Status, Text, Uri,
};

use super::calls::{Conversation, Endpoint, LegPlace};
use super::gatekeeper::Door;
use super::{Alarm, CallKey, Exchange, Output, Rejection, SHUTDOWN_RETRY};
use crate::call::{Call, Leg, LegEvent};
use crate::dial_plan::Destination;
use crate::directory::AddressOfRecord;
use crate::registrar::Binding;
use crate::sdp;

/// An INVITE that may become a call.
struct Admitted {
    caller: AddressOfRecord,
    body: Body,
    to: Towards,
}

enum Towards {
    Phones {
        callee: AddressOfRecord,
        bindings: Vec<Binding>,
    },
    Service {
        number: Text,
        offer: String,
    },
}

impl Exchange {
    pub(super) fn on_invite(
        &mut self,
        now: Moment,
        session: SessionId,
        flow: FlowId,
        request: &Request,
    ) {
        match self.admit(now, flow, request) {
            Ok(admitted) => self.place(now, session, flow, admitted),
            Err(Rejection { status, headers }) => self.refuse(now, session, status, headers),
        }
    }

    pub(super) fn shutting_down(&self) -> Rejection {
        Rejection::new(Status::SERVICE_UNAVAILABLE)
            .with(HeaderName::RetryAfter, SHUTDOWN_RETRY.to_string())
            .warn(399, "the gateway restarts")
    }

    fn admit(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: &Request,
    ) -> Result<Admitted, Rejection> {
        if self.closing.is_some() {
            return Err(self.shutting_down());
        }
        let caller = self.identify(now, flow, request)?;
        let body = offer_of(request)?;
        let destination = self
            .dial_plan
            .route(&self.config.directory, &caller.tenant, &request.uri)
            .map_err(|error| Rejection::new(error.status()).warn(399, &error.to_string()))?;
        if self.calls_of(&caller) >= self.config.calls_per_extension {
            return Err(
                Rejection::new(Status::SERVICE_UNAVAILABLE).warn(399, "you have too many calls")
            );
        }
        let to = match destination {
            Destination::Service(number) => {
                let offer = String::from_utf8_lossy(&body.bytes).into_owned();
                Towards::Service { number, offer }
            }
            Destination::Extension(callee) => {
                let bindings = self.phones_of(now, flow, &caller, &callee)?;
                Towards::Phones { callee, bindings }
            }
        };
        Ok(Admitted { caller, body, to })
    }

    /// Who calls. A flow over which the caller's extension is registered has shown its digest
    /// already; everybody else is asked for it. From must say the same.
    fn identify(
        &mut self,
        now: Moment,
        flow: FlowId,
        request: &Request,
    ) -> Result<AddressOfRecord, Rejection> {
        let forbidden = |why| Rejection::new(Status::FORBIDDEN).warn(399, why);
        let claimed = self
            .config
            .directory
            .address_of_record(&request.headers.from.uri);
        let claimed = claimed.ok_or_else(|| forbidden("From is not an address of this switch"))?;
        if self
            .registrar
            .bindings(now, &claimed)
            .any(|b| b.flow == flow)
        {
            return Ok(claimed);
        }
        let answers = request
            .headers
            .raw(&HeaderName::ProxyAuthorization)
            .next()
            .is_some();
        let somebody_else = self.flows.get(flow).is_some_and(|f| !f.devices.is_empty());
        if somebody_else && !answers {
            return Err(forbidden("From is not your extension"));
        }
        let who = self.verify(now, flow, &claimed.tenant, request, Door::Proxy)?;
        if who == claimed {
            Ok(claimed)
        } else {
            Err(forbidden("From is not your extension"))
        }
    }

    fn calls_of(&self, who: &AddressOfRecord) -> usize {
        self.conversations
            .values()
            .filter(|c| c.parties.contains(who))
            .count()
    }

    /// The phones that ring. Who calls the own number wants the other phones.
    fn phones_of(
        &self,
        now: Moment,
        flow: FlowId,
        caller: &AddressOfRecord,
        callee: &AddressOfRecord,
    ) -> Result<Vec<Binding>, Rejection> {
        let own = caller == callee;
        let bindings = self.registrar.bindings(now, callee);
        let bindings = bindings
            .chain(self.lost.contacts(callee))
            .filter(|b| !(own && b.flow == flow));
        let bindings: Vec<Binding> = bindings.cloned().collect();
        if own && bindings.is_empty() {
            return Err(Rejection::new(Status::BUSY_HERE).warn(399, "you called your own number"));
        }
        if bindings.is_empty() {
            return Err(
                Rejection::new(Status::TEMPORARILY_UNAVAILABLE).warn(399, "no phone is signed in")
            );
        }
        if !own && self.calls_of(callee) >= self.config.calls_per_extension {
            return Err(Rejection::new(Status::BUSY_HERE).warn(399, "too many calls at once"));
        }
        Ok(bindings)
    }

    fn place(&mut self, now: Moment, session: SessionId, flow: FlowId, admitted: Admitted) {
        self.calls_total += 1;
        let key = CallKey(self.calls_total);
        let Admitted { caller, body, to } = admitted;
        let callees = match &to {
            Towards::Phones { bindings, .. } => bindings.len(),
            Towards::Service { .. } => 1,
        };
        tracing::info!(call = key.0, flow = flow.0, callees, "call");
        self.legs.insert(
            session,
            LegPlace {
                call: key,
                leg: Leg::Caller,
                flow,
            },
        );
        let mut conversation = Conversation {
            call: Call::new(callees),
            endpoints: [(Leg::Caller, Endpoint::Phone(session))].into(),
            parties: vec![caller.clone()],
        };
        match to {
            Towards::Service { number, offer } => {
                conversation
                    .endpoints
                    .insert(Leg::Callee(0), Endpoint::Service);
                self.outputs.push_back(Output::StartService {
                    call: key,
                    number,
                    offer,
                });
            }
            Towards::Phones { callee, bindings } => {
                let from = self.address_of(&caller);
                let to = self.address_of(&callee);
                for (n, binding) in bindings.into_iter().enumerate() {
                    let leg = Leg::Callee(n);
                    let flow = binding.flow;
                    let rung = from.as_ref().zip(to.as_ref()).and_then(|(from, to)| {
                        let invite = self.invitation(binding, from, to, body.clone());
                        self.agent.command(|ua| ua.invite(now, invite)).ok()
                    });
                    if let Some(session) = rung {
                        self.lost.note_call(flow);
                        conversation.endpoints.insert(leg, Endpoint::Phone(session));
                        self.legs.insert(
                            session,
                            LegPlace {
                                call: key,
                                leg,
                                flow,
                            },
                        );
                    } else {
                        self.own_events
                            .push_back((key, leg, LegEvent::Ended { reason: None }));
                    }
                }
                conversation.parties.push(callee);
            }
        }
        self.conversations.insert(key, conversation);
        self.alarms
            .insert((now + self.config.no_answer, Alarm::NoAnswer(key)));
    }

    fn invitation(&self, binding: Binding, from: &Address, to: &Address, offer: Body) -> Invite {
        // RFC 3325 §9.1: whom the switch has authenticated.
        let identity = RawHeader {
            name: HeaderName::PAssertedIdentity,
            value: from.to_string().into(),
        };
        Invite {
            origin: Origin::Explicit {
                flow: binding.flow,
                from: from.clone(),
                contact: self.contact_of(from),
            },
            target: binding.contact.uri,
            to: Address::new(to.uri.clone()),
            headers: vec![identity],
            body: Some(offer),
        }
    }

    /// How an extension is shown to others: by the switch's knowledge, not by its own claim.
    fn address_of(&self, who: &AddressOfRecord) -> Option<Address> {
        let extension = self.config.directory.extension(who)?;
        let tenant = self.config.directory.tenant(&who.tenant)?;
        let uri = Uri::parse(&format!("sip:{}@{}", extension.number, tenant.realm)).ok()?;
        let display_name = Some(extension.name.clone()).filter(|name| !name.is_empty());
        Some(Address {
            display_name,
            ..Address::new(uri)
        })
    }

    /// The switch's own Contact in calls from `from`.
    fn contact_of(&self, from: &Address) -> Address {
        let user = from.uri.user().unwrap_or_default();
        let uri = format!("sip:{user}@{};transport=ws", self.config.via_host);
        Uri::parse(&uri).map_or_else(|_| Address::new(from.uri.clone()), Address::new)
    }
}

/// The offer of an INVITE. The switch asks for it at once, since a browser has nothing to answer
/// before it knows what it is asked for.
fn offer_of(request: &Request) -> Result<Body, Rejection> {
    if request.body.is_empty() {
        return Err(Rejection::new(Status::NOT_ACCEPTABLE_HERE)
            .warn(399, "the INVITE must hold a session description"));
    }
    let content_type = request.headers.typed::<ContentType>().ok().flatten();
    if content_type.is_none_or(|t| t.media_type != "application/sdp") {
        return Err(Rejection::new(Status::UNSUPPORTED_MEDIA_TYPE)
            .with(HeaderName::Accept, "application/sdp"));
    }
    if !sdp::has_audio(&request.body) {
        return Err(
            Rejection::new(Status::NOT_ACCEPTABLE_HERE).warn(304, "the offer holds no audio")
        );
    }
    Ok(Body {
        content_type: "application/sdp".into(),
        bytes: request.body.clone(),
    })
}
