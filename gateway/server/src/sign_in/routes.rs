//! `/api/v1/session` and `/api/v1/accounts`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use sidetone_api::{Problem, Question, QuestionAnswer, Session, SignIn, Ticket};
use sidetone_edge::Peer;
use sidetone_sip::auth::Secret;
use sidetone_store::StoreError;
use tokio::time::timeout;

use super::challenges::Keeper;
use super::cookie::{self, SESSION, VISIT};
use super::sessions::{self, Open, REMEMBERED};
use super::{SignIns, Unanswered, token};
use crate::config::Person;
use crate::password;

/// No body of ours is longer.
const LONGEST: usize = 16 * 1024;
/// A longer name or password is nobody's.
const LONGEST_NAME: usize = 64;
const LONGEST_PASSWORD: usize = 1024;
/// How long a sign-in waits while others are checked.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be asked about people and their accounts.
pub(crate) fn router(people: SignIns) -> Router {
    let session = get(handle_who).post(handle_sign_in).delete(handle_sign_out);
    Router::new()
        .route("/api/v1/session", session)
        .route("/api/v1/session/ticket", post(handle_ticket))
        .route("/api/v1/accounts/{address}/response", post(handle_question))
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod })
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(middleware::from_fn_with_state(people.clone(), guard))
        .with_state(people)
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("This address is asked in another way. Reload the page.")]
    NoSuchMethod,
    #[error(
        "Pages from that origin may not do this. If they should, add it to `origins` in the \
         gateway's configuration."
    )]
    Origin,
    #[error("The request can't be read: {0}")]
    Body(#[from] JsonRejection),
    #[error("Sign in first.")]
    NobodyIn,
    #[error("Name or password is wrong.")]
    WrongPassword,
    #[error("Too many tries. Wait {} s.", .0.as_secs())]
    TooMany(Duration),
    #[error("Many people sign in just now. Try again.")]
    Busy,
    #[error("{0}")]
    Unanswered(#[from] Unanswered),
    #[error("The gateway's database fails. Try again later.")]
    Store(#[from] StoreError),
    #[error("The gateway has no random bits. Try again later.")]
    NoRandomness,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Body(rejection) => rejection.status(),
            Self::NobodyIn | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Store(_) | Self::NoRandomness => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unanswered(why) => match why {
                Unanswered::NoAccount => StatusCode::NOT_FOUND,
                Unanswered::Malformed => StatusCode::BAD_REQUEST,
                Unanswered::NotAsked => StatusCode::FORBIDDEN,
                Unanswered::Repeated => StatusCode::CONFLICT,
            },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) => tracing::error!(%error, "a request about people failed"),
            Self::Body(_) | Self::NoSuchMethod => {}
            other => tracing::info!(why = %other, "a request about people is refused"),
        }
        let error = self.to_string();
        let mut response = (self.status(), Json(Problem { error })).into_response();
        let wait = match self {
            Self::TooMany(wait) => Some(wait.as_secs()),
            Self::Busy => Some(1),
            _ => None,
        };
        if let Some(wait) = wait {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, wait.into());
        }
        response
    }
}

