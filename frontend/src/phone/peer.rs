//! One call's sound: the `RTCPeerConnection` and what hangs on it.
//!
//! Session descriptions pass through unedited: codecs, directions and restarts are asked for by the
//! API. It has no word for who begins the DTLS handshake; the first offer is told that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Promise, Reflect};
use leptos::task::spawn_local;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    MediaStreamTrack, RtcBundlePolicy, RtcConfiguration, RtcPeerConnection,
    RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcRtpTransceiver,
    RtcRtpTransceiverDirection, RtcRtpTransceiverInit, RtcSdpType, RtcSessionDescriptionInit,
    RtcTrackEvent, RtcdtmfSender,
};

use super::codecs::prefer_codecs;
use super::speaker::Speaker;
use crate::model::{begun_by_us, certificates};
use crate::platform::early;
use crate::platform::listener::Listener;

/// How long candidates may be waited for at most, in milliseconds.
const PATIENCE: i32 = 500;
/// How long to wait for the siblings of the first candidate: they follow within a few
/// milliseconds, while "complete" would take more than a hundred.
const SIBLINGS: i32 = 5;
/// How long no packet may come until something is wrong: a dozen are due.
const SILENCE: i32 = 250;

#[wasm_bindgen]
extern "C" {
    /// What `web_sys` lacks of the peer connection.
    #[wasm_bindgen(extends = RtcPeerConnection)]
    type Lacking;
    #[wasm_bindgen(method, js_name = restartIce)]
    fn restart_ice(this: &Lacking);
    #[wasm_bindgen(method, catch, js_name = setConfiguration)]
    fn set_configuration(this: &Lacking, to: &RtcConfiguration) -> Result<(), JsValue>;

    /// What `web_sys` lacks of the sender of keys.
    #[wasm_bindgen(extends = RtcdtmfSender)]
    type KeySender;
    #[wasm_bindgen(method, getter, js_name = canInsertDTMF)]
    fn can_insert(this: &KeySender) -> bool;
}

/// What happens to the sound of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerEvent {
    /// It flows.
    Connected,
    /// It stopped; the browser tries to get it back by itself.
    Interrupted,
    /// It stopped for good, unless a new offer brings it back.
    Failed,
    /// The microphone was unplugged or taken away.
    MicrophoneLost,
    /// The browser wants a tap before it plays.
    SoundBlocked,
}

/// A step failed in the browser. There is nothing to tell apart: the call can't have sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoSound;

impl From<JsValue> for NoSound {
    fn from(_: JsValue) -> Self {
        Self
    }
}

type Listening = Rc<dyn Fn(PeerEvent)>;

/// Whom a peer tells what happens; nobody, while it is a spare.
#[derive(Clone, Default)]
struct Report(Rc<RefCell<Option<Listening>>>);

impl Report {
    fn tell(&self, event: PeerEvent) {
        // Not borrowed while it runs: a peer may be dropped by what it tells.
        let report = self.0.borrow().clone();
        if let Some(report) = report {
            report(event);
        }
    }

    /// Tells that the browser wants a tap.
    fn blocked(&self) -> impl FnOnce() + 'static {
        let report = self.clone();
        move || report.tell(PeerEvent::SoundBlocked)
    }
}

/// The sound of one call; dropped, it ends and the microphone is let go.
pub(crate) struct Peer {
    connection: RtcPeerConnection,
    speaker: Speaker,
    microphone: RefCell<Option<(MediaStreamTrack, Listener)>>,
    heard: Cell<bool>,
    report: Report,
    /// An offer made ahead.
    prepared: RefCell<Option<RtcSessionDescriptionInit>>,
    used: Cell<bool>,
    candidate: Rc<RefCell<Option<Function>>>,
    _listeners: [Listener; 3],
}

