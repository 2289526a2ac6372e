//! One relayed call, sans-IO: packets are changed where they lie and told where to go.
//!
//! ```text
//!        browser ──unprotect──▶ payloads ──▶ splice ──[protect]──▶ PBX
//!        browser ◀──protect─── splice ◀── payloads ◀──[unprotect]── PBX, of one branch
//! ```
//!
//! RTCP ends here: each side hears our own reports on what we had from it and sent to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;

use super::negotiation::{Agreement, Negotiation};
use super::payloads::{Payload, Payloads};
use super::splice::Splice;
use super::watch::Watch;
use super::{BrowserOffer, RelayConfig, RelayError, RelayEvent, RelayStats, StreamStats};
use crate::MediaError;
use crate::counters::Dropped;
use crate::endpoint::{Shared, random};
use crate::rtp::packet::{Packet, Source};
use crate::rtp::report::Reporter;
use crate::sdp::{Codec, LocalTransport, Offer};
use crate::transport::Path;
use crate::transport::browser::{Browser, BrowserOutput, Remote};
use crate::transport::demux::Protocol;
use crate::transport::ice::{Check, Credentials};
use crate::transport::srtp::{MAX_TRAILER, MasterKey, Protector, Suite, Unprotector};

const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// More early answers than a call has forks are not its own.
const MAX_BRANCHES: usize = 16;

/// Which socket of the pair towards the PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Rtp,
    Rtcp,
}

/// What the bridge asks its owner to do.
#[derive(Debug)]
pub(crate) enum BridgeOutput {
    ToBrowser(Path, bytes::Bytes),
    ReportToPbx(SocketAddr, Vec<u8>),
    Event(RelayEvent),
}

/// Where a packet goes, if anywhere, and how much of its buffer it fills.
pub(crate) type Forward<To> = Option<(To, usize)>;

/// One direction.
struct Stream {
    splice: Splice,
    /// What we say of ourselves to the receiver.
    source: Source,
    /// The clock of the last sound, in which key presses count as well.
    clock_rate: u32,
    stats: StreamStats,
}

/// What one answer of the PBX has settled, and what came of it.
struct Branch {
    /// Empty until the PBX of a call that it has made itself answers something.
    name: String,
    agreement: Agreement,
    from_browser: Payloads,
    from_pbx: Payloads,
    unprotector: Option<Unprotector>,
    /// Whose RTP is taken: who was signalled last, be it that it wants none now.
    signalled: Option<SocketAddr>,
    /// Where symmetric RTP was heard first.
    learned_rtp: Option<SocketAddr>,
    learned_rtcp: Option<SocketAddr>,
}

/// One call.
pub(crate) struct Bridge {
    shared: Arc<Shared>,
    symmetric: bool,
    /// The family of our address.
    is_ipv4: bool,
    browser: Browser,
    /// What the browser said of itself in the offer that awaits its first answer.
    offered_remote: Option<Remote>,
    negotiation: Negotiation,
    branches: Vec<Branch>,
    /// Which of the branches is heard.
    active: Option<usize>,
    /// The branch that has answered the call.
    confirmed: Option<String>,
    protector: Option<(MasterKey, Protector)>,
    up: Stream,
    down: Stream,
    /// Of the conversation with the browser, and with the PBX.
    browser_reporter: Reporter,
    pbx_reporter: Reporter,
    report_due: Option<Instant>,
    pbx_watch: Watch,
    outputs: VecDeque<BridgeOutput>,
}

