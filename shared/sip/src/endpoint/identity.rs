//! Accounts as those who speak, and how they answer challenges.

use super::binding::Binding;
use super::config::CredentialSource;
use super::readers::Readers;
use crate::auth::{self, Challenge, Credentials, Question};
use crate::message::{HeaderName, PPreferredIdentity, Privacy, RawHeader, addresses};
use crate::push;
use crate::transaction::FlowId;
use crate::{Address, Headers, Method, Request, Response, Status, Text, TokenSource, Uri};

/// How often one request may be sent again for challenges: a proxy and a registrar each once
/// with a fresh and once with a stale nonce.
const MOST_ANSWERS: u8 = 4;

/// A longer Service-Route is not one.
const MOST_ROUTES: usize = 16;

/// An account as sessions and requests see it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) flow: FlowId,
    pub(crate) address_of_record: Address,
    /// What peers are told: the registered one, or the GRUU in its place (RFC 5627 §4.4).
    pub(crate) contact: Address,
    registered: Uri,
    pub(crate) is_registered: bool,
    /// What the registrar granted last.
    pub(crate) binding: Option<Binding>,
    /// The way that requests outside of dialogs take (RFC 3608 §5).
    pub(crate) service_route: Vec<Address>,
    user: Text,
    credentials: CredentialSource,
    spaces: Vec<Space>,
    /// Whom the registrar is known to be: the realms in which it took our credentials. A 401 in
    /// any other realm is from a stranger who wants to hear something made with our secret.
    home: Vec<Text>,
}

/// A protection space we hold a nonce for (RFC 3261 §22.1).
#[derive(Debug)]
struct Space {
    kind: Kind,
    challenge: Challenge,
    /// How many requests used the nonce.
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Proxy,
}