impl Peer {
    /// A connection without an offer yet.
    pub(crate) fn new() -> Result<Self, NoSound> {
        let connection = RtcPeerConnection::new_with_configuration(&configuration())?;
        let speaker = Speaker::new()?;
        let report = Report::default();
        let candidate = Rc::new(RefCell::new(None));
        let listeners = [
            on_candidate(&connection, &candidate),
            on_track(&connection, &speaker, &report),
            on_state(&connection, &report),
        ];
        Ok(Self {
            connection,
            speaker,
            microphone: RefCell::default(),
            heard: Cell::new(true),
            report,
            prepared: RefCell::default(),
            used: Cell::new(false),
            candidate,
            _listeners: listeners,
        })
    }

    /// Tells `report` what happens from now on.
    pub(crate) fn report_to(&self, report: impl Fn(PeerEvent) + 'static) {
        self.report.0.replace(Some(Rc::new(report)));
    }

    /// Makes the offer ahead. No addresses are looked for before it is used.
    pub(crate) async fn prepare(&self) -> Result<(), NoSound> {
        let offer = self.make_offer().await?;
        // A call may have taken this connection meanwhile and made its own.
        if !self.used.get() {
            self.prepared.replace(Some(offer));
        }
        Ok(())
    }

    /// An offer with the first usable candidates in it. A second one restarts ICE if that was
    /// asked for.
    pub(crate) async fn offer(&self) -> Result<String, NoSound> {
        self.used.set(true);
        let prepared = self.prepared.take();
        let offer = match prepared {
            Some(offer) => offer,
            None => self.make_offer().await?,
        };
        let is_first = self.connection.remote_description().is_none();
        let offer = self.set_local(&offer).await?;
        // Later on the roles stay as they are, whatever they are.
        Ok(if is_first { begun_by_us(&offer) } else { offer })
    }

    async fn make_offer(&self) -> Result<RtcSessionDescriptionInit, NoSound> {
        if self.transceiver().is_none() {
            let init = RtcRtpTransceiverInit::new();
            init.set_direction(RtcRtpTransceiverDirection::Sendrecv);
            let connection = &self.connection;
            prefer_codecs(&connection.add_transceiver_with_str_and_init("audio", &init));
            self.attach();
        }
        Ok(JsFuture::from(self.connection.create_offer())
            .await?
            .unchecked_into())
    }

    /// The answer to an offer, with the first usable candidates in it.
    pub(crate) async fn answer(&self, offer: &str) -> Result<String, NoSound> {
        self.set_remote(RtcSdpType::Offer, offer).await?;
        let transceiver = self.transceiver().ok_or(NoSound)?;
        transceiver.set_direction(RtcRtpTransceiverDirection::Sendrecv);
        prefer_codecs(&transceiver);
        self.attach();
        let answer = JsFuture::from(self.connection.create_answer()).await?;
        self.set_local(answer.unchecked_ref()).await
    }

    /// Takes the answer to our offer; a provisional one lets early media in.
    pub(crate) async fn take_answer(&self, answer: &str, provisional: bool) -> Result<(), NoSound> {
        let kind = if provisional {
            RtcSdpType::Pranswer
        } else {
            RtcSdpType::Answer
        };
        self.set_remote(kind, answer).await
    }

    /// Whether an answer comes from another than who has answered before. Not every browser makes
    /// new keys with it then, and nothing would be heard.
    #[must_use]
    pub(crate) fn is_from_another(&self, answer: &str) -> bool {
        let agreed = self.connection.current_remote_description();
        agreed.is_some_and(|agreed| certificates(&agreed.sdp()) != certificates(answer))
    }

    /// Takes the place of a connection that is of no more use, with its microphone.
    pub(crate) fn succeed(&self, former: &Self) {
        former.report.0.take();
        self.heard.set(former.heard.get());
        if let Some((track, _)) = former.microphone.take() {
            self.set_microphone(track);
        }
    }

