//! Proxies between A and B that keep no transactions (RFC 3261 §16.11).

use std::collections::BTreeSet;
use std::time::Duration;

use sidetone_sip::auth::{self, Authenticator, Known, ProxyAuthenticate, Secret, Verdict};
use sidetone_sip::message::{HeaderName, Host, Params, Transport, TypedHeader, Via};
use sidetone_sip::{
    Address, Message, Method, Moment, Request, Response, SeededTokens, Status, Uri,
};

use crate::harness::{A, B, Side};
use crate::registrar::PASSWORD;

/// Where a message goes on.
enum Way {
    /// To the next one.
    On(Message),
    /// Back where it came from: an answer.
    Back(Response),
    /// Nowhere.
    Swallowed,
}

/// One of them.
pub(crate) struct Proxy {
    name: &'static str,
    /// Asks A for credentials before it forwards a call.
    guard: Option<Authenticator>,
    tokens: SeededTokens,
    /// The branches of the INVITEs that were let through, and of those that were not.
    let_through: BTreeSet<String>,
    challenged: BTreeSet<String>,
    /// So many INVITEs are answered with 503 first.
    failures: usize,
    failed: BTreeSet<String>,
}

impl Proxy {
    pub(crate) fn open(name: &'static str) -> Self {
        Self {
            name,
            guard: None,
            tokens: SeededTokens::new(5),
            let_through: BTreeSet::new(),
            challenged: BTreeSet::new(),
            failures: 0,
            failed: BTreeSet::new(),
        }
    }

    /// One that asks for credentials of the realm it is named after.
    pub(crate) fn guarded(name: &'static str) -> Self {
        let mut proxy = Self::open(name);
        let lifetime = Duration::from_secs(3600);
        proxy.guard = Some(Authenticator::new(name, lifetime, &mut proxy.tokens));
        proxy
    }

    /// One that is overloaded so many times.
    pub(crate) fn failing(name: &'static str, failures: usize) -> Self {
        Self {
            failures,
            ..Self::open(name)
        }
    }

    fn take(&mut self, now: Moment, from: Side, message: Message) -> Way {
        match message {
            Message::Request(request) => self.take_request(now, from, request),
            Message::Response(mut response) => {
                let own = response.headers.via.remove(0);
                assert_eq!(own.host.to_string(), self.name);
                Way::On(Message::Response(response))
            }
        }
    }

    fn take_request(&mut self, now: Moment, from: Side, mut request: Request) -> Way {
        let branch = request.headers.via[0].branch().unwrap().to_owned();
        let starts_dialog = request.method == Method::Invite && request.headers.to.tag().is_none();
        if request.method == Method::Ack && !self.let_through.contains(&branch) {
            let was_refused = self.challenged.contains(&branch) || self.failed.contains(&branch);
            if was_refused {
                return Way::Swallowed;
            }
        }
        if starts_dialog && from == A {
            if let Some(refusal) = self.refuse(now, &branch, &request) {
                return Way::Back(refusal);
            }
            self.let_through.insert(branch.clone());
        }
        let headers = &mut request.headers;
        headers.max_forwards = headers
            .max_forwards
            .map(|hops| hops.checked_sub(1).unwrap());
        let is_own = |hop: &Address| hop.uri == self.uri();
        if headers.route.first().is_some_and(is_own) {
            headers.route.remove(0);
        }
        if starts_dialog {
            headers.record_route.insert(0, Address::new(self.uri()));
        }
        let mut via = Via {
            transport: Transport::Udp,
            host: Host::parse(self.name).unwrap(),
            port: None,
            params: Params::default(),
        };
        // The same for each copy of a request, for its CANCEL and its ACK.
        via.params
            .set("branch", Some(&format!("{branch}.{}", self.name)));
        headers.via.insert(0, via);
        Way::On(Message::Request(request))
    }

    fn uri(&self) -> Uri {
        Uri::parse(&format!("sip:{};lr", self.name)).unwrap()
    }

    fn refuse(&mut self, now: Moment, branch: &str, invite: &Request) -> Option<Response> {
        if self.let_through.contains(branch) {
            return None;
        }
        let is_new = !self.failed.contains(branch);
        if self.failed.len() < self.failures || !is_new {
            self.failed.insert(branch.to_owned());
            let status = Status::SERVICE_UNAVAILABLE;
            return Some(Response::to(invite, status, Some(self.name)));
        }
        let guard = self.guard.as_mut()?;
        let presented = auth::credentials(&invite.headers, &HeaderName::ProxyAuthorization);
        let known = |_: &str| Some(Known::Password(Secret::new(PASSWORD)));
        let own = presented.iter().find(|one| one.realm == self.name);
        let verdict = own.map(|own| guard.verify(now, own, &invite.method, &invite.body, known));
        if matches!(verdict, Some(Verdict::Granted { .. })) {
            return None;
        }
        self.challenged.insert(branch.to_owned());
        let status = Status::PROXY_AUTHENTICATION_REQUIRED;
        let mut response = Response::to(invite, status, Some(self.name));
        for challenge in guard.challenges(now, &mut self.tokens, false) {
            let challenge = ProxyAuthenticate(challenge).to_string();
            response
                .headers
                .push_raw(ProxyAuthenticate::NAME, challenge);
        }
        Some(response)
    }
}

/// Those on the way from A to B.
#[derive(Default)]
pub(crate) struct Chain(pub(crate) Vec<Proxy>);

impl Chain {
    /// Who gets what is made of a message that `from` sent.
    pub(crate) fn relay(
        &mut self,
        now: Moment,
        from: Side,
        mut message: Message,
    ) -> Option<(Side, Message)> {
        let mut from = from;
        let mut passed = if from == A { 0 } else { self.0.len() };
        loop {
            let next = match from {
                A => self.0.get_mut(passed),
                B => passed.checked_sub(1).and_then(|at| self.0.get_mut(at)),
            };
            let Some(proxy) = next else {
                return Some((if from == A { B } else { A }, message));
            };
            match proxy.take(now, from, message) {
                Way::On(onward) => {
                    message = onward;
                    passed = if from == A { passed + 1 } else { passed - 1 };
                }
                Way::Back(answer) => {
                    message = Message::Response(answer);
                    from = if from == A { B } else { A };
                }
                Way::Swallowed => return None,
            }
        }
    }
}
