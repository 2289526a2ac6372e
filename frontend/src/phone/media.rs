//! What the engine keeps of a call's sound, and how it is set up and repaired.

use std::rc::Rc;
use std::time::Duration;

use leptos::task::spawn_local;
use sidetone_sip::{Body, Moment, SessionId, Status};
use web_sys::PermissionState;

use super::engine::{Core, millis};
use super::microphone::{self, Opening, obstacle};
use super::peer::{NoSound, Peer, PeerEvent};
use crate::model::{Call, CallKey, EndReason, Phase, Problem, blocked_port};

/// After so many offers in vain, one soon after the other, a call without sound is given up.
const REPAIRS: u32 = 4;
const SOON: Duration = Duration::from_secs(60);

/// One call's session and sound.
pub(super) struct Media {
    /// The call.
    pub(super) key: CallKey,
    /// The session, once the agent knows of the call.
    pub(super) session: Option<SessionId>,
    /// The sound, once it is wanted.
    pub(super) peer: Option<Rc<Peer>>,
    /// The offer of an incoming call; none if the caller wants ours.
    pub(super) offer: Option<String>,
    /// The answer that our offer got so far, early or final.
    pub(super) remote: Option<String>,
    /// A new offer of ours is under way.
    pub(super) offering: bool,
    pub(super) repairs: u32,
    pub(super) repaired_at: Option<Moment>,
}

impl Media {
    /// Nothing yet.
    pub(super) fn new(key: CallKey) -> Self {
        Self {
            key,
            session: None,
            peer: None,
            offer: None,
            remote: None,
            offering: false,
            repairs: 0,
            repaired_at: None,
        }
    }

    /// Opens or shuts both directions.
    pub(super) fn apply(&self, heard: bool, audible: bool) {
        if let Some(peer) = &self.peer {
            peer.set_heard(heard);
            peer.set_audible(audible);
        }
    }
}

/// That of all live calls: a handful at most.
#[derive(Default)]
pub(super) struct Medias(Vec<Media>);

impl Medias {
    pub(super) fn insert(&mut self, media: Media) {
        self.0.push(media);
    }

    pub(super) fn get(&self, key: CallKey) -> Option<&Media> {
        self.iter().find(|media| media.key == key)
    }

    pub(super) fn get_mut(&mut self, key: CallKey) -> Option<&mut Media> {
        self.0.iter_mut().find(|media| media.key == key)
    }

