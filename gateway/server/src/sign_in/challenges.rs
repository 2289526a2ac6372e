//! What upstreams have asked a person's phones, and the one answer to each.
//!
//! ```text
//!             401, 407 in a realm               question         as often
//!             of the account's                  of its own       as it may
//!   (unseen) ──────────────────▶ Seen ──────────────▶ Answered ─────────▶ (forgotten)
//!                                  │  a minute             │ higher count    ▲
//!                                  └───────────────────────┴─────────────────┘
//! ```
//!
//! The realm of an account is configured, or learnt: responses to REGISTER come from the upstream
//! itself, while those to other requests may come from whom it reaches, and could name any realm. So
//! what is learnt is the realms of challenges to REGISTER, until one of them has succeeded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sidetone_api as api;
use sidetone_sip::auth::{Algorithm, Challenge, Protection, Qop, Question, challenges, strongest};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status, Text};

use crate::config::Account;

/// How long a challenge may be asked about; an agent waits for half of it.
const FRESH: Duration = Duration::from_secs(64);
/// Challenges to one account that are remembered; beyond, the oldest is not.
const MOST_SEEN: usize = 64;
/// Realms that one account may learn.
const MOST_REALMS: usize = 4;
/// Answers with one nonce: an agent that is challenged by several hops repeats those before.
const MOST_ANSWERS: u8 = 4;

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The account is not this person's, or there is none.
    #[error("You have no such account.")]
    NoAccount,
    /// Something of the question makes no sense.
    #[error("This question can't be read.")]
    Malformed,
    /// The upstream of the account did not ask this, or not lately, or in a realm of somebody else.
    #[error(
        "The server of this account has not asked for that over your connection. \
         Connect again, and register anew."
    )]
    NotAsked,
    /// It was answered before.
    #[error("This question was answered before.")]
    Repeated,
}

/// Keeps the secrets of one person.
pub(super) struct Keeper(BTreeMap<String, Kept>);

struct Kept {
    account: Account,
    book: Mutex<Book>,
}

/// What was asked of one account.
#[derive(Default)]
struct Book {
    learnt: Vec<Text>,
    /// One of them was right: no more are learnt.
    settled: bool,
    seen: VecDeque<Seen>,
}

/// A challenge that came over a flow of the person.
struct Seen {
    challenge: Challenge,
    /// Of the request that was challenged.
    method: Method,
    at: Instant,
    answers: u8,
    /// The highest count that was answered.
    count: u32,
}

impl Keeper {
    pub(super) fn new(accounts: impl Iterator<Item = Account>) -> Self {
        let kept = accounts.map(|account| {
            let book = Mutex::default();
            (account.address(), Kept { account, book })
        });
        Self(kept.collect())
    }

    /// What there is, without any secret.
    pub(super) fn accounts(&self) -> Vec<api::Account> {
        let kept = self.0.iter();
        kept.map(|(address, kept)| api::Account {
            address: address.clone(),
            label: kept.account.label.clone(),
        })
        .collect()
    }

    /// Notes what `upstream` asks in a response that goes to the person.
    pub(super) fn handle_response(
        &self,
        now: Instant,
        upstream: Option<&str>,
        response: &Response,
    ) {
        let Some(uri) = response.headers.from.uri.as_sip() else {
            return;
        };
        let user = uri.user_decoded();
        let host = uri.host.to_string();
        let kept = self.0.values().find(|kept| {
            let account = &kept.account;
            account.upstream.as_deref() == upstream
                && user.as_deref() == Some(&*account.user)
                && host.eq_ignore_ascii_case(&account.domain)
        });
        if let Some(kept) = kept {
            let mut book = kept.book.lock().unwrap_or_else(PoisonError::into_inner);
            book.on_response(now, kept.account.realm.as_deref(), response);
        }
    }

    /// The one response that a question asks for.
    pub(super) fn answer(
        &self,
        now: Instant,
        address: &str,
        asked: &api::Question,
    ) -> Result<Text, Unanswered> {
        let kept = self.0.get(address).ok_or(Unanswered::NoAccount)?;
        let mut book = kept.book.lock().unwrap_or_else(PoisonError::into_inner);
        let question = book.question(now, &kept.account.user, asked)?;
        Ok(question.response(&kept.account.secret))
    }
}

impl Book {
    fn on_response(&mut self, now: Instant, bound: Option<&str>, response: &Response) {
        let method = &response.headers.cseq.method;
        let is_register = *method == Method::Register;
        let header = match response.status {
            Status::UNAUTHORIZED => HeaderName::WwwAuthenticate,
            Status::PROXY_AUTHENTICATION_REQUIRED => HeaderName::ProxyAuthenticate,
            status => {
                self.settled |= is_register && status.is_success() && !self.learnt.is_empty();
                return;
            }
        };
        for challenge in by_realm(&challenges(&response.headers, &header)) {
            let realm = &challenge.realm;
            if bound.is_none() && is_register && !self.settled {
                self.learn(realm);
            }
            let is_own = match bound {
                Some(bound) => *realm == bound,
                None => self.learnt.contains(realm),
            };
            if !is_own {
                tracing::warn!(
                    "a challenge in a realm that is not the account's is left unanswered: if it is \
                     the PBX's, set `realm` of the account"
                );
                continue;
            }
            self.seen.retain(|seen| seen.is_fresh(now));
            if self.seen.len() == MOST_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(Seen {
                challenge: detached(&challenge),
                method: method.clone(),
                at: now,
                answers: 0,
                count: 0,
            });
        }
    }

