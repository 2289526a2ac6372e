//! What the user asks for.

use std::rc::Rc;
use std::time::Duration;

use leptos::task::spawn_local;
use sidetone_sip::message::Reason;
use sidetone_sip::packages::KeyPress;
use sidetone_sip::{Address, Body, Invite, Moment, Origin, Status, Uri};

use super::account::parse_host;
use super::engine::{Core, millis};
use super::media::{Media, NO_SOUND, attach};
use super::microphone;
use super::peer::{NoSound, Peer};
use crate::model::{CallKey, Destination, DialError, Direction, EndReason, Phase, Problem};
use crate::platform::notifications;

impl Core {
    /// Calls what was typed.
    pub(crate) fn dial(&mut self, now: Moment, typed: &str) -> Result<CallKey, DialError> {
        let domain = self.identity.as_ref().map(|identity| &identity.domain);
        let domain = domain.ok_or(DialError::SignedOut)?;
        let host = parse_host(domain).ok_or(DialError::SignedOut)?;
        let destination = Destination::parse(typed, &host).map_err(DialError::Unusable)?;
        let Destination { uri, mut party } = destination;
        party.name = self.name_of(&party.number, domain);
        if let Some(problem) = microphone::obstacle() {
            return Err(DialError::NoSound(problem));
        }
        if !self.light.registered() {
            return Err(DialError::NoConnection);
        }
        let key = self.calls.dial(party);
        let Ok(peer) = self.peer_for(key, true) else {
            self.calls
                .on_ended(key, EndReason::Failed(NO_SOUND.to_owned()), millis(now));
            return Ok(key);
        };
        let media = Media {
            peer: Some(peer.clone()),
            ..Media::new(key)
        };
        self.media.insert(media);
        self.start_call(key, uri, peer);
        Ok(key)
    }

    /// Where the microphone is allowed already, the INVITE does not wait for it: the browser
    /// opens it while the offer is made. Else a person must say yes first, and only then does the
    /// browser give real addresses for the offer.
    fn start_call(&self, key: CallKey, target: Uri, peer: Rc<Peer>) {
        let (Some(engine), opening) = (self.engine, microphone::open()) else {
            return;
        };
        let granted = self.granted;
        spawn_local(async move {
            let mut opening = Some(opening);
            if !granted
                && let Some(opening) = opening.take()
                && let Err(problem) = attach(opening, &peer).await
            {
                engine.run(|core, now| core.on_no_microphone(now, key, problem));
                return;
            }
            let offer = peer.offer().await;
            engine.run(|core, now| core.send_invite(now, key, target, offer));
            if let Some(opening) = opening {
                let attached = attach(opening, &peer).await;
                engine.run(|core, now| match attached {
                    Ok(()) => core.on_microphone_problem(None),
                    Err(problem) => core.on_no_microphone(now, key, problem),
                });
            }
        });
    }

    fn send_invite(
        &mut self,
        now: Moment,
        key: CallKey,
        target: Uri,
        offer: Result<String, NoSound>,
    ) {
        // Given up meanwhile?
        if self.media.get(key).is_none() {
            return;
        }
        let (Ok(offer), Some(account)) = (offer, self.account) else {
            self.end_call(now, key, EndReason::Failed(NO_SOUND.to_owned()));
            return;
        };
        let invite = Invite {
            origin: Origin::Account(account),
            to: Address::new(target.clone()),
            target,
            headers: Vec::new(),
            body: Some(Body::sdp(&offer)),
        };
        match self.command(|agent| agent.invite(now, invite)) {
            Ok(session) => {
                if let Some(media) = self.media.get_mut(key) {
                    media.session = Some(session);
                }
            }
            Err(_) => {
                let words =
                    "The connection to the server was lost. Call again when the light is green.";
                self.end_call(now, key, EndReason::Failed(words.to_owned()));
            }
        }
    }

    fn on_no_microphone(&mut self, now: Moment, key: CallKey, problem: Problem) {
        self.on_microphone_problem(Some(problem));
        if self.media.get(key).is_some() {
            self.end_call(now, key, EndReason::Failed(problem.advice().to_owned()));
        }
    }

    /// Answers an incoming call. Without a microphone it goes on ringing, and the problem is
    /// shown: it can be mended and answered then.
    pub(crate) fn answer(&mut self, _: Moment, key: CallKey) {
        if !self
            .calls
            .call(key)
            .is_some_and(|call| call.phase == Phase::Incoming)
        {
            return;
        }
        if let Some(problem) = microphone::obstacle() {
            self.set_problem(problem, true);
            return;
        }
        let Some(media) = self.media.get(key) else {
            return;
        };
        // A second click finds the peer of the first.
        if media.peer.is_some() {
            return;
        }
        let offer = media.offer.clone();
        let (Ok(peer), Some(engine)) = (self.peer_for(key, false), self.engine) else {
            return;
        };
        if let Some(media) = self.media.get_mut(key) {
            media.peer = Some(peer.clone());
        }
        let opening = microphone::open();
        let granted = self.granted;
        spawn_local(async move {
            let early = if granted {
                Some(describe(&peer, offer.as_deref()).await)
            } else {
                None
            };
            if let Err(problem) = attach(opening, &peer).await {
                engine.run(|core, _| {
                    core.on_microphone_problem(Some(problem));
                    if let Some(media) = core.media.get_mut(key) {
                        media.peer = None;
                    }
                });
                return;
            }
            let answer = match early {
                Some(answer) => answer,
                None => describe(&peer, offer.as_deref()).await,
            };
            engine.run(|core, now| core.send_answer(now, key, answer, &peer));
        });
    }

