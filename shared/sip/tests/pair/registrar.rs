//! A registrar played by agent B.

use std::time::Duration;

use sidetone_sip::auth::{self, Authenticator, Known, Secret, Verdict};
use sidetone_sip::message::{Expires, HeaderName, RawHeader, Transport, TypedHeader};
use sidetone_sip::{
    Address, Answer, Config, Event, Method, Request, RequestId, SeededTokens, Status,
};

use crate::harness::{B, Link, Pair, config};

pub(crate) const PASSWORD: &str = "demo-101";

pub(crate) struct Registrar {
    authenticator: Authenticator,
    tokens: SeededTokens,
    /// The expiries asked for by each request that was granted and changes something.
    pub(crate) granted: Vec<u32>,
    /// Where the phone is registered.
    bindings: Vec<Address>,
}

impl Registrar {
    /// A registrar whose nonces live this long, and the pair with it.
    pub(crate) fn with_nonces_for(lifetime: Duration) -> (Self, Pair) {
        let mut tokens = SeededTokens::new(3);
        let authenticator = Authenticator::new("demo.test", lifetime, &mut tokens);
        let accepts = vec![Method::Register, Method::Message];
        let b = Config {
            accepts,
            ..config("b")
        };
        let pair = Pair::with(Link::new(Transport::Ws), config("a"), b);
        (
            Self {
                authenticator,
                tokens,
                granted: Vec::new(),
                bindings: Vec::new(),
            },
            pair,
        )
    }

    pub(crate) fn new() -> (Self, Pair) {
        Self::with_nonces_for(Duration::from_secs(3600))
    }

    /// Forgets all nonces.
    pub(crate) fn restart(&mut self) {
        self.authenticator =
            Authenticator::new("demo.test", Duration::from_secs(3600), &mut self.tokens);
    }

    /// Answers all that comes until nothing does.
    pub(crate) fn serve(&mut self, pair: &mut Pair) {
        pair.settle();
        while let Some(event) = pair.next_event(B) {
            let Event::RequestReceived { id, request, .. } = event else {
                panic!("{event:?}")
            };
            self.answer(pair, id, &request);
            pair.settle();
        }
    }

    fn grant(&mut self, request: &Request) -> Answer {
        let headers = &request.headers;
        if request.method == Method::Register && headers.contact.list().is_empty() {
            return Answer {
                contacts: self.bindings.clone(),
                ..Answer::of(Status::OK)
            };
        }
        let expires = headers.typed::<Expires>().unwrap().map_or(0, |e| e.0);
        self.granted.push(expires);
        let contacts = headers.contact.list().to_vec();
        let lasting = contacts.iter().filter(|_| expires > 0).cloned();
        self.bindings = lasting.collect();
        for binding in &mut self.bindings {
            binding.params.set("expires", Some(&expires.to_string()));
        }
        Answer {
            contacts,
            headers: vec![RawHeader {
                name: Expires::NAME,
                value: expires.to_string().into(),
            }],
            ..Answer::of(Status::OK)
        }
    }

    fn answer(&mut self, pair: &mut Pair, id: RequestId, request: &Request) {
        let presented = auth::credentials(&request.headers, &HeaderName::Authorization);
        let verdict = presented.first().map(|credentials| {
            let known =
                |user: &str| (user == "101").then(|| Known::Password(Secret::new(PASSWORD)));
            self.authenticator
                .verify(pair.now, credentials, &request.method, &request.body, known)
        });
        let answer = match verdict {
            Some(Verdict::Granted { .. }) => self.grant(request),
            refused => {
                let stale = refused == Some(Verdict::Stale);
                let challenges = self
                    .authenticator
                    .challenges(pair.now, &mut self.tokens, stale);
                let headers = challenges.map(|challenge| RawHeader {
                    name: HeaderName::WwwAuthenticate,
                    value: auth::WwwAuthenticate(challenge).to_string().into(),
                });
                let headers = headers.to_vec();
                Answer {
                    status: Status::UNAUTHORIZED,
                    contacts: Vec::new(),
                    headers,
                    body: None,
                }
            }
        };
        pair.command(B, |b, now| b.respond(now, id, answer));
    }
}