    fn learn(&mut self, realm: &Text) {
        if !self.learnt.contains(realm) && self.learnt.len() < MOST_REALMS {
            self.learnt.push(realm.detached());
        }
    }

    /// The question as the secret is asked, which is then used up. Who asks says nothing about the
    /// challenge that isn't known from the upstream.
    fn question(
        &mut self,
        now: Instant,
        user: &str,
        asked: &api::Question,
    ) -> Result<Question, Unanswered> {
        let protection = protection(asked)?;
        let algorithm = algorithm(&asked.algorithm).ok_or(Unanswered::Malformed)?;
        let body_hash = body_hash(asked, algorithm)?;
        if asked.uri.len() > 2048 || asked.uri.chars().any(char::is_control) {
            return Err(Unanswered::Malformed);
        }
        self.seen.retain(|seen| seen.is_fresh(now));
        let mut meant = self.seen.iter_mut();
        let mut meant: Vec<&mut Seen> = meant
            .by_ref()
            .filter(|seen| seen.is_meant(asked, algorithm, protection.as_ref()))
            .collect();
        if meant.is_empty() {
            return Err(Unanswered::NotAsked);
        }
        let count = protection.as_ref().map_or(1, |protection| protection.count);
        let unused = meant.iter_mut().find(|seen| seen.may_answer(count));
        let seen = unused.ok_or(Unanswered::Repeated)?;
        // Without a count there is just one answer.
        seen.count = protection.as_ref().map_or(u32::MAX, |_| count);
        seen.answers += 1;
        Ok(Question {
            username: user.into(),
            challenge: seen.challenge.clone(),
            algorithm,
            method: seen.method.clone(),
            uri: asked.uri.as_str().into(),
            body_hash,
            protection,
        })
    }
}

impl Seen {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < FRESH
    }

    fn is_meant(
        &self,
        asked: &api::Question,
        algorithm: Algorithm,
        protection: Option<&Protection>,
    ) -> bool {
        let challenge = &self.challenge;
        let qop = match (challenge.qop, protection) {
            (None, None) => true,
            (Some(offered), Some(protection)) => match protection.qop {
                Qop::Auth => offered.auth,
                Qop::AuthInt => offered.auth_int,
            },
            _ => false,
        };
        challenge.realm == *asked.realm
            && challenge.nonce == *asked.nonce
            && challenge.algorithm == Some(algorithm)
            && self.method.as_str() == asked.method
            && qop
    }

    fn may_answer(&self, count: u32) -> bool {
        count > self.count && self.answers < MOST_ANSWERS
    }
}

/// Of each realm the challenge that an agent answers (RFC 8760 §2.4): no weaker one is.
fn by_realm(all: &[Challenge]) -> Vec<Challenge> {
    let mut chosen: Vec<Challenge> = Vec::new();
    for challenge in all {
        if chosen.iter().any(|other| other.realm == challenge.realm) {
            continue;
        }
        let same = all.iter().filter(|other| other.realm == challenge.realm);
        let same: Vec<Challenge> = same.cloned().collect();
        chosen.extend(strongest(&same).cloned());
    }
    chosen
}

/// Without the rest of the message it came in.
fn detached(challenge: &Challenge) -> Challenge {
    Challenge {
        realm: challenge.realm.detached(),
        nonce: challenge.nonce.detached(),
        opaque: None,
        ..challenge.clone()
    }
}

fn algorithm(name: &str) -> Option<Algorithm> {
    let known = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512256];
    known.into_iter().find(|known| known.as_str() == name)
}

fn protection(asked: &api::Question) -> Result<Option<Protection>, Unanswered> {
    match (asked.qop.as_deref(), &asked.cnonce, asked.count) {
        (None, None, None) => Ok(None),
        (Some(qop), Some(cnonce), Some(count)) => {
            let known = [Qop::Auth, Qop::AuthInt];
            let qop = known.into_iter().find(|known| known.as_str() == qop);
            let is_ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            let is_nonce = (1..=128).contains(&cnonce.len()) && cnonce.bytes().all(is_ok);
            match qop {
                Some(qop) if is_nonce && count > 0 => Ok(Some(Protection {
                    qop,
                    cnonce: cnonce.as_str().into(),
                    count,
                })),
                _ => Err(Unanswered::Malformed),
            }
        }
        _ => Err(Unanswered::Malformed),
    }
}

fn body_hash(asked: &api::Question, algorithm: Algorithm) -> Result<Option<Text>, Unanswered> {
    let length = match algorithm {
        Algorithm::Md5 => 32,
        Algorithm::Sha256 | Algorithm::Sha512256 => 64,
    };
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match (&asked.body_hash, asked.qop.as_deref() == Some("auth-int")) {
        (None, false) => Ok(None),
        (Some(hash), true) if hash.len() == length && hash.bytes().all(is_digit) => {
            Ok(Some(hash.as_str().into()))
        }
        _ => Err(Unanswered::Malformed),
    }
}