    pub(super) fn remove(&mut self, key: CallKey) {
        self.0.retain(|media| media.key != key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Media> {
        self.0.iter()
    }

    pub(super) fn keys(&self) -> Vec<CallKey> {
        self.iter().map(|media| media.key).collect()
    }

    /// The call of a session.
    pub(super) fn call_of(&self, session: SessionId) -> Option<CallKey> {
        Some(
            self.iter()
                .find(|media| media.session == Some(session))?
                .key,
        )
    }
}

pub(super) const NO_SOUND: &str =
    "The browser could not set up sound. Reload the page and call again.";

impl Core {
    /// Makes a connection with its offer ahead, so that the next call starts the quicker. It
    /// opens no microphone and looks for no addresses yet.
    pub(super) fn prepare_spare(&mut self) {
        if self.spare.is_some() || microphone::obstacle().is_some() {
            return;
        }
        let Ok(peer) = Peer::new() else { return };
        let peer = Rc::new(peer);
        self.spare = Some(peer.clone());
        spawn_local(async move {
            // What fails here fails again, and is told, when a call needs it.
            let _ = peer.prepare().await;
        });
    }

    /// A peer connection that reports to this call.
    pub(super) fn peer_for(&mut self, key: CallKey, spare: bool) -> Result<Rc<Peer>, NoSound> {
        let engine = self.engine.ok_or(NoSound)?;
        let peer = match self.spare.take_if(|_| spare) {
            Some(peer) => peer,
            None => Rc::new(Peer::new()?),
        };
        peer.report_to(move |event| engine.run(|core, now| core.on_peer(now, key, event)));
        Ok(peer)
    }

    /// One side answered; what the other side says of its sound is known.
    pub(super) fn on_call_answered(&mut self, now: Moment, key: CallKey) {
        self.calls.on_answered(key, millis(now));
        let media = self.media.get(key);
        let theirs = media.and_then(|media| media.remote.as_deref().or(media.offer.as_deref()));
        if let Some(port) = theirs.and_then(blocked_port) {
            self.calls.on_blocked(key, port);
        }
    }

    fn on_peer(&mut self, now: Moment, key: CallKey, event: PeerEvent) {
        match event {
            PeerEvent::Connected => {
                if let Some(media) = self.media.get_mut(key) {
                    media.repairs = 0;
                }
                self.calls.on_sound(key);
            }
            PeerEvent::Interrupted => {
                self.calls.on_interrupted(key, millis(now));
                // Maybe the connection to the server broke by the same cause.
                self.on_wake(now);
            }
            PeerEvent::Failed => {
                self.calls.on_interrupted(key, millis(now));
                self.repair(now, key);
            }
            PeerEvent::MicrophoneLost => self.reopen_microphone(key),
            PeerEvent::SoundBlocked => self.set_problem(Problem::SoundBlocked, true),
        }
    }

    /// The server is there again, maybe by another network, or it was restarted and carries no
    /// sound any more: mend what has none.
    pub(super) fn mend_sound(&mut self, now: Moment) {
        for key in self.media.keys() {
            match self.calls.call(key).map(|call| &call.phase) {
                Some(Phase::Active {
                    interrupted: true, ..
                }) => {
                    self.repair(now, key);
                    continue;
                }
                Some(phase) if phase.is_talking() => {}
                _ => continue,
            }
            // The browser takes some seconds to notice by itself.
            let peer = self.media.get(key).and_then(|media| media.peer.clone());
            if let (Some(engine), Some(peer)) = (self.engine, peer) {
                spawn_local(async move {
                    if peer.hears_nothing().await {
                        engine.run(|core, now| core.repair(now, key));
                    }
                });
            }
        }
    }

    /// Offers new paths for the sound. Without a connection to the server this waits for it.
    pub(super) fn repair(&mut self, now: Moment, key: CallKey) {
        let Some(call) = self.calls.call(key).filter(|call| call.phase.is_talking()) else {
            return;
        };
        if !self.light.registered() {
            return;
        }
        let heard = matches!(call.phase, Phase::Active { .. });
        let Some(media) = self.media.get_mut(key) else {
            return;
        };
        let (Some(peer), false) = (media.peer.clone(), media.offering) else {
            return;
        };
        if media.repaired_at.is_none_or(|at| now.since(at) > SOON) {
            media.repairs = 0;
        }
        if media.repairs >= REPAIRS {
            // Sound that never came is told of by the card.
            if !heard {
                return;
            }
            let words =
                "The sound was lost and did not come back. Check the network and call again.";
            self.end_call(now, key, EndReason::Failed(words.to_owned()));
            return;
        }
        media.repairs += 1;
        media.repaired_at = Some(now);
        media.offering = true;
        self.calls.on_repair(key, millis(now));
        peer.restart_ice();
        let Some(engine) = self.engine else { return };
        spawn_local(async move {
            let offer = peer.offer().await;
            engine.run(|core, now| core.send_offer(now, key, offer));
        });
    }

    fn send_offer(&mut self, now: Moment, key: CallKey, offer: Result<String, NoSound>) {
        let session = self.media.get(key).and_then(|media| media.session);
        let sent = match (session, offer) {
            (Some(session), Ok(sdp)) => self
                .command(|agent| agent.offer(now, session, Body::sdp(&sdp)))
                .is_ok(),
            _ => false,
        };
        if !sent {
            self.on_offer_refused(key);
        }
    }

    pub(super) fn on_offer_answered(&mut self, key: CallKey, answer: Option<String>) {
        let Some(media) = self.media.get_mut(key) else {
            return;
        };
        media.offering = false;
        let (Some(peer), Some(answer)) = (media.peer.clone(), answer) else {
            return;
        };
        if peer.is_from_another(&answer) {
            self.start_over(key, &peer);
            return;
        }
        spawn_local(async move {
            // Should the browser refuse it, sound stays away and the next repair follows.
            let _ = peer.take_answer(&answer, false).await;
        });
    }

    /// A gateway that was restarted has forgotten the keys: the call gets a new connection.
    fn start_over(&mut self, key: CallKey, former: &Peer) {
        let (Ok(peer), Some(engine)) = (self.peer_for(key, true), self.engine) else {
            return;
        };
        let Some(media) = self.media.get_mut(key) else {
            return;
        };
        peer.succeed(former);
        media.peer = Some(peer.clone());
        media.offering = true;
        spawn_local(async move {
            let offer = peer.offer().await;
            engine.run(|core, now| core.send_offer(now, key, offer));
        });
    }

    /// Our new offer came to nothing: back to what was agreed before.
    pub(super) fn on_offer_refused(&mut self, key: CallKey) {
        let Some(media) = self.media.get_mut(key) else {
            return;
        };
        media.offering = false;
        if let Some(peer) = media.peer.clone() {
            spawn_local(async move {
                let _ = peer.withdraw_offer().await;
            });
        }
    }

    /// The peer changes the session: answer with what the browser makes of it.
    pub(super) fn on_offer(&mut self, now: Moment, key: CallKey, offer: Option<String>) {
        let Some(media) = self.media.get(key) else {
            return;
        };
        let Some(session) = media.session else { return };
        let (Some(offer), Some(peer), Some(engine)) = (offer, media.peer.clone(), self.engine)
        else {
            let refusal = Status::NOT_ACCEPTABLE_HERE;
            let _ = self.command(|agent| agent.reject_offer(now, session, refusal));
            return;
        };
        spawn_local(async move {
            let answer = peer.answer(&offer).await;
            engine.run(|core, now| {
                let _ = core.command(|agent| match &answer {
                    Ok(sdp) => agent.answer_offer(now, session, Body::sdp(sdp)),
                    Err(NoSound) => agent.reject_offer(now, session, Status::NOT_ACCEPTABLE_HERE),
                });
            });
        });
    }

    /// The microphone of a running call went away: the system's own takes its place.
    fn reopen_microphone(&mut self, key: CallKey) {
        self.set_problem(Problem::NoMicrophone, true);
        let Some(engine) = self.engine else { return };
        let opening = microphone::open();
        spawn_local(async move {
            let track = opening.finish().await;
            engine.run(|core, _| {
                match (track, core.media.get(key).and_then(|m| m.peer.as_ref())) {
                    (Ok(track), Some(peer)) => {
                        peer.set_microphone(track);
                        core.set_problem(Problem::NoMicrophone, false);
                    }
                    (Ok(track), None) => track.stop(),
                    (Err(problem), _) => core.on_microphone_problem(Some(problem)),
                }
            });
        });
    }

    /// Devices were plugged in or out.
    pub(crate) fn on_devices_changed(&mut self, _: Moment) {
        let is_deaf = |media: &&Media| {
            let talking = |call: &Call| call.phase.is_talking();
            self.calls.call(media.key).is_some_and(talking)
                && media
                    .peer
                    .as_ref()
                    .is_some_and(|peer| !peer.has_microphone())
        };
        let deaf: Vec<CallKey> = self
            .media
            .iter()
            .filter(is_deaf)
            .map(|media| media.key)
            .collect();
        for key in deaf {
            self.reopen_microphone(key);
        }
        self.look_for_devices();
    }

    /// Finds out what is missing on this machine.
    pub(crate) fn look_for_devices(&self) {
        let Some(engine) = self.engine else { return };
        spawn_local(async move {
            let permission = microphone::permission().await;
            let mute = microphone::lacks_speaker().await;
            engine.run(|core, _| {
                core.granted = permission == Some(PermissionState::Granted);
                // A page that may not ask at all has been told so.
                let denied = permission == Some(PermissionState::Denied) && obstacle().is_none();
                core.set_problem(Problem::MicrophoneDenied, denied);
                core.set_problem(Problem::NoSpeaker, mute);
            });
        });
    }

    /// Asks for the microphone once, so that no call has to wait for that.
    pub(crate) fn ask_for_microphone(&self) {
        let Some(engine) = self.engine else { return };
        spawn_local(async move {
            let asked = microphone::ask().await;
            engine.run(|core, _| {
                core.on_microphone_problem(asked.err());
                core.look_for_devices();
            });
        });
    }

    /// Shows what is the matter with the microphone; nothing is if it just worked.
    pub(super) fn on_microphone_problem(&mut self, problem: Option<Problem>) {
        for other in [
            Problem::MicrophoneDenied,
            Problem::NoMicrophone,
            Problem::MicrophoneBusy,
        ] {
            self.set_problem(other, problem == Some(other));
        }
        if let Some(problem) = problem {
            self.set_problem(problem, true);
        }
    }

    /// A tap came: sounds may play now.
    pub(crate) fn unlock_sound(&mut self, _: Moment) {
        self.tones.unlock();
        for media in self.media.iter() {
            if let Some(peer) = &media.peer {
                peer.play();
            }
        }
        self.set_problem(Problem::SoundBlocked, false);
    }
}

/// A microphone for this call, once the browser gives it.
pub(super) async fn attach(opening: Opening, peer: &Peer) -> Result<(), Problem> {
    peer.set_microphone(opening.finish().await?);
    Ok(())
}