impl Bridge {
    /// `port`: where RTP of the PBX is heard.
    pub(crate) fn new(
        shared: Arc<Shared>,
        config: &RelayConfig,
        port: u16,
        now: Instant,
    ) -> Result<Self, MediaError> {
        let numbers: [u32; 10] = random(&*shared.crypto)?;
        let [
            a,
            b,
            c,
            d,
            up_ssrc,
            up_base,
            down_ssrc,
            down_base,
            up_seq,
            down_seq,
        ] = numbers;
        // RFC 8866 §5.2 wants a number; browsers read 63 bits.
        let id = |high: u32, low: u32| u64::from(high >> 1) << 32 | u64::from(low);
        let stream = |ssrc, sequence: u32, base| Stream {
            splice: Splice::new(sequence as u16, base),
            source: Source::new(ssrc, 0),
            clock_rate: 8000,
            stats: StreamStats::default(),
        };
        let advertised = config.advertise.unwrap_or(config.local);
        let local = SocketAddr::new(advertised, port);
        Ok(Self {
            symmetric: config.symmetric_rtp,
            is_ipv4: config.local.is_ipv4(),
            browser: Browser::new(shared.clone(), now)?,
            offered_remote: None,
            negotiation: Negotiation::new(local, config.srtp, [id(a, b), id(c, d)]),
            branches: Vec::new(),
            active: None,
            confirmed: None,
            protector: None,
            up: stream(up_ssrc, up_seq, up_base),
            down: stream(down_ssrc, down_seq, down_base),
            browser_reporter: Reporter::new(shared.clock, now),
            pbx_reporter: Reporter::new(shared.clock, now),
            report_due: None,
            pbx_watch: Watch::new(now),
            outputs: VecDeque::new(),
            shared,
        })
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.browser
    }

    pub(super) fn on_browser_offer(
        &mut self,
        now: Instant,
        text: &str,
    ) -> Result<BrowserOffer, RelayError> {
        let offer = Offer::parse(text)?;
        if let Some(answer) = self.on_restart(now, &offer)? {
            return Ok(BrowserOffer::Answer(answer));
        }
        self.offered_remote = Some(offer.audio.remote.clone());
        let crypto = self.shared.crypto.clone();
        let make_key = move |suite| make_key(&*crypto, suite);
        let text = self.negotiation.on_browser_offer(offer, &make_key)?;
        Ok(BrowserOffer::Offer(text))
    }

    fn on_restart(&mut self, now: Instant, offer: &Offer) -> Result<Option<String>, RelayError> {
        let remote = &offer.audio.remote;
        let former = self.browser.remote();
        if former.is_none_or(|former| former.ufrag == remote.ufrag) {
            return Ok(None);
        }
        let heard = self.heard_branch();
        let Some((name, agreement)) = heard.map(|b| (b.name.clone(), b.agreement.clone())) else {
            return Ok(None);
        };
        let Some(agreement) = self.negotiation.on_restart(offer, &agreement) else {
            return Ok(None);
        };
        self.browser.accept(now, remote, true)?;
        self.drain_browser(now);
        let answer = self.answer_browser(Some(&agreement));
        self.settle(&name, agreement)?;
        Ok(Some(answer))
    }

    pub(super) fn on_pbx_answer(
        &mut self,
        now: Instant,
        branch: &str,
        text: &str,
    ) -> Result<String, RelayError> {
        self.name_branch(branch);
        let is_known = self.branches.iter().any(|b| b.name == branch);
        let is_other = self.confirmed.as_ref().is_some_and(|name| name != branch);
        if is_other || self.branches.len() >= MAX_BRANCHES && !is_known {
            return Err(RelayError::OtherBranch);
        }
        let agreement = self.negotiation.on_pbx_answer(text)?;
        self.check_family(agreement.as_ref())?;
        if let Some(remote) = self.offered_remote.take() {
            self.browser.accept(now, &remote, true)?;
            self.drain_browser(now);
        }
        let answer = self.answer_browser(agreement.as_ref());
        match agreement {
            Some(agreement) => self.settle(branch, agreement)?,
            None => self.forget(branch),
        }
        self.pbx_watch.on_heard(now);
        Ok(answer)
    }

    pub(super) fn on_confirmed(&mut self, branch: &str) {
        self.name_branch(branch);
        let is_new = self.heard_branch().is_none_or(|heard| heard.name != branch);
        if is_new {
            self.down.splice.cut();
        }
        // A branch without sound has none here.
        self.branches.retain(|b| b.name == branch);
        self.active = (!self.branches.is_empty()).then_some(0);
        self.confirmed = Some(branch.to_owned());
        self.protect_for_active();
    }

    pub(super) fn on_pbx_offer(&mut self, text: &str) -> Result<String, RelayError> {
        let Self {
            negotiation,
            browser,
            shared,
            down,
            ..
        } = self;
        let transport = transport(shared, browser);
        negotiation.on_pbx_offer(text, transport, down.source.ssrc)
    }

