//! Session timers (RFC 4028): a session that nobody refreshes ends.

use std::time::Duration;

use super::kept::KeptTimer;
use super::{Phase, Session, retry_after};
use crate::endpoint::event::{Ended, EndedBy};
use crate::endpoint::{Endpoint, Purpose, SessionAlarm, contact};
use crate::message::{
    Headers, MinSe, RawHeader, Reason, Refresher, Require, SessionExpires, Supported, TypedHeader,
};
use crate::{Method, Response, Status};

/// RFC 4028 §5: no shorter interval is ever agreed on.
pub(super) const SHORTEST: Duration = Duration::from_secs(90);

/// RFC 4028 §10: the session ends a little before its interval does.
const MARGIN: Duration = Duration::from_secs(32);

/// How often a request may be sent again with a longer interval.
const MOST_RAISES: u8 = 4;

/// What was agreed on with the last 2xx to an INVITE or UPDATE.
///
/// ```text
///            2xx with Session-Expires                 interval/2, if it is for us:
///   +------+ ------------------------> +---------+    refresh by UPDATE or re-INVITE
///   | none |                           | running | ---+
///   +------+ <------------------------ +---------+ <--+ 2xx: start anew
///            2xx without                    |
///                                           | interval − min(32 s, interval/3): BYE
///                                           V
/// ```
#[derive(Debug, Default)]
pub(super) struct SessionTimer {
    agreed: Option<Agreed>,
    /// The shortest interval that the peer or a proxy takes.
    least: Duration,
    raises: u8,
}

#[derive(Clone, Copy, Debug)]
struct Agreed {
    interval: Duration,
    /// We refresh it.
    is_ours: bool,
}

impl SessionTimer {
    pub(super) fn export(&self) -> Option<KeptTimer> {
        self.agreed.map(|agreed| KeptTimer {
            seconds: agreed.interval.as_secs(),
            is_ours: agreed.is_ours,
        })
    }

    pub(super) fn restore(kept: Option<KeptTimer>) -> Self {
        let agreed = kept.map(|kept| Agreed {
            interval: Duration::from_secs(kept.seconds).max(SHORTEST),
            is_ours: kept.is_ours,
        });
        Self {
            agreed,
            ..Self::default()
        }
    }

    /// What a request of ours within the session says of it (RFC 4028 §7.4).
    pub(super) fn write(&self, headers: &mut Headers) {
        if let Some(Agreed { interval, is_ours }) = self.agreed {
            let refresher = if is_ours {
                Refresher::Uac
            } else {
                Refresher::Uas
            };
            let refresher = Some(refresher);
            headers.push(&SessionExpires {
                interval,
                refresher,
            });
            if self.least > SHORTEST {
                headers.push(&MinSe(self.least));
            }
        }
    }

    /// Makes the interval of a request long enough for who answered it with 422 (RFC 4028 §7.3);
    /// false if that does not help.
    pub(super) fn raise(&mut self, refusal: &Response, headers: &mut Headers) -> bool {
        let Ok(Some(MinSe(least))) = refusal.headers.typed() else {
            return false;
        };
        let Ok(Some(asked)) = headers.typed::<SessionExpires>() else {
            return false;
        };
        if least <= asked.interval || self.raises >= MOST_RAISES {
            return false;
        }
        self.raises += 1;
        self.least = least;
        headers.set(&SessionExpires {
            interval: least,
            ..asked
        });
        headers.set(&MinSe(least));
        true
    }
}

impl Session {
    /// What a 2xx to our request says (RFC 4028 §7.2).
    pub(super) fn follow_timer(&mut self, endpoint: &mut Endpoint, response: &Response) {
        let granted = response.headers.typed::<SessionExpires>().ok().flatten();
        self.timer.agreed = granted.map(|granted| Agreed {
            interval: granted.interval.max(SHORTEST),
            is_ours: granted.refresher != Some(Refresher::Uas),
        });
        self.start_session_timer(endpoint);
    }

