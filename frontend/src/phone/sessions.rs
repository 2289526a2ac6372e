//! What the other sides do.

use leptos::task::spawn_local;
use sidetone_sip::{Body, Moment, Request, SessionEvent, SessionId, Status};

use super::engine::{Core, millis};
use super::media::{Media, NO_SOUND};
use crate::model::{CallKey, EndReason, Party, Phase, end_reason};
use crate::platform::{is_hidden, notifications};

impl Core {
    pub(super) fn on_session(&mut self, now: Moment, session: SessionId, event: SessionEvent) {
        if let SessionEvent::Incoming { request, .. } = event {
            self.on_incoming(now, session, &request);
            return;
        }
        // What follows on a call that ended here is the agent's business.
        let Some(key) = self.media.call_of(session) else {
            return;
        };
        match event {
            SessionEvent::Incoming { .. } | SessionEvent::Confirmed | SessionEvent::Info { .. } => {
            }
            // What was agreed before goes on; the browser needs no word of that.
            // The agent refuses transfers for us, and we ask for none yet.
            SessionEvent::OfferWithdrawn | SessionEvent::Transfer(_) => {}
            // The agent follows by itself; the card still names who was dialled.
            SessionEvent::Redirected { .. } => {}
            SessionEvent::Progress { status, body, .. } => {
                let early_media = self.take_remote(key, body, true);
                if early_media || status == Status::RINGING {
                    self.calls.on_ringing(key, early_media);
                }
            }
            SessionEvent::Accepted { body, .. } => self.on_accepted(now, key, body),
            SessionEvent::Offer { body } => self.on_offer(now, key, body.and_then(sdp)),
            SessionEvent::OfferAnswered { body } => {
                self.on_offer_answered(key, body.and_then(sdp));
            }
            SessionEvent::OfferRefused { .. } => self.on_offer_refused(key),
            SessionEvent::Ended(ended) => {
                let Some(call) = self.calls.call(key) else {
                    return;
                };
                let reason = end_reason(call.direction, call.phase.is_talking(), &ended);
                self.finish(now, key, reason);
            }
        }
    }

    fn on_incoming(&mut self, now: Moment, session: SessionId, request: &Request) {
        // An INVITE without a body wants our offer; one without sound is nothing to answer.
        let body = String::from_utf8_lossy(&request.body);
        if !body.is_empty() && !body.lines().any(|line| line.starts_with("m=audio")) {
            let refusal = Status::NOT_ACCEPTABLE_HERE;
            let _ = self.command(|agent| agent.reject(now, session, refusal, Vec::new()));
            return;
        };
        let peer = caller(request);
        let key = self.calls.ring(peer.clone());
        let offer = Some(body.into_owned()).filter(|body| !body.is_empty());
        let media = Media {
            session: Some(session),
            offer,
            ..Media::new(key)
        };
        self.media.insert(media);
        let _ = self.command(|agent| agent.progress(now, session, Status::RINGING, None));
        if is_hidden() {
            notifications::show(key, &peer);
        }
    }

    /// The page went out of sight: whoever rings is shown by the system.
    pub(crate) fn on_hidden(&mut self, _: Moment) {
        for call in self
            .calls
            .iter()
            .filter(|call| call.phase == Phase::Incoming)
        {
            notifications::show(call.key, &call.peer);
        }
    }

    fn on_accepted(&mut self, now: Moment, key: CallKey, body: Option<Body>) {
        let has_answer = self.take_remote(key, body, false);
        let Some(media) = self.media.get(key) else {
            return;
        };
        if !has_answer {
            let words = "The other phone answered without sound. Call again.";
            self.end_call(now, key, EndReason::Failed(words.to_owned()));
            return;
        }
        let connected = media.peer.as_ref().is_some_and(|peer| peer.is_connected());
        self.on_call_answered(now, key);
        if connected {
            self.calls.on_sound(key);
        }
    }

    /// Gives an answer to the browser; true if the call has one, now or from before.
    ///
    /// Of several early answers (the call was forked) the first one plays; the final one wins.
    fn take_remote(&mut self, key: CallKey, body: Option<Body>, provisional: bool) -> bool {
        let Some(media) = self.media.get_mut(key) else {
            return false;
        };
        let Some(peer) = media.peer.clone() else {
            return false;
        };
        let answer = match (body.and_then(sdp), &media.remote) {
            (None, None) => return false,
            (_, Some(_)) if provisional => return true,
            (Some(answer), _) => answer,
            (None, Some(early)) => early.clone(),
        };
        media.remote = Some(answer.clone());
        let Some(engine) = self.engine else {
            return true;
        };
        spawn_local(async move {
            if peer.take_answer(&answer, provisional).await.is_err() && !provisional {
                let failed = EndReason::Failed(NO_SOUND.to_owned());
                engine.run(|core, now| core.end_call(now, key, failed));
            }
        });
        true
    }

    /// A call is over: its sound ends, its card says why.
    pub(super) fn finish(&mut self, now: Moment, key: CallKey, reason: EndReason) {
        self.media.remove(key);
        self.prepare_spare();
        notifications::close(key);
        let Some(call) = self.calls.call(key).filter(|call| call.phase.is_live()) else {
            return;
        };
        let heard = matches!(call.phase, Phase::Active { .. });
        match reason {
            EndReason::Busy | EndReason::Declined => self.tones.busy(),
            _ if heard => self.tones.ended(),
            _ => {}
        }
        self.calls.on_ended(key, reason, millis(now));
    }
}

fn sdp(body: Body) -> Option<String> {
    body.content_type
        .to_ascii_lowercase()
        .starts_with("application/sdp")
        .then_some(())?;
    String::from_utf8(body.bytes).ok()
}

fn caller(request: &Request) -> Party {
    let from = &request.headers.from;
    let number = from
        .uri
        .user()
        .map_or_else(|| "unknown".to_owned(), |user| user.into_owned());
    let name = from
        .display_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Party {
        name: name.filter(|name| *name != number).map(str::to_owned),
        number,
    }
}
