//! Which certificates of PBXs are believed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

/// What makes TLS connections: to PBXs with a certificate of an authority in `file`, or with just
/// the certificate in it; without a file, to those of authorities that this machine trusts.
pub(crate) fn connector(file: Option<&Path>) -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = match file {
        Some(file) => {
            let verifier = Named::read(file, provider)?;
            let config = config.dangerous();
            config.with_custom_certificate_verifier(Arc::new(verifier))
        }
        None => {
            let mut roots = RootCertStore::empty();
            // Those that can't be used are left out; without any, no certificate is trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            config.with_root_certificates(roots)
        }
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// Trusts what a file names. A certificate that signs itself, as PBXs make them at their
/// installation, is no authority's, so it is believed when it is the very one.
#[derive(Debug)]
struct Named {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Named {
    fn read(file: &Path, provider: Arc<CryptoProvider>) -> io::Result<Self> {
        let unusable = |what: String| {
            let words = format!("`tls_ca` is {}, which {what}", file.display());
            io::Error::new(io::ErrorKind::InvalidData, words)
        };
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
        let certificates: Vec<CertificateDer<'static>> =
            read.map_err(|error| unusable(format!("can't be read: {error}")))?;
        if certificates.is_empty() {
            return Err(unusable("has no certificate in it".to_owned()));
        }
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            let added = roots.add(certificate.clone());
            added.map_err(|error| unusable(format!("has a bad certificate: {error}")))?;
        }
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self {
            certificates,
            authorities: authorities.map_err(|error| unusable(error.to_string()))?,
        })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|named| named == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