    /// Writes into our 2xx what is agreed on (RFC 4028 §9, table 2).
    pub(super) fn grant_timer(
        &mut self,
        endpoint: &mut Endpoint,
        request: &Headers,
        response: &mut Headers,
    ) {
        let supported = request.typed::<Supported>().ok().flatten();
        let is_supported = supported.is_some_and(|tags| tags.has("timer"));
        let asked = request.typed::<SessionExpires>().ok().flatten();
        let own = endpoint.config.session_interval.filter(|_| is_supported);
        let interval = asked.map(|asked| asked.interval).or(own);
        let was_ours = self.timer.agreed.is_some_and(|agreed| agreed.is_ours);
        self.timer.agreed = interval.map(|interval| {
            let refresher = match asked.and_then(|asked| asked.refresher) {
                _ if !is_supported => Refresher::Uas,
                Some(refresher) => refresher,
                None if was_ours => Refresher::Uas,
                None => Refresher::Uac,
            };
            let interval = interval.max(SHORTEST);
            let least = endpoint.config.min_session_interval;
            response.push(&SessionExpires {
                // A proxy asks for a caller that can't be told of a longer one by 422.
                interval: interval.max(least),
                refresher: Some(refresher),
            });
            if is_supported {
                response.push(&Require(vec!["timer".into()]));
            }
            Agreed {
                interval: interval.max(least),
                is_ours: refresher == Refresher::Uas,
            }
        });
        self.start_session_timer(endpoint);
    }

    pub(super) fn start_session_timer(&mut self, endpoint: &mut Endpoint) {
        for alarm in SessionAlarm::OF_TIMER {
            self.stop_alarm(endpoint, alarm);
        }
        if let Some(Agreed { interval, is_ours }) = self.timer.agreed {
            let expiry = interval - MARGIN.min(interval / 3);
            self.start_alarm(endpoint, SessionAlarm::Expiry, expiry);
            if is_ours {
                self.start_alarm(endpoint, SessionAlarm::Refresh, interval / 2);
            }
        }
    }

    /// RFC 4028 §7.4: by UPDATE if the peer allows it, else by a re-INVITE that offers what is.
    pub(super) fn refresh(&mut self, endpoint: &mut Endpoint) {
        if self.timer.agreed.is_none() {
            return;
        }
        if !self.peer_updates {
            if !self.refresh_by_reinvite(endpoint) {
                self.refresh_later(endpoint, None);
            }
            return;
        }
        let Ok(confirmed) = self.confirmed() else {
            return;
        };
        let mut update = confirmed.dialog.request(Method::Update);
        contact(&mut update.headers, &self.contact);
        endpoint.list_abilities(&mut update.headers);
        self.timer.write(&mut update.headers);
        self.send(endpoint, update, Purpose::Refresh, 0);
    }

    pub(super) fn on_refresh_response(&mut self, endpoint: &mut Endpoint, response: Response) {
        let status = response.status;
        if !matches!(self.phase, Phase::Confirmed(_)) || status.is_provisional() {
            return;
        }
        if status.is_success() {
            if let Some(dialog) = self.dialog_mut() {
                dialog.refresh_target(&response.headers);
            }
            self.follow_timer(endpoint, &response);
            return;
        }
        match status {
            Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT => {
                self.on_request_response(endpoint, response);
            }
            Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED => {
                self.peer_updates = false;
                self.refresh(endpoint);
            }
            _ => self.refresh_later(endpoint, retry_after(&response)),
        }
    }

    /// Until the session expires it is tried again, as early as the peer wants it.
    pub(super) fn refresh_later(&mut self, endpoint: &mut Endpoint, wish: Option<Duration>) {
        let after = wish.unwrap_or_default().max(Duration::from_secs(5));
        self.start_alarm(endpoint, SessionAlarm::Refresh, after);
    }

    /// RFC 4028 §10.
    pub(super) fn on_session_expired(&mut self, endpoint: &mut Endpoint) {
        if !matches!(self.phase, Phase::Confirmed(_)) {
            return;
        }
        let reason = Reason {
            protocol: "SIP".into(),
            cause: Some(Status::REQUEST_TIMEOUT.code()),
            text: Some("Session timer expired".into()),
        };
        let header = RawHeader {
            name: Reason::NAME,
            value: reason.to_string().into(),
        };
        self.hang_up(endpoint, vec![header]);
        self.tell_ended(endpoint, Ended::by(EndedBy::TimedOut));
    }
}
