//! What is served, besides SIP.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use sidetone_api::{About, DemoAccount, Problem};
use sidetone_edge::Edge;
use sidetone_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::assets::Assets;
use crate::config::{Config, Tls};
use crate::headers::{Confinement, confine};
use crate::ice;
use crate::metrics::CONTENT_TYPE;
use crate::sign_in::{self, SignIns};

pub(crate) const SIP_PATH: &str = "/sip";

#[derive(Clone)]
struct Health {
    store: Store,
    closing: CancellationToken,
}

pub(crate) fn router(
    config: &Config,
    edge: &Edge,
    people: SignIns,
    store: Store,
    closing: CancellationToken,
    metrics: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    let assets = Assets::embedded();
    // A promise of HTTPS would lock people out whose browser doesn't know our own certificate.
    let strict_transport = matches!(config.tls, Tls::Files { .. });
    let confinement = Confinement::new(
        assets.scripts(),
        assets.styles(),
        &config.connect,
        strict_transport,
    );
    let about = about(config);
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(handle_readyz))
        .with_state(Health { store, closing })
        .route(
            "/api/v1/about",
            get(|| async move { uncached(Json(about)) }),
        )
        .route(
            "/metrics",
            get(|| async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics()) }),
        )
        .merge(ice::router(&config.ice_servers, people.clone()))
        .merge(sign_in::router(people))
        .merge(edge.router(SIP_PATH))
        .fallback(move |request: Request| async move {
            let path = request.uri().path();
            if path == "/api" || path.starts_with("/api/") {
                unknown_api()
            } else {
                assets.respond(request.method(), path, request.headers())
            }
        })
        .layer(middleware::from_fn_with_state(confinement, confine))
}

fn about(config: &Config) -> About {
    let switch = &config.switch;
    let account = |extension: &crate::config::Extension| DemoAccount {
        number: extension.number.clone(),
        name: extension.name.clone(),
        password: extension.secret.reveal().to_owned(),
    };
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        domain: sign_in_domain(config).to_owned(),
        sip_path: SIP_PATH.to_owned(),
        demo: switch
            .demo
            .then(|| switch.extensions.iter().map(account).collect()),
        people: !config.people.is_empty(),
    }
}

/// Where people of the app sign in: at the switch if it has any, else at the first upstream.
fn sign_in_domain(config: &Config) -> &str {
    match config.upstreams.first() {
        Some(upstream) if config.switch.extensions.is_empty() => &upstream.domain,
        _ => &config.switch.domain,
    }
}

async fn handle_readyz(State(health): State<Health>) -> Response {
    if health.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match health.store.check().await {
        Ok(()) => "ready\n".into_response(),
        // All goes on as long as the gateway runs.
        Err(error @ StoreError::Full { .. }) => format!("ready, but {error}\n").into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database fails\n").into_response()
        }
    }
}

fn unknown_api() -> Response {
    let error = "This gateway has no such interface. It may be older or newer than the app: \
                 reload the page."
        .to_owned();
    (StatusCode::NOT_FOUND, uncached(Json(Problem { error }))).into_response()
}

fn uncached(body: impl IntoResponse) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], body)
}
