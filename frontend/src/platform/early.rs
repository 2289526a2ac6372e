//! What `early.js` began before the app had loaded.

use js_sys::{Function, Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Takes what stands under `name`; it can be had once.
#[must_use]
pub fn take(name: &str) -> Option<JsValue> {
    let found = look(name)?;
    let _ = Reflect::set(&all()?, &name.into(), &JsValue::UNDEFINED);
    Some(found)
}

/// What stands under `name`.
#[must_use]
pub fn look(name: &str) -> Option<JsValue> {
    let found = Reflect::get(&all()?, &name.into()).ok()?;
    found.is_truthy().then_some(found)
}

/// Takes the promise under `name` and waits for its outcome; none if there is no such promise, or
/// nothing came of it.
pub async fn outcome(name: &str) -> Option<JsValue> {
    let promise = take(name)?.dyn_into::<Promise>().ok()?;
    let outcome = JsFuture::from(promise).await.ok()?;
    (!outcome.is_undefined()).then_some(outcome)
}

/// Calls the function `name` and waits for its outcome.
///
/// # Errors
/// What it threw.
pub async fn call(name: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    let function: Function = look(name).ok_or(JsValue::UNDEFINED)?.dyn_into()?;
    let promise: Promise = function.call1(&JsValue::UNDEFINED, argument)?.dyn_into()?;
    JsFuture::from(promise).await
}

fn all() -> Option<JsValue> {
    Reflect::get(&global(), &"sidetone".into()).ok()
}
