//! Installing the app as a program of its own.

use js_sys::{Function, Reflect, global};
use wasm_bindgen::JsCast;
use web_sys::EventTarget;

use super::early;
use super::listener::Listener;

/// Where `early.js` keeps the browser's offer.
const OFFER: &str = "install";

/// Tells `changed` whether the browser can install the app, now and whenever that changes.
pub fn watch(changed: impl Fn(bool) + Clone + 'static) {
    let window: EventTarget = global().unchecked_into();
    changed(early::look(OFFER).is_some());
    let offered = changed.clone();
    Listener::new(&window, "beforeinstallprompt", move |_| offered(true)).forever();
    Listener::new(&window, "appinstalled", move |_| {
        let _ = early::take(OFFER);
        changed(false);
    })
    .forever();
}

/// Shows the browser's own dialog. An offer can be used once.
pub fn ask() {
    let Some(offer) = early::take(OFFER) else {
        return;
    };
    if let Ok(prompt) = Reflect::get(&offer, &"prompt".into())
        && let Some(prompt) = prompt.dyn_ref::<Function>()
    {
        let _ = prompt.call0(&offer);
    }
}
