//! How calls were: they are counted when they are answered, and told of when they end.
//!
//! The browser is told in the BYE, or in the answer to its own: so nobody learns of a call but the
//! flow that carries it, and no other way has to be guarded. The name has no X- (RFC 6648).

use sidetone_sip::message::HeaderName;
use sidetone_sip::transaction::ServerId;
use sidetone_sip::{Headers, Moment, Response, Status, Text};

use super::Phone;
use super::leg::Way;
use crate::bridge::anchor::MediaStatistics;
use crate::bridge::figures::{CallKind, Caller, SoundPath};
use crate::bridge::token::UpstreamId;

/// Tells a browser how its call was.
const HEADER: &str = "Media-Statistics";
/// Calls of one phone whose end is waited for; of more, the oldest are forgotten.
const MOST_CALLS: usize = 64;

/// A call that is up and whose sound goes its own way.
pub(super) struct DirectCall {
    call_id: Text,
    upstream: UpstreamId,
    since: Moment,
}

/// How a call was, in the words of the header.
pub(super) struct Summary(Vec<String>);

impl Summary {
    fn relayed(statistics: &MediaStatistics) -> Self {
        let MediaStatistics {
            from_browser,
            from_pbx,
        } = statistics;
        Self(vec![
            format!("relay;from=browser;{from_browser}"),
            format!("relay;from=pbx;{from_pbx}"),
        ])
    }

    pub(super) fn write(&self, headers: &mut Headers) {
        for value in &self.0 {
            headers.push_raw(HeaderName::from(HEADER), value.as_str());
        }
    }
}

/// Nobody but the gateway tells how its calls were.
pub(super) fn remove_claims(headers: &mut Headers) {
    let is_claim = |name: &HeaderName| name.as_str().eq_ignore_ascii_case(HEADER);
    headers.others.retain(|header| !is_claim(&header.name));
}

impl Phone {
    /// The call that a request began is answered: it counts once, whatever is repeated and however
    /// many branches there are.
    pub(super) fn note_answered(&mut self, server: ServerId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&server) else {
            return;
        };
        let Some(call_id) = leg.call.clone().filter(|_| response.status.is_success()) else {
            return;
        };
        if std::mem::replace(&mut leg.answered, true) {
            return;
        }
        let (upstream, caller) = match &leg.way {
            Way::ToPbx(outgoing) => (outgoing.pbx.id, Caller::Browser),
            Way::ToBrowser(incoming) => (incoming.upstream, Caller::Pbx),
        };
        let path = match self.calls.contains_key(&call_id) {
            true => SoundPath::Relay,
            false => SoundPath::Direct,
        };
        if let Some(pbx) = self.shared.pbx(upstream) {
            pbx.tally.count(CallKind::new(caller, path));
        }
        if path == SoundPath::Direct {
            if self.direct_calls.len() >= MOST_CALLS {
                self.direct_calls.remove(0);
            }
            self.direct_calls.push(DirectCall {
                call_id,
                upstream,
                since: self.now(),
            });
        }
    }

    /// A call ends, and how it was; `None` if it is not known here.
    pub(super) async fn conclude(&mut self, call_id: &Text) -> Option<Summary> {
        if let Some(call) = self.calls.get(call_id) {
            let statistics = call.statistics().await;
            self.release(call_id);
            return statistics.map(|statistics| Summary::relayed(&statistics));
        }
        self.conclude_direct(call_id)
    }

    fn conclude_direct(&mut self, call_id: &Text) -> Option<Summary> {
        let mut calls = self.direct_calls.iter();
        let at = calls.position(|call| call.call_id == *call_id)?;
        let DirectCall {
            upstream, since, ..
        } = self.direct_calls.remove(at);
        let seconds = self.now().since(since).as_secs();
        let upstream = self.shared.pbx(upstream)?;
        tracing::info!(
            upstream = upstream.config.name,
            seconds,
            "a direct call ended"
        );
        Some(Summary(vec!["direct".to_owned()]))
    }

    /// RFC 5057 §5.1: what was asked within a call is answered so where there is no such call.
    pub(super) fn note_lost(&mut self, server: ServerId, response: &Response) {
        let over = [Status::CALL_DOES_NOT_EXIST, Status::REQUEST_TIMEOUT];
        if over.contains(&response.status)
            && let Some(asked) = self.transactions.served_request(server)
            && asked.headers.to.tag().is_some()
        {
            let call_id = asked.headers.call_id.clone();
            self.conclude_direct(&call_id);
            self.release(&call_id);
        }
    }
}
