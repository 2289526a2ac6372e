//! One instance id for each tab.
//!
//! Each tab registers as a phone of its own (RFC 5626 §4.1), so that one doesn't push the other
//! out. The id outlives a reload in the tab's session storage; a duplicated tab gets a copy of
//! that, which a lock held by the first one gives away.

use js_sys::{Function, Object, Promise, Reflect};
use sidetone_sip::TokenSource;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::phone::entropy::Entropy;

const KEY: &str = "instance";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "locks"], js_name = request, catch)]
    fn request_lock(name: &str, options: &JsValue, callback: &Function)
    -> Result<Promise, JsValue>;
}

/// The `urn:uuid:…` of this tab.
pub async fn instance() -> String {
    let session = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
    let kept = session
        .as_ref()
        .and_then(|storage| storage.get_item(KEY).ok().flatten());
    if let Some(kept) = kept.filter(|kept| kept.starts_with("urn:uuid:"))
        && hold(&kept).await
    {
        return kept;
    }
    let fresh = random_urn();
    hold(&fresh).await;
    if let Some(storage) = session {
        let _ = storage.set_item(KEY, &fresh);
    }
    fresh
}

/// Holds the lock `name` until the page is left; false if another tab has it. Where there are no
/// locks (a page over plain HTTP) every tab believes it is alone.
async fn hold(name: &str) -> bool {
    let outcome = Promise::new(&mut |resolve, _| {
        let told = resolve.clone();
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let ours = !lock.is_null();
            let _ = told.call1(&JsValue::NULL, &ours.into());
            // The lock is held until this promise is settled: never.
            if ours {
                Promise::new(&mut |_, _| {}).into()
            } else {
                JsValue::UNDEFINED
            }
        });
        let options = Object::new();
        let _ = Reflect::set(&options, &"ifAvailable".into(), &true.into());
        if request_lock(name, &options, granted.unchecked_ref()).is_err() {
            let _ = resolve.call1(&JsValue::NULL, &true.into());
        }
    });
    JsFuture::from(outcome)
        .await
        .is_ok_and(|ours| ours.is_truthy())
}

/// A random (version 4) UUID as RFC 5626 §4.1 wants it.
fn random_urn() -> String {
    let (high, low) = (Entropy.bits(), Entropy.bits());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
