//! DTLS-SRTP (RFC 5763, RFC 5764).
//!
//! ```text
//!               ClientHello … Finished          close_notify, wrong
//! handshaking ──────────────────────────▶ established ──certificate──▶ (an error; give up)
//! ```
//!
//! The browser's certificate is checked against the fingerprints of its description before any
//! key leaves this file. We are the server wherever the browser lets us: then it says hello when
//! its ICE is ready, and never too early.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimpl::crypto::{KeyingMaterial, SrtpProfile};
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::sdp::{Fingerprint, Hash};

/// The first repeat of a lost flight; doubles with every further one.
const FLIGHT_RTO: Duration = Duration::from_millis(50);
/// Repeats asked for by the browser draw on the same budget; the deadline is what ends it.
const FLIGHT_RETRIES: usize = 16;
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(30);

/// The certificate that all legs of an engine share.
pub(crate) struct Identity {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Makes a self-signed certificate with a fresh key.
    ///
    /// # Errors
    /// What the key generator or the DTLS configuration said, as text.
    pub(crate) fn generate() -> Result<Self, String> {
        let config = Config::builder()
            // ICE has shown that the address is the browser's; a cookie would show it again.
            .use_server_cookie(false)
            .flight_start_rto(FLIGHT_RTO)
            .flight_retries(FLIGHT_RETRIES)
            .handshake_timeout(HANDSHAKE_DEADLINE)
            .build()
            .map_err(|error| error.to_string())?;
        let made = rcgen::generate_simple_self_signed(["sidetone".to_owned()])
            .map_err(|error| error.to_string())?;
        let certificate = DtlsCertificate {
            certificate: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let fingerprint = Fingerprint {
            hash: Hash::Sha256,
            digest: digest(Hash::Sha256, &certificate.certificate),
        };
        Ok(Self {
            config: Arc::new(config),
            certificate,
            fingerprint,
        })
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

fn digest(hash: Hash, certificate: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    }
}

/// Why an association is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DtlsError {
    #[error(transparent)]
    Handshake(#[from] dimpl::Error),
    #[error("the certificate is not the one of the description")]
    WrongCertificate,
    #[error("no SRTP profile in common")]
    NoSrtp,
    #[error("closed by the browser")]
    Closed,
}

/// What [`Association::poll_output`] asks for.
pub(crate) enum DtlsOutput {
    Transmit(Bytes),
    /// The handshake is complete and the certificate right.
    Established(KeyingMaterial, SrtpProfile),
    Timeout(Instant),
}

/// Who says hello (RFC 5763 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// One DTLS association.
pub(crate) struct Association {
    dtls: Dtls,
    expected: Vec<Fingerprint>,
    verified: bool,
    connected: bool,
    keyed: bool,
    answered: bool,
    buffer: Vec<u8>,
}

impl Association {
    /// An association that lets in the owner of a certificate with one of the `expected`
    /// fingerprints.
    pub(crate) fn new(
        identity: &Identity,
        expected: Vec<Fingerprint>,
        role: Role,
        now: Instant,
    ) -> Self {
        let certificate = identity.certificate.clone();
        let mut dtls = Dtls::new_auto(identity.config.clone(), certificate, now);
        dtls.set_active(role == Role::Client);
        Self {
            dtls,
            expected,
            verified: false,
            connected: false,
            keyed: false,
            answered: false,
            buffer: vec![0; 2048],
        }
    }

    /// Whether nothing has been said yet, so that a fresh association can take this one's place.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.answered
    }

    /// # Errors
    /// Any error is final.
    pub(crate) fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), DtlsError> {
        self.dtls.handle_timeout(now)?;
        Ok(self.dtls.handle_packet(packet)?)
    }

    /// # Errors
    /// Any error is final.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        Ok(self.dtls.handle_timeout(now)?)
    }

    /// What is to be done; call until it answers [`DtlsOutput::Timeout`].
    ///
    /// # Errors
    /// Any error is final.
    pub(crate) fn poll_output(&mut self) -> Result<DtlsOutput, DtlsError> {
        loop {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => {
                    self.answered = true;
                    return Ok(DtlsOutput::Transmit(Bytes::copy_from_slice(packet)));
                }
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::PeerCert(certificate) => {
                    let matches = |f: &Fingerprint| f.digest == digest(f.hash, certificate);
                    if !self.expected.iter().any(matches) {
                        return Err(DtlsError::WrongCertificate);
                    }
                    self.verified = true;
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(keys, profile) => {
                    if !self.verified {
                        return Err(DtlsError::WrongCertificate);
                    }
                    self.keyed = true;
                    return Ok(DtlsOutput::Established(keys, profile));
                }
                Output::CloseNotify => return Err(DtlsError::Closed),
                Output::Timeout(_) if self.connected && !self.keyed => {
                    return Err(DtlsError::NoSrtp);
                }
                Output::Timeout(at) => return Ok(DtlsOutput::Timeout(at)),
                // We have no data channel.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