impl Kind {
    const fn credentials_name(self) -> HeaderName {
        match self {
            Self::User => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    const fn info_name(self) -> HeaderName {
        match self {
            Self::User => HeaderName::AuthenticationInfo,
            // RFC 7615 §4.
            Self::Proxy => HeaderName::ProxyAuthenticationInfo,
        }
    }

    const fn challenge_name(self) -> HeaderName {
        match self {
            Self::User => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }
}

/// What a challenge leads to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Send this.
    Retry(Box<Request>),
    /// The secret is wrong.
    WrongCredentials,
    /// There is nothing to answer with, or no way to answer.
    NotOurs,
}

impl Identity {
    pub(crate) fn new(
        flow: FlowId,
        address_of_record: Address,
        contact: Address,
        auth_user: Option<Text>,
        credentials: CredentialSource,
    ) -> Self {
        let of_record = || {
            address_of_record
                .uri
                .user()
                .unwrap_or_default()
                .as_ref()
                .into()
        };
        let user = auth_user.unwrap_or_else(of_record);
        Self {
            flow,
            address_of_record,
            registered: contact.uri.clone(),
            contact: Address {
                uri: Binding::default().contact(&contact.uri),
                ..contact
            },
            is_registered: false,
            binding: None,
            service_route: Vec::new(),
            user,
            credentials,
            spaces: Vec::new(),
            home: Vec::new(),
        }
    }

    /// Takes what the registrar gave for the time of the registration. A response that says
    /// nothing takes it back.
    fn on_registered(&mut self, response: &Response, readers: Readers) {
        let binding = Binding::of(response, &self.registered, readers);
        self.contact.uri = binding.contact(&self.registered);
        self.binding = Some(binding);
        self.service_route = service_route(&response.headers);
    }

    /// Another contact is registered from now on.
    pub(crate) fn register_as(&mut self, contact: &Uri) {
        self.registered = contact.clone();
        let binding = self.binding.clone().unwrap_or_default();
        self.contact.uri = binding.contact(contact);
    }

    /// What peers are told who shall not know the account: never the public GRUU.
    pub(crate) fn anonymous_contact(&self) -> Uri {
        let binding = Binding {
            public_gruu: None,
            ..self.binding.clone().unwrap_or_default()
        };
        let gruu = binding.temporary_gruu.clone();
        gruu.unwrap_or_else(|| binding.contact(&self.registered))
    }

    /// Headers that tell the network alone who it is (RFC 3325 §5).
    pub(crate) fn privacy(&self) -> Vec<RawHeader> {
        let preferred = PPreferredIdentity(vec![self.address_of_record.clone()]);
        let header = |name, value: String| RawHeader {
            name,
            value: value.into(),
        };
        vec![
            header(HeaderName::Privacy, Privacy::id().to_string()),
            header(HeaderName::PPreferredIdentity, preferred.to_string()),
        ]
    }

    /// Whether a request for `target` is for this account's registered contact or a GRUU of it.
    pub(crate) fn is_at(&self, target: &Uri) -> bool {
        let mut bare = self.registered.clone();
        push::hide(&mut bare);
        let own = [&self.registered, &self.contact.uri, &bare];
        own.contains(&target) || self.anonymous_contact() == *target
    }

    /// Learns from a 2xx to `request` who the registrar is, and takes the nonces it has for the next
    /// request (RFC 7616 §3.5). They name no realm, so they count only if there is just one.
    pub(crate) fn on_success(&mut self, request: &Request, response: &Response, readers: Readers) {
        if request.method == Method::Register {
            let realms = tried(Kind::User, request).map(|tried| tried.realm.detached());
            self.home = realms.collect();
            self.on_registered(response, readers);
        }
        for kind in [Kind::User, Kind::Proxy] {
            let next = auth::next_nonce(&response.headers, &kind.info_name());
            let used: Vec<_> = tried(kind, request).collect();
            if let (Some(next), [used]) = (next, &used[..]) {
                let mut spaces = self.spaces.iter_mut();
                let space = spaces.find(|s| s.kind == kind && s.challenge.nonce == used.nonce);
                if let Some(space) = space {
                    space.challenge.nonce = next.detached();
                    space.count = 0;
                }
            }
        }
    }

    /// How many bytes more a request has that shows credentials for all nonces held.
    pub(crate) fn room_for_credentials(&self) -> usize {
        /// Names, quotes, a client nonce, a count and the longest response.
        const FIXED: usize = 240;
        let texts = |space: &Space| {
            let challenge = &space.challenge;
            let opaque = challenge.opaque.as_ref().map_or(0, |opaque| opaque.len());
            challenge.realm.len() + challenge.nonce.len() + opaque + self.user.len()
        };
        self.spaces.iter().map(|space| FIXED + texts(space)).sum()
    }

    /// Whether the application keeps the secret.
    pub(crate) fn asks_application(&self) -> bool {
        self.credentials == CredentialSource::Application
    }

    /// Adds credentials for all nonces held (RFC 3261 §22.3), in place of those there are. A
    /// secret that is kept elsewhere has to be asked for first.
    pub(crate) fn authorize(&mut self, request: &mut Request, tokens: &mut dyn TokenSource) {
        if let CredentialSource::Secret(secret) = self.credentials.clone() {
            let asked = self.ask(request, tokens, &|_| true).into_iter();
            let answered = asked.map(|asked| {
                let response = asked.question.response(&secret);
                (asked, response)
            });
            bear(request, answered.collect());
        }
    }

    /// What has to be computed with the secret before `request` can be sent again after the
    /// challenges in `response`: credentials for these, and for those it has answered before.
    pub(crate) fn ask_again(
        &mut self,
        request: &Request,
        response: &Response,
        tokens: &mut dyn TokenSource,
    ) -> Vec<Asked> {
        let kinds = [Kind::User, Kind::Proxy];
        let now = kinds.map(|kind| auth::challenges(&response.headers, &kind.challenge_name()));
        let before = kinds.map(|kind| tried(kind, request).collect::<Vec<_>>());
        self.ask(request, tokens, &|space| {
            let realm = &space.challenge.realm;
            now[space.kind as usize].iter().any(|c| c.realm == *realm)
                || before[space.kind as usize]
                    .iter()
                    .any(|c| c.realm == *realm)
        })
    }

    /// What has to be computed with the secret to show credentials for these of the nonces held.
    fn ask(
        &mut self,
        request: &Request,
        tokens: &mut dyn TokenSource,
        is_meant: &dyn Fn(&Space) -> bool,
    ) -> Vec<Asked> {
        let digest_uri = request.uri.to_string();
        let mut asked = Vec::with_capacity(self.spaces.len());
        for space in self.spaces.iter_mut().filter(|space| is_meant(space)) {
            space.count += 1;
            let cnonce = tokens.token();
            let question = Question::new(
                &space.challenge,
                &self.user,
                &request.method,
                &digest_uri,
                &request.body,
                &cnonce,
                space.count,
            );
            let kind = space.kind;
            asked.extend(question.map(|question| Asked { kind, question }));
        }
        asked
    }

    /// `request` again, with credentials for the challenges in `response`.
    pub(crate) fn answer(
        &mut self,
        mut request: Request,
        answered: u8,
        response: &Response,
        tokens: &mut dyn TokenSource,
    ) -> Verdict {
        match self.take_challenges(&request, answered, response) {
            Ok(()) if !self.asks_application() => {
                self.authorize(&mut request, tokens);
                Verdict::Retry(Box::new(request))
            }
            Ok(()) => Verdict::NotOurs,
            Err(verdict) => verdict,
        }
    }

    /// Takes the challenges in `response` for those to be answered. A secret is tried once with a
    /// given nonce, and again only if the nonce was stale and is another now. A stranger's
    /// challenge gets no answer.
    pub(crate) fn take_challenges(
        &mut self,
        request: &Request,
        answered: u8,
        response: &Response,
    ) -> Result<(), Verdict> {
        let kind = if response.status == Status::UNAUTHORIZED {
            Kind::User
        } else {
            Kind::Proxy
        };
        let mut challenges = usable_challenges(kind, response);
        if kind == Kind::User && !self.home.is_empty() && request.method != Method::Register {
            challenges.retain(|challenge| self.home.contains(&challenge.realm));
        }
        if challenges.is_empty() {
            return Err(Verdict::NotOurs);
        }
        let tried: Vec<_> = tried(kind, request).collect();
        let refused = |challenge: &Challenge| {
            tried.iter().any(|tried| {
                // One that was used before may be too old, whether the challenge says so or not.
                let is_fresh = tried.protection.as_ref().is_none_or(|p| p.count == 1);
                let is_wrong = tried.realm == challenge.realm && is_fresh && !challenge.stale;
                tried.nonce == challenge.nonce || answered > 0 && is_wrong
            })
        };
        if answered >= MOST_ANSWERS || challenges.iter().any(refused) {
            // What was refused is not offered again.
            self.spaces.retain(|s| s.kind != kind);
            return Err(Verdict::WrongCredentials);
        }
        for challenge in challenges {
            self.spaces
                .retain(|s| s.kind != kind || s.challenge.realm != challenge.realm);
            self.spaces.push(Space {
                kind,
                challenge,
                count: 0,
            });
        }
        Ok(())
    }
}

/// Something to be computed with the secret.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    kind: Kind,
    pub(crate) question: Question,
}

/// Gives `request` these credentials in place of those it has.
pub(crate) fn bear(request: &mut Request, answers: Vec<(Asked, Text)>) {
    request.headers.remove(&HeaderName::Authorization);
    request.headers.remove(&HeaderName::ProxyAuthorization);
    for (Asked { kind, question }, response) in answers {
        let credentials = question.credentials(response).to_string();
        request
            .headers
            .push_raw(kind.credentials_name(), credentials);
    }
}

/// Per realm the challenge to answer (RFC 8760 §2.4).
fn usable_challenges(kind: Kind, response: &Response) -> Vec<Challenge> {
    let all = auth::challenges(&response.headers, &kind.challenge_name());
    let mut usable: Vec<Challenge> = Vec::new();
    for challenge in &all {
        if !usable.iter().any(|c| c.realm == challenge.realm) {
            let same: Vec<_> = all
                .iter()
                .filter(|c| c.realm == challenge.realm)
                .cloned()
                .collect();
            usable.extend(auth::strongest(&same).cloned());
        }
    }
    usable
}

/// The credentials that `request` bears.
fn tried(kind: Kind, request: &Request) -> impl Iterator<Item = Credentials> {
    auth::credentials(&request.headers, &kind.credentials_name()).into_iter()
}

/// Service-Route (RFC 3608 §4); one of which an entry can't be read is no way at all.
fn service_route(headers: &Headers) -> Vec<Address> {
    let mut route = Vec::new();
    for line in headers.raw(&HeaderName::ServiceRoute) {
        if addresses(line.into(), &mut route, MOST_ROUTES).is_err() {
            return Vec::new();
        }
    }
    route
}
