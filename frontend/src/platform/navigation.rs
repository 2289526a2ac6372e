//! Whether the page is loaded anew or left for good, which `pagehide` doesn't tell. Browsers tell of
//! what the page does by `navigate`, but of what their user asks for only by the key.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, EventTarget, KeyboardEvent, Window};

/// The page's navigation, where the browser has one; it tells of each by `navigate` beforehand.
#[must_use]
pub fn navigation(window: &Window) -> Option<EventTarget> {
    let navigation = Reflect::get(window, &JsValue::from_str("navigation")).ok()?;
    navigation.dyn_into().ok()
}

/// Whether this `navigate` loads the page anew.
#[must_use]
pub fn is_reload(navigate: &Event) -> bool {
    let kind = Reflect::get(navigate, &JsValue::from_str("navigationType"));
    kind.is_ok_and(|kind| kind == "reload")
}

/// Whether this `keydown` asks for the page to be loaded anew.
#[must_use]
pub fn is_reload_key(keydown: &Event) -> bool {
    let key = keydown.dyn_ref::<KeyboardEvent>();
    key.is_some_and(|it| it.key() == "F5" || (it.key() == "r" && (it.ctrl_key() || it.meta_key())))
}