    pub(super) fn on_browser_answer(
        &mut self,
        now: Instant,
        text: &str,
    ) -> Result<String, RelayError> {
        let crypto = self.shared.crypto.clone();
        let make_key = move |suite| make_key(&*crypto, suite);
        let settled = self.negotiation.on_browser_answer(text, &make_key)?;
        let heard = self.heard_branch().map(|branch| branch.name.clone());
        let name = heard.or_else(|| self.confirmed.clone()).unwrap_or_default();
        let Some((agreement, audio)) = settled else {
            self.forget(&name);
            return Ok(self.negotiation.answer_pbx(None));
        };
        self.check_family(Some(&agreement))?;
        self.browser.accept(now, &audio.remote, false)?;
        self.drain_browser(now);
        let answer = self.negotiation.answer_pbx(Some(&agreement));
        self.settle(&name, agreement)?;
        let index = self.branches.iter().position(|b| b.name == name);
        self.active = self.active.or(index);
        self.protect_for_active();
        self.pbx_watch.on_heard(now);
        Ok(answer)
    }

    /// What the peer of one family is told, the other can't reach.
    fn check_family(&self, agreement: Option<&Agreement>) -> Result<(), RelayError> {
        let remote = agreement.and_then(|agreement| agreement.rtp);
        if remote.is_some_and(|remote| remote.is_ipv4() != self.is_ipv4) {
            let why = "its address is of the other IP version than ours";
            return Err(RelayError::BadDescription(why.to_owned()));
        }
        Ok(())
    }

    fn answer_browser(&mut self, agreement: Option<&Agreement>) -> String {
        let Self {
            negotiation,
            browser,
            shared,
            down,
            ..
        } = self;
        let transport = transport(shared, browser);
        negotiation.answer_browser(agreement, transport, down.source.ssrc)
    }

    /// Lets `agreement` hold for the branch `name` from now on.
    fn settle(&mut self, name: &str, agreement: Agreement) -> Result<(), RelayError> {
        let unkeyed = || RelayError::Encryption("the PBX's keys can't be used".to_owned());
        let index = self.branches.iter().position(|b| b.name == name);
        let former = index.map(|index| self.branches.remove(index));
        let theirs = agreement.keys.as_ref().map(|(_, theirs)| theirs);
        let (mut unprotector, mut learned_rtp, mut learned_rtcp) = (None, None, None);
        let mut signalled = agreement.rtp;
        if let Some(former) = former {
            let former_key = former.agreement.keys.as_ref().map(|(_, theirs)| theirs);
            if theirs == former_key {
                unprotector = former.unprotector;
            }
            signalled = signalled.or(former.signalled);
            if former.signalled == signalled {
                (learned_rtp, learned_rtcp) = (former.learned_rtp, former.learned_rtcp);
            }
        }
        if let (None, Some(theirs)) = (&unprotector, theirs) {
            unprotector = Some(Unprotector::new(theirs).ok_or_else(unkeyed)?);
        }
        let branch = Branch {
            name: name.to_owned(),
            from_browser: Payloads::from_browser(&agreement.formats),
            from_pbx: Payloads::from_pbx(&agreement.formats),
            agreement,
            unprotector,
            signalled,
            learned_rtp,
            learned_rtcp,
        };
        let index = index.unwrap_or(self.branches.len());
        self.branches.insert(index, branch);
        self.protect_for_active();
        Ok(())
    }

    /// The branch refuses the sound, or there is none any more.
    fn forget(&mut self, name: &str) {
        let heard = self.heard_branch().map(|branch| branch.name.clone());
        self.branches.retain(|branch| branch.name != name);
        self.active = self
            .branches
            .iter()
            .position(|b| Some(&b.name) == heard.as_ref());
    }

    /// A PBX that has called itself is heard of by name when it answers for the first time.
    fn name_branch(&mut self, name: &str) {
        if let [only] = &mut self.branches[..]
            && only.name.is_empty()
        {
            name.clone_into(&mut only.name);
        }
    }

