use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sidetone::config::Tls;
use sidetone::{Gateway, StartError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, Running, ask, demo};

/// Connects, trusting nothing but the certificate in `pem`.
async fn connect(running: &Running, pem: &Path, name: &'static str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pem).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, running.tcp().await).await.unwrap()
}

#[tokio::test]
async fn the_gateways_own_certificate_names_it_and_is_kept() {
    let running = Running::start(|config| config.tls = Tls::SelfSigned).await;
    let pem = running.dir.path().join("data/self-signed.pem");
    for name in ["localhost", "127.0.0.1"] {
        let answer = ask(connect(&running, &pem, name).await, "GET /healthz").await;
        assert_eq!(answer.status, 200, "{name}");
        // A browser that was promised more than this would lock its user out.
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    let before = std::fs::read(&pem).unwrap();
    let Running { gateway, dir } = running;
    gateway.shutdown().await;
    let mut config = demo(&dir);
    config.tls = Tls::SelfSigned;
    let again = Gateway::start(config).await.unwrap();
    assert_eq!(std::fs::read(&pem).unwrap(), before);
    again.shutdown().await;
}

#[tokio::test]
async fn a_certificate_of_files_promises_https() {
    let running = Running::start(|config| config.tls = Tls::SelfSigned).await;
    let pem = running.dir.path().join("data/self-signed.pem");
    let (cert, key) = (pem.clone(), pem.clone());
    let with_files = Running::start(|config| config.tls = Tls::Files { cert, key }).await;
    let answer = ask(connect(&with_files, &pem, "localhost").await, "GET /").await;
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=15552000")
    );
}

#[tokio::test]
async fn sip_comes_over_tls_too() {
    let running = Running::start(|config| config.tls = Tls::SelfSigned).await;
    let pem = running.dir.path().join("data/self-signed.pem");
    let stream = connect(&running, &pem, "localhost").await;
    let handshake = tokio_tungstenite::client_async(running.handshake(), stream);
    let (mut client, _) = handshake.await.unwrap();
    client.send(Message::text("\r\n\r\n")).await.unwrap();
    let pong = tokio::time::timeout(PATIENCE, client.next()).await.unwrap();
    assert_eq!(pong.unwrap().unwrap(), Message::text("\r\n"));
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_shown_the_way() {
    let running = Running::start(|config| config.tls = Tls::SelfSigned).await;
    let answer = running.ask("GET /history?day=1").await;
    assert_eq!(answer.status, 307);
    assert_eq!(
        answer.header("location"),
        Some("https://gateway.test/history?day=1")
    );
    let answer = running.ask("POST /\nContent-Length: 0").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"));
}

#[tokio::test]
async fn files_without_a_certificate_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no PEM").unwrap();
    let missing = dir.path().join("missing.pem");
    for cert in [empty, missing] {
        let mut config = demo(&dir);
        let key = cert.clone();
        config.tls = Tls::Files {
            cert: cert.clone(),
            key,
        };
        let error = Gateway::start(config).await.err().unwrap();
        assert!(matches!(error, StartError::Tls(_)));
        let words = error.to_string();
        assert!(
            words.contains("tls.cert") && words.contains(cert.to_str().unwrap()),
            "{words}"
        );
    }
}
