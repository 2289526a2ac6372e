//! A browser that has just gone is expected back: its page is loaded anew, or its network changes.
//! Whoever calls meanwhile waits for it, and so does a call that rings already, but not for long.

use sidetone_sip::transaction::ServerId;
use sidetone_sip::{Method, Request, Status};

use super::leg::Way;
use super::{BROWSER, Due, Phone};

impl Phone {
    /// Its socket has ended.
    pub(super) fn expect_back(&mut self) {
        self.start_timer(Due::Absent, self.shared.ring_grace);
    }

    /// RFC 3261 §21.4.18. A call that is up may wait for the browser to come back, and a new one as
    /// long as that is expected.
    pub(super) fn is_away_for(&self, request: &Request) -> bool {
        let is_expected = || self.due.iter().any(|(_, due)| *due == Due::Absent);
        let may_wait = || request.method == Method::Invite && is_expected();
        let is_away = !self.transactions.is_up(BROWSER);
        is_away && request.headers.to.tag().is_none() && !may_wait()
    }

    /// It is here again, and is told who has called.
    pub(super) fn on_return(&mut self) {
        self.stop_timer(Due::Absent);
        for leg in self.legs.values_mut() {
            leg.is_unheard = false;
        }
        self.raise();
    }

    /// It has not come back in time.
    pub(super) fn on_absent(&mut self) {
        let legs = self.legs.iter();
        let ringing: Vec<ServerId> = legs
            .filter(|(_, leg)| matches!(leg.way, Way::ToBrowser(_)) && leg.call.is_some())
            .filter(|(server, _)| self.transactions.pending_request(**server).is_some())
            .map(|(server, _)| *server)
            .collect();
        for server in ringing {
            self.turn_away(server, Status::TEMPORARILY_UNAVAILABLE);
        }
    }

    /// Ends a call without a word to the browser.
    pub(super) fn turn_away(&mut self, server: ServerId, status: Status) {
        self.refuse(server, status);
        if let Some(client) = self.legs.get(&server).and_then(|leg| leg.client) {
            self.transactions.abandon(client);
        }
        self.forget(server);
    }
}