    fn heard_branch(&self) -> Option<&Branch> {
        self.active.and_then(|active| self.branches.get(active))
    }

    /// The branch to which the browser's sound goes: the one that is heard, else the first.
    fn sending_index(&self) -> Option<usize> {
        self.active.or((!self.branches.is_empty()).then_some(0))
    }

    fn protect_for_active(&mut self) {
        let branch = self
            .sending_index()
            .and_then(|index| self.branches.get(index));
        let ours = branch.and_then(|branch| branch.agreement.keys.as_ref());
        match (ours, &self.protector) {
            (None, _) => self.protector = None,
            // The same key goes on counting where it was.
            (Some((ours, _)), Some((current, _))) if ours == current => {}
            (Some((ours, _)), _) => {
                let protector = Protector::new(ours);
                self.protector = protector.map(|protector| (ours.clone(), protector));
            }
        }
    }

    /// Answers an ICE check; when it is authentic, `from` is an address of this browser.
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

    /// Takes the datagram in the first `length` bytes of `buffer` from an address of the browser.
    /// What is to be forwarded lies there afterwards.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_browser(
        &mut self,
        now: Instant,
        protocol: Protocol,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<SocketAddr>, Dropped> {
        let result = match protocol {
            Protocol::Rtp => self.handle_browser_rtp(now, buffer, length),
            Protocol::Rtcp => self.handle_browser_rtcp(now, &mut buffer[..length]),
            Protocol::Dtls => {
                self.browser.handle_dtls(now, &buffer[..length]);
                self.drain_browser(now);
                Ok(None)
            }
            // Only checks matter to a lite agent, and they come by user name.
            Protocol::Stun => Err(Dropped::Unknown),
        };
        self.up.stats.rejected += u64::from(result.is_err());
        result
    }

