//! What a browser offers besides calls.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

pub mod alarm;
pub mod early;
pub mod install;
pub mod listener;
pub mod navigation;
pub mod notifications;
pub mod storage;
pub mod tabs;
pub mod theme;
pub mod update;
pub mod vault;

/// An object of these fields.
#[must_use]
pub fn object(fields: &[(&str, &JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

/// Whether nobody sees this page.
#[must_use]
pub fn is_hidden() -> bool {
    web_sys::window()
        .and_then(|window| window.document())
        .is_some_and(|document| document.hidden())
}
