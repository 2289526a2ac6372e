//! Connections that are encrypted.

use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use sidetone_edge::UpstreamConfig;
use sidetone_sip::Method;
use tokio::io::AsyncReadExt;

use super::{Stream, accept, listen, options, registers};
use crate::support::{Gateway, register, upstream};

pub(crate) struct Authority {
    pem: String,
    pub(crate) acceptor: tokio_rustls::TlsAcceptor,
}

/// An authority, and a certificate of it for `name`.
pub(crate) fn authority(name: &str) -> Authority {
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let signing = rcgen::KeyPair::generate().unwrap();
    let own = params.self_signed(&signing).unwrap();
    let issuer = rcgen::Issuer::new(params, signing);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    Authority {
        pem: own.pem(),
        acceptor: acceptor(certificate.der().clone(), &key),
    }
}

/// A certificate that signs itself, and is for nobody in particular.
fn self_signed() -> Authority {
    let mut params = rcgen::CertificateParams::new(["pbx".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        pem: certificate.pem(),
        acceptor: acceptor(certificate.der().clone(), &key),
    }
}

fn acceptor(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &rcgen::KeyPair,
) -> tokio_rustls::TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    Arc::new(config).into()
}

pub(crate) fn trusting(
    uri: &str,
    authority: &Authority,
    folder: &tempfile::TempDir,
) -> UpstreamConfig {
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    UpstreamConfig {
        tls_ca: Some(file),
        ..upstream(uri)
    }
}

#[tokio::test]
async fn tls_verifies_the_pbx_by_its_own_authority() {
    let (listener, addr) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let ours = authority("127.0.0.1");
    let uri = format!("sip:{addr};transport=tls");
    let gateway = Gateway::start(trusting(&uri, &ours, &folder)).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let stream = ours.acceptor.accept(accept(&listener).await).await.unwrap();
    let mut stream = Stream::new(stream);
    let contact = registers(&mut browser, &mut stream, "TLS").await;
    stream.send(options(&contact, addr, "TLS")).await;
    browser.request(Method::Options).await;
}

#[tokio::test]
async fn tls_believes_the_very_certificate_that_is_named() {
    let (listener, addr) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let pbx = self_signed();
    let uri = format!("sip:{addr};transport=tls");
    let gateway = Gateway::start(trusting(&uri, &pbx, &folder)).await;
    let mut browser = gateway.browser().await;
    browser.send(&register("one", 1)).await;
    let stream = pbx.acceptor.accept(accept(&listener).await).await.unwrap();
    registers(&mut browser, &mut Stream::new(stream), "TLS").await;
}

#[tokio::test]
async fn tls_refuses_whom_it_does_not_know() {
    for (ours, theirs) in [("127.0.0.1", "127.0.0.1"), ("pbx.example", "")] {
        let (listener, addr) = listen().await;
        let folder = tempfile::tempdir().unwrap();
        let ours = authority(ours);
        let uri = format!("sip:{addr};transport=tls");
        let gateway = Gateway::start(trusting(&uri, &ours, &folder)).await;
        // An impostor of the same name, or the right authority with another name.
        let impostor = match theirs {
            "" => ours,
            name => authority(name),
        };
        let mut browser = gateway.browser().await;
        browser.send(&register("one", 1)).await;
        let shaken = impostor.acceptor.accept(accept(&listener).await).await;
        if let Ok(stream) = shaken {
            let mut stream = stream;
            let mut rest = Vec::new();
            // Whatever was refused, not a byte of SIP came.
            let _ = stream.read_to_end(&mut rest).await;
            assert!(rest.is_empty());
        }
        browser.response(503).await;
    }
}

#[tokio::test]
async fn a_missing_authority_is_named() {
    let config = UpstreamConfig {
        tls_ca: Some("/nonexistent/ca.pem".into()),
        ..upstream("sips:pbx.example")
    };
    let config = sidetone_edge::BridgeConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: None,
        linger: sidetone_edge::BridgeConfig::LINGER,
        ring_grace: sidetone_edge::BridgeConfig::RING_GRACE,
        upstreams: vec![config],
    };
    let key = sidetone_edge::TokenKey::new(&[1; 32]);
    let (heard, _switch) = tokio::sync::mpsc::unbounded_channel();
    let switch = Arc::new(crate::support::Switch::new(heard));
    let Err(error) = sidetone_edge::Bridge::start(config, key, switch, None).await else {
        panic!("it started");
    };
    let words = error.to_string();
    assert!(words.contains("office"), "{words}");
    assert!(words.contains("/nonexistent/ca.pem"), "{words}");
}