    /// Takes back an offer that was refused.
    pub(crate) async fn withdraw_offer(&self) -> Result<(), NoSound> {
        let rollback = RtcSessionDescriptionInit::new(RtcSdpType::Rollback);
        JsFuture::from(self.connection.set_local_description(&rollback)).await?;
        Ok(())
    }

    /// Speaks through this microphone from now on.
    pub(crate) fn set_microphone(&self, track: MediaStreamTrack) {
        let report = self.report.clone();
        let ended = Listener::new(&track, "ended", move |_| {
            report.tell(PeerEvent::MicrophoneLost)
        });
        track.set_enabled(self.heard.get());
        if let Some((old, _)) = self.microphone.replace(Some((track, ended))) {
            old.stop();
        }
        self.attach();
    }

    /// Whether a working microphone is attached.
    #[must_use]
    pub(crate) fn has_microphone(&self) -> bool {
        let live = web_sys::MediaStreamTrackState::Live;
        self.microphone
            .borrow()
            .as_ref()
            .is_some_and(|(track, _)| track.ready_state() == live)
    }

    /// Lets the microphone through, or sends silence.
    pub(crate) fn set_heard(&self, heard: bool) {
        self.heard.set(heard);
        if let Some((track, _)) = &*self.microphone.borrow() {
            track.set_enabled(heard);
        }
    }

    /// Plays the other side, or keeps it silent.
    pub(crate) fn set_audible(&self, audible: bool) {
        self.speaker.set_audible(audible);
    }

    /// Plays again after the browser held it back.
    pub(crate) fn play(&self) {
        self.speaker.play(self.report.blocked());
    }

    /// The next offer shall look for new paths (RFC 8445 §9).
    pub(crate) fn restart_ice(&self) {
        self.connection.unchecked_ref::<Lacking>().restart_ice();
    }

    /// Whether sound flows now.
    #[must_use]
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.connection_state() == RtcPeerConnectionState::Connected
    }

    /// Sends a key as RFC 4733 events, behind those still being sent; false if the other side
    /// can't take them.
    #[must_use]
    pub(crate) fn send_key(&self, key: char) -> bool {
        let sender = self
            .transceiver()
            .and_then(|transceiver| transceiver.sender().dtmf());
        let can_insert = |sender: &RtcdtmfSender| sender.unchecked_ref::<KeySender>().can_insert();
        let Some(sender) = sender.filter(can_insert) else {
            return false;
        };
        let tones = format!("{}{key}", sender.tone_buffer());
        sender.insert_dtmf_with_duration_and_inter_tone_gap(&tones, 120, 70);
        true
    }

    /// Listens for a moment whether nothing comes, not even silence, although it should.
    pub(crate) async fn hears_nothing(&self) -> bool {
        if !self.is_to_hear() {
            return false;
        }
        let before = self.last_packet();
        let later = Promise::new(&mut |resolve, _| call_later(&resolve, SILENCE));
        // A promise of a timer is kept.
        let _ = JsFuture::from(later).await;
        self.last_packet() == before
    }

    /// Whether the other side is to send: not while it holds us without music.
    fn is_to_hear(&self) -> bool {
        let agreed = self.transceiver().and_then(|it| it.current_direction());
        matches!(
            agreed,
            Some(RtcRtpTransceiverDirection::Sendrecv | RtcRtpTransceiverDirection::Recvonly)
        )
    }

    /// When the last packet was played, by a clock of the browser's.
    fn last_packet(&self) -> Option<f64> {
        let receiver = self.transceiver()?.receiver();
        let source = receiver.get_synchronization_sources().get(0);
        Reflect::get(&source, &"timestamp".into()).ok()?.as_f64()
    }

    fn transceiver(&self) -> Option<RtcRtpTransceiver> {
        self.connection.get_transceivers().get(0).dyn_into().ok()
    }

    /// Puts the microphone on the sender, whichever of the two came last. No new offer needed.
    fn attach(&self) {
        if let (Some(transceiver), Some((track, _))) =
            (self.transceiver(), &*self.microphone.borrow())
        {
            let attached = JsFuture::from(transceiver.sender().replace_track(Some(track)));
            spawn_local(async move {
                // Fails only if the connection was closed meanwhile.
                let _ = attached.await;
            });
        }
    }

    async fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> Result<(), NoSound> {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        JsFuture::from(self.connection.set_remote_description(&description)).await?;
        Ok(())
    }

    async fn set_local(&self, made: &RtcSessionDescriptionInit) -> Result<String, NoSound> {
        let gathered = Promise::new(&mut |resolve, _| {
            call_later(&resolve, PATIENCE);
            self.candidate.replace(Some(resolve));
        });
        // The connection may have been made long before.
        let connection = self.connection.unchecked_ref::<Lacking>();
        connection.set_configuration(&configuration())?;
        JsFuture::from(self.connection.set_local_description(made)).await?;
        let usable = |line: &str| line.starts_with("a=candidate:") && is_usable(line);
        if !self.local()?.lines().any(usable) {
            JsFuture::from(gathered).await?;
        }
        self.local()
    }

    fn local(&self) -> Result<String, NoSound> {
        Ok(self.connection.local_description().ok_or(NoSound)?.sdp())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some((track, _)) = self.microphone.take() {
            track.stop();
        }
        self.speaker.stop();
        self.connection.close();
    }
}

