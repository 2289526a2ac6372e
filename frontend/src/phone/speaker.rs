//! Where a call is heard.

use js_sys::{Array, Function, Promise, Reflect};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlAudioElement, MediaStream, MediaStreamTrack};

use super::microphone;

/// The output of one call; dropped, it is silent.
#[derive(Clone)]
pub(super) struct Speaker(HtmlAudioElement);

impl Speaker {
    /// The output that was chosen on this machine, else the system's.
    pub(super) fn new() -> Result<Self, JsValue> {
        let element = HtmlAudioElement::new()?;
        element.set_autoplay(true);
        if let Some(device) = microphone::chosen_speaker() {
            choose_output(&element, &device);
        }
        Ok(Self(element))
    }

    /// Plays this track from now on.
    pub(super) fn take(&self, track: &MediaStreamTrack, on_blocked: impl FnOnce() + 'static) {
        if let Ok(stream) = MediaStream::new_with_tracks(&Array::of1(track)) {
            self.0.set_src_object(Some(&stream));
            self.play(on_blocked);
        }
    }

    /// Plays; if the browser wants a tap before that, it is said to `on_blocked`.
    pub(super) fn play(&self, on_blocked: impl FnOnce() + 'static) {
        let Ok(playing) = self.0.play() else { return };
        spawn_local(async move {
            if let Err(error) = JsFuture::from(playing).await
                && name_of(&error) == "NotAllowedError"
            {
                on_blocked();
            }
        });
    }

    /// Lets the other side be heard, or not.
    pub(super) fn set_audible(&self, audible: bool) {
        self.0.set_muted(!audible);
    }

    /// Lets go of what it played.
    pub(super) fn stop(&self) {
        self.0.set_src_object(None);
    }
}

fn name_of(error: &JsValue) -> String {
    let name = Reflect::get(error, &"name".into()).ok();
    name.and_then(|name| name.as_string()).unwrap_or_default()
}

fn choose_output(speaker: &HtmlAudioElement, device: &str) {
    let Ok(set) = Reflect::get(speaker, &"setSinkId".into()) else {
        return;
    };
    if let Some(set) = set.dyn_ref::<Function>()
        && let Ok(promise) = set.call1(speaker, &device.into())
    {
        spawn_local(async move {
            // If it is unplugged the system's own output plays.
            let _ = JsFuture::from(promise.unchecked_into::<Promise>()).await;
        });
    }
}