/// Lets only our own pages change anything, and nobody keep an answer.
async fn guard(State(people): State<SignIns>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe();
    let mut response =
        if changes && !sidetone_edge::may_connect(request.headers(), &people.0.origins) {
            Refusal::Origin.into_response()
        } else {
            next.run(request).await
        };
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

impl SignIns {
    async fn find(
        &self,
        peer: Peer,
        headers: &HeaderMap,
    ) -> Result<Option<(Open, Arc<Keeper>)>, Refusal> {
        let Some(token) = SESSION.shown(peer, headers) else {
            return Ok(None);
        };
        let found = self.0.sessions.find(sessions::now(), token, &self.0.people);
        let Some(open) = found.await? else {
            return Ok(None);
        };
        let keeper = self.0.keepers.get(&open.person).cloned();
        Ok(keeper.map(|keeper| (open, keeper)))
    }

    async fn require(
        &self,
        peer: Peer,
        headers: &HeaderMap,
    ) -> Result<(Open, Arc<Keeper>), Refusal> {
        self.find(peer, headers).await?.ok_or(Refusal::NobodyIn)
    }

    /// Lets pass who has signed in here, or at a PBX over a WebSocket that is there.
    pub(crate) async fn require_anybody(
        &self,
        peer: Peer,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let visit = VISIT.shown(peer, headers);
        if visit.is_some_and(|token| self.0.visitors.is_known(token)) {
            return Ok(());
        }
        self.require(peer, headers).await.map(drop)
    }

    /// Who has this name and this password. It takes as long if there is no such name.
    async fn check(&self, name: &str, password: Secret) -> Result<Option<Person>, Refusal> {
        let people = &self.0.people;
        let known = people.iter().position(|person| person.name == name);
        let Some(person) = known.or_else(|| password::stand_in(name, people.len())) else {
            return Ok(None);
        };
        let person = people[person].clone();
        let permit = timeout(PATIENCE, self.0.checks.acquire()).await;
        let _permit = permit.map_err(|_| Refusal::Busy)?;
        let check = move || person.password.verify(&password).then_some(person);
        // It ends early only if it panics; then nobody is in.
        let right = tokio::task::spawn_blocking(check).await.unwrap_or(None);
        Ok(right.filter(|_| known.is_some()))
    }

    async fn sign_in(
        &self,
        address: IpAddr,
        SignIn {
            name,
            password,
            remember,
        }: SignIn,
    ) -> Result<(String, Session), Refusal> {
        let password = Secret::new(password);
        let name = name.trim();
        if name.len() > LONGEST_NAME * 4 || password.reveal().len() > LONGEST_PASSWORD {
            return Err(Refusal::WrongPassword);
        }
        let taken = self.attempts().take(Instant::now(), name, address);
        // Rounded up: whoever waits that long is let in.
        taken.map_err(|wait| Refusal::TooMany(Duration::from_secs(wait.as_secs() + 1)))?;
        let person = self.check(name, password).await?;
        let person = person.ok_or(Refusal::WrongPassword)?;
        self.attempts().forgive(Instant::now(), name, address);
        let token = token().ok_or(Refusal::NoRandomness)?;
        let opened = self
            .0
            .sessions
            .open(sessions::now(), &token, &person, remember);
        opened.await?;
        tracing::info!("somebody signed in");
        let keeper = self.0.keepers.get(&person.name);
        let accounts = keeper.map(|keeper| keeper.accounts()).unwrap_or_default();
        let session = Session {
            person: person.name,
            accounts,
        };
        Ok((token, session))
    }

    async fn end(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(token) = SESSION.shown(peer, headers) {
            let session = self.0.sessions.close(token).await?;
            self.tickets().revoke(&session);
        }
        Ok(())
    }
}

async fn handle_who(
    State(people): State<SignIns>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let found = people.find(peer, &headers).await?;
    let kept = found.as_ref().is_some_and(|(open, _)| open.remembered);
    let session = found.map(|(open, keeper)| Session {
        person: open.person,
        accounts: keeper.accounts(),
    });
    let mut response = Json(session).into_response();
    if kept && let Some(token) = SESSION.shown(peer, &headers) {
        let secure = peer.secure || SESSION.token(&headers, true).is_some();
        set(&mut response, SESSION.set(token, secure, Some(REMEMBERED)));
    }
    Ok(response)
}

async fn handle_sign_in(
    State(people): State<SignIns>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(body) = body?;
    let remember = body.remember;
    let (token, session) = people.sign_in(peer.household(), body).await?;
    // Whoever was in here before is not any more.
    people.end(peer, &headers).await?;
    let mut response = Json(session).into_response();
    let max_age = remember.then_some(REMEMBERED);
    let secure = cookie::is_secure(peer, &headers);
    set(&mut response, SESSION.set(&token, secure, max_age));
    Ok(response)
}

async fn handle_sign_out(
    State(people): State<SignIns>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    people.end(peer, &headers).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    for secure in [false, true] {
        set(&mut response, SESSION.clear(secure));
    }
    Ok(response)
}

async fn handle_ticket(
    State(people): State<SignIns>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Json<Ticket>, Refusal> {
    let (open, _) = people.require(peer, &headers).await?;
    let ticket = token().ok_or(Refusal::NoRandomness)?;
    let now = Instant::now();
    people.tickets().give(now, &ticket, &open.person, open.name);
    // Who signs out meanwhile has revoked all but this one.
    if let Err(refusal) = people.require(peer, &headers).await {
        people.tickets().revoke(&open.name);
        return Err(refusal);
    }
    Ok(Json(Ticket { ticket }))
}

async fn handle_question(
    State(people): State<SignIns>,
    Extension(peer): Extension<Peer>,
    Path(address): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Question>, JsonRejection>,
) -> Result<Json<QuestionAnswer>, Refusal> {
    let (_, keeper) = people.require(peer, &headers).await?;
    let Json(question) = body?;
    let response = keeper.answer(Instant::now(), &address, &question)?;
    let response = response.to_string();
    Ok(Json(QuestionAnswer { response }))
}

fn set(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
