//! What the gateway says over HTTP.

use sidetone_api::About;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// What the server this page came from says of itself; none if it can't be reached or is no
/// Sidetone gateway.
pub(crate) async fn about() -> Option<About> {
    let window = web_sys::window()?;
    let response = JsFuture::from(window.fetch_with_str("/api/v1/about"))
        .await
        .ok()?;
    let response: Response = response.unchecked_into();
    let json = response.ok().then(|| response.json().ok()).flatten()?;
    serde_wasm_bindgen::from_value(JsFuture::from(json).await.ok()?).ok()
}