    fn handle_browser_rtp(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<SocketAddr>, Dropped> {
        let length = self.browser.unprotect_rtp(now, &mut buffer[..length])?;
        let packet = Packet::parse(&buffer[..length]).ok_or(Dropped::Malformed)?;
        let Some(index) = self.sending_index() else {
            return Ok(None);
        };
        let branch = &self.branches[index];
        let payload = branch.from_browser.of(packet.payload_type);
        let payload = payload.ok_or(Dropped::Malformed)?;
        self.up
            .on_received(now, &packet, payload, &mut self.browser_reporter);
        let Some(signalled) = branch.agreement.rtp else {
            return Ok(None);
        };
        let to = branch.learned_rtp.unwrap_or(signalled);
        if !branch.agreement.browser.sends() || !branch.agreement.pbx.receives() {
            return Ok(None);
        }
        if !self
            .up
            .forward(now, buffer, length, payload, &mut self.pbx_reporter)
        {
            return Ok(None);
        }
        let length = match &mut self.protector {
            Some((_, protector)) => protector.protect_rtp(buffer, length),
            None => Some(length),
        };
        self.up.stats.forwarded += u64::from(length.is_some());
        Ok(length.map(|length| (to, length)))
    }

    fn handle_browser_rtcp(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<Forward<SocketAddr>, Dropped> {
        let length = self.browser.unprotect_rtcp(now, datagram)?;
        let ssrc = self.down.source.ssrc;
        let understood = self
            .browser_reporter
            .handle_rtcp(now, ssrc, &datagram[..length]);
        understood.then_some(None).ok_or(Dropped::Malformed)
    }

    /// Takes the datagram in the first `length` bytes of `buffer` from the PBX's side, from anyone.
    /// What is to be forwarded lies there afterwards.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_pbx(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<Path>, Dropped> {
        let result = match (Protocol::of(&buffer[..length]), component) {
            (Some(Protocol::Rtp), Component::Rtp) => self.handle_pbx_rtp(now, from, buffer, length),
            // Some multiplex without asking (RFC 5761).
            (Some(Protocol::Rtcp), _) => {
                self.handle_pbx_rtcp(now, component, from, &mut buffer[..length])
            }
            _ => Err(Dropped::Malformed),
        };
        self.down.stats.rejected += u64::from(result.is_err());
        result
    }

    fn handle_pbx_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<Forward<Path>, Dropped> {
        let index = self.branch_of(from).ok_or(Dropped::Unknown)?;
        let branch = &mut self.branches[index];
        let length = match &mut branch.unprotector {
            Some(unprotector) => {
                let length = unprotector.unprotect_rtp(&mut buffer[..length]);
                length.ok_or(Dropped::Unauthentic)?
            }
            None => length,
        };
        let packet = Packet::parse(&buffer[..length]).ok_or(Dropped::Malformed)?;
        let payload = branch.from_pbx.of(packet.payload_type);
        let payload = payload.ok_or(Dropped::Malformed)?;
        if self.symmetric {
            branch.learned_rtp = Some(from);
        }
        match self.active {
            Some(active) if active != index => return Ok(None),
            Some(_) => {}
            None => {
                self.active = Some(index);
                self.protect_for_active();
            }
        }
        self.pbx_watch.on_heard(now);
        self.down
            .on_received(now, &packet, payload, &mut self.pbx_reporter);
        let agreement = &self.branches[index].agreement;
        if !agreement.pbx.sends() || !agreement.browser.receives() {
            return Ok(None);
        }
        if !self.browser.is_connected() {
            return Ok(None);
        }
        if !self
            .down
            .forward(now, buffer, length, payload, &mut self.browser_reporter)
        {
            return Ok(None);
        }
        let forward = self.browser.protect_rtp(buffer, length);
        self.down.stats.forwarded += u64::from(forward.is_some());
        Ok(forward)
    }

    fn handle_pbx_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Forward<Path>, Dropped> {
        let symmetric = self.symmetric;
        let is_from = |branch: &Branch| match component {
            Component::Rtp => branch.hears(from, symmetric),
            Component::Rtcp => match branch.learned_rtcp {
                Some(learned) => learned == from,
                None => symmetric || branch.agreement.rtcp == Some(from),
            },
        };
        let index = self.branches.iter().position(is_from);
        let branch = &mut self.branches[index.ok_or(Dropped::Unknown)?];
        let length = match &mut branch.unprotector {
            Some(unprotector) => {
                let length = unprotector.unprotect_rtcp(datagram);
                length.ok_or(Dropped::Unauthentic)?
            }
            None => datagram.len(),
        };
        let ssrc = self.up.source.ssrc;
        if !self
            .pbx_reporter
            .handle_rtcp(now, ssrc, &datagram[..length])
        {
            return Err(Dropped::Malformed);
        }
        if symmetric && component == Component::Rtcp {
            branch.learned_rtcp = Some(from);
        }
        self.pbx_watch.on_heard(now);
        Ok(None)
    }

    /// The branch whose RTP comes from `from`: by its signalled address before any that would
    /// learn one.
    fn branch_of(&self, from: SocketAddr) -> Option<usize> {
        let mut branches = self.branches.iter();
        let known = branches.position(|branch| branch.hears(from, false));
        let learns = || {
            let mut branches = self.branches.iter();
            branches.position(|branch| branch.hears(from, self.symmetric))
        };
        known.or_else(learns)
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.browser.handle_timeout(now);
        self.drain_browser(now);
        if self.report_due.is_some_and(|due| due <= now) {
            self.report_due = Some(now + REPORT_INTERVAL);
            self.report(now);
            self.check_pbx(now);
        }
    }

    /// When [`Bridge::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.browser.poll_timeout(), self.report_due];
        due.into_iter().flatten().min()
    }

    /// What is to be done now, until it answers `None`.
    pub(crate) fn poll_output(&mut self) -> Option<BridgeOutput> {
        self.outputs.pop_front()
    }

    fn drain_browser(&mut self, now: Instant) {
        while let Some(output) = self.browser.poll_output() {
            let event = match output {
                BrowserOutput::Transmit(to, bytes) => {
                    self.outputs.push_back(BridgeOutput::ToBrowser(to, bytes));
                    continue;
                }
                BrowserOutput::Connected => {
                    self.report_due = self.report_due.or(Some(now + FIRST_REPORT));
                    self.pbx_watch.on_heard(now);
                    RelayEvent::Connected
                }
                BrowserOutput::Silent => RelayEvent::BrowserSilent,
                BrowserOutput::Failed => RelayEvent::Failed,
            };
            self.outputs.push_back(BridgeOutput::Event(event));
        }
    }