fn configuration() -> RtcConfiguration {
    let configuration = RtcConfiguration::new();
    configuration.set_bundle_policy(RtcBundlePolicy::MaxBundle);
    if let Some(servers) = early::look("ice") {
        configuration.set_ice_servers(&servers);
    }
    configuration
}

fn on_candidate(
    connection: &RtcPeerConnection,
    waiting: &Rc<RefCell<Option<Function>>>,
) -> Listener {
    let waiting = waiting.clone();
    Listener::new(connection, "icecandidate", move |event| {
        let event: RtcPeerConnectionIceEvent = event.unchecked_into();
        let candidate = event.candidate().map(|it| it.candidate());
        let more_may_follow = candidate.filter(|it| !it.is_empty());
        if more_may_follow.as_deref().is_some_and(|it| !is_usable(it)) {
            return;
        }
        if let Some(resolve) = waiting.take() {
            let more_may_follow = more_may_follow.is_some();
            call_later(&resolve, if more_may_follow { SIBLINGS } else { 0 });
        }
    })
}

/// Whether a candidate can be sent to. Those over TCP sometimes come first: they only connect
/// themselves, and a PBX that is offered no others takes the call for one on hold. Where there are
/// servers it is their address that is waited for: what comes after the offer reaches nobody.
fn is_usable(candidate: &str) -> bool {
    let transport = candidate.split(' ').nth(2);
    let by_udp = transport.is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
    by_udp && (early::look("ice").is_none() || candidate.contains(" typ relay"))
}

fn on_track(connection: &RtcPeerConnection, speaker: &Speaker, report: &Report) -> Listener {
    let (speaker, report) = (speaker.clone(), report.clone());
    Listener::new(connection, "track", move |event| {
        let track = event.unchecked_into::<RtcTrackEvent>().track();
        speaker.take(&track, report.blocked());
    })
}

fn on_state(connection: &RtcPeerConnection, report: &Report) -> Listener {
    let (source, report) = (connection.clone(), report.clone());
    Listener::new(connection, "connectionstatechange", move |_| {
        report.tell(match source.connection_state() {
            RtcPeerConnectionState::Connected => PeerEvent::Connected,
            RtcPeerConnectionState::Disconnected => PeerEvent::Interrupted,
            RtcPeerConnectionState::Failed => PeerEvent::Failed,
            _ => return,
        });
    })
}

fn call_later(function: &Function, millis: i32) {
    if let Some(window) = web_sys::window() {
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(function, millis);
    }
}
