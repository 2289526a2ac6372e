use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sidetone_sip::FlowId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::admission::Admission;
use crate::door::Door;
use crate::handshake::{Handshake, Refusal};
use crate::socket::{self, House};
use crate::{Boxed, FlowInfo, Limits, Origin, Peer, TicketOffice, Upstream};

/// Takes WebSockets and makes flows of them; cloning gives another handle.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    upstream: Arc<dyn Upstream>,
    origins: Vec<Origin>,
    tickets: Option<Arc<dyn TicketOffice>>,
    limits: Limits,
    admission: Arc<Admission>,
    door: Door,
    /// Whether somebody looks at the door.
    watched: Once,
    last_flow: AtomicU64,
    draining: CancellationToken,
    closing: CancellationToken,
    flows: TaskTracker,
}

impl Edge {
    /// An edge before `upstream`. Pages of this host and of `origins` may connect.
    #[must_use]
    pub fn new(upstream: Arc<dyn Upstream>, origins: Vec<Origin>, limits: Limits) -> Self {
        Self::with_tickets(upstream, origins, limits, None)
    }

    /// The same; `tickets` tells whose flows are.
    #[must_use]
    pub fn with_tickets(
        upstream: Arc<dyn Upstream>,
        origins: Vec<Origin>,
        limits: Limits,
        tickets: Option<Arc<dyn TicketOffice>>,
    ) -> Self {
        Self(Arc::new(Inner {
            upstream,
            origins,
            tickets,
            admission: Admission::new(&limits),
            door: Door::new(),
            watched: Once::new(),
            limits,
            last_flow: AtomicU64::new(0),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            flows: TaskTracker::new(),
        }))
    }

    /// A router with the one route `path`. Its requests need a [`Peer`] in their extensions.
    pub fn router(&self, path: &str) -> Router {
        Router::new()
            .route(path, get(handle_upgrade))
            .with_state(self.clone())
    }

    /// Flows that are open.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.0.admission.total()
    }

    /// Requests that were refused since the start because too much was asked at once.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.door.refused()
    }

    /// Takes no more flows. Those that the upstream closes from now on are told that the gateway
    /// goes away.
    pub fn drain(&self) {
        self.0.draining.cancel();
    }

    /// Takes no more flows, closes the open ones (1001, "going away") and waits for their ends,
    /// but no longer than `patience`.
    pub async fn shutdown(&self, patience: Duration) {
        self.drain();
        self.0.closing.cancel();
        self.0.flows.close();
        let ended = tokio::time::timeout(patience, self.0.flows.wait()).await;
        if ended.is_err() {
            tracing::warn!(flows = self.flows(), "some flows did not end in time");
        }
    }

    fn open(&self, peer: Peer, mut request: Request) -> Result<Response, Refusal> {
        let edge = &self.0;
        let handshake = Handshake::parse(request.headers(), &edge.origins)?;
        let upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(Refusal::NotWebSocket)?;
        if edge.draining.is_cancelled() {
            return Err(Refusal::Closing);
        }
        let permit = edge.admission.admit(peer.remote.ip())?;
        // Last, so that no ticket is lost to a handshake that is refused.
        let office = edge.tickets.as_ref();
        let (mut person, mut stay, mut cookie) = (None, None, None);
        if let Some(ticket) = &handshake.ticket {
            let admitted = office.and_then(|office| office.redeem(ticket));
            let admitted = admitted.ok_or(Refusal::Ticket)?;
            (person, stay) = (Some(admitted.person), Some(admitted.stay));
        } else if let Some(visit) = office.and_then(|it| it.visit(peer, request.headers())) {
            (person, cookie) = (Some(visit.person), visit.cookie);
        }
        let info = FlowInfo {
            id: FlowId(edge.last_flow.fetch_add(1, Ordering::Relaxed) + 1),
            remote: peer.remote,
            secure: peer.secure,
            person,
        };
        let span = tracing::info_span!("flow", flow = info.id.0);
        let this = self.clone();
        let flow = async move {
            match upgrade.await {
                Ok(stream) => this.carry(info, stay, TokioIo::new(stream)).await,
                Err(error) => tracing::debug!(%error, "the connection ended in the handshake"),
            }
            drop(permit);
        };
        edge.flows.spawn(flow.instrument(span));
        edge.watched.call_once(|| self.watch_door());
        let mut response = handshake.response();
        if let Some(cookie) = cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// As long as the edge is open.
    fn watch_door(&self) {
        let this = self.clone();
        tokio::spawn(async move {
            let closing = this.0.closing.clone();
            closing.run_until_cancelled(this.0.door.watch()).await;
        });
    }

    async fn carry(
        &self,
        info: FlowInfo,
        stay: Option<Boxed<'static, ()>>,
        stream: TokioIo<hyper::upgrade::Upgraded>,
    ) {
        let edge = &self.0;
        let (outbound, waiting) = mpsc::channel(edge.limits.queue);
        tracing::info!(secure = info.secure, "flow opened");
        let inbound = edge.upstream.open(info, outbound);
        let house = House {
            limits: &edge.limits,
            door: &edge.door,
            draining: &edge.draining,
            closing: &edge.closing,
        };
        let end = socket::carry(stream, inbound, waiting, stay, house).await;
        tracing::info!(%end, "flow closed");
    }
}

async fn handle_upgrade(
    State(edge): State<Edge>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    match edge.open(peer, request) {
        Ok(response) => response,
        Err(refusal) => {
            tracing::info!(?refusal, "flow refused");
            refusal.into_response()
        }
    }
}
