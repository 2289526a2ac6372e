//! Certificates for HTTPS.

mod self_signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

pub use self_signed::own_addresses;

/// Why TLS can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM file can't be read.
    #[error("{key} is {}, which has no usable PEM in it: {source}", path.display())]
    Pem {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key don't work together.
    #[error("the certificate and its key can't be used: {0}. Do they belong together?")]
    Unusable(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("no certificate could be made: {0}")]
    Making(#[from] rcgen::Error),
    /// The made certificate could not be stored or read.
    #[error("the gateway's own certificate {} can't be stored: {source}", path.display())]
    Storing {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What encrypts connections, if they are to be.
pub(crate) fn acceptor(tls: &Tls, data: &Path) -> Result<Option<TlsAcceptor>, TlsError> {
    let (cert, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => (cert.clone(), key.clone()),
        Tls::SelfSigned => {
            let file = self_signed::ensure(data, time::OffsetDateTime::now_utc())?;
            (file.clone(), file)
        }
    };
    let in_cert = |source| TlsError::Pem {
        key: "tls.cert",
        path: cert.clone(),
        source,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&cert)
        .and_then(Iterator::collect)
        .map_err(in_cert)?;
    if chain.is_empty() {
        return Err(in_cert(rustls::pki_types::pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|source| TlsError::Pem {
        key: "tls.key",
        path: key,
        source,
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