    fn send_answer(
        &mut self,
        now: Moment,
        key: CallKey,
        answer: Result<String, NoSound>,
        peer: &Peer,
    ) {
        self.on_microphone_problem(None);
        let Some(session) = self.media.get(key).and_then(|media| media.session) else {
            return;
        };
        let Ok(answer) = answer else {
            let refusal = Status::NOT_ACCEPTABLE_HERE;
            let _ = self.command(|agent| agent.reject(now, session, refusal, Vec::new()));
            self.finish(now, key, EndReason::Failed(NO_SOUND.to_owned()));
            return;
        };
        if self
            .command(|agent| agent.accept(now, session, Body::sdp(&answer)))
            .is_ok()
        {
            self.on_call_answered(now, key);
            notifications::close(key);
            if peer.is_connected() {
                self.calls.on_sound(key);
            }
        }
    }

    /// Rejects an incoming call.
    pub(crate) fn reject(&mut self, now: Moment, key: CallKey) {
        if self
            .calls
            .call(key)
            .is_some_and(|call| call.phase == Phase::Incoming)
        {
            self.end_call(now, key, EndReason::Rejected);
        }
    }

    /// Hangs up or gives up.
    pub(crate) fn hang_up(&mut self, now: Moment, key: CallKey) {
        let Some(call) = self.calls.call(key) else {
            return;
        };
        let reason = match (call.direction, &call.phase) {
            (_, phase) if phase.is_talking() => EndReason::HungUp,
            (Direction::Outgoing, _) => EndReason::Cancelled,
            (Direction::Incoming, _) => EndReason::Rejected,
        };
        self.end_call(now, key, reason);
    }

    /// Ends a call from this side. The card changes at once; what the server has to be told
    /// follows when it can be.
    pub(super) fn end_call(&mut self, now: Moment, key: CallKey, reason: EndReason) {
        if let Some(session) = self.media.get(key).and_then(|media| media.session) {
            let failed = matches!(reason, EndReason::Failed(_)).then(|| Reason {
                protocol: "SIP".into(),
                cause: Some(Status::SERVER_INTERNAL_ERROR.code()),
                text: Some("No sound".into()),
            });
            let _ = self.command(|agent| agent.end(now, session, failed));
        }
        self.finish(now, key, reason);
    }

    /// Whether somebody is on the line, or about to be.
    pub(crate) fn has_calls(&self) -> bool {
        self.media.iter().next().is_some()
    }

    /// Ends all calls.
    pub(super) fn end_all(&mut self, now: Moment, reason: &EndReason) {
        for key in self.media.keys() {
            self.end_call(now, key, reason.clone());
        }
    }

    /// Brings a call to the front; the others fall silent.
    pub(crate) fn bring_to_front(&mut self, _: Moment, key: CallKey) {
        self.calls.bring_to_front(key);
    }

    /// Turns the microphone of one call off or on.
    pub(crate) fn set_muted(&mut self, _: Moment, key: CallKey, muted: bool) {
        self.calls.set_muted(key, muted);
    }

    /// Sounds a key and sends it: by RFC 4733 if the other side takes that, else by INFO.
    pub(crate) fn press_key(&mut self, now: Moment, call: Option<CallKey>, key: char) {
        let Ok(press) = KeyPress::of(key, Duration::from_millis(120)) else {
            return;
        };
        let key = press.key();
        self.tones.key(key);
        let Some(call) = call else { return };
        let answered = self
            .calls
            .call(call)
            .is_some_and(|it| it.phase.is_talking());
        let Some(media) = self.media.get(call).filter(|_| answered) else {
            return;
        };
        let by_rtp = media.peer.as_ref().is_some_and(|peer| peer.send_key(key));
        let sent = by_rtp || {
            let body = press.to_body();
            let session = media.session;
            session.is_some_and(|it| self.command(|agent| agent.info(now, it, body)).is_ok())
        };
        if sent {
            self.calls.on_key(call, key);
        }
    }

    /// Takes the card of an ended call away.
    pub(crate) fn dismiss(&mut self, _: Moment, key: CallKey) {
        self.calls.dismiss(key);
    }
}

/// Our side of a call that came in: the answer, or the offer if the caller left that to us.
async fn describe(peer: &Peer, offer: Option<&str>) -> Result<String, NoSound> {
    match offer {
        Some(offer) => peer.answer(offer).await,
        None => peer.offer().await,
    }
}
