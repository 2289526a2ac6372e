//! One relayed call, sans-IO: packets are changed where they lie and told where to go.
//!
//! ```text
//!        browser ──unprotect──▶ payloads ──▶ splice ──[protect]──▶ PBX
//!        browser ◀──protect─── splice ◀── payloads ◀──[unprotect]── PBX, of one branch
//! ```
//!
//! RTCP ends here: each side hears our own reports on what we had from it and sent to it.

mod branch;
mod descriptions;
mod packets;
mod stream;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::negotiation::Negotiation;
use super::watch::Watch;
use super::{RelayConfig, RelayEvent, RelayStats};
use crate::MediaError;
use crate::counters::Dropped;
use crate::endpoint::{Shared, random};
use crate::rtp::report::Reporter;
use crate::transport::Path;
use crate::transport::browser::{Browser, BrowserOutput, Remote};
use crate::transport::ice::Check;
use crate::transport::srtp::{MAX_TRAILER, MasterKey, Protector};
use branch::Branch;
use stream::Stream;

const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

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

/// One call.
pub(crate) struct Bridge {
    shared: Arc<Shared>,
    symmetric: bool,
    browser: Browser,
    /// What the browser said of itself in the offer that awaits its first answer.
    offered_remote: Option<Remote>,
    negotiation: Negotiation,
    /// Rarely more than one, which lies here: each packet asks for it.
    branches: SmallVec<[Branch; 1]>,
    /// Which of the branches is heard.
    active: Option<usize>,
    /// The branch that has answered the call.
    confirmed: Option<String>,
    protector: Option<Box<(MasterKey, Protector)>>,
    /// Those whose keys may be used again: they go on counting where they were, for a number that comes
    /// twice gives away what it protects (RFC 3711 §9.1).
    resting: Vec<(MasterKey, Protector)>,
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
        let same_family = |ip: &IpAddr| ip.is_ipv4() == config.local.is_ipv4();
        let advertised = config.advertise.filter(same_family);
        let local = SocketAddr::new(advertised.unwrap_or(config.local), port);
        Ok(Self {
            symmetric: config.symmetric_rtp,
            browser: Browser::new(shared.clone(), now)?,
            offered_remote: None,
            negotiation: Negotiation::new(local, config.srtp, [id(a, b), id(c, d)]),
            branches: SmallVec::new(),
            active: None,
            confirmed: None,
            protector: None,
            resting: Vec::new(),
            up: Stream::new(up_ssrc, up_seq as u16, up_base),
            down: Stream::new(down_ssrc, down_seq as u16, down_base),
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
        if let Some((_, protector)) = self.protector.as_deref_mut() {
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

#[cfg(test)]
mod tests;
