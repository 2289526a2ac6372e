//! The browser's end of a call: ICE-lite, DTLS and SRTP as one, sans-IO.
//!
//! ```text
//!           accept              DTLS established         DTLS error, close_notify
//! waiting ─────────▶ connecting ────────────────▶ connected ─────────────────────▶ failed
//!                       │ ▲                                                          │ ▲
//!                       │ └─ accept: other certificate, or a failure ────────────────┘ │
//!                       └──────────────30 s without connection, DTLS error─────────────┘
//! ```
//!
//! Silence is reported, once until the browser is heard again; what it means is the owner's to say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimpl::crypto::SrtpProfile;
use tracing::debug;

use super::Path;
use super::dtls::{Association, DtlsError, DtlsOutput, Role};
use super::ice::{Check, Credentials, LiteAgent};
use super::srtp::{MasterKey, Protector, Suite, Unprotector};
use crate::MediaError;
use crate::counters::Dropped;
use crate::endpoint::Shared;
use crate::sdp::Fingerprint;

/// RFC 7675 §5.1: consent expires after 30 seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// No person waits longer for a call to be heard.
const CONNECT: Duration = Duration::from_secs(30);
/// A hello that overtakes the browser's answer is kept; the longest comes in two datagrams, and
/// once more.
const EARLY: usize = 4;

/// What the browser's description says about its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Changes when the browser restarts ICE.
    pub(crate) ufrag: String,
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// Our part in DTLS.
    pub(crate) role: Role,
}

/// What the owner is told or asked to do.
#[derive(Debug)]
pub(crate) enum BrowserOutput {
    Transmit(Path, Bytes),
    Connected,
    /// Nothing has been heard for 30 seconds.
    Silent,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Until this instant.
    Connecting(Instant),
    Connected,
    Failed,
}

struct Keys {
    protector: Protector,
    unprotector: Unprotector,
}

/// One browser.
pub(crate) struct Browser {
    shared: Arc<Shared>,
    state: State,
    remote: Option<Remote>,
    ice: LiteAgent,
    /// Apart from what every packet needs. `None` until there is something to say or to hear: to make
    /// one takes as long as to relay a hundred packets.
    dtls: Option<Box<Association>>,
    /// Our part in it, now or once there is one (RFC 8842 §5.3: it stays as long as the association).
    role: Role,
    dtls_due: Instant,
    early: Vec<Vec<u8>>,
    keys: Option<Keys>,
    /// When the browser was last heard for certain.
    heard: Instant,
    /// When to look whether it has been; `None` while its silence is known.
    silence_due: Option<Instant>,
    outputs: VecDeque<BrowserOutput>,
}

impl Browser {
    /// # Errors
    /// [`MediaError::Encryption`] when there are no random numbers.
    pub(crate) fn new(shared: Arc<Shared>, now: Instant) -> Result<Self, MediaError> {
        Ok(Self {
            state: State::Waiting,
            remote: None,
            ice: LiteAgent::new(credentials(&shared)?),
            dtls: None,
            role: Role::Server,
            dtls_due: now,
            early: Vec::new(),
            keys: None,
            heard: now,
            silence_due: None,
            outputs: VecDeque::new(),
            shared,
        })
    }

