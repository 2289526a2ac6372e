//! Answers to requests that say what this agent can and cannot do (RFC 3261 §8.2).

use super::{Endpoint, body};
use crate::message::{AllowEvents, HeaderName, Headers, MinSe, SessionExpires, Supported};
use crate::transaction::ServerId;
use crate::{Method, Request, Response, Status};

/// Extensions this agent always knows (RFC 3262, RFC 6228, RFC 4028).
const SUPPORTED: &[&str] = &["100rel", "199", "timer"];

/// Methods within sessions, which the agent always knows.
const SESSION_METHODS: [Method; 8] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::Prack,
];

impl Endpoint {
    /// Answers a request.
    pub(crate) fn respond(&mut self, server: ServerId, mut response: Response) {
        if response.headers.raw(&HeaderName::Server).next().is_none() {
            response
                .headers
                .push_raw(HeaderName::Server, self.config.product.clone());
        }
        self.transactions.respond(self.now, server, &response);
    }

    /// Answers a request with a bare status; To gets a new tag if it has none.
    pub(crate) fn respond_status(&mut self, server: ServerId, request: &Request, status: Status) {
        let tag = self.tokens.token();
        self.respond(server, Response::to(request, status, Some(&tag)));
    }

    /// Answers 405 (RFC 3261 §8.2.1).
    pub(crate) fn respond_not_allowed(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::METHOD_NOT_ALLOWED, Some(&tag));
        self.list_methods(&mut response.headers);
        self.respond(server, response);
    }

    /// Answers OPTIONS (RFC 3261 §11.2).
    pub(crate) fn respond_options(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::OK, Some(&tag));
        self.list_abilities(&mut response.headers);
        response
            .headers
            .push_raw(HeaderName::Accept, "application/sdp");
        self.respond(server, response);
    }

    /// Answers 500 because another INVITE is being served (RFC 3261 §14.2).
    pub(crate) fn respond_retry_later(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::SERVER_INTERNAL_ERROR, Some(&tag));
        let seconds = self.tokens.bits() % 11;
        response
            .headers
            .push_raw(HeaderName::RetryAfter, seconds.to_string());
        self.respond(server, response);
    }

    /// Refuses what a Require asks for and is not known (RFC 3261 §8.2.2.3) and a body that is not
    /// understood (§8.2.3). True if it was refused.
    pub(crate) fn refuse_unsupported(
        &mut self,
        server: ServerId,
        request: &Request,
        describes_session: bool,
    ) -> bool {
        let unknown: Vec<&str> = request
            .headers
            .raw(&HeaderName::Require)
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|tag| !tag.is_empty() && !self.supported().any(|known| known == *tag))
            .collect();
        let (status, name, value) = if !unknown.is_empty() {
            (
                Status::BAD_EXTENSION,
                HeaderName::Unsupported,
                unknown.join(", "),
            )
        } else if describes_session && !body::is_readable(request) {
            (
                Status::UNSUPPORTED_MEDIA_TYPE,
                HeaderName::Accept,
                "application/sdp".to_owned(),
            )
        } else if self.is_too_brief(request) {
            let least = MinSe(self.config.min_session_interval);
            let status = Status::SESSION_INTERVAL_TOO_SMALL;
            (status, HeaderName::MinSe, least.to_string())
        } else {
            return false;
        };
        let tag = self.tokens.token();
        let mut response = Response::to(request, status, Some(&tag));
        response.headers.push_raw(name, value);
        self.respond(server, response);
        true
    }

    /// RFC 4028 §9: whether the session interval is too short, and the peer can be told so.
    fn is_too_brief(&self, request: &Request) -> bool {
        let is_refresh = matches!(request.method, Method::Invite | Method::Update);
        let supported = request.headers.typed::<Supported>().ok().flatten();
        let asked = request.headers.typed::<SessionExpires>().ok().flatten();
        is_refresh
            && supported.is_some_and(|tags| tags.has("timer"))
            && asked.is_some_and(|asked| asked.interval < self.config.min_session_interval)
    }

    /// Adds Allow, and Allow-Events if there are any (RFC 6665 §8.2.2).
    pub(crate) fn list_methods(&self, headers: &mut Headers) {
        let mut methods: Vec<&str> = SESSION_METHODS.iter().map(Method::as_str).collect();
        let notifies = !self.config.notifies.is_empty();
        let is_notified = !self.config.unsolicited.is_empty();
        let transfers = self.config.takes_transfers;
        let of_events = [
            (notifies, Method::Subscribe),
            (is_notified || transfers, Method::Notify),
            (transfers, Method::Refer),
        ];
        let of_events = of_events.iter().filter(|(has, _)| *has).map(|(_, m)| m);
        for method in of_events.chain(&self.config.accepts) {
            if !methods.contains(&method.as_str()) {
                methods.push(method.as_str());
            }
        }
        headers.push_raw(HeaderName::Allow, methods.join(", "));
        self.list_events(headers);
    }

    fn list_events(&self, headers: &mut Headers) {
        if !self.config.notifies.is_empty() {
            headers.push(&AllowEvents(self.config.notifies.clone()));
        }
    }

    /// Answers 489 (RFC 6665 §7.3.2).
    pub(crate) fn respond_bad_event(&mut self, server: ServerId, request: &Request) {
        let tag = self.tokens.token();
        let mut response = Response::to(request, Status::BAD_EVENT, Some(&tag));
        self.list_events(&mut response.headers);
        self.respond(server, response);
    }

    /// Extensions this agent knows: what a Require may ask for.
    fn supported(&self) -> impl Iterator<Item = &'static str> {
        let optional = [
            (self.config.takes_replacements, "replaces"),
            (self.config.takes_transfers, "norefersub"),
        ];
        let chosen = optional.into_iter().filter(|(is_on, _)| *is_on);
        SUPPORTED.iter().copied().chain(chosen.map(|(_, tag)| tag))
    }

    /// Adds Allow and Supported.
    pub(crate) fn list_abilities(&self, headers: &mut Headers) {
        self.list_methods(headers);
        let tags: Vec<&str> = self.supported().collect();
        headers.push_raw(HeaderName::Supported, tags.join(", "));
    }
}
