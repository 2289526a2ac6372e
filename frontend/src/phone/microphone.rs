//! The microphone: permission, opening, and why not.

use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, MediaDeviceInfo, MediaDeviceKind, MediaDevices, MediaStream,
    MediaStreamConstraints, MediaStreamTrack, PermissionState, PermissionStatus,
};

use crate::model::Problem;
use crate::platform::listener::Listener;
use crate::platform::storage;

/// The settings that name the devices chosen on this machine.
const MICROPHONE: &str = "microphone";
const SPEAKER: &str = "speaker";

/// What stands in the way of calls before anything was tried.
#[must_use]
pub(crate) fn obstacle() -> Option<Problem> {
    let window = web_sys::window()?;
    let has = |name: &str| Reflect::has(&window, &name.into()).unwrap_or(false);
    if !window.is_secure_context() {
        Some(Problem::InsecurePage)
    } else if !has("RTCPeerConnection") || devices().is_none() {
        Some(Problem::NoWebRtc)
    } else {
        None
    }
}

/// An opening microphone. The browser works on it from the moment it is asked.
pub(crate) struct Opening(Result<JsFuture, Problem>);

/// Opens the microphone, for one call. Its light is on until the track is stopped.
#[must_use]
pub(crate) fn open() -> Opening {
    Opening(request(storage::read(MICROPHONE).as_deref()))
}

impl Opening {
    /// The track, or why there is none.
    pub(crate) async fn finish(self) -> Result<MediaStreamTrack, Problem> {
        match self.0?.await {
            Ok(stream) => first_track(stream),
            Err(error) if name_of(&error) == "OverconstrainedError" => {
                // The chosen one is unplugged; the system's will do.
                let stream = request(None)?.await.map_err(|error| problem(&error))?;
                first_track(stream)
            }
            Err(error) => Err(problem(&error)),
        }
    }
}

/// Asks for permission at sign-in, and lets go at once: the light must not be on while idle.
pub(crate) async fn ask() -> Result<(), Problem> {
    let track = open().finish().await?;
    track.stop();
    Ok(())
}

/// Whether the browser gives the microphone without asking (`Granted`), asks a person (`Prompt`)
/// or refuses (`Denied`); none if it doesn't say.
pub(crate) async fn permission() -> Option<PermissionState> {
    Some(permission_status().await?.state())
}

/// Calls `changed` whenever the permission changes.
pub(crate) async fn watch_permission(changed: impl Fn() + 'static) {
    if let Some(status) = permission_status().await {
        Listener::new(&status, "change", move |_| changed()).forever();
    }
}

/// The speaker that was chosen on this machine.
#[must_use]
pub(crate) fn chosen_speaker() -> Option<String> {
    storage::read(SPEAKER)
}

/// Whether the machine has nothing to hear with. Browsers that don't list outputs (Safari, or any
/// before the microphone is allowed) are believed to have one.
pub(crate) async fn lacks_speaker() -> bool {
    let Some(listing) = devices().and_then(|devices| devices.enumerate_devices().ok()) else {
        return false;
    };
    let Ok(list) = JsFuture::from(listing).await else {
        return false;
    };
    let mut any_named = false;
    for device in js_sys::Array::from(&list).iter() {
        let device: MediaDeviceInfo = device.unchecked_into();
        if device.kind() == MediaDeviceKind::Audiooutput {
            return false;
        }
        any_named |= !device.label().is_empty();
    }
    any_named && lists_outputs()
}

/// The browser's devices; none over plain HTTP.
#[must_use]
pub(crate) fn devices() -> Option<MediaDevices> {
    let navigator = web_sys::window()?.navigator();
    Reflect::get(&navigator, &"mediaDevices".into())
        .ok()?
        .dyn_into()
        .ok()
}

/// Browsers that can choose an output also list them.
fn lists_outputs() -> bool {
    let audio = Reflect::get(&js_sys::global(), &"HTMLMediaElement".into());
    let prototype = audio.and_then(|audio| Reflect::get(&audio, &"prototype".into()));
    prototype.is_ok_and(|it| Reflect::has(&it, &"setSinkId".into()).unwrap_or(false))
}

fn request(device: Option<&str>) -> Result<JsFuture, Problem> {
    let devices = devices().ok_or(Problem::InsecurePage)?;
    let audio = Object::new();
    let set = |name: &str, value: &JsValue| {
        let _ = Reflect::set(&audio, &name.into(), value);
    };
    for processing in ["echoCancellation", "noiseSuppression", "autoGainControl"] {
        set(processing, &true.into());
    }
    if let Some(device) = device {
        let exact = Object::new();
        let _ = Reflect::set(&exact, &"exact".into(), &device.into());
        set("deviceId", &exact);
    }
    let constraints = MediaStreamConstraints::new();
    constraints.set_audio(&audio);
    let stream = devices.get_user_media_with_constraints(&constraints);
    stream.map(JsFuture::from).map_err(|error| problem(&error))
}

fn first_track(stream: JsValue) -> Result<MediaStreamTrack, Problem> {
    stream
        .unchecked_into::<MediaStream>()
        .get_audio_tracks()
        .get(0)
        .dyn_into()
        .map_err(|_| Problem::NoMicrophone)
}

fn problem(error: &JsValue) -> Problem {
    match name_of(error).as_str() {
        "NotAllowedError" | "SecurityError" => Problem::MicrophoneDenied,
        "NotReadableError" | "AbortError" => Problem::MicrophoneBusy,
        _ => Problem::NoMicrophone,
    }
}

fn name_of(error: &JsValue) -> String {
    error
        .dyn_ref::<DomException>()
        .map(DomException::name)
        .unwrap_or_else(|| {
            let name = Reflect::get(error, &"name".into()).ok();
            name.and_then(|name| name.as_string()).unwrap_or_default()
        })
}

async fn permission_status() -> Option<PermissionStatus> {
    let permissions = web_sys::window()?.navigator().permissions().ok()?;
    let descriptor = Object::new();
    let _ = Reflect::set(&descriptor, &"name".into(), &MICROPHONE.into());
    let status = JsFuture::from(permissions.query(&descriptor).ok()?)
        .await
        .ok()?;
    Some(status.unchecked_into())
}
