//! One leg, sans-IO: give it a datagram, a command or the time, then drain
//! [`Endpoint::poll_output`] until it answers [`Output::Timeout`].
//!
//! ```text
//!            DTLS established             30 s of silence, DTLS error,
//! connecting ────────────────▶ connected ──────close_notify──────────▶ failed
//!     │                            │ ▲                                   ▲
//!     │                            └─┘ offers: hold, ICE restart         │
//!     └──────────────30 s without connection, DTLS error─────────────────┘
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_srtp::crypto::RTCCryptoProvider;
use tracing::debug;

use crate::clock::WallClock;
use crate::counters::Dropped;
use crate::program::announcement::{CLOCK_RATE, Law, Recording, Step};
use crate::program::{Player, choose_formats};
use crate::rtp::dtmf;
use crate::rtp::packet::{Packet, Source};
use crate::rtp::report::Reporter;
use crate::sdp::{Answer, Codec, Direction, Format, LocalTransport, Offer};
use crate::transport::demux::Protocol;
use crate::transport::dtls::{Association, DtlsError, DtlsOutput, Identity};
use crate::transport::ice::{Check, Credentials, LiteAgent};
use crate::transport::srtp::SrtpSession;
use crate::{LegEvent, MediaError, Program};

/// RFC 7675 §5.1: consent expires after 30 seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// No person waits longer for a call to be heard.
const CONNECT: Duration = Duration::from_secs(30);
const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What all legs of an engine share.
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) recording: Recording,
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
    pub(crate) clock: WallClock,
    pub(crate) candidates: Vec<SocketAddr>,
}

/// What an endpoint asks its owner to do.
#[derive(Debug)]
pub(crate) enum Output {
    Transmit(SocketAddr, Bytes),
    Event(LegEvent),
    /// Nothing else; call [`Endpoint::handle_timeout`] at this instant.
    Timeout(Instant),
}

/// One leg.
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    state: State,
    session: Session,
    ice: LiteAgent,
    dtls: Association,
    dtls_due: Instant,
    srtp: Option<SrtpSession>,
    /// When the browser was last heard for certain.
    heard: Instant,
    player: Player,
    dtmf: dtmf::Receiver,
    source: Source,
    reporter: Reporter,
    report_due: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until this instant.
    Connecting(Instant),
    Connected,
    Failed,
}

/// What offer and answer have settled.
struct Session {
    id: u64,
    version: u64,
    remote_ufrag: String,
    /// As we see it.
    direction: Direction,
    formats: Vec<Format>,
}

impl Endpoint {
    /// A leg for `offer`, and the answer to it.
    ///
    /// # Errors
    /// [`MediaError::NoAudio`] when the program can't speak any offered codec.
    pub(crate) fn open(
        shared: Arc<Shared>,
        offer: &Offer,
        program: Program,
        now: Instant,
    ) -> Result<(Self, String), MediaError> {
        let formats = choose_formats(&offer.audio.formats, program)?;
        let [id_high, id_low, ssrc, base, sequence] = random(&*shared.crypto)?;
        let session = Session {
            // RFC 8866 §5.2 wants a number; browsers read 63 bits.
            id: u64::from(id_high >> 1) << 32 | u64::from(id_low),
            version: 0,
            remote_ufrag: offer.audio.ice_ufrag.clone(),
            direction: offer.audio.direction.reversed(),
            formats,
        };
        let fingerprints = offer.audio.fingerprints.clone();
        let endpoint = Self {
            state: State::Connecting(now + CONNECT),
            session,
            ice: LiteAgent::new(credentials(&*shared.crypto)?),
            dtls: Association::new(&shared.identity, fingerprints, now),
            dtls_due: now,
            srtp: None,
            heard: now,
            player: Player::new(program, base),
            dtmf: dtmf::Receiver::default(),
            // RFC 3711 §3.3.1: a start in the lower half can't lose track of the first wrap.
            source: Source::new(ssrc, (sequence & 0x7fff) as u16),
            reporter: Reporter::new(shared.clock, now),
            report_due: None,
            outputs: VecDeque::new(),
            shared,
        };
        let answer = endpoint.answer(offer);
        Ok((endpoint, answer))
    }

