//! Installing the app as a program of its own.

use js_sys::{Function, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

use super::listener::Listener;

/// Where `static/early.js` keeps the browser's offer.
const OFFER: &str = "sidetoneInstall";

/// Tells `changed` whether the browser can install the app, now and whenever that changes.
pub fn watch(changed: impl Fn(bool) + Clone + 'static) {
    let window: EventTarget = global().unchecked_into();
    changed(offer().is_some());
    let offered = changed.clone();
    Listener::new(&window, "beforeinstallprompt", move |_| offered(true)).forever();
    Listener::new(&window, "appinstalled", move |_| {
        forget();
        changed(false);
    })
    .forever();
}

/// Shows the browser's own dialog. An offer can be used once.
pub fn ask() {
    let Some(offer) = offer() else { return };
    forget();
    if let Ok(prompt) = Reflect::get(&offer, &"prompt".into())
        && let Some(prompt) = prompt.dyn_ref::<Function>()
    {
        let _ = prompt.call0(&offer);
    }
}

fn offer() -> Option<JsValue> {
    let offer = Reflect::get(&global(), &OFFER.into()).ok()?;
    offer.is_object().then_some(offer)
}

fn forget() {
    let _ = Reflect::set(&global(), &OFFER.into(), &JsValue::NULL);
}