    /// Takes what the browser says about itself. `offered`: in an offer, which is how it restarts
    /// ICE.
    ///
    /// # Errors
    /// [`MediaError::Encryption`]; nothing has changed then.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        remote: &Remote,
        offered: bool,
    ) -> Result<(), MediaError> {
        let fresh = credentials(&self.shared)?;
        let former = self.remote.replace(remote.clone());
        if offered && former.as_ref().is_some_and(|f| f.ufrag != remote.ufrag) {
            self.ice.restart(fresh);
        }
        // RFC 8842 §5.1: another certificate makes another association.
        let same_peer = former.is_some_and(|f| f.fingerprints == remote.fingerprints);
        if !same_peer || self.state == State::Failed {
            self.dtls = None;
            self.role = remote.role;
            self.keys = None;
            self.state = State::Connecting(now + CONNECT);
        }
        self.heard = now;
        self.silence_due = Some(now + SILENCE);
        for packet in std::mem::take(&mut self.early) {
            self.handle_dtls(now, &packet);
        }
        self.say_hello(now);
        Ok(())
    }

    /// The association with whom the browser says it is, once it has said so.
    fn association(&mut self, now: Instant) -> Option<&mut Association> {
        if self.dtls.is_none() {
            let fingerprints = self.remote.as_ref()?.fingerprints.clone();
            let identity = &self.shared.identity;
            let dtls = Association::new(identity, fingerprints, self.role, now);
            self.dtls = Some(Box::new(dtls));
            self.dtls_due = now;
        }
        self.dtls.as_deref_mut()
    }

    /// What the browser said of itself last.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Our part in DTLS: the server's, unless the browser has chosen that.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        self.ice.credentials()
    }

    /// The user name fragments by which checks may address this browser's leg now.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.ufrags()
    }

    /// When the browser was last heard for certain.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Where to send.
    pub(crate) fn path(&self) -> Option<Path> {
        self.ice.remote()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Answers an ICE check; when it is authentic, `from` is an address of this browser.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_check(
        &mut self,
        now: Instant,
        from: Path,
        mut check: Check,
    ) -> Result<(), Dropped> {
        let crypto = &*self.shared.crypto;
        let response = self.ice.handle_check(from, &mut check, crypto);
        let response = response.ok_or(Dropped::Unauthentic)?;
        self.on_heard(now);
        self.outputs
            .push_back(BrowserOutput::Transmit(from, response));
        self.say_hello(now);
        Ok(())
    }

    /// If that is our part and there is somebody to say it to.
    fn say_hello(&mut self, now: Instant) {
        let is_ours = self.role == Role::Client;
        let is_new = self.dtls.is_none() && matches!(self.state, State::Connecting(_));
        if is_ours && is_new && self.ice.remote().is_some() {
            let hello = self.association(now).map(|dtls| dtls.handle_timeout(now));
            self.drain_dtls(hello.unwrap_or(Ok(())));
        }
    }

    pub(crate) fn handle_dtls(&mut self, now: Instant, packet: &[u8]) {
        if let Some(dtls) = self.association(now) {
            let result = dtls.handle_packet(now, packet);
            self.drain_dtls(result);
        } else if self.early.len() < EARLY {
            self.early.push(packet.to_vec());
        }
    }

    /// Leaves the RTP packet within in the first bytes.
    ///
    /// # Errors
    /// [`Dropped::Unauthentic`].
    pub(crate) fn unprotect_rtp(
        &mut self,
        now: Instant,
        packet: &mut [u8],
    ) -> Result<usize, Dropped> {
        let keys = self.keys.as_mut().ok_or(Dropped::Unauthentic)?;
        let length = keys.unprotector.unprotect_rtp(packet);
        let length = length.ok_or(Dropped::Unauthentic)?;
        self.on_heard(now);
        Ok(length)
    }

    /// Leaves the RTCP packet within in the first bytes.
    ///
    /// # Errors
    /// [`Dropped::Unauthentic`].
    pub(crate) fn unprotect_rtcp(
        &mut self,
        now: Instant,
        packet: &mut [u8],
    ) -> Result<usize, Dropped> {
        let keys = self.keys.as_mut().ok_or(Dropped::Unauthentic)?;
        let length = keys.unprotector.unprotect_rtcp(packet);
        let length = length.ok_or(Dropped::Unauthentic)?;
        self.on_heard(now);
        Ok(length)
    }

    /// Protects the first `length` bytes, and says where they go and how many they are now. `None`
    /// while there is no such place, no key, or no room for
    /// [`MAX_TRAILER`](super::srtp::MAX_TRAILER).
    pub(crate) fn protect_rtp(
        &mut self,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<(Path, usize)> {
        let (to, keys) = (self.ice.remote()?, self.keys.as_mut()?);
        Some((to, keys.protector.protect_rtp(buffer, length)?))
    }

    /// The same for RTCP, of which there is little.
    pub(crate) fn send_rtcp(&mut self, report: &[u8]) {
        let (Some(to), Some(keys)) = (self.ice.remote(), &mut self.keys) else {
            return;
        };
        let mut buffer = report.to_vec();
        buffer.resize(report.len() + super::srtp::MAX_TRAILER, 0);
        if let Some(length) = keys.protector.protect_rtcp(&mut buffer, report.len()) {
            buffer.truncate(length);
            self.outputs
                .push_back(BrowserOutput::Transmit(to, buffer.into()));
        }
    }

    fn on_heard(&mut self, now: Instant) {
        self.heard = now;
        if self.silence_due.is_none() && self.state == State::Connected {
            self.silence_due = Some(now + SILENCE);
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.silence_due.is_some_and(|due| due <= now) {
            let due = self.heard + SILENCE;
            self.silence_due = (due > now).then_some(due);
            if due <= now {
                self.outputs.push_back(BrowserOutput::Silent);
            }
        }
        if matches!(self.state, State::Connecting(until) if until <= now) {
            return self.fail("no connection within 30 s");
        }
        if now >= self.dtls_due
            && let Some(dtls) = &mut self.dtls
        {
            let result = dtls.handle_timeout(now);
            self.drain_dtls(result);
        }
    }

    /// When [`Browser::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let connect = match self.state {
            State::Connecting(until) => Some(until),
            State::Waiting | State::Connected | State::Failed => None,
        };
        let active = self.state != State::Failed && self.dtls.is_some();
        let dtls = active.then_some(self.dtls_due);
        let due = [connect, dtls, self.silence_due];
        due.into_iter().flatten().min()
    }

    /// What is to be done now, until it answers `None`.
    pub(crate) fn poll_output(&mut self) -> Option<BrowserOutput> {
        self.outputs.pop_front()
    }

    fn drain_dtls(&mut self, mut result: Result<(), DtlsError>) {
        let Some(dtls) = &mut self.dtls else { return };
        while result.is_ok() {
            match dtls.poll_output() {
                Ok(DtlsOutput::Transmit(packet)) => {
                    // DTLS is for addresses that ICE has validated.
                    if let Some(to) = self.ice.remote() {
                        self.outputs.push_back(BrowserOutput::Transmit(to, packet));
                    }
                }
                Ok(DtlsOutput::Established(material, profile)) => {
                    match keys(&material, profile, self.role) {
                        Some(keys) => self.keys = Some(keys),
                        None => return self.fail("the SRTP keys can't be used"),
                    }
                    self.state = State::Connected;
                    self.outputs.push_back(BrowserOutput::Connected);
                }
                Ok(DtlsOutput::Timeout(at)) => {
                    self.dtls_due = at;
                    return;
                }
                Err(error) => result = Err(error),
            }
        }
        let Err(error) = result else { return };
        if dtls.is_untouched() {
            // Somebody else's nonsense before the browser's hello.
            debug!(%error, "DTLS begins again");
            self.dtls = None;
        } else {
            self.fail(&error.to_string());
        }
    }

    fn fail(&mut self, why: &str) {
        if self.state != State::Failed {
            debug!(why, "the browser's end failed");
            self.state = State::Failed;
            self.outputs.push_back(BrowserOutput::Failed);
        }
    }
}

fn keys(material: &[u8], profile: SrtpProfile, role: Role) -> Option<Keys> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128Sha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        _ => return None,
    };
    let [client, server] = MasterKey::from_dtls(suite, material)?;
    let (ours, theirs) = match role {
        Role::Client => (client, server),
        Role::Server => (server, client),
    };
    Some(Keys {
        protector: Protector::new(&ours)?,
        unprotector: Unprotector::new(&theirs)?,
    })
}

fn credentials(shared: &Shared) -> Result<Credentials, MediaError> {
    let made = Credentials::random(&*shared.crypto);
    made.ok_or_else(|| MediaError::Encryption("no random numbers".to_owned()))
}