    /// The answer to a further offer.
    ///
    /// # Errors
    /// [`MediaError::NoAudio`]; nothing has changed then.
    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        offer: &Offer,
    ) -> Result<String, MediaError> {
        let audio = &offer.audio;
        let formats = choose_formats(&audio.formats, self.player.program())?;
        let fresh = credentials(&*self.shared.crypto)?;
        if audio.ice_ufrag != self.session.remote_ufrag {
            self.ice.restart(fresh);
            self.session.remote_ufrag.clone_from(&audio.ice_ufrag);
        }
        if !self.dtls.expects(&audio.fingerprints) {
            // RFC 8842 §5.1: another certificate makes another association.
            let fingerprints = audio.fingerprints.clone();
            self.dtls = Association::new(&self.shared.identity, fingerprints, now);
            self.dtls_due = now;
            self.srtp = None;
            self.state = State::Connecting(now + CONNECT);
        }
        self.session.formats = formats;
        self.session.direction = audio.direction.reversed();
        self.session.version += 1;
        self.heard = now;
        self.steer_player(now);
        Ok(self.answer(offer))
    }

    fn answer(&self, offer: &Offer) -> String {
        let Credentials { ufrag, pwd } = self.ice.credentials();
        Answer {
            offer,
            transport: LocalTransport {
                candidates: &self.shared.candidates,
                fingerprint: self.shared.identity.fingerprint(),
                ice_ufrag: ufrag,
                ice_pwd: pwd,
            },
            session_id: self.session.id,
            version: self.session.version,
            direction: self.session.direction,
            formats: &self.session.formats,
            ssrc: self.source.ssrc,
        }
        .to_string()
    }

    /// The user name fragments by which checks may address this leg now.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.ufrags()
    }

    /// When the browser was last heard for certain.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Where this leg sends.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.ice.remote()
    }

    /// Answers an ICE check; when it is authentic, `from` is an address of this leg.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        mut check: Check,
    ) -> Result<(), Dropped> {
        let response = self
            .ice
            .handle_check(from, &mut check, &*self.shared.crypto)
            .ok_or(Dropped::Unauthentic)?;
        self.heard = now;
        self.outputs.push_back(Output::Transmit(from, response));
        Ok(())
    }

    /// Takes a datagram from an address of this leg.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        protocol: Protocol,
        datagram: &[u8],
    ) -> Result<(), Dropped> {
        match protocol {
            // Only checks matter to a lite agent, and they come by user name.
            Protocol::Stun => Err(Dropped::Unknown),
            Protocol::Dtls => {
                let result = self.dtls.handle_packet(now, datagram);
                self.drain_dtls(now, result);
                Ok(())
            }
            Protocol::Rtp => self.handle_rtp(now, datagram),
            Protocol::Rtcp => self.handle_rtcp(now, datagram),
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if now >= self.heard + SILENCE {
            return self.fail("nothing has been heard for 30 s");
        }
        if matches!(self.state, State::Connecting(until) if until <= now) {
            return self.fail("no connection within 30 s");
        }
        if now >= self.dtls_due {
            let result = self.dtls.handle_timeout(now);
            self.drain_dtls(now, result);
        }
        if self.report_due.is_some_and(|due| due <= now) {
            self.report_due = Some(now + REPORT_INTERVAL);
            self.send_report(now);
        }
        self.play(now);
    }

    /// What is to be done now; call until it answers [`Output::Timeout`].
    pub(crate) fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| {
            let connect = match self.state {
                State::Connecting(until) => Some(until),
                State::Connected | State::Failed => None,
            };
            let silence = self.heard + SILENCE;
            let due = [
                connect,
                Some(self.dtls_due),
                self.report_due,
                self.player.poll_timeout(),
            ];
            Output::Timeout(due.into_iter().flatten().fold(silence, Instant::min))
        })
    }

    fn drain_dtls(&mut self, now: Instant, mut result: Result<(), DtlsError>) {
        while result.is_ok() {
            match self.dtls.poll_output() {
                Ok(DtlsOutput::Transmit(packet)) => self.transmit(packet),
                Ok(DtlsOutput::Established(keys, profile)) => {
                    self.srtp = SrtpSession::new(&keys, profile, self.shared.crypto.clone());
                    if self.srtp.is_none() {
                        return self.fail("the SRTP keys can't be used");
                    }
                    self.on_connected(now);
                }
                Ok(DtlsOutput::Timeout(at)) => {
                    self.dtls_due = at;
                    return;
                }
                Err(error) => result = Err(error),
            }
        }
        let Err(error) = result else { return };
        if self.dtls.is_untouched() {
            // Somebody else's nonsense before the browser's hello.
            debug!(%error, "DTLS begins again");
            self.dtls = self.dtls.renewed(&self.shared.identity, now);
            self.dtls_due = now;
        } else {
            self.fail(&error.to_string());
        }
    }

    fn on_connected(&mut self, now: Instant) {
        self.state = State::Connected;
        if self.report_due.is_none() {
            self.report_due = Some(now + FIRST_REPORT);
            self.outputs.push_back(Output::Event(LegEvent::Connected));
        }
        self.steer_player(now);
    }

    fn fail(&mut self, why: &str) {
        if self.state != State::Failed {
            debug!(why, "media leg failed");
            self.state = State::Failed;
            self.outputs.push_back(Output::Event(LegEvent::Failed));
        }
    }

    fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Dropped> {
        let srtp = self.srtp.as_mut().ok_or(Dropped::Unauthentic)?;
        let plain = srtp.unprotect_rtp(datagram).ok_or(Dropped::Unauthentic)?;
        self.heard = now;
        let packet = Packet::parse(&plain).ok_or(Dropped::Malformed)?;
        let mut formats = self.session.formats.iter();
        let format = formats.find(|format| format.payload_type == packet.payload_type);
        let &Format {
            codec, clock_rate, ..
        } = format.ok_or(Dropped::Malformed)?;
        self.reporter.on_received(now, &packet, clock_rate);
        if !self.session.direction.receives() {
            return Ok(());
        }
        if codec == Codec::TelephoneEvent {
            if let Some(key) = self.dtmf.handle_packet(&packet) {
                self.outputs.push_back(Output::Event(LegEvent::Dtmf(key)));
            }
            return Ok(());
        }
        if let Player::Echo(echo) = &mut self.player
            && self.session.direction.sends()
        {
            let timestamp = echo.timestamp(&packet, clock_rate);
            let Packet {
                payload_type,
                marker,
                payload,
                ..
            } = packet;
            self.send_rtp(now, payload_type, clock_rate, marker, timestamp, payload);
        }
        Ok(())
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Dropped> {
        let srtp = self.srtp.as_mut().ok_or(Dropped::Unauthentic)?;
        let plain = srtp.unprotect_rtcp(datagram).ok_or(Dropped::Unauthentic)?;
        self.heard = now;
        let understood = self.reporter.handle_rtcp(now, &plain);
        understood.then_some(()).ok_or(Dropped::Malformed)
    }

    fn send_rtp(
        &mut self,
        now: Instant,
        payload_type: u8,
        clock_rate: u32,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
    ) {
        let Some(srtp) = &mut self.srtp else { return };
        let packet = self.source.write(payload_type, marker, timestamp, payload);
        self.reporter.on_sent(now, timestamp, clock_rate);
        if let Some(protected) = srtp.protect_rtp(&packet) {
            self.transmit(protected.freeze());
        }
    }

    fn send_report(&mut self, now: Instant) {
        let Some(srtp) = &mut self.srtp else { return };
        let report = self.reporter.write(now, &self.source);
        if let Some(protected) = srtp.protect_rtcp(&report) {
            self.transmit(protected.freeze());
        }
    }

    fn transmit(&mut self, bytes: Bytes) {
        if let Some(to) = self.ice.remote() {
            self.outputs.push_back(Output::Transmit(to, bytes));
        }
    }

    /// Lets the program run while it can be heard.
    fn steer_player(&mut self, now: Instant) {
        let audible = self.state == State::Connected && self.session.direction.sends();
        self.player.steer(now, audible);
    }

    fn play(&mut self, now: Instant) {
        let shared = self.shared.clone();
        while let Some(step) = self.player.handle_timeout(now, &shared.recording) {
            match step {
                Step::Finish => self.outputs.push_back(Output::Event(LegEvent::Finished)),
                Step::Play { index, timestamp } => self.send_recorded(now, index, timestamp),
            }
        }
    }

    fn send_recorded(&mut self, now: Instant, index: usize, timestamp: u32) {
        let shared = self.shared.clone();
        let mut formats = self.session.formats.iter();
        let spoken = formats.find_map(|format| Some((Law::of(format.codec)?, format.payload_type)));
        if let Some((law, payload_type)) = spoken
            && let Some(payload) = shared.recording.packet(law, index)
        {
            self.send_rtp(
                now,
                payload_type,
                CLOCK_RATE,
                index == 0,
                timestamp,
                payload,
            );
        }
    }
}

fn random<const N: usize>(crypto: &dyn RTCCryptoProvider) -> Result<[u32; N], MediaError> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let mut bytes = [0; 4];
        let filled = crypto.random().fill(&mut bytes);
        filled.map_err(|error| MediaError::Encryption(error.to_string()))?;
        *number = u32::from_be_bytes(bytes);
    }
    Ok(numbers)
}

fn credentials(crypto: &dyn RTCCryptoProvider) -> Result<Credentials, MediaError> {
    let made = Credentials::random(crypto);
    made.ok_or_else(|| MediaError::Encryption("no random numbers".to_owned()))
}

#[cfg(test)]
mod tests;