    fn report(&mut self, now: Instant) {
        let report = self.browser_reporter.write(now, &self.down.source);
        self.browser.send_rtcp(&report);
        self.drain_browser(now);
        let branch = self
            .sending_index()
            .and_then(|index| self.branches.get(index));
        let to = branch.and_then(|branch| branch.learned_rtcp.or(branch.agreement.rtcp));
        let Some(to) = to else { return };
        let mut report = self.pbx_reporter.write(now, &self.up.source);
        if let Some((_, protector)) = &mut self.protector {
            let length = report.len();
            report.resize(length + MAX_TRAILER, 0);
            let Some(length) = protector.protect_rtcp(&mut report, length) else {
                return;
            };
            report.truncate(length);
        }
        self.outputs
            .push_back(BridgeOutput::ReportToPbx(to, report));
    }

    fn check_pbx(&mut self, now: Instant) {
        let branch = self
            .sending_index()
            .and_then(|index| self.branches.get(index));
        let speaks = branch.is_some_and(|branch| {
            branch.agreement.pbx.sends() && branch.agreement.browser.receives()
        });
        if self.pbx_watch.check(now, speaks) {
            self.outputs
                .push_back(BridgeOutput::Event(RelayEvent::PbxSilent));
        }
    }

    pub(super) fn stats(&self) -> RelayStats {
        RelayStats {
            from_browser: self.up.stats(&self.browser_reporter),
            from_pbx: self.down.stats(&self.pbx_reporter),
        }
    }
}

impl Branch {
    /// Whether RTP from `from` is this branch's, perhaps by learning so.
    fn hears(&self, from: SocketAddr, learns: bool) -> bool {
        match self.learned_rtp {
            Some(learned) => learned == from,
            None => learns || self.signalled == Some(from),
        }
    }
}

impl Stream {
    fn on_received(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        payload: Payload,
        reporter: &mut Reporter,
    ) {
        if payload.codec != Codec::TelephoneEvent {
            self.clock_rate = payload.clock_rate;
            self.stats.codec = Some(payload.codec.name());
        }
        self.stats.octets += packet.payload.len() as u64;
        reporter.on_received(now, packet, self.clock_rate);
    }

    /// Writes the packet in the first `length` bytes anew as one of ours; `false` if it is not to
    /// go on.
    fn forward(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        length: usize,
        payload: Payload,
        reporter: &mut Reporter,
    ) -> bool {
        let Some(packet) = Packet::parse(&buffer[..length]) else {
            return false;
        };
        let octets = packet.payload.len();
        let Some(place) = self.splice.place(now, &packet, self.clock_rate) else {
            return false;
        };
        let marker = u8::from(packet.marker || place.begins) << 7;
        buffer[1] = marker | payload.number;
        buffer[2..4].copy_from_slice(&place.sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&place.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&self.source.ssrc.to_be_bytes());
        self.source.on_sent(octets);
        reporter.on_sent(now, place.timestamp, self.clock_rate);
        true
    }

    fn stats(&self, reporter: &Reporter) -> StreamStats {
        let reception = reporter.reception();
        StreamStats {
            packets: reception.packets,
            lost: reception.lost,
            jitter: reception.jitter,
            round_trip: reporter.round_trip(),
            ..self.stats
        }
    }
}

fn transport<'a>(shared: &'a Shared, browser: &'a Browser) -> LocalTransport<'a> {
    let Credentials { ufrag, pwd } = browser.credentials();
    LocalTransport {
        candidates: &shared.candidates,
        takes_streams: shared.takes_streams,
        fingerprint: shared.identity.fingerprint(),
        ice_ufrag: ufrag,
        ice_pwd: pwd,
    }
}

fn make_key(crypto: &dyn RTCCryptoProvider, suite: Suite) -> Option<MasterKey> {
    let mut joined = vec![0; suite.key_length() + suite.salt_length()];
    crypto.random().fill(&mut joined).ok()?;
    MasterKey::from_joined(suite, &joined)
}

#[cfg(test)]
mod tests;
