//! One upstream, as all phones see it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::config::{MediaMode, UpstreamConfig};
use super::figures::{Tally, UpstreamFigures};
use super::link::Hop;
use super::locate::{self, Rank};
use super::token::UpstreamId;
use super::trust;

/// How long a request waits for the first word of DNS.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long a place that was silent is tried after the others, where nobody asks it whether it is back.
const SHUNNED: Duration = Duration::from_secs(30);

/// Where an upstream is.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// DNS has not said yet.
    Unknown,
    /// Here, by rank.
    Hops(Arc<[Rank]>),
    /// Nowhere.
    Nowhere,
}

pub(crate) struct Pbx {
    pub(crate) id: UpstreamId,
    pub(crate) config: UpstreamConfig,
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) reach: watch::Sender<Reach>,
    /// Somebody had no answer: it is time to ask whether the upstream is alive.
    pub(crate) suspicion: Notify,
    /// Places that left a request unanswered, and when.
    silent: Mutex<HashMap<SocketAddr, Instant>>,
    /// Calls that were answered.
    pub(crate) tally: Tally,
    knows_no_web_rtc: AtomicBool,
    /// Places that took no connection when one was wanted.
    without_tcp: Mutex<HashSet<SocketAddr>>,
}

impl Pbx {
    pub(crate) fn new(config: UpstreamConfig) -> io::Result<Self> {
        let digest = Sha256::digest(config.name.as_bytes());
        let id = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        // Without a protocol DNS may name TLS.
        let hop = config.next_hop();
        let may_encrypt = hop.secure || hop.protocol.is_none();
        let tls = may_encrypt
            .then(|| trust::connector(config.tls_ca.as_deref()))
            .transpose()?;
        Ok(Self {
            id: UpstreamId(id),
            config,
            tls,
            reach: watch::channel(Reach::Unknown).0,
            suspicion: Notify::new(),
            silent: Mutex::default(),
            tally: Tally::default(),
            knows_no_web_rtc: AtomicBool::new(false),
            without_tcp: Mutex::default(),
        })
    }

    /// Where to try, in order; none if it can't be reached now.
    pub(crate) async fn hops(&self) -> Vec<Hop> {
        let mut reach = self.reach.subscribe();
        let known = reach.wait_for(|reach| !matches!(reach, Reach::Unknown));
        match timeout(PATIENCE, known)
            .await
            .map(|known| known.ok().map(|r| r.clone()))
        {
            Ok(Some(Reach::Hops(ranks))) => {
                let mut hops = locate::order(&ranks, |below| super::random() % below);
                hops.sort_by_key(|hop| self.is_silent(hop.addr));
                hops
            }
            _ => Vec::new(),
        }
    }

    /// A request was left unanswered by `peer`.
    pub(crate) fn note_silent(&self, peer: SocketAddr) {
        self.suspicion.notify_one();
        // Otherwise whoever asks it knows better.
        if self.config.keep_alive.is_zero() {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            silent.retain(|_, since| since.elapsed() < SHUNNED);
            silent.insert(peer, Instant::now());
        }
    }

    fn is_silent(&self, peer: SocketAddr) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent
            .get(&peer)
            .is_some_and(|since| since.elapsed() < SHUNNED)
    }

    pub(crate) fn figures(&self) -> UpstreamFigures {
        UpstreamFigures {
            name: self.config.name.clone(),
            is_reachable: matches!(&*self.reach.borrow(), Reach::Hops(_)),
            answered: self.tally.read(),
        }
    }

    /// Whether calls are anchored from the start.
    pub(crate) fn wants_anchor(&self) -> bool {
        match self.config.media {
            MediaMode::Direct => false,
            MediaMode::Relay => true,
            MediaMode::Auto => self.knows_no_web_rtc.load(Ordering::Relaxed),
        }
    }

    /// The upstream has shown that it knows no WebRTC.
    pub(crate) fn learn_anchor(&self) {
        self.knows_no_web_rtc.store(true, Ordering::Relaxed);
    }

    pub(crate) fn note_without_tcp(&self, peer: SocketAddr) {
        let mut without = self
            .without_tcp
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        without.insert(peer);
    }

    pub(crate) fn is_without_tcp(&self, peer: SocketAddr) -> bool {
        let without = self
            .without_tcp
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        without.contains(&peer)
    }

    pub(crate) fn is_at(&self, address: IpAddr) -> bool {
        match &*self.reach.borrow() {
            Reach::Hops(ranks) => {
                let mut hops = ranks.iter().flatten();
                hops.any(|(_, hop)| hop.addr.ip() == address)
            }
            Reach::Unknown | Reach::Nowhere => false,
        }
    }
}
