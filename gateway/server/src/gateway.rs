//! Everything together: opened in one order, closed in the other.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sidetone_edge::{Bridge, BridgeConfig, BridgeError, Edge, MediaAnchor, TokenKey, Upstream};
use sidetone_media::{Media, MediaConfig, MediaError};
use sidetone_store::{Store, StoreError};
use sidetone_switch::{Switch, SwitchConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::anchor::MediaRelays;
use crate::config::Config;
use crate::metrics::{Metrics, Now};
use crate::sign_in::SignIns;
use crate::tls::TlsError;
use crate::{directory, listener, routes, tls};

/// How long phones have to hang up when the gateway shuts down.
const LAST_CALLS: Duration = Duration::from_secs(2);
/// How long flows have to end when the gateway shuts down.
const LAST_FLOWS: Duration = Duration::from_secs(3);

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The media engine.
    #[error(
        "no media at {listen}: {source}. Name another UDP port with `media.listen`; \
         0 takes any that is free"
    )]
    Media {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: MediaError,
    },
    /// The bridge to PBXs.
    #[error("{0}. Name another port with `bridge.listen`; 0 takes any that is free")]
    BridgePort(BridgeError),
    /// An upstream.
    #[error(transparent)]
    Bridge(BridgeError),
    /// What routes calls over a restart.
    #[error("the key {} can't be used: {source}", path.display())]
    TokenKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The port.
    #[error("{address} can't be listened on: {source}. {}", hint(source))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "Is Sidetone running already? Name another port with --listen or `listen`"
        }
        io::ErrorKind::PermissionDenied => {
            "Ports below 1024 need special rights: name a higher one with --listen or `listen`"
        }
        io::ErrorKind::AddrNotAvailable => {
            "That is not an address of this machine; 0.0.0.0 stands for all it has"
        }
        _ => "Name another address with --listen or `listen`",
    }
}

/// A running gateway. Dropping it leaves it running; [`Gateway::shutdown`] ends it.
pub struct Gateway {
    addr: SocketAddr,
    edge: Edge,
    bridge: Option<Bridge>,
    switch: Switch,
    media: Media,
    store: Store,
    closing: CancellationToken,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// Starts everything.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let store = Store::open(&config.data).await?;
        store
            .put_tenant(&directory::to_store(&config.switch))
            .await?;
        let acceptor = tls::acceptor(&config.tls, &config.data)?;
        let listening = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
        let addr = listener.local_addr().map_err(listening)?;
        let media = open_media(&config.media).await?;
        let people = directory::from_store(&store, &config.switch).await?;
        let services = directory::services(&media);
        let switch = SwitchConfig {
            no_answer: config.switch.no_answer,
            ..SwitchConfig::new(people)
        };
        let switch = Switch::start(switch, services);
        let metrics = Arc::new(Metrics::new());
        let bridge = open_bridge(&config, &switch, &media, &metrics).await?;
        let upstream: Arc<dyn Upstream> = match &bridge {
            Some(bridge) => Arc::new(bridge.clone()),
            None => Arc::new(switch.clone()),
        };
        let people = SignIns::new(&config, store.clone());
        let edge = Edge::with_tickets(
            upstream,
            config.origins.clone(),
            config.sip.clone(),
            Some(Arc::new(people.clone())),
        );
        let closing = CancellationToken::new();
        let page = metrics.page(Now {
            edge: edge.clone(),
            bridge: bridge.clone(),
            switch: switch.clone(),
            media: media.clone(),
        });
        let router = routes::router(&config, &edge, people, store.clone(), closing.clone(), page);
        let serving = listener::serve(listener, acceptor, router, closing.clone());
        tracing::info!(%addr, "serving");
        Ok(Self {
            addr,
            edge,
            bridge,
            switch,
            media,
            store,
            closing,
            serving: tokio::spawn(serving),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Flows that are open.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.edge.flows()
    }

    /// The way to other PBXs, if there are any.
    #[must_use]
    pub const fn bridge(&self) -> Option<&Bridge> {
        self.bridge.as_ref()
    }

    /// The embedded PBX.
    #[must_use]
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The media engine.
    #[must_use]
    pub const fn media(&self) -> &Media {
        &self.media
    }

    /// Ends all calls, flows and responses in order, then closes the database.
    pub async fn shutdown(self) {
        tracing::info!("shutting down");
        self.edge.drain();
        self.switch.shutdown(LAST_CALLS).await;
        self.edge.shutdown(LAST_FLOWS).await;
        if let Some(bridge) = &self.bridge {
            bridge.close().await;
        }
        self.closing.cancel();
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the listener failed");
        }
        self.store.close().await;
    }
}

/// Without upstreams there is none, and the switch stands at the edge itself.
async fn open_bridge(
    config: &Config,
    switch: &Switch,
    media: &Media,
    metrics: &Arc<Metrics>,
) -> Result<Option<Bridge>, StartError> {
    if config.upstreams.is_empty() {
        return Ok(None);
    }
    let path = config.data.join("bridge.key");
    let key = TokenKey::kept_at(&path).map_err(|source| StartError::TokenKey { path, source })?;
    let start = async |bridge| {
        let anchor: Arc<dyn MediaAnchor> = Arc::new(MediaRelays {
            media: media.clone(),
            metrics: Arc::clone(metrics),
        });
        let switch = Arc::new(switch.clone());
        Bridge::start(bridge, key.clone(), switch, Some(anchor)).await
    };
    let wanted = config.bridge_config();
    let bridge = match start(wanted.clone()).await {
        Err(error @ BridgeError::Listen { .. }) if config.bridge.listen.is_none() => {
            tracing::warn!(%error, "PBXs are told any port instead");
            let listen = SocketAddr::new(wanted.listen.ip(), 0);
            start(BridgeConfig { listen, ..wanted }).await
        }
        other => other,
    };
    bridge.map(Some).map_err(|error| match error {
        BridgeError::Listen { .. } => StartError::BridgePort(error),
        error => StartError::Bridge(error),
    })
}

async fn open_media(config: &crate::config::Media) -> Result<Media, StartError> {
    let usual = crate::config::Media::USUAL;
    let listen = config.listen.unwrap_or(usual);
    let start = |listen| {
        let advertise = config.advertise.clone();
        Media::start(MediaConfig {
            listen,
            advertise,
            relay_ports: config.relay_ports.clone(),
        })
    };
    let media = match start(listen).await {
        Err(MediaError::Socket(error)) if config.listen.is_none() => {
            tracing::warn!(%error, port = listen.port(), "media takes any port instead");
            start(SocketAddr::new(usual.ip(), 0)).await
        }
        other => other,
    };
    media.map_err(|source| StartError::Media { listen, source })
}
