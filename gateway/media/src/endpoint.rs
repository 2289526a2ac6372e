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
use rtc_crypto::RTCCryptoProvider;
use tracing::debug;

use crate::clock::WallClock;
use crate::counters::Dropped;
use crate::program::announcement::{CLOCK_RATE, Law, Recording, Step};
use crate::program::{Player, choose_formats};
use crate::rtp::dtmf;
use crate::rtp::packet::{Packet, Source};
use crate::rtp::report::Reporter;
use crate::sdp::description::Pacing;
use crate::sdp::{Codec, Direction, Format, LocalTransport, Offer, WebDescription, WebLine};
use crate::transport::Path;
use crate::transport::browser::{Browser, BrowserOutput};
use crate::transport::demux::Protocol;
use crate::transport::dtls::Identity;
use crate::transport::ice::{Check, Credentials};
use crate::transport::srtp::MAX_TRAILER;
use crate::{LegEvent, MediaError, Program};

const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What all legs of an engine share.
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) recording: Recording,
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
    pub(crate) clock: WallClock,
    pub(crate) candidates: Vec<SocketAddr>,
    /// Whether the same addresses take streams.
    pub(crate) takes_streams: bool,
}

/// What an endpoint asks its owner to do.
#[derive(Debug)]
pub(crate) enum Output {
    Transmit(Path, Bytes),
    Event(LegEvent),
    /// Nothing else; call [`Endpoint::handle_timeout`] at this instant, if any.
    Timeout(Option<Instant>),
}

/// One leg.
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    failed: bool,
    session: Session,
    browser: Browser,
    player: Player,
    dtmf: dtmf::Receiver,
    source: Source,
    reporter: Reporter,
    report_due: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// What offer and answer have settled.
struct Session {
    id: u64,
    version: u64,
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
            direction: offer.audio.direction.reversed(),
            formats,
        };
        let mut browser = Browser::new(shared.clone(), now)?;
        browser.accept(now, &offer.audio.remote, true)?;
        let endpoint = Self {
            failed: false,
            session,
            browser,
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
        self.browser.accept(now, &audio.remote, true)?;
        self.session.formats = formats;
        self.session.direction = audio.direction.reversed();
        self.session.version += 1;
        self.drain_browser(now);
        self.steer_player(now);
        Ok(self.answer(offer))
    }

    fn answer(&self, offer: &Offer) -> String {
        let Credentials { ufrag, pwd } = self.browser.credentials();
        WebDescription {
            session_id: self.session.id,
            version: self.session.version,
            sections: &offer.sections,
            index: offer.audio.index,
            bundled: offer.audio.bundled,
            audio: Some(WebLine {
                transport: LocalTransport {
                    candidates: &self.shared.candidates,
                    takes_streams: self.shared.takes_streams,
                    fingerprint: self.shared.identity.fingerprint(),
                    ice_ufrag: ufrag,
                    ice_pwd: pwd,
                },
                setup: "passive",
                direction: self.session.direction,
                formats: &self.session.formats,
                pacing: Pacing::default(),
                ssrc: self.source.ssrc,
            }),
        }
        .to_string()
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Answers an ICE check; when it is authentic, `from` is an address of this leg.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_check(
        &mut self,
        now: Instant,
        from: Path,
        check: Check,
    ) -> Result<(), Dropped> {
        let result = self.browser.handle_check(now, from, check);
        self.drain_browser(now);
        result
    }

    /// Takes a datagram from an address of this leg.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        protocol: Protocol,
        datagram: &mut [u8],
    ) -> Result<(), Dropped> {
        match protocol {
            // Only checks matter to a lite agent, and they come by user name.
            Protocol::Stun => Err(Dropped::Unknown),
            Protocol::Dtls => {
                self.browser.handle_dtls(now, datagram);
                self.drain_browser(now);
                Ok(())
            }
            Protocol::Rtp => self.handle_rtp(now, datagram),
            Protocol::Rtcp => self.handle_rtcp(now, datagram),
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.browser.handle_timeout(now);
        self.drain_browser(now);
        if self.failed {
            return;
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
            let due = [
                self.browser.poll_timeout(),
                self.report_due,
                self.player.poll_timeout(),
            ];
            Output::Timeout(due.into_iter().flatten().min())
        })
    }

    fn drain_browser(&mut self, now: Instant) {
        while let Some(output) = self.browser.poll_output() {
            match output {
                BrowserOutput::Transmit(to, bytes) => {
                    self.outputs.push_back(Output::Transmit(to, bytes));
                }
                BrowserOutput::Connected => self.on_connected(now),
                BrowserOutput::Silent => self.fail("nothing has been heard for 30 s"),
                BrowserOutput::Failed => self.fail("the connection"),
            }
        }
    }

    fn on_connected(&mut self, now: Instant) {
        if self.report_due.is_none() {
            self.report_due = Some(now + FIRST_REPORT);
            self.outputs.push_back(Output::Event(LegEvent::Connected));
        }
        self.steer_player(now);
    }

    fn fail(&mut self, why: &str) {
        if !self.failed {
            debug!(why, "media leg failed");
            self.failed = true;
            self.outputs.push_back(Output::Event(LegEvent::Failed));
        }
    }

    fn handle_rtp(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Dropped> {
        let length = self.browser.unprotect_rtp(now, datagram)?;
        let packet = Packet::parse(&datagram[..length]).ok_or(Dropped::Malformed)?;
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

    fn handle_rtcp(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Dropped> {
        let length = self.browser.unprotect_rtcp(now, datagram)?;
        let understood = self
            .reporter
            .handle_rtcp(now, self.source.ssrc, &datagram[..length]);
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
        if !self.browser.is_connected() {
            return;
        }
        let mut packet = self.source.write(payload_type, marker, timestamp, payload);
        self.reporter.on_sent(now, timestamp, clock_rate);
        let length = packet.len();
        packet.resize(length + MAX_TRAILER, 0);
        if let Some((to, length)) = self.browser.protect_rtp(&mut packet, length) {
            packet.truncate(length);
            self.outputs.push_back(Output::Transmit(to, packet.into()));
        }
    }

    fn send_report(&mut self, now: Instant) {
        let report = self.reporter.write(now, &self.source);
        self.browser.send_rtcp(&report);
        self.drain_browser(now);
    }

    /// Lets the program run while it can be heard.
    fn steer_player(&mut self, now: Instant) {
        let audible = self.browser.is_connected() && self.session.direction.sends();
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

pub(crate) fn random<const N: usize>(
    crypto: &dyn RTCCryptoProvider,
) -> Result<[u32; N], MediaError> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let mut bytes = [0; 4];
        let filled = crypto.random().fill(&mut bytes);
        filled.map_err(|error| MediaError::Encryption(error.to_string()))?;
        *number = u32::from_be_bytes(bytes);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests;
