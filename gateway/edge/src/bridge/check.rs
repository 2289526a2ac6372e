//! Whether upstreams can be reached, in words for whoever configures them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use sidetone_sip::Response;
use sidetone_sip::message::HeaderName;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite;

use super::config::{Protocol, Target, UpstreamConfig};
use super::link::{self, Hop};
use super::locate::Dns;
use super::pbx::Pbx;
use super::token::TokenKey;
use super::watch::Prober;
use super::whereabouts;
use super::{Bridge, BridgeConfig, BridgeError};
use crate::{FlowInfo, Inbound, Upstream};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What was found of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub upstream: String,
    /// Whether at least one of its places answered.
    pub reached: bool,
    /// A sentence for each place, or the one that says why there is none.
    pub words: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.reached {
            "reached"
        } else {
            "NOT reached"
        };
        write!(f, "Upstream {}: {state}", self.upstream)?;
        for words in &self.words {
            write!(f, "\n  {words}")?;
        }
        Ok(())
    }
}

impl Bridge {
    /// Tries every upstream once: where DNS says it is, whether it takes connections, and whether
    /// it answers an OPTIONS. Ports of the configuration are not used. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`BridgeError`], if not even a free port can be had, or an authority can't be read.
    pub async fn check(config: &BridgeConfig) -> Result<Vec<Finding>, BridgeError> {
        let mut listen = config.listen;
        listen.set_port(0);
        let quiet = |upstream: &UpstreamConfig| UpstreamConfig {
            keep_alive: Duration::ZERO,
            ..upstream.clone()
        };
        let config = BridgeConfig {
            listen,
            advertise: config.advertise,
            linger: config.linger,
            ring_grace: config.ring_grace,
            upstreams: config.upstreams.iter().map(quiet).collect(),
        };
        // No token of this bridge is ever seen again.
        let key = TokenKey::new(&[0; 32]);
        let bridge = Self::start(config, key, Arc::new(Nobody), None).await?;
        let dns = Dns::new();
        let mut findings = Vec::new();
        for pbx in &bridge.shared.pbxs {
            findings.push(bridge.find(&dns, pbx).await);
        }
        bridge.close().await;
        Ok(findings)
    }

    async fn find(&self, dns: &Dns, pbx: &Arc<Pbx>) -> Finding {
        let target = pbx.config.next_hop();
        let mut finding = Finding {
            upstream: pbx.config.name.clone(),
            reached: false,
            words: Vec::new(),
        };
        let located = match whereabouts::find(dns, pbx, &self.shared).await {
            Ok(located) => located,
            Err(error) => {
                let words = format!("{target}: {error}. Is `upstream.uri` right?");
                finding.words.push(words);
                return finding;
            }
        };
        let mut prober = Prober::new(Arc::clone(pbx), Arc::clone(&self.shared));
        for (_, hop) in located.ranks.iter().flatten() {
            let place = format!("{} by {}", hop.addr, hop.protocol);
            let words = match self.try_hop(pbx, hop, &mut prober).await {
                Ok((response, took)) => {
                    finding.reached = true;
                    let answer = described(&response);
                    format!("{place}: answers OPTIONS with {answer} after {took:?}.")
                }
                Err(words) => format!("{place}: {words}"),
            };
            finding.words.push(words);
        }
        finding
    }

    async fn try_hop(
        &self,
        pbx: &Arc<Pbx>,
        hop: &Hop,
        prober: &mut Prober,
    ) -> Result<(Response, Duration), String> {
        if hop.protocol != Protocol::Udp {
            let opened = timeout(CONNECT, link::open(pbx.tls.clone(), hop)).await;
            let opened = opened.map_err(|_| {
                "takes no connection within 5 s. Is a firewall in between?".to_owned()
            })?;
            opened.map_err(|error| refused(&error, pbx.config.next_hop()))?;
        }
        let start = Instant::now();
        let answer = prober.ask(hop).await.ok_or_else(|| match hop.protocol {
            Protocol::Udp => {
                "nothing answers. Is the port right, and does a firewall let UDP pass \
                              both ways?"
                    .to_owned()
            }
            _ => "takes the connection, but does not answer an OPTIONS.".to_owned(),
        })?;
        let took = start.elapsed();
        Ok((answer, Duration::from_millis(as_millis(took))))
    }
}

fn as_millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Status, and what the PBX calls itself.
fn described(response: &Response) -> String {
    let headers = &response.headers;
    let server = headers
        .raw(&HeaderName::Server)
        .chain(headers.raw(&HeaderName::UserAgent))
        .next();
    match server {
        Some(server) => format!("{} ({server})", response.status),
        None => response.status.to_string(),
    }
}

/// Why there is no connection, and what helps.
fn refused(error: &io::Error, target: &Target) -> String {
    let inner = error.get_ref();
    if let Some(rustls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return match rustls {
            rustls::Error::InvalidCertificate(why) => bad_certificate(why, target),
            other => format!("no TLS: {other}."),
        };
    }
    if let Some(handshake) = inner.and_then(|inner| inner.downcast_ref::<tungstenite::Error>()) {
        return match handshake {
            tungstenite::Error::Http(answer) => format!(
                "refuses the WebSocket with HTTP {}. Is the path {} right?",
                answer.status().as_u16(),
                target.path
            ),
            other => format!("no WebSocket: {other}."),
        };
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "refuses the connection. Is the port right, and does the PBX listen there?".to_owned()
        }
        _ => format!("no connection: {error}."),
    }
}

fn bad_certificate(why: &CertificateError, target: &Target) -> String {
    match why {
        // The latter is what another authority of the same name looks like.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is of an authority that is not \
                                            trusted: name its file with `upstream.tls_ca`."
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "its certificate is not for {}: write the name that it is for into `upstream.uri`.",
                target.host
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired.".to_owned()
        }
        other => format!("its certificate can't be trusted: {other}."),
    }
}

/// The switch of a bridge that carries nothing.
struct Nobody;

impl Upstream for Nobody {
    fn open(&self, _: FlowInfo, _: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        Box::new(futures_channel::mpsc::channel(1).0)
    }
}
